package parameters

import (
	"regexp"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/fhir/fhirpath"
)

// Definition is what a SearchParameter defines beyond R4. Without Bases it changes nothing.
type Definition struct {
	ID         string // of the resource
	URL        string
	Code       string
	Type       r4.ParamType
	Bases      []string // resource types, sorted; not those for which it repeats a parameter of R4
	Expression string
	Targets    []string
	Components []r4.Component
}

// Limits of a definition.
const (
	maxExpression = 4096
	maxComponents = 4 // as the index has them
)

var types = map[string]r4.ParamType{
	"number": r4.Number, "date": r4.Date, "string": r4.String, "token": r4.Token, "reference": r4.Reference,
	"composite": r4.Composite, "quantity": r4.Quantity, "uri": r4.URI,
}

// codes are names that a request can hold: no colon, no dot, and no underscore at the head, which marks what every type has.
var codes = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)

// ValidCode says whether an own parameter may have the code.
func ValidCode(code string) bool { return codes.MatchString(code) }

// fit are the types of elements that have values for a parameter (R4 search.html#table); others are not checked.
var fit = map[r4.ParamType][]string{
	r4.Date:      {"date", "dateTime", "instant", "Period", "Timing"},
	r4.Number:    {"decimal", "integer", "positiveInt", "unsignedInt", "Range"},
	r4.Quantity:  {"Quantity", "SimpleQuantity", "Age", "Count", "Distance", "Duration", "Money", "Range"},
	r4.Reference: {"Reference", "canonical", "uri", "url"},
}

// Read checks a SearchParameter. One that is retired, or that only repeats R4's, defines nothing and is no error. Errors are
// fhir.Errors with the place.
func Read(res *fhir.Resource) (Definition, error) {
	r := reading{root: res.Root}
	d := Definition{ID: res.ID, URL: res.Root.Str("url"), Code: res.Root.Str("code"), Expression: res.Root.Str("expression")}
	if res.Root.Str("status") == "retired" {
		return d, nil
	}
	typ := res.Root.Str("type")
	known := false
	if d.Type, known = types[typ]; !known && typ != "special" {
		r.bad("type", "%q is no type of search parameters", typ)
	}
	r.texts("target", func(s string) {
		if !r4.IsResource(s) {
			r.bad("target", "%q is no resource type", s)
		}
		d.Targets = append(d.Targets, s)
	})
	slices.Sort(d.Targets)
	bases := r.bases()
	d.Bases = slices.DeleteFunc(slices.Clone(bases), func(base string) bool {
		p := r4.Lookup(base, d.Code)
		if p == nil {
			return false
		}
		if !r.repeats(p, typ) {
			r.bad("code", "R4 has a search parameter %s of %s: choose another code, or name it in derivedFrom and keep its type", d.Code, base)
		}
		return true
	})
	if len(d.Bases) == 0 || r.errors != nil {
		return d, r.err()
	}
	switch {
	case !codes.MatchString(d.Code):
		r.bad("code", "the code of a search parameter is letters, digits, - and _, a letter first, 64 at most: %q", clip(d.Code))
	case typ == "special":
		r.bad("type", "a search parameter of type special has rules of its own, which a definition cannot give")
	case d.Expression == "":
		r.bad("expression", "without an expression the search parameter finds nothing")
	case len(d.Expression) > maxExpression:
		r.bad("expression", "the expression is longer than %d characters", maxExpression)
	default:
		d.Components = r.components(d.Type)
		for _, base := range d.Bases {
			r.compile(&d, base)
		}
	}
	return d, r.err()
}

// reading collects what is wrong with a resource.
type reading struct {
	root   *fhir.Node
	errors fhir.Errors
}

func (r *reading) bad(place, format string, args ...any) {
	if len(r.errors) < 20 {
		r.errors = append(r.errors, fhir.Errorf(fhir.KindBusinessRule, "SearchParameter."+place, format, args...))
	}
}

func (r *reading) err() error {
	if r.errors == nil {
		return nil
	}
	return r.errors
}

func (r *reading) texts(name string, f func(string)) {
	r.root.Get(name).Each(func(n *fhir.Node) {
		if n.JSON == fhir.String {
			f(n.Text)
		}
	})
}

// bases are the concrete types that the parameter applies to.
func (r *reading) bases() []string {
	var out []string
	r.texts("base", func(base string) {
		switch {
		case base == "Resource" || base == "DomainResource":
			for _, typ := range r4.Resources() {
				if r4.Searchable(typ) && (base == "Resource" || r4.TypeOf(typ).Base == base) {
					out = append(out, typ)
				}
			}
		case !r4.Searchable(base):
			r.bad("base", "%q is no resource type that can be searched", clip(base))
		default:
			out = append(out, base)
		}
	})
	if len(out) == 0 {
		r.bad("base", "the search parameter applies to no type")
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// repeats says whether the definition is that of R4, or says that it is derived from it, with the same type.
func (r *reading) repeats(p *r4.SearchParameter, typ string) bool {
	same := types[typ] == p.Type || typ == "special" && p.Type == r4.Special
	derived, _, _ := strings.Cut(r.root.Str("derivedFrom"), "|")
	return same && (r.root.Str("url") == p.URL || derived == p.URL || r.root.Str("expression") == p.Expression)
}

// components are the parts of a composite: parameters of R4.
func (r *reading) components(typ r4.ParamType) []r4.Component {
	var out []r4.Component
	r.root.Get("component").Each(func(n *fhir.Node) {
		url, _, _ := strings.Cut(n.Str("definition"), "|")
		defs := r4.ByURL(url)
		if len(defs) == 0 || defs[0].Type == r4.Composite || defs[0].Type == r4.Special {
			r.bad("component.definition", "%q is no search parameter of R4 that can be a component", clip(url))
			return
		}
		out = append(out, r4.Component{Code: defs[0].Code, Definition: url, Expression: n.Str("expression"), Type: defs[0].Type})
	})
	switch {
	case typ == r4.Composite && (len(out) < 2 || len(out) > maxComponents) && r.errors == nil:
		r.bad("component", "a composite has 2 to %d components", maxComponents)
	case typ != r4.Composite && len(out) > 0:
		r.bad("component", "only a composite has components")
	}
	return out
}

// compile tries the expression on a base.
func (r *reading) compile(d *Definition, base string) {
	x, err := fhirpath.Compile(d.Expression, base, r4.Model{})
	if err != nil {
		r.bad("expression", "the expression does not fit %s: %v", base, err)
		return
	}
	found := x.Types()
	if found != nil && len(found) == 0 {
		r.bad("expression", "the expression selects nothing of %s", base)
		return
	}
	if fitting := fit[d.Type]; fitting != nil && len(found) > 0 && !slices.ContainsFunc(found, func(t string) bool {
		return slices.Contains(fitting, t) || d.Type == r4.Reference && r4.IsResource(t)
	}) {
		r.bad("expression", "the expression selects %s of %s, which have no values for a parameter of this type",
			strings.Join(found, ", "), base)
	}
	for i, c := range d.Components {
		if len(c.Expression) > maxExpression || len(found) == 0 {
			r.bad("component.expression", "the expressions of component %d cannot be checked: too long, or of an unknown type", i+1)
			continue
		}
		for _, typ := range found {
			if _, err := fhirpath.Compile(c.Expression, typ, r4.Model{}); err != nil {
				r.bad("component.expression", "the expression of component %d does not fit %s: %v", i+1, typ, err)
			}
		}
	}
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
