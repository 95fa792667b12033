package search

import (
	"slices"
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/conformance/subset"
	"github.com/firewarden/firewarden/internal/fhir"
)

// PageParam is the name of the parameter that carries the cursor of a page link.
const PageParam = "_page"

// resultParams are the parameters that say how the result is given (R4 search.html#return); what they lead to is in
// parser.result.
var resultParams = []string{"_contained", "_containedType", "_count", "_elements", "_explain", "_format", "_include", "_maxresults", PageParam, "_pretty", "_revinclude", "_sort",
	"_summary", "_total", "_type"}

// ResultParams are the names of the parameters that say how the result is given.
func ResultParams() []string { return slices.Clone(resultParams) }

// refused are parameters of the specification that are refused, and why.
var refused = map[string]string{
	"_query": "no named query is defined here", "_score": "matches are not ranked",
}

// result reads a parameter about the result; ok is false if pair is none.
func (p *parser) result(q *Query, pair Pair) (ok bool, err *fhir.Error) {
	name, modifier, colon := strings.Cut(pair.Name, ":")
	if !slices.Contains(resultParams, name) {
		return false, nil
	}
	iterate := (name == "_include" || name == "_revinclude") && (modifier == "iterate" || modifier == "recurse")
	if colon && !iterate {
		return true, p.unknown("unknown modifier %q of %s", shown(modifier), name)
	}
	if pair.Value == "" {
		return true, p.bad("%s has no value", name)
	}
	repeats := name == "_sort" || name == "_include" || name == "_revinclude"
	if !repeats && slices.ContainsFunc(q.Self, func(s Pair) bool { return s.Name == name }) {
		return true, p.bad("%s is given twice", name)
	}
	switch name {
	case "_format", "_pretty": // the server's
		return true, nil
	case PageParam:
		q.Page = pair.Value
		return true, nil
	case "_contained", "_containedType":
		err = p.containment(name, pair.Value)
	case "_sort":
		err = p.sort(q, pair.Value)
	case "_count":
		pair.Value, err = p.count(q, pair.Value)
	case "_maxresults":
		q.Max, err = p.whole("_maxresults", pair.Value, 1<<31-1)
	case "_total":
		err = p.total(q, pair.Value)
	case "_summary":
		err = p.summarised(q, pair.Value)
	case "_elements":
		p.names = strings.Split(pair.Value, ",")
		err = p.spend(len(p.names))
	case "_type":
		if err = p.wrongType; !p.several {
			err = p.unknown("_type is for a search on several types")
		}
	case "_explain":
		err = p.explain(q, pair.Value)
	case "_include", "_revinclude":
		return true, p.include(q, pair, name == "_revinclude", iterate)
	}
	if err == nil {
		q.Self = append(q.Self, pair)
	}
	return true, err
}

// whole reads a whole number from 0, at most most.
func (p *parser) whole(name, value string, most int) (int, *fhir.Error) {
	n := 0
	for _, c := range []byte(value) {
		if c < '0' || c > '9' {
			return 0, p.bad("%s is a number from 0: %q", name, shown(value))
		}
		n = min(n*10+int(c-'0'), most)
	}
	return n, nil
}

// count reads _count and gives it as it is used: not over the maximum. 0 asks for the total only.
func (p *parser) count(q *Query, value string) (string, *fhir.Error) {
	n, err := p.whole("_count", value, p.o.MaxCount)
	if err != nil {
		return "", err
	}
	q.Count = n
	if n == 0 {
		q.CountOnly, q.Total = true, TotalAccurate
	}
	return strconv.Itoa(n), nil
}

func (p *parser) total(q *Query, value string) *fhir.Error {
	var t Total
	switch value {
	case "none":
		t = TotalNone
	case "estimate":
		t = TotalEstimate
	case "accurate":
		t = TotalAccurate
	default:
		return p.bad("_total is none, estimate or accurate: %q", shown(value))
	}
	q.Total = max(q.Total, t)
	return nil
}

