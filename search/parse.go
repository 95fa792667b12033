package search

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Options are what Parse needs to know beyond the request. The zero value works.
type Options struct {
	SkipEmpty bool           // what has no value goes to Query.Ignored, as R4 has it of searches; else it is an error
	Lenient   bool           // Prefer: handling=lenient: what is not understood goes to Query.Ignored
	Base      string         // our own FHIR base: references that spell it are local
	Zone      *time.Location // zone of times without an offset; nil is UTC
	Now       time.Time      // what ap measures the distance of a date from; zero: ap of a date has no margin
	MaxCount  int            // largest page; 0 is 1000
	MaxValues int            // values and nodes of one query; 0 is 1000

	Params *parameters.Set // what can be searched by; nil is R4's
}

// Parse reads a search on one type from its parameters; with _contained it becomes one on several. Errors are *fhir.Error with the place "http.<name>".
func Parse(typ string, pairs []Pair, o Options) (Query, error) {
	if !r4.Searchable(typ) {
		return Query{}, fhir.Errorf(fhir.KindNotSupported, "", "%q is no resource type%s", shown(typ), suggestion(typ, r4.Resources()))
	}
	q, err := parse(parser{o: o, types: []string{typ}}, pairs)
	if err != nil {
		return Query{}, err
	}
	if len(q.Branches) > 1 { // of containers
		return q, nil
	}
	only := q.Branches[0]
	q.Type, q.Where, q.Sort, q.Branches = typ, only.Where, only.Sort, nil
	return q, nil
}

// ParseTypes reads a search on several types: those that _type names, or all of types (R4 search.html#3.1.1.1.3). Each
// parameter must be one of all of them.
func ParseTypes(types []string, pairs []Pair, o Options) (Query, error) {
	p := parser{o: o, types: types, several: true}
	for _, pair := range pairs {
		if pair.Name != "_type" || pair.Value == "" && o.SkipEmpty {
			continue
		}
		p.place = "http._type"
		if named, err := p.named(pair.Value); err == nil {
			p.types = named
		} else if p.wrongType = err; !o.Lenient {
			return Query{}, err
		}
		break
	}
	return parse(p, pairs)
}

// maxValues is Options.MaxValues where that is 0.
const maxValues = 1000

// parse reads the parameters for all types of p.
func parse(p parser, pairs []Pair) (Query, error) {
	if p.o.MaxCount <= 0 {
		p.o.MaxCount = 1000
	}
	if p.o.MaxValues <= 0 {
		p.o.MaxValues = maxValues
	}
	p.left = p.o.MaxValues
	q := Query{Count: -1, Max: -1}
	for _, typ := range p.types {
		q.Branches = append(q.Branches, Branch{Type: typ})
	}
	wheres := make([]And, len(p.types))
	for _, pair := range pairs {
		p.place = "http." + shown(pair.Name)
		if pair.Value == "" && p.o.SkipEmpty && pair.Name != PageParam {
			q.Ignored = append(q.Ignored, p.bad("%s has no value: it is left out", shown(pair.Name)))
			continue
		}
		found, err := p.pair(&q, pair)
		switch {
		case err == nil:
			for i, x := range found {
				wheres[i] = append(wheres[i], x)
			}
		case p.o.Lenient && err.Kind != fhir.KindTooCostly:
			q.Ignored = append(q.Ignored, err)
		default:
			return Query{}, err
		}
	}
	for i, where := range wheres {
		q.Branches[i].Where = single(where, All)
	}
	if err := p.finish(&q); err != nil {
		return Query{}, err
	}
	return q, nil
}

// parser reads one query.
type parser struct {
	o       Options
	types   []string // that are searched
	several bool     // by ParseTypes
	place   string   // of the parameter that is read
	left    int      // values and nodes that may still be spent
	names   []string // of _elements

	wrongType *fhir.Error // of _type
	within    string      // _contained
	inner     bool        // _containedType=contained
}

// pair reads one parameter: conditions that it returns, one for each type, or what it says about the result, into q.
func (p *parser) pair(q *Query, pair Pair) ([]Expr, *fhir.Error) {
	result, err := p.result(q, pair)
	if result || err != nil {
		return nil, err
	}
	found := make([]Expr, len(p.types))
	before, left := p.left, p.left
	for i, typ := range p.types {
		p.left = before // the types are searched one by one
		x, err := p.condition(typ, pair)
		if err != nil {
			if len(p.types) > 1 && err.Kind == fhir.KindUnknownParam {
				err.Diagnostics += "; a search on several types takes what all of them have, _type names fewer"
			}
			return nil, err
		}
		found[i], left = x, min(left, p.left)
	}
	p.left = left
	q.Self = append(q.Self, pair)
	return found, nil
}

// condition reads a parameter that is a condition on the resources of one type.
func (p *parser) condition(typ string, pair Pair) (Expr, *fhir.Error) {
	if pair.Name == "_filter" {
		return p.filter(typ, pair.Value)
	}
	return p.param(typ, pair.Name, pair.Value)
}

// named reads _type: some of the types of p, sorted.
func (p *parser) named(value string) ([]string, *fhir.Error) {
	var out []string
	for typ := range strings.SplitSeq(value, ",") {
		switch {
		case slices.Contains(p.types, typ):
			out = append(out, typ)
		case r4.Searchable(typ):
			return nil, p.unknown("%s is not in this compartment", typ)
		default:
			return nil, p.bad("%q is no resource type%s", shown(typ), suggestion(typ, p.types))
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
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
