package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// question is a search and who asks.
type question struct {
	Type   string
	Types  []string // instead of Type: several
	Pairs  []search.Pair
	Access access
	Limit  int // rows on a page
	Few    int // of the inner side of a join that is listed at first; 0 is the default
}

func (q question) String() string {
	var parts []string
	for _, p := range q.Pairs {
		parts = append(parts, p.Name+"="+p.Value)
	}
	return fmt.Sprintf("GET %s%s?%s, pages of %d, joins of %d\n%s", q.Type, strings.Join(q.Types, ","), strings.Join(parts, "&"), q.Limit, q.Few, q.Access)
}

func (q question) parse() (search.Query, error) {
	if q.Types != nil {
		return search.ParseTypes(q.Types, q.Pairs, parseOptions)
	}
	return search.Parse(q.Type, q.Pairs, parseOptions)
}

func sortedTypes() []string {
	var out []string
	for typ := range instances {
		out = append(out, typ)
	}
	slices.Sort(out)
	return out
}

// asked are the parameters that questions ask for, by type; those of every type are in everyType.
var asked = map[string][]string{
	"Patient": {"name", "family", "given", "birthdate", "gender", "identifier", "active", "general-practitioner", "address-city",
		"address", "telecom", "phone", "deceased", "death-date", "link", "language", "phonetic", "x-town", "x-source", "x-doctor"},
	"Practitioner": {"name", "family", "given", "identifier", "active"},
	"Encounter": {"status", "class", "type", "subject", "patient", "date", "length", "participant", "practitioner", "part-of", "location",
		"location-period"},
	"Observation": {"status", "code", "category", "subject", "patient", "encounter", "performer", "date", "value-quantity",
		"value-concept", "value-date", "value-string", "component-code", "component-value-quantity", "component-value-concept", "combo-code",
		"combo-value-quantity", "combo-value-concept", "has-member", "focus", "code-value-quantity", "code-value-concept",
		"code-value-string", "code-value-date", "component-code-value-quantity", "component-code-value-concept", "combo-code-value-quantity",
		"combo-code-value-concept", "x-part", "x-source", "x-form", "x-witness", "x-amount", "x-pair"},
	"Condition": {"code", "category", "subject", "patient", "clinical-status", "encounter", "recorded-date", "asserter",
		"onset-date", "onset-age", "onset-info", "abatement-date", "abatement-age", "x-over"},
	"MedicationRequest": {"status", "intent", "subject", "patient", "code", "encounter", "authoredon", "requester", "identifier", "date"},
	"Group":             {"type", "actual", "code", "identifier", "member", "characteristic", "value", "exclude", "characteristic-value"},
	"Provenance":        {"target", "patient", "recorded", "when", "agent", "agent-type"},
	"RiskAssessment":    {"subject", "patient", "date", "condition", "probability", "risk", "x-chance"},
	"ValueSet":          {"url", "version", "status", "reference"},
	"CodeSystem":        {"url", "status", "code", "content-mode"},
	"DocumentReference": {"subject", "patient", "type", "status"},
	"Binary":            {"_id"},
	"Location":          {"name", "identifier", "address", "address-city", "near", "partof"},
}

var everyType = []string{"_id", "_lastUpdated", "_profile", "_tag", "_security", "_source", "_text", "_content"}

