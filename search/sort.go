package search

import (
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// sort reads the keys of _sort (R4 search.html#sort): each a parameter of the type, with - for descending, or a chain to
// one of another type: subject:Patient.family.
func (p *parser) sort(q *Query, value string) *fhir.Error {
	keys := make([][]Sort, len(p.types))
	for key := range strings.SplitSeq(value, ",") {
		if err := p.spend(1); err != nil {
			return err
		}
		code, desc := strings.CutPrefix(key, "-")
		for i, typ := range p.types {
			k, err := p.sortKey(typ, code)
			if err != nil {
				return err
			}
			if first := keys[0]; i > 0 && first[len(first)-1].P.Type != k.P.Type {
				return p.unknown("%s is not of the same kind in %s and %s: they have no common order", shown(code), p.types[0], typ)
			}
			k.Desc = desc
			keys[i] = append(keys[i], k)
		}
	}
	for i := range keys {
		q.Branches[i].Sort = append(q.Branches[i].Sort, keys[i]...)
	}
	return nil
}

// maxLinks bounds the links of a chained key.
const maxLinks = 3

func (p *parser) sortKey(typ, code string) (k Sort, err *fhir.Error) {
	for {
		head, rest, chained := strings.Cut(code, ".")
		if !chained {
			break
		}
		if err := p.spend(1); err != nil {
			return k, err
		}
		if len(k.Via) == maxLinks {
			return k, p.unknown("a key of _sort has %d links at most", maxLinks)
		}
		link, err := p.link(typ, head, rest)
		if err != nil {
			return k, err
		}
		k.Via = append(k.Via, link)
		typ, code = link.Target, rest
	}
	if k.P, err = p.lookup(typ, code); err != nil {
		return k, err
	}
	if k.P.Type == r4.Composite || k.P.Type == r4.Special {
		return k, p.unknown("%s is composite or special: it has no order", code)
	}
	return k, nil
}

// link reads reference:Type or, where only one of the types that it can refer to has the parameter, reference.
func (p *parser) link(typ, head, rest string) (l Link, err *fhir.Error) {
	code, target, typed := strings.Cut(head, ":")
	if l.P, err = p.lookup(typ, code); err != nil {
		return l, err
	}
	if l.P.Type != r4.Reference {
		return l, p.unknown("%s of %s is no reference: it has no parameter %q", code, typ, shown(rest))
	}
	if index.Canonical(l.P) {
		return l, p.unknown("%s of %s is a canonical: there is no order by what it names", code, typ)
	}
	if typed {
		l.Target = target
		return l, p.target(typ, l.P, target)
	}
	next := rest[:strings.IndexAny(rest+":", ".:")]
	for _, t := range l.P.Targets {
		if p.o.Params.Lookup(t, next) == nil {
			continue
		}
		if l.Target != "" {
			return l, p.unknown("%s of %s can refer to several types: name one, as in %s:%s.%s", code, typ, code, t, shown(rest))
		}
		l.Target = t
	}
	if l.Target == "" {
		return l, p.noParam(next, l.P.Targets...)
	}
	return l, nil
}
