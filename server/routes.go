package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/conformance"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/store/audit"
)

// route is one row of the table: a method on a path. A row without serve is one that FHIR has and we have not yet:
// missing says so to the caller, nothing claims it.
type route struct {
	method  string // GET answers HEAD, too; "" is every method (with missing only)
	path    string // as Fiber writes it
	codes   string // FHIR interactions, as the CapabilityStatement names them
	where   bool   // of a write: search parameters instead of an id
	op      string // name of the operation, without its dollar
	open    bool   // answers whoever asks
	serve   func(*exchange) error
	missing string

	allow string // the methods of the path, as the Allow header has them
	label string // the path as metrics and logs show it
	any   bool   // a row for every method

	mounted bool   // of the authorization server or of administrators
	kind    string // of one that is: what the audit log has of it, one of audit.Kinds; "" is what the authorization server says, or nothing
	smart   bool   // is there beside an authorization server only
}

const (
	get  = http.MethodGet
	post = http.MethodPost
	put  = http.MethodPut
	del  = http.MethodDelete
	pat  = http.MethodPatch
)

// routes is the table, with what needs an authorization server or without. Of several rows that match a path the first
// one counts.
func routes(smart bool) []route {
	table := []route{
		{method: get, path: whyMount, open: true, mounted: true, smart: true, kind: audit.Look, serve: (*exchange).why},
		{method: post, path: whyMount, open: true, mounted: true, smart: true, kind: audit.Look, serve: (*exchange).why},
		{method: get, path: whyPagePath, open: true, mounted: true, smart: true, serve: (*exchange).whyPage},
		{method: post, path: whyPagePath, open: true, mounted: true, smart: true, serve: (*exchange).whyPage},
		{method: get, path: auditMount, open: true, mounted: true, smart: true, kind: audit.Look, serve: (*exchange).apiAudit},
		{method: get, path: verifyMount, open: true, mounted: true, smart: true, kind: audit.Look, serve: (*exchange).apiVerify},
		{method: get, path: auditPagePath, open: true, mounted: true, smart: true, serve: (*exchange).auditPage},
		{method: get, path: auditPagePath + "/:id", open: true, mounted: true, smart: true, serve: (*exchange).auditEventPage},
		{method: get, path: parametersPath, open: true, mounted: true, kind: audit.Look, serve: (*exchange).searchParameters},
		{path: "/api/*", open: true, mounted: true, smart: true, serve: (*exchange).administer},
		{path: "/auth/*", open: true, mounted: true, smart: true, serve: (*exchange).authorization},
		{path: "/.well-known/*", open: true, mounted: true, smart: true, serve: (*exchange).authorization},
		{path: "/fhir/.well-known/*", open: true, mounted: true, smart: true, serve: (*exchange).authorization},

		{method: get, path: "/", open: true, serve: (*exchange).startPage},
		{method: get, path: "/docs", open: true, serve: (*exchange).docsPage},
		{method: get, path: "/openapi.json", open: true, serve: (*exchange).openAPI},
		{method: get, path: "/assets/:name", open: true, serve: (*exchange).asset},
		{method: get, path: "/health", open: true, serve: (*exchange).ready},
		{method: get, path: "/health/live", open: true, serve: (*exchange).live},
		{method: get, path: "/health/ready", open: true, serve: (*exchange).ready},

		{method: get, path: "/fhir/metadata", codes: "capabilities", open: true, serve: (*exchange).capabilities},
		{path: "/fhir/.well-known/:document", open: true, missing: "this server has no authorization server yet"},
		{method: post, path: "/fhir", codes: "batch transaction", serve: (*exchange).bundle},
		{method: post, path: "/fhir/", codes: "batch transaction", serve: (*exchange).bundle},
		{method: get, path: "/fhir", codes: "search-system", serve: (*exchange).searchSystem},
		{method: get, path: "/fhir/", codes: "search-system", serve: (*exchange).searchSystem},
		{method: get, path: "/fhir/_history", codes: "history-system", serve: (*exchange).historySystem},
		{method: post, path: "/fhir/_search", codes: "search-system", serve: (*exchange).searchSystem},
		{method: get, path: "/fhir/$meta", op: "meta", serve: (*exchange).metaOf},
		{method: post, path: "/fhir/$meta", op: "meta", serve: (*exchange).metaOf},
		{path: "/fhir/$:operation", missing: noOperation},

		{method: get, path: "/fhir/:type", codes: "search-type", serve: (*exchange).search},
		{method: post, path: "/fhir/:type", codes: "create", serve: (*exchange).create},
		{method: put, path: "/fhir/:type", codes: "update", where: true, serve: (*exchange).updateWhere},
		{method: del, path: "/fhir/:type", codes: "delete", where: true, serve: (*exchange).deleteWhere},
		{method: pat, path: "/fhir/:type", codes: "patch", where: true, serve: (*exchange).patchWhere},
		{method: del, path: "/fhir/:type/", codes: "delete", where: true, serve: (*exchange).deleteWhere}, // as R4 writes it
		{method: post, path: "/fhir/:type/_search", codes: "search-type", serve: (*exchange).search},
		{method: get, path: "/fhir/:type/_history", codes: "history-type", serve: (*exchange).historyType},
		{method: get, path: "/fhir/:type/$meta", op: "meta", serve: (*exchange).metaOf},
		{method: post, path: "/fhir/:type/$meta", op: "meta", serve: (*exchange).metaOf},
		{path: "/fhir/:type/$:operation", missing: noOperation},

		{method: get, path: "/fhir/:type/:id", codes: "read", serve: (*exchange).read},
		{method: put, path: "/fhir/:type/:id", codes: "update", serve: (*exchange).update},
		{method: del, path: "/fhir/:type/:id", codes: "delete", serve: (*exchange).delete},
		{method: pat, path: "/fhir/:type/:id", codes: "patch", serve: (*exchange).patch},
		{method: get, path: "/fhir/:type/:id/_history", codes: "history-instance", serve: (*exchange).historyInstance},
		{method: get, path: "/fhir/:type/:id/_history/:version", codes: "vread", serve: (*exchange).vread},
		{method: get, path: "/fhir/:type/:id/_history/:version/$meta", op: "meta", serve: (*exchange).meta},
		{method: get, path: "/fhir/:type/:id/$meta", op: "meta", serve: (*exchange).meta},
		{method: post, path: "/fhir/:type/:id/$meta", op: "meta", serve: (*exchange).meta},
		{method: post, path: "/fhir/:type/:id/$meta-add", op: "meta-add", serve: (*exchange).metaAdd},
		{method: post, path: "/fhir/:type/:id/$meta-delete", op: "meta-delete", serve: (*exchange).metaDelete},
		{path: "/fhir/:type/:id/$:operation", missing: noOperation},
		{method: post, path: "/fhir/:type/:id/_search", codes: "search-type", serve: (*exchange).searchCompartment},
		{method: get, path: "/fhir/:type/:id/:member", codes: "search-type", serve: (*exchange).searchCompartment},
		{method: post, path: "/fhir/:type/:id/:member/_search", codes: "search-type", serve: (*exchange).searchCompartment},
	}
	return slices.DeleteFunc(table, func(r route) bool { return r.smart && !smart })
}

