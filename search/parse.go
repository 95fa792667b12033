package search

import (
	"strconv"
	"strings"
	"time"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Options are what Parse needs to know beyond the request. The zero value works.
type Options struct {
	Lenient   bool           // Prefer: handling=lenient: what is not understood goes to Query.Ignored
	Base      string         // our own FHIR base: references that spell it are local
	Zone      *time.Location // zone of times without an offset; nil is UTC
	Now       time.Time      // what ap measures the distance of a date from; zero: ap of a date has no margin
	MaxCount  int            // largest page; 0 is 1000
	MaxValues int            // values and nodes of one query; 0 is 1000
}

// Parse reads a search on one type from its parameters. Errors are *fhir.Error with the place "http.<name>".
func Parse(typ string, pairs []Pair, o Options) (Query, error) {
	if !r4.Searchable(typ) {
		return Query{}, fhir.Errorf(fhir.KindNotSupported, "", "%q is no resource type%s", shown(typ), suggestion(typ, r4.Resources()))
	}
	if o.MaxCount <= 0 {
		o.MaxCount = 1000
	}
	if o.MaxValues <= 0 {
		o.MaxValues = 1000
	}
	p := parser{o: o, typ: typ, left: o.MaxValues}
	q := Query{Type: typ, Count: -1}
	var where And
	for _, pair := range pairs {
		p.place = "http." + shown(pair.Name)
		x, err := p.pair(&q, pair)
		switch {
		case err == nil:
			if x != nil {
				where = append(where, x)
			}
		case o.Lenient && err.Kind != fhir.KindTooCostly:
			q.Ignored = append(q.Ignored, err)
		default:
			return Query{}, err
		}
	}
	switch len(where) {
	case 0:
		q.Where = All
	case 1:
		q.Where = where[0]
	default:
		q.Where = where
	}
	return q, nil
}

// parser reads one query.
type parser struct {
	o     Options
	typ   string
	place string // of the parameter that is read
	left  int    // values and nodes that may still be spent
}

// pair reads one parameter: a condition that it returns, or what it says about the result, into q.
func (p *parser) pair(q *Query, pair Pair) (Expr, *fhir.Error) {
	result, err := p.result(q, pair)
	if result || err != nil {
		return nil, err
	}
	x, err := p.param(p.typ, pair.Name, pair.Value)
	if err != nil {
		return nil, err
	}
	q.Self = append(q.Self, pair)
	return x, nil
}

// spend counts n values or nodes.
func (p *parser) spend(n int) *fhir.Error {
	if p.left -= n; p.left < 0 {
		return fhir.Errorf(fhir.KindTooCostly, p.place, "the search has more than %d values and steps; name types in chains or ask for less at once", p.o.MaxValues)
	}
	return nil
}

// bad is a malformed value.
func (p *parser) bad(format string, args ...any) *fhir.Error {
	return fhir.Errorf(fhir.KindValue, p.place, format, args...)
}

// unknown is a name that nobody knows here, or a use of it that does not fit.
func (p *parser) unknown(format string, args ...any) *fhir.Error {
	return fhir.Errorf(fhir.KindUnknownParam, p.place, format, args...)
}

// suggestion names the word that was perhaps meant.
func suggestion(s string, words []string) string {
	if w := nearest(s, words); w != "" {
		return "; did you mean " + strconv.Quote(w) + "?"
	}
	return ""
}

// shown is client text for a message: not longer than it needs to be.
func shown(s string) string {
	const longest = 100
	if len(s) > longest {
		return strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}
