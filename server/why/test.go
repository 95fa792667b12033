package why

import (
	"cmp"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// Test is a set of resources, whether the resource at hand is in it, and what it has there.
type Test struct {
	Set   string   `json:"set"` // s-expression, as _explain writes it
	Holds bool     `json:"holds"`
	Link  string   `json:"link,omitempty"` // of membership of a compartment: the parameter that makes it
	Has   []string `json:"has,omitempty"`  // the resource's values that were looked at
	Of    []Test   `json:"of,omitempty"`   // the parts of and, or, not

	name string // of Set in a sentence, if it has a better one
}

// holds says whether t, or everything (nil), holds the resource.
func holds(t *Test) bool { return t == nil || t.Holds }

// link is the parameter by which the resource is in the compartment.
func (t *Test) link() string {
	if t == nil || !t.Holds {
		return ""
	}
	if t.Link != "" {
		return t.Link
	}
	for i := range t.Of {
		if l := t.Of[i].link(); l != "" {
			return l
		}
	}
	return ""
}

// fault is what does not hold, in words.
func (t *Test) fault() string {
	var parts []string
	for i := range t.Of {
		if !t.Of[i].Holds && !strings.HasPrefix(t.Set, "(not") {
			parts = append(parts, t.Of[i].fault())
		}
	}
	if parts != nil {
		return strings.Join(parts, "; ")
	}
	text := "it is not in " + cmp.Or(t.name, t.Set)
	if len(t.Has) > 0 {
		text += ", it has " + strings.Join(t.Has, ", ")
	}
	return text
}

// ask tests a set that the access gives; nil is everything.
func (e *explanation) ask(x search.Expr) (*Test, error) {
	if x == nil || x == search.All {
		return nil, nil
	}
	t, err := e.test(search.ResolveLinked(x, e.of.Row.Type, e.caller.Access))
	return &t, err
}

// test tests a set and its parts.
func (e *explanation) test(x search.Expr) (t Test, err error) {
	t.Set = clip(x.String())
	if t.Holds, err = plan.Holds(e.ctx, e.src, e.Service.Indexer, x, e.of.Content); err != nil {
		return t, err
	}
	switch x := x.(type) {
	case search.And, search.Or, search.Not:
		for _, part := range search.Parts(x) {
			of, err := e.test(part)
			if err != nil {
				return t, err
			}
			t.Of = append(t.Of, of)
		}
	case search.Param:
		t.Has = e.values(x.P)
		if x.P.Code == compartments.SubjectParam(e.of.Row.Type) {
			t.Link = x.P.Code
		}
	case search.Missing:
		t.Has = e.values(x.P)
	case search.In:
		t.name = "the compartment of " + x.Compartment.String()
		t.Link, t.Has = e.members(func(r fhir.Reference) bool { return r == x.Compartment })
	case search.InAny:
		t.name = "the compartment of any patient of the policy"
		t.Link, t.Has = e.members(func(r fhir.Reference) bool { return r.Type == "Patient" && x.Panel.Has(r.ID) })
	case search.Sole, search.SoleAny:
		_, t.Has = e.members(func(fhir.Reference) bool { return false })
	case search.Only:
		t.name = "what refers to no Patient but " + x.Compartment.String()
		if only, one := e.Service.Indexer.OnlyPatient(e.of.Content); one {
			t.Has = []string{only.String()}
		} else if !e.Service.Indexer.NoPatient(e.of.Content) {
			t.Has = []string{"other Patients"}
		}
	case search.Every:
		t.name = "what refers by " + parameter(x.P) + " to nothing but what is seen"
		if t.Has, err = e.seen(x.P); t.Holds {
			t.Link = parameter(x.P)
		}
	case search.Has:
		t.name = "what a " + x.Source + " that is seen refers to"
		if t.Holds {
			t.Link = x.Source + ":" + parameter(x.P)
		}
	}
	return t, err
}

// parameter is the code of a search parameter, of those of the server itself without the marks that they have.
func parameter(p *r4.SearchParameter) string { return strings.Trim(p.Code, "()") }

// members are the references by which the resource is in compartments of Patients, as in subject=Patient/1, and the
// parameter of the one that is wanted.
func (e *explanation) members(wanted func(fhir.Reference) bool) (link string, has []string) {
	row := e.of.Row
	w := search.World{Index: e.Service.Indexer}
	for _, code := range compartments.Params("Patient", row.Type) {
		refs := []fhir.Reference{{Type: row.Type, ID: row.ID}}
		if code != compartments.Own {
			refs = w.References(r4.Lookup(row.Type, code), e.of.Content)
		} else {
			code = "id"
		}
		for _, r := range refs {
			r.Version = ""
			if wanted(r) && link == "" {
				link = code
			}
			if text := code + "=" + r.String(); !slices.Contains(has, text) {
				has = append(has, text)
			}
		}
	}
	return link, few(has)
}

// seen are the references of a parameter, each with whether the caller sees what it names.
func (e *explanation) seen(p *r4.SearchParameter) (has []string, err error) {
	for _, r := range (search.World{Index: e.Service.Indexer}).References(p, e.of.Content) {
		text := r.String() + " (not visible)"
		of, found, err := e.Service.Instance(e.ctx, e.src, r.Type, r.ID)
		if err != nil {
			return nil, err
		}
		there := *e
		there.of = of
		for _, i := range []search.Interaction{search.Read, search.Search} {
			if !found || of.Row.Deleted {
				break
			}
			refusal, err := there.refused(e.caller.Access, i)
			if err != nil {
				return nil, err
			}
			if refusal == nil {
				text = r.String()
			}
		}
		has = append(has, text)
	}
	return few(has), nil
}

// few leaves out what nobody would read.
func few(list []string) []string {
	const most = 12
	if len(list) > most {
		return append(list[:most:most], "…")
	}
	return list
}

func clip(s string) string {
	const most = 400
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