// Route is a row of the table for those who try them all.
type Route struct {
	Method  string // "" is every method
	Path    string // /fhir/{type}/{id}
	Missing bool   // FHIR has it, and we say that we do not
	Kind    string // of audit.Kinds, of what is beside FHIR
}

// Routes are the paths of every server in the order in which they are looked up, those of the authorization server and of
// its API instead of the rows that hand everything below a path to them.
func Routes() (list []Route) {
	for _, r := range routes(true) {
		below, all := strings.CutSuffix(r.path, "*")
		if !all {
			list = append(list, Route{r.method, label(r.path), r.serve == nil, r.kind})
			continue
		}
		for _, of := range auth.Routes() {
			if strings.HasPrefix(of.Path, below) {
				list = append(list, Route{of.Method, of.Path, false, of.Kind})
			}
		}
	}
	return list
}

const noOperation = "this operation is not supported: $meta, $meta-add and $meta-delete are"

// claims are the interaction codes of the table, each once, in its order.
func claims(table []route) []string {
	var codes []string
	seen := make(map[string]bool)
	for _, r := range table {
		for _, code := range strings.Fields(r.codes) {
			if !seen[code] && r.serve != nil {
				seen[code] = true
				codes = append(codes, code)
			}
		}
	}
	return codes
}