// question draws a search on a random type.
func (m maker) question() question {
	typ := pick(m, worldTypes)
	q := question{Type: typ, Limit: m.IntN(5) + 1, Access: access{all: true}}
	if m.whose = m.one("p1", "p1", "p2", "p3"); m.oneIn(2) {
		q.Access = m.access()
	}
	if m.crowd {
		q.Limit *= 37
	}
	if m.oneIn(3) {
		q.Limit = 1000
	}
	if m.oneIn(2) {
		q.Few = 1 + m.IntN(3)
	}
	if m.oneIn(8) {
		return m.several(q)
	}
	if m.oneIn(15) {
		return m.containing(q)
	}
	about := m.live(typ)
	if m.crowd && m.oneIn(2) && slices.Contains(asked[typ], "patient") {
		q.Pairs = append(q.Pairs, search.Pair{Name: "patient", Value: "Patient/p1"}) // whose list is long
	}
	for range pick(m, []int{0, 1, 1, 1, 1, 2, 2, 3}) {
		name, value := m.asks(typ, about, 2)
		if m.oneIn(6) {
			name, value = "_filter", m.filter(typ, about, 1)
		}
		q.Pairs = append(q.Pairs, search.Pair{Name: name, Value: value})
	}
	if typ == "Observation" && m.oneIn(4) {
		q.Pairs = append(q.Pairs, m.measured(about)...)
	}
	if m.oneIn(2) {
		q.Pairs = append(q.Pairs, search.Pair{Name: "_sort", Value: m.sort(typ)})
	}
	for range 2 {
		if m.oneIn(3) {
			q.Pairs = append(q.Pairs, m.include(typ, about))
		}
	}
	if n := len(q.Pairs); n > 0 && strings.Contains(q.Pairs[n-1].Name, "include") && m.oneIn(2) {
		q.Pairs = append(q.Pairs, m.include(pick(m, worldTypes), nil)) // of what the others include, or of nothing
		if q.Pairs[n].Name == "_include" && m.oneIn(4) {
			return q
		}
		q.Pairs[n].Name = strings.TrimSuffix(q.Pairs[n].Name, ":iterate") + ":iterate"
	}
	return q
}

// measured asks for a code and a quantity together, of which engines may keep pairs.
func (m maker) measured(about *version) (out []search.Pair) {
	for _, code := range []string{"code", "value-quantity"} {
		p, value := param("Observation", code), ""
		if about != nil {
			if hints := m.seen.index.Values(p, about.res); len(hints) > 0 {
				value = m.hint(p, "", pick(m, hints))
			}
		}
		if value == "" || m.oneIn(4) {
			value = strings.TrimPrefix(value+","+m.searchValue(p, ""), ",")
		}
		out = append(out, search.Pair{Name: code, Value: value})
	}
	return out
}

// containing makes q a search for what contains a Patient, the type that worlds have inside of others, usually.
func (m maker) containing(q question) question {
	var about *version
	if !m.oneIn(6) {
		q.Type = "Patient"
		if outer := m.among(func(v *version) bool { return v.res.Root.Get("contained") != nil }); outer != nil {
			inner := outer.res.Sub(outer.res.Root.Get("contained").First)
			about = &version{Row: plan.Row{Type: inner.Type}, res: inner}
		}
	}
	for range m.IntN(3) {
		name, value := m.asks(q.Type, about, 0)
		q.Pairs = append(q.Pairs, search.Pair{Name: name, Value: value})
	}
	if m.oneIn(2) {
		q.Pairs = append(q.Pairs, search.Pair{Name: "_sort", Value: m.one("_id", "-_id", "_lastUpdated", "-_lastUpdated,_id")})
	}
	q.Pairs = append(q.Pairs, search.Pair{Name: "_contained", Value: m.one("true", "true", "both", "false")})
	return q
}

// several makes q a search on several types, by what they have in common.
func (m maker) several(q question) question {
	for range 2 + m.IntN(3) {
		q.Types = append(q.Types, pick(m, worldTypes))
	}
	slices.Sort(q.Types)
	q.Types, q.Type = slices.Compact(q.Types), ""
	first := q.Types[0]
	common := slices.DeleteFunc(append(slices.Clone(asked[first]), everyType...), func(code string) bool {
		return slices.ContainsFunc(q.Types, func(typ string) bool {
			p := worldParams().Lookup(typ, code)
			return p == nil || p.Type != param(first, code).Type || !ordered(p)
		})
	})
	for range m.IntN(3) {
		p := param(first, pick(m, common))
		value := m.searchValue(p, "")
		if p.Type == r4.Reference {
			value = "Patient/" + m.whose
		}
		q.Pairs = append(q.Pairs, search.Pair{Name: p.Code, Value: value})
	}
	if m.oneIn(2) {
		sort := m.one("", "-") + pick(m, common)
		if m.oneIn(2) {
			sort += "," + m.one("", "-") + pick(m, common)
		}
		q.Pairs = append(q.Pairs, search.Pair{Name: "_sort", Value: sort})
	}
	if m.oneIn(3) {
		q.Pairs = append(q.Pairs, m.include(pick(m, q.Types), nil))
	}
	return q
}

