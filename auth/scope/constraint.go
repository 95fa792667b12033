package scope

import (
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// Constraint is what a scope asks of a resource. "No constraint" and "a constraint that is not available" are two
// types, and everything but Unconstrained and Where denies, nil too: a lost constraint must not open the type.
type Constraint interface{ constraint() }

type (
	// Unconstrained asks nothing.
	Unconstrained struct{}
	// Where asks what its search parameters ask: several names and, commas or, as in a search.
	Where struct {
		terms []term // sorted, none implied by another
		// expr is nil where a name is none of R4's parameters. Then it is open what is asked: the server's own parameters
		// say it, those of the moment (Set.Available). Until then it denies.
		expr search.Expr
	}
	// Unavailable is a constraint, or a policy, that cannot be evaluated; it denies. Why is for the log.
	Unavailable struct{ Why error }
)

func (Unconstrained) constraint() {}
func (Where) constraint()         {}
func (Unavailable) constraint()   {}

// term is one parameter of a constraint.
type term struct {
	name   string   // with its modifier
	values []string // sorted, distinct, escapes as written
}

// parseWhere reads the part behind "?". A scope may not hold chains and _has, which would make what one caller sees
// depend on resources that others see, nor includes, order or paging.
func parseWhere(typ, query string) (Where, error) {
	var w Where
	var pairs []search.Pair
	open := false
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, _ = url.PathUnescape(name) // "" if the encoding is broken
		value, _ = url.PathUnescape(value)
		if name == "" || value == "" {
			return Where{}, errors.New("its constraint is not name=value")
		}
		w.terms = append(w.terms, term{name, alternatives(value)})
		if typ != "*" && r4.Lookup(typ, code(name)) == nil && parameters.ValidCode(code(name)) {
			open = true // an own parameter, perhaps
			continue
		}
		pairs = append(pairs, search.Pair{Name: name, Value: value})
	}
	w.terms = reduce(w.terms)
	e, err := parseExpr(typ, pairs, nil)
	if !open {
		w.expr = e
	}
	return w, err
}

// code is a parameter's name without the modifier.
func code(name string) string {
	code, _, _ := strings.Cut(name, ":")
	return code
}

// parseExpr reads the constraint as the search that it is. On "*" only parameters that every type has can be asked
// for; they mean the same whatever the type.
func parseExpr(typ string, pairs []search.Pair, params *parameters.Set) (search.Expr, error) {
	every := typ == "*"
	if every {
		typ = "Basic"
	}
	var all search.And
	for _, p := range pairs {
		if every && r4.Lookup("", code(p.Name)) == nil || params.Lookup(typ, code(p.Name)) == nil && !params.Building(typ, code(p.Name)) {
			return nil, fmt.Errorf("%q is no search parameter that narrows the type", p.Name)
		}
		q, err := search.Parse(typ, []search.Pair{p}, search.Options{Params: params})
		if err != nil {
			return nil, err
		}
		if refersOut(q.Where) {
			return nil, fmt.Errorf("%q looks at more than the resource itself", p.Name)
		}
		all = append(all, q.Where)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

// refersOut says whether e, what one parameter asks, depends on other resources than the one at hand, or asks nothing.
// Whatever no single parameter of a resource's own asks (an And too) counts as if it did.
func refersOut(e search.Expr) bool {
	switch e := e.(type) {
	case search.ID, search.Missing:
		return false
	case search.Param:
		return search.Open(e) // a definition or a hierarchy that is stored
	case search.Or, search.Not:
		return slices.ContainsFunc(search.Parts(e), refersOut)
	}
	return true
}

// alternatives are the sorted, distinct values between the commas that are not escaped.
func alternatives(value string) []string {
	var out []string
	from := 0
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case ',':
			out = append(out, value[from:i])
			from = i + 1
		}
	}
	out = append(out, value[from:])
	slices.Sort(out)
	return slices.Compact(out)
}

// String is the canonical query, percent-encoded as far as a scope needs it.
func (w Where) String() string {
	var b strings.Builder
	for i, t := range w.terms {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(t.name, "="))
		b.WriteByte('=')
		b.WriteString(escape(strings.Join(t.values, ","), ""))
	}
	return b.String()
}

// escape percent-encodes what a scope-token or its query cannot hold.
func escape(s, also string) string {
	const hex = "0123456789ABCDEF"
	var b []byte
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c > '~' || strings.IndexByte(`"\&%`, c) >= 0 || strings.IndexByte(also, c) >= 0 {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// implies says whether every resource that satisfies t satisfies u: each parameter of u is at least as wide as one of t.
func (t term) implies(u term) bool {
	if t.name != u.name {
		return false
	}
	if strings.Contains(t.name, ":not") { // :not=a,b is neither a nor b: more values ask more
		t, u = u, t
	}
	return subset(t.values, u.values)
}

func subset(a, b []string) bool {
	for _, v := range a {
		if _, ok := slices.BinarySearch(b, v); !ok {
			return false
		}
	}
	return true
}

// reduce sorts and leaves out what another term implies.
func reduce(terms []term) []term {
	var out []term
	for i, t := range terms {
		implied := slices.ContainsFunc(terms[:i], func(u term) bool { return u.implies(t) }) ||
			slices.ContainsFunc(terms[i+1:], func(u term) bool { return u.implies(t) && !t.implies(u) })
		if !implied {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b term) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return slices.Compare(a.values, b.values)
	})
	return out
}

// implies says whether every resource that a allows b allows.
func implies(a, b Constraint) bool {
	switch b := b.(type) {
	case Unconstrained:
		return true
	case Where:
		a, ok := a.(Where)
		return ok && !slices.ContainsFunc(b.terms, func(u term) bool {
			return !slices.ContainsFunc(a.terms, func(t term) bool { return t.implies(u) })
		})
	}
	return false
}

// both asks what a and b ask.
func both(a, b Constraint) Constraint {
	switch {
	case implies(a, b):
		return a
	case implies(b, a):
		return b
	}
	x, ok1 := a.(Where)
	y, ok2 := b.(Where)
	if !ok1 || !ok2 {
		return Unavailable{}
	}
	w := Where{terms: reduce(slices.Concat(x.terms, y.terms))}
	if x.expr != nil && y.expr != nil {
		w.expr = search.And{x.expr, y.expr}
	}
	return w
}

// expr is the set of resources that c allows.
func expr(c Constraint) search.Expr {
	switch c := c.(type) {
	case Unconstrained:
		return search.All
	case Where:
		if c.expr != nil {
			return c.expr
		}
	}
	return search.None
}

// why is the text of an error for the client.
func why(err error) string {
	var e *fhir.Error
	if errors.As(err, &e) {
		return e.Diagnostics
	}
	return err.Error()
}

// Terms are the parameters of the constraint: the name with its modifier and the values of which one is enough (with
// :not, none of which may be there), escapes as written. Several names are all asked for. The values are shared: do not
// change them.
func (w Where) Terms() iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for _, t := range w.terms {
			if !yield(t.name, t.values) {
				return
			}
		}
	}
}