// summarised reads _summary.
func (p *parser) summarised(q *Query, value string) *fhir.Error {
	if value == "count" {
		q.CountOnly, q.Total = true, TotalAccurate
		return nil
	}
	s, ok := subset.Summary(value)
	if !ok {
		return p.bad("_summary is true, text, data, count or false: %q", shown(value))
	}
	q.Subset = s
	return nil
}

func (p *parser) explain(q *Query, value string) *fhir.Error {
	switch value {
	case "true":
		q.Explain = ExplainBundle
	case "json":
		q.Explain = ExplainJSON
	case "text":
		q.Explain = ExplainText
	case "false":
		q.Explain = ExplainNot
	default:
		return p.bad("_explain is true, json, text or false: %q", shown(value))
	}
	return nil
}

// finish is what several parameters say together.
func (p *parser) finish(q *Query) *fhir.Error {
	if err := p.elements(q); err != nil {
		if !p.o.Lenient {
			return err
		}
		q.leaveOut("_elements", err)
	}
	if q.Subset.Narrative() && len(q.Include)+len(q.RevInclude) > 0 {
		p.place = "http._summary"
		err := p.unknown("_summary=text goes with no _include or _revinclude")
		if !p.o.Lenient {
			return err
		}
		q.leaveOut("_summary", err)
		q.Subset = subset.Subset{}
	}
	if err := p.containers(q); err != nil {
		if !p.o.Lenient {
			return err
		}
		q.leaveOut("_contained", err)
	}
	return nil
}

// leaveOut takes a parameter out of what was understood.
func (q *Query) leaveOut(name string, why *fhir.Error) {
	q.Self = slices.DeleteFunc(q.Self, func(s Pair) bool { return s.Name == name })
	q.Ignored = append(q.Ignored, why)
}

// elements reads the names of _elements, which are those of all types together.
func (p *parser) elements(q *Query) *fhir.Error {
	if p.names == nil {
		return nil
	}
	p.place = "http._elements"
	if !q.Subset.Whole() {
		return p.unknown("_elements goes with no _summary but count and false")
	}
	s, unknown := subset.Elements(p.types, p.names)
	if unknown == "" && !slices.Contains(p.names, "") {
		q.Subset = s
		return nil
	}
	if len(p.types) > 1 {
		return p.bad("%q is no element of the types searched", shown(unknown))
	}
	return p.bad("%q is no element of %s%s; name those of the resource itself, as in _elements=id,code", shown(unknown), p.types[0],
		suggestion(unknown, elementNames(p.types[0])))
}

func elementNames(typ string) []string {
	var out []string
	for _, e := range r4.TypeOf(typ).Elements {
		out = append(out, e.Name)
	}
	return out
}

// target says whether sp, a reference of source, can refer to a resource of type t.
func (p *parser) target(source string, sp *r4.SearchParameter, t string) *fhir.Error {
	if !r4.IsResource(t) {
		return p.bad("%q is no resource type%s", shown(t), suggestion(t, r4.Resources()))
	}
	if len(sp.Targets) > 0 && !slices.Contains(sp.Targets, t) {
		return p.unknown("%s of %s never refers to %s, only to %s", sp.Code, source, t, shown(strings.Join(sp.Targets, ", ")))
	}
	return nil
}

// ParseSubset reads _summary and _elements of a request that is no search, for resources of the types; it leaves other
// parameters alone. _summary=count is one of them.
func ParseSubset(types []string, pairs []Pair) (subset.Subset, error) {
	p := parser{o: Options{MaxValues: maxValues}, types: types, left: maxValues}
	q := Query{}
	for _, pair := range pairs {
		if pair.Name != "_summary" && pair.Name != "_elements" || pair.Name == "_summary" && pair.Value == "count" {
			continue
		}
		p.place = "http." + pair.Name
		if _, err := p.result(&q, pair); err != nil {
			return subset.Subset{}, err
		}
	}
	if err := p.elements(&q); err != nil {
		return subset.Subset{}, err
	}
	return q.Subset, nil
}