// asks draws one parameter; about is a resource that it may find, or nil; depth is how many chains it may hold.
func (m maker) asks(typ string, about *version, depth int) (name, value string) {
	if depth > 0 && m.oneIn(3) {
		if name, value, ok := m.chain(typ, about, depth); ok {
			return name, value
		}
	}
	if depth > 0 && m.oneIn(4) {
		if name, value, ok := m.has(typ, about); ok {
			return name, value
		}
	}
	if refs := references(typ); len(refs) > 0 && m.oneIn(8) { // beside the compartment that the access names
		if p := pick(m, refs); slices.Contains(targets(p), "Patient") {
			return p.Code, "Patient/" + m.whose
		}
	}
	p, hints := m.param(typ, about)
	if dated := datesOf(typ); m.oneIn(6) && len(dated) > 0 {
		p, hints = pick(m, dated), nil
		if about != nil {
			hints = m.seen.index.Values(p, about.res)
		}
	}
	code := p.Code
	if m.oneIn(8) && !index.IsText(p) {
		return code + ":missing", m.one("true", "false")
	}
	modifier := m.modifier(p)
	n := 1
	if m.oneIn(3) {
		n = 2 + m.IntN(2)
	}
	var values []string
	for i := range n {
		value := ""
		if i < len(hints) {
			value = m.hint(p, modifier, hints[i])
		}
		if value == "" {
			value = m.searchValue(p, modifier)
		}
		values = append(values, value)
	}
	if modifier != "" {
		code += ":" + modifier
	}
	return code, strings.Join(values, ",")
}

// live is some current resource of a type; nil, sometimes or if there is none: draw blindly.
func (m maker) live(typ string) *version {
	if m.seen == nil || m.oneIn(6) {
		return nil
	}
	return m.among(func(v *version) bool { return v.Type == typ })
}

