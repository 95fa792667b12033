package scope

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// Constraints and policies by search parameters of the server's own stay open until it is known which there are: those of
// the moment when scopes are granted, those of the snapshot when a request is answered.

// Available is the set without the scopes whose constraints cannot be evaluated with these search parameters (nil: R4's):
// by one that there is not, that is being indexed, or that is another one than at the generation of the grant. Each of
// those is one error of refused; it grants nothing.
func (s Set) Available(params *parameters.Set, granted uint64) (_ Set, refused fhir.Errors) {
	if !s.open() {
		return s, nil
	}
	out := Set{other: s.other}
	for _, d := range s.data {
		if w, ok := d.Constraint.(Where); ok && w.open() {
			with, err := w.with(d.Type, params, granted)
			if err != nil {
				refused = append(refused, refuse(d.text, "%s", why(err)))
				continue
			}
			d.Constraint = with
		}
		out.data = append(out.data, d)
	}
	return out, refused
}

// open says whether a constraint asks for own search parameters.
func (s Set) open() bool {
	return slices.ContainsFunc(s.data, func(d Scope) bool {
		w, ok := d.Constraint.(Where)
		return ok && w.open()
	})
}

// open says whether own parameters are asked for.
func (w Where) open() bool { return w.expr == nil && len(w.terms) > 0 }

// with is an open constraint on a type by the parameters of params that were there at a generation; an error says what
// is in the way.
func (w Where) with(typ string, params *parameters.Set, granted uint64) (_ Where, err error) {
	pairs := make([]search.Pair, len(w.terms))
	for i, t := range w.terms {
		pairs[i] = search.Pair{Name: t.name, Value: strings.Join(t.values, ",")}
	}
	if w.expr, err = parseExpr(typ, pairs, params); err == nil {
		err = unchanged(w.expr, params, granted)
	}
	return w, err
}

// unchanged refuses what asks by an own parameter that is another one than at a generation.
func unchanged(e search.Expr, params *parameters.Set, since uint64) error {
	for _, p := range search.Own(e) {
		if params.Since(p.Num) > since {
			return fmt.Errorf("the search parameter %s of %s is another one than when it was granted", p.Code, p.Base)
		}
	}
	return nil
}

// openRule says whether the rule of a policy asks for own search parameters.
func openRule(b Bound) bool {
	r, ok := ruleOf(b)
	return ok && r.pairs != nil
}

// readRule reads the rule of a policy with these search parameters. Where it asks for one that there is not, that is
// being indexed or that has changed since the policy was written, the policy is unavailable.
func readRule(b *Bound, params *parameters.Set) error {
	r, ok := ruleOf(*b)
	if !ok || r.pairs == nil {
		return nil
	}
	q, err := parseRule(r.pairs, params)
	if err == nil {
		err = unchanged(q.Where, params, r.since)
	}
	if err != nil {
		*b = Unavailable{}
		return fmt.Errorf("the user's policy opens nothing: %w", err)
	}
	p := (*b).(Policy)
	p.Patients = Rule{Query: q}
	*b = p
	return nil
}
