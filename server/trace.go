package server

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/server/interaction"
)

// maxTrace is the length of the header of a trace, in bytes.
const maxTrace = 1000

// shared is an access that says which scopes it is made of.
type shared interface {
	Shares(i search.Interaction, typ string) scope.Shares
}

// need are letters that a request needs of a type, "*" for all, in the order in which they are asked for.
type need struct{ typ, letters string }

// trace names in a header the scopes that let the request in, for each letter that it needs, with what bounds them:
//
//	X-Firewarden-Scope: Observation.s by patient/Observation.rs?category=laboratory (in:Patient/1), within the user's policy
//
// Of a Bundle it is what its entries need, each once. It says what can be said before the store is asked, from the token and
// the request alone: whatever is hidden, it is the same.
func (x *exchange) trace(needs ...need) {
	a, ok := x.caller.Access.(shared)
	if !ok && x.caller.Access != (administrator{}) {
		return
	}
	var parts []string
	for _, n := range needs {
		if n.typ != "*" && !r4.Searchable(n.typ) {
			continue
		}
		for _, letter := range n.letters {
			by := "the administrator's key"
			if ok {
				by = traced(a, search.Interaction(strings.IndexRune("cruds", letter)), n.typ)
			}
			if part := n.typ + "." + string(letter) + " by " + by; !slices.Contains(parts, part) {
				parts = append(parts, part)
			}
		}
	}
	if len(parts) == 0 {
		return
	}
	text := strings.Join(parts, "; ")
	if len(text) > maxTrace {
		text = text[:maxTrace-3] + "..."
	}
	x.setBytes(hScope, []byte(text))
	if len(x.req.Header.PeekBytes(hOrigin)) > 0 {
		x.setBytes(hExpose, append(append([]byte(nil), vExposed...), ", X-Firewarden-Scope"...))
	}
}

// needs is what the request needs by itself; nothing of a Bundle.
func (x *exchange) needs() need {
	conditional := len(x.req.Header.PeekBytes(hIfNoneExist)) > 0
	return x.route.needs(strings.Split(strings.TrimPrefix(x.c.Path(), "/fhir"), "/"), conditional)
}

// needsOf are what the entries of a Bundle need: each as if it came by itself, and the letter s where it refers by a search.
func (s *Server) needsOf(bundle *fhir.Resource) (all []need) {
	bundle.Root.Get("entry").Each(func(n *fhir.Node) {
		request := n.Get("request")
		path, _, where := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(request.Str("url"), s.o.Service.Base), "/"), "?")
		if where {
			path = strings.TrimSuffix(path, "/")
		}
		for _, r := range s.table {
			if r.method != request.Str("method") || !fiber.RoutePatternMatch("/fhir/"+path, r.path, fiber.Config{CaseSensitive: true, StrictRouting: true}) {
				continue
			}
			if n := r.needs(strings.Split("/"+path, "/"), request.Str("ifNoneExist") != ""); n.letters != "" {
				all = append(all, n)
			}
			break
		}
		if res := n.Get("resource"); res != nil && r4.IsResource(res.Str("resourceType")) {
			for _, typ := range interaction.ConditionalTypes(bundle.Sub(res)) {
				all = append(all, need{typ, "s"})
			}
		}
	})
	return all
}

// traced are the scopes of one letter. Of several types at once only what the scopes say is told.
func traced(a shared, i search.Interaction, typ string) string {
	var names []string
	one := typ != "*"
	if !one {
		typ = "Patient"
	}
	s := a.Shares(i, typ)
	for _, share := range s.Scopes {
		switch {
		case !one && share.Scope.Letters.Has(i):
			names = append(names, share.Scope.Text())
		case !one || share.Reach == search.None || share.Where == search.None:
		case share.Reach == search.All:
			names = append(names, share.Scope.Text())
		default:
			names = append(names, share.Scope.Text()+" ("+share.Reach.String()+")")
		}
	}
	if len(names) == 0 || s.Never {
		return "no scope"
	}
	text := strings.Join(names, " ")
	if s.User != search.All {
		text += ", within the user's policy"
	}
	if s.Client != search.All {
		text += ", within the client's"
	}
	return text
}

// needs is what a request of the row needs, by the segments of its path below /fhir, the first of which is empty; conditional
// is a create with If-None-Exist. An update by a search creates where that finds nothing.
func (r *route) needs(path []string, conditional bool) need {
	n := need{typ: "*"}
	id := strings.Contains(r.path, ":id")
	switch {
	case id && r.codes == "search-type": // of a compartment
		if n.typ = path[3]; n.typ == "_search" {
			n.typ = "*"
		}
	case strings.Contains(r.path, ":type"):
		n.typ = path[1]
	}
	switch r.codes {
	case "read", "vread", "history-instance":
		n.letters = "r"
	case "search-type", "search-system", "history-type", "history-system":
		n.letters = "s"
	case "create":
		n.letters = "c"
		if conditional {
			n.letters = "sc"
		}
	case "update":
		n.letters = "u"
		if r.where {
			n.letters = "uc"
		}
	case "patch":
		n.letters = "ru"
	case "delete":
		n.letters = "d"
	}
	switch {
	case r.where:
		n.letters = "s" + n.letters
	case r.op == "meta" && id:
		n.letters = "r"
	case r.op == "meta":
		n.letters = "s"
	case r.op != "":
		n.letters = "u"
	}
	return n
}