// among is one of the current resources that pass, nil if none does.
func (m maker) among(pass func(*version) bool) *version {
	var list []*version
	for _, v := range m.seen.log {
		if v == m.seen.now[instance{v.Type, v.ID}] && !v.Deleted && pass(v) {
			list = append(list, v)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return pick(m, list)
}

// param draws a parameter of a type and the values that it takes in a resource, usually one that has some.
func (m maker) param(typ string, about *version) (*r4.SearchParameter, []index.Value) {
	codes := slices.DeleteFunc(append(slices.Clone(asked[typ]), everyType...), func(code string) bool { return worldParams().Lookup(typ, code) == nil })
	if about != nil && !m.oneIn(6) {
		for range 20 {
			p := param(typ, pick(m, codes))
			if values := m.seen.index.Values(p, about.res); len(values) > 0 {
				m.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
				return p, values
			}
		}
	}
	return param(typ, pick(m, codes)), nil
}

// target is a resource that about refers to by p, a current one or one inside of it; nil if there is none.
func (m maker) target(p *r4.SearchParameter, about *version) *version {
	if about == nil {
		return nil
	}
	for _, x := range m.seen.index.Values(p, about.res) {
		if inner := about.res.Root.Get("contained"); x.Ref.Fragment != "" && inner != nil {
			res := about.res.Sub(inner.First)
			return &version{Row: plan.Row{Type: res.Type}, res: res}
		}
	}
	return m.among(func(v *version) bool { return m.refers(p, about, v) })
}

func (m maker) refers(p *r4.SearchParameter, from, to *version) bool {
	return slices.ContainsFunc(m.seen.index.Values(p, from.res), func(x index.Value) bool {
		return x.Ref.Local() && x.Ref.Type == to.Type && x.Ref.ID == to.ID
	})
}

// targets are the types of a world that a parameter may refer to.
func targets(p *r4.SearchParameter) []string {
	var out []string
	for _, typ := range sortedTypes() {
		if len(p.Targets) == 0 || slices.Contains(p.Targets, typ) {
			out = append(out, typ)
		}
	}
	return out
}

// datesOf are the date parameters that are asked of a type.
func datesOf(typ string) []*r4.SearchParameter {
	var out []*r4.SearchParameter
	for _, code := range asked[typ] {
		if p := param(typ, code); p.Type == r4.Date {
			out = append(out, p)
		}
	}
	return out
}

// references are the reference parameters that are asked of a type.
func references(typ string) []*r4.SearchParameter {
	var out []*r4.SearchParameter
	for _, code := range asked[typ] {
		if p := param(typ, code); p.Type == r4.Reference && len(targets(p)) > 0 {
			out = append(out, p)
		}
	}
	return out
}

func (m maker) chain(typ string, about *version, depth int) (name, value string, ok bool) {
	refs := references(typ)
	if len(refs) == 0 {
		return "", "", false
	}
	p := pick(m, refs)
	to := m.target(p, about)
	for range 10 {
		if to != nil {
			break
		}
		p = pick(m, refs)
		to = m.target(p, about)
	}
	target := pick(m, targets(p))
	if to != nil {
		target = to.Type
	}
	rest, value := m.asks(target, to, depth-1)
	if m.oneIn(2) && !strings.HasPrefix(rest, "_has:") && len(p.Targets) > 0 && len(p.Targets) <= 12 && depth == 1 {
		return p.Code + "." + rest, value, true // the union over all types that know it
	}
	return p.Code + ":" + target + "." + rest, value, true
}

func (m maker) has(typ string, about *version) (name, value string, ok bool) {
	for range 20 {
		source := pick(m, worldTypes)
		refs := slices.DeleteFunc(references(source), func(p *r4.SearchParameter) bool { return !slices.Contains(targets(p), typ) })
		if len(refs) == 0 {
			continue
		}
		p := pick(m, refs)
		var from *version
		if about != nil {
			from = m.among(func(v *version) bool { return v.Type == source && m.refers(p, v, about) })
			if from == nil && !m.oneIn(10) {
				continue
			}
		}
		rest, value := m.asks(source, from, 0)
		return "_has:" + source + ":" + p.Code + ":" + rest, value, true
	}
	return "", "", false
}

// ordered says whether a parameter can be sorted by.
func ordered(p *r4.SearchParameter) bool {
	return p.Type != r4.Composite && p.Type != r4.Special && p.Expression != ""
}

func (m maker) sort(typ string) string {
	var keys []string
	for range 1 + m.IntN(3) {
		code := pick(m, append(slices.Clone(asked[typ]), "_id", "_lastUpdated"))
		if refs := references(typ); m.oneIn(8) && len(refs) > 0 {
			p := pick(m, refs)
			target := pick(m, targets(p))
			if end := pick(m, asked[target]); ordered(param(target, end)) {
				keys = append(keys, m.one("", "-")+p.Code+":"+target+"."+end)
			}
			continue
		}
		if !ordered(param(typ, code)) {
			continue
		}
		keys = append(keys, m.one("", "-")+code)
	}
	if len(keys) == 0 {
		return "-_id"
	}
	return strings.Join(keys, ",")
}

// include draws an _include or _revinclude, usually of something that about refers to, or that refers to about.
func (m maker) include(typ string, about *version) search.Pair {
	for range 20 {
		source, name := typ, "_include"
		if m.oneIn(2) {
			source, name = pick(m, worldTypes), "_revinclude"
		}
		refs := references(source)
		if name == "_revinclude" {
			refs = slices.DeleteFunc(refs, func(p *r4.SearchParameter) bool { return !slices.Contains(targets(p), typ) })
		}
		if len(refs) == 0 {
			continue
		}
		p := pick(m, refs)
		if about != nil && !m.oneIn(10) && m.among(func(v *version) bool {
			if name == "_include" {
				return m.refers(p, about, v)
			}
			return v.Type == source && m.refers(p, v, about)
		}) == nil {
			continue
		}
		value := source + ":" + p.Code
		if m.oneIn(8) {
			value = source + ":*"
		}
		if m.oneIn(4) {
			value += ":" + pick(m, targets(p))
		} else if m.oneIn(10) {
			value = "*"
		}
		return search.Pair{Name: name + m.one("", "", ":iterate"), Value: value}
	}
	return search.Pair{Name: "_revinclude", Value: "Provenance:target"}
}
