package search

import (
	"slices"
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// PageParam is the name of the parameter that carries the cursor of a page link.
const PageParam = "_page"

// resultParams are the parameters that say how the result is given (R4 search.html#return); what they lead to is in
// parser.result.
var resultParams = []string{"_count", "_format", "_include", PageParam, "_pretty", "_revinclude", "_sort", "_summary", "_total"}

// unsupported are parameters of the specification that are not built yet.
var unsupported = []string{"_contained", "_containedType", "_elements", "_filter", "_list", "_query", "_score", "_type"}

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
	case "_sort":
		err = p.sort(q, pair.Value)
	case "_count":
		pair.Value, err = p.count(q, pair.Value)
	case "_total":
		err = p.total(q, pair.Value)
	case "_summary":
		err = p.summary(q, pair.Value)
	case "_include", "_revinclude":
		return true, p.include(q, pair, name == "_revinclude", iterate)
	}
	if err == nil {
		q.Self = append(q.Self, pair)
	}
	return true, err
}

// sort reads the keys of _sort, each a parameter of the type, with - for descending.
func (p *parser) sort(q *Query, value string) *fhir.Error {
	var keys []Sort
	for key := range strings.SplitSeq(value, ",") {
		if err := p.spend(1); err != nil {
			return err
		}
		code, desc := strings.CutPrefix(key, "-")
		sp, err := p.lookup(p.typ, code)
		if err != nil {
			return err
		}
		if sp.Type == r4.Composite || sp.Type == r4.Special {
			return p.unknown("%s is composite or special: it has no order", code)
		}
		keys = append(keys, Sort{P: sp, Desc: desc})
	}
	q.Sort = append(q.Sort, keys...)
	return nil
}

// count reads _count and gives it as it is used: not over the maximum. 0 asks for the total only.
func (p *parser) count(q *Query, value string) (string, *fhir.Error) {
	n := 0
	for _, c := range []byte(value) {
		if c < '0' || c > '9' {
			return "", p.bad("_count is a number from 0: %q", shown(value))
		}
		n = min(n*10+int(c-'0'), p.o.MaxCount)
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

func (p *parser) summary(q *Query, value string) *fhir.Error {
	switch value {
	case "count":
		q.CountOnly, q.Total = true, TotalAccurate
		return nil
	case "false": // all of the resource, as without it
		return nil
	case "true", "text", "data":
		return p.unknown("_summary=%s is not supported yet", value)
	}
	return p.bad("_summary is true, text, data, count or false: %q", shown(value))
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
