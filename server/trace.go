package server

import (
	"strings"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search"
)

// maxTrace is the length of the header of a trace, in bytes.
const maxTrace = 1000

// shared is an access that says which scopes it is made of.
type shared interface {
	Shares(i search.Interaction, typ string) scope.Shares
}

// trace names in a header the scopes that let the request in, for each letter that it needs, with what bounds them:
//
//	X-Firewarden-Scope: Observation.s by patient/Observation.rs?category=laboratory (in:Patient/1), within the user's policy
//
// It says what can be said before the store is asked, from the token and the request alone: whatever is hidden, it is the
// same.
func (x *exchange) trace() {
	typ, letters := x.typ, x.letters()
	if x.route.codes == "search-type" && x.c.Params("id") != "" { // of a compartment
		typ = x.param("member")
	}
	if typ == "" {
		typ = "*"
	}
	a, ok := x.caller.Access.(shared)
	if letters == "" || !ok && x.caller.Access != (administrator{}) || typ != "*" && !r4.IsResource(typ) {
		return
	}
	var b strings.Builder
	for n, letter := range letters {
		if n > 0 {
			b.WriteString("; ")
		}
		b.WriteString(typ + "." + string(letter) + " by ")
		if !ok {
			b.WriteString("the administrator's key")
		} else {
			b.WriteString(traced(a, search.Interaction(strings.IndexRune("cruds", letter)), typ))
		}
	}
	text := b.String()
	if len(text) > maxTrace {
		text = text[:maxTrace-3] + "..."
	}
	x.setBytes(hScope, []byte(text))
	if len(x.req.Header.PeekBytes(hOrigin)) > 0 {
		x.setBytes(hExpose, append(append([]byte(nil), vExposed...), ", X-Firewarden-Scope"...))
	}
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

// letters are those that the request needs of its type (access.md §2), in the order in which they are asked for; none of
// a Bundle, whose entries have their own.
func (x *exchange) letters() string {
	letters := ""
	switch x.route.codes {
	case "read", "vread", "history-instance":
		letters = "r"
	case "search-type", "search-system", "history-type", "history-system":
		letters = "s"
	case "create":
		letters = "c"
		if len(x.req.Header.PeekBytes(hIfNoneExist)) > 0 {
			letters = "sc"
		}
	case "update":
		letters = "u"
	case "patch":
		letters = "ru"
	case "delete":
		letters = "d"
	}
	switch {
	case x.route.where:
		letters = "s" + letters
	case x.route.op == "meta" && x.c.Params("id") != "":
		letters = "r"
	case x.route.op == "meta":
		letters = "s"
	case x.route.op != "":
		letters = "u"
	}
	return letters
}
