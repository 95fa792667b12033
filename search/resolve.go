package search

import (
	"errors"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/conformance/terminology"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// Modifiers that look at definitions, or at the hierarchy of what is referred to, cannot be evaluated by what stands in
// the query. What R4 defines Parse fills in itself; the rest is open until Resolve.

// Negative says whether a modifier finds what has no such value.
func (m Modifier) Negative() bool { return m == ModNot || m == ModNotIn }

// Open says whether a part of e must be resolved before it says which resources are in it.
func Open(e Expr) bool {
	if p, ok := e.(Param); ok {
		return p.open()
	}
	return slices.ContainsFunc(Parts(e), Open)
}

// Open says whether a condition of q must be resolved.
func (q *Query) Open() bool {
	return Open(q.Where) || slices.ContainsFunc(q.Branches, func(b Branch) bool { return Open(b.Where) })
}

func (e *Param) open() bool {
	switch e.Mod {
	case ModIn, ModNotIn, ModAbove, ModBelow:
		return slices.ContainsFunc(e.Any, func(v Value) bool { return e.openValue(&v) })
	}
	return false
}

func (e *Param) openValue(v *Value) bool {
	switch e.P.Type {
	case r4.Token:
		return v.Set == nil && !mimeType(e.P)
	case r4.Reference:
		return true
	}
	return false
}

// A Resolver answers what is open. It reads only what the caller may (access.md §5).
type Resolver interface {
	// Codes are those of a Token's value with ModIn, ModNotIn, ModAbove or ModBelow.
	Codes(mod Modifier, v *Value) (*terminology.Set, error)
	// Hierarchy are a resource and those that lie above or below it.
	Hierarchy(mod Modifier, of fhir.Reference) ([]fhir.Reference, error)
}

// Resolve is q without anything open. An error of r stands whatever else q asks: a value set that is not known is one
// even where nothing would match.
func (q Query) Resolve(r Resolver) (Query, error) {
	var err error // the first one
	var resolve func(e Expr) Expr
	resolve = func(e Expr) Expr {
		if err != nil || !Open(e) {
			return e
		}
		p, ok := e.(Param)
		if !ok {
			return Map(e, resolve)
		}
		p, err = p.resolve(r)
		return p
	}
	q.Where = resolve(q.Where)
	q.Branches = slices.Clone(q.Branches)
	for i := range q.Branches {
		q.Branches[i].Where = resolve(q.Branches[i].Where)
	}
	if err != nil {
		return Query{}, err
	}
	return q, nil
}

// resolve gives a token its codes; a reference above or below another one becomes the references themselves.
func (e Param) resolve(r Resolver) (Param, error) {
	var out []Value
	for _, v := range e.Any {
		if e.P.Type == r4.Token {
			if e.openValue(&v) {
				var err error
				if v.Set, err = r.Codes(e.Mod, &v); err != nil {
					return e, e.at(err)
				}
			}
			out = append(out, v)
			continue
		}
		for _, typ := range e.P.Targets {
			if PartOf(typ) == nil || v.Ref.Type != "" && v.Ref.Type != typ {
				continue
			}
			refs, err := r.Hierarchy(e.Mod, fhir.Reference{Type: typ, ID: v.Ref.ID})
			if err != nil {
				return e, e.at(err)
			}
			for _, ref := range refs {
				out = append(out, Value{Raw: ref.String(), Ref: ref})
			}
		}
	}
	e.Any = out
	if e.P.Type == r4.Reference {
		e.Mod = ModNone
	}
	return e, nil
}

// at names the parameter as the place of an error.
func (e *Param) at(err error) error {
	var f *fhir.Error
	if !errors.As(err, &f) || f.Expression != "" {
		return err
	}
	placed := *f
	placed.Expression = "http." + e.P.Code + ":" + e.Mod.String()
	return &placed
}

// valueSet reads the value of :in and :not-in: a canonical URL, perhaps with a |version, or ValueSet/id.
func (p *parser) valueSet(v *Value, s string) *fhir.Error {
	v.Text = unescape(s)
	if r := fhir.ParseReference(v.Text, p.o.Base); r.Local() {
		if r.Type != "ValueSet" {
			return p.bad("%q is no value set: its canonical URL, or ValueSet/id", shown(s))
		}
		r.Version = ""
		v.Ref = r
		return nil
	}
	if !strings.Contains(v.Text, ":") {
		return p.bad("%q is no value set: its canonical URL, or ValueSet/id", shown(s))
	}
	var e terminology.Expander
	v.Set, _ = e.ValueSet(v.Text) // what R4 alone does not say is open
	return nil
}

// subsumption reads the value of :above and :below of a token: system|code; the code alone where its binding names the
// system.
func (p *parser) subsumption(v *Value, sp *r4.SearchParameter, mod Modifier, s string) *fhir.Error {
	if err := p.token(v, s); err != nil {
		return err
	}
	if mimeType(sp) {
		if v.Code == "" {
			return p.bad("%q is no media type", shown(s))
		}
		return nil
	}
	if !v.HasSystem {
		v.System = index.ImpliedSystem(sp)
	}
	if v.System == "" || v.Code == "" {
		return p.bad("%s asks for system|code: %q", sp.Code+":"+mod.String(), shown(s))
	}
	var e terminology.Expander
	if mod == ModAbove {
		v.Set, _ = e.Above(v.System, v.Code)
	} else {
		v.Set, _ = e.Below(v.System, v.Code)
	}
	return nil
}

// mimeTypes is the system of media types, whose codes order by how they are written.
const mimeTypes = "urn:ietf:bcp:13"

// mimeType says whether the values of a parameter are media types: R4 has one.
func mimeType(sp *r4.SearchParameter) bool { return sp.Code == "contenttype" }

// hierarchical says whether some type that a reference can be to has a hierarchy.
func hierarchical(sp *r4.SearchParameter) bool {
	return slices.ContainsFunc(sp.Targets, func(t string) bool { return PartOf(t) != nil })
}

// hasOrder says whether something can be above or below what a reference names: of a hierarchy, or a version of a
// canonical.
func hasOrder(sp *r4.SearchParameter, mod Modifier, r fhir.Reference) bool {
	return r.URL == "" && (r.Type == "" || PartOf(r.Type) != nil) || mod == ModBelow && index.Canonical(sp)
}

// PartOf is the parameter by which a resource of a type refers to the one that it is a part of, of the same type; nil
// if the type has no such hierarchy.
func PartOf(typ string) *r4.SearchParameter {
	for _, code := range [...]string{"partof", "part-of"} {
		if p := r4.Lookup(typ, code); p != nil && p.Type == r4.Reference && p.Single && slices.Contains(p.Targets, typ) {
			return p
		}
	}
	return nil
}