// conditional says whether a write by search parameters has a row.
func conditional(table []route, method string) bool {
	return slices.ContainsFunc(table, func(r route) bool { return r.method == method && r.where && r.serve != nil })
}

// operations are the operations of the table, each once, in its order, with the levels that it has rows for.
func operations(table []route) []conformance.Operation {
	var out []conformance.Operation
	for _, r := range table {
		if r.op == "" || r.serve == nil {
			continue
		}
		i := slices.IndexFunc(out, func(o conformance.Operation) bool { return o.Name == r.op })
		if i < 0 {
			i = len(out)
			out = append(out, conformance.Operation{Name: r.op, Definition: "http://hl7.org/fhir/OperationDefinition/Resource-" + r.op, Writes: r.op != "meta"})
		}
		if strings.Contains(r.path, ":type") {
			out[i].Resource = true
		} else {
			out[i].System = true
		}
	}
	return out
}

// register gives Fiber a handler for every method on every path of the table, so that a known path answers 405 and
// OPTIONS itself, and one for all other paths.
func (s *Server) register(table []route) {
	methods := [...]string{get, http.MethodHead, post, put, del, http.MethodPatch, http.MethodOptions,
		http.MethodTrace, http.MethodConnect}
	done := make(map[string]bool)
	for _, first := range table {
		if done[first.path] {
			continue
		}
		done[first.path] = true
		rows := make(map[string]route)
		var allow []string
		for _, m := range methods {
			r, ok := find(table, m, first.path)
			switch {
			case !ok && m == http.MethodOptions:
				r = route{method: m, open: true, serve: (*exchange).options}
			case !ok:
				r = route{method: m, open: first.open, mounted: first.mounted, serve: (*exchange).wrongMethod}
			}
			r.path = first.path
			if ok && r.serve != nil || m == http.MethodOptions {
				allow = append(allow, m)
			}
			rows[m] = r
		}
		for _, m := range methods {
			r := rows[m]
			r.any = r.method == ""
			r.method, r.allow, r.label = m, strings.Join(allow, ", "), label(r.path)
			s.app.Add(m, r.path, s.handle(r))
		}
	}
	for _, m := range methods {
		for _, path := range []string{"/fhir/*", "/*"} {
			open := path == "/*" || m == http.MethodOptions
			s.app.Add(m, path, s.handle(route{method: m, path: path, label: path, open: open, serve: (*exchange).unknownPath}))
		}
	}
	s.unreadable = route{label: "unreadable"}
}

// find is the row that answers a method on a path: its own, GET's for HEAD, the one for every method; OPTIONS of those
// that are handed on, too.
func find(table []route, method, path string) (route, bool) {
	for _, r := range table {
		if r.path == path && (r.method == method || r.method == get && method == http.MethodHead ||
			r.method == "" && (method != http.MethodOptions || r.mounted)) {
			return r, true
		}
	}
	return route{}, false
}

// label writes a path of Fiber as FHIR does: /fhir/{type}/{id}.
func label(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if before, name, ok := strings.Cut(p, ":"); ok {
			parts[i] = before + "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

// notYet answers a row without serve.
func (x *exchange) notYet() error {
	if x.route.any || !strings.Contains(x.route.allow, ",") { // no method of this path works
		return fhir.Errorf(fhir.KindNotSupported, "", "%s", x.route.missing)
	}
	return fhir.Errorf(fhir.KindMethod, "", "%s", x.route.missing)
}

func (x *exchange) wrongMethod() error {
	return fhir.Errorf(fhir.KindMethod, "", "this path has no such method: it takes %s", x.route.allow)
}

func (x *exchange) unknownPath() error {
	return fhir.Errorf(fhir.KindNotFound, "", "nothing is at this path: FHIR is under /fhir, see /fhir/metadata")
}

// known says whether Fiber routes the method.
func known(method []byte) bool {
	for _, m := range fiber.DefaultMethods {
		if string(method) == m {
			return true
		}
	}
	return false
}

// hidesSlash says whether a path holds an encoded slash, which would come out as one that divides segments.
func hidesSlash(u *fasthttp.URI) bool {
	p := u.PathOriginal()
	for i := range p {
		if p[i] == '%' && len(p) > i+2 && p[i+1] == '2' && p[i+2]|0x20 == 'f' {
			return true
		}
	}
	return false
}
