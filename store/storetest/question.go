package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// question is a search and who asks.
type question struct {
	Type   string
	Pairs  []search.Pair
	Access access
	Limit  int // rows on a page
}

func (q question) String() string {
	var parts []string
	for _, p := range q.Pairs {
		parts = append(parts, p.Name+"="+p.Value)
	}
	return fmt.Sprintf("GET %s?%s, pages of %d\n%s", q.Type, strings.Join(parts, "&"), q.Limit, q.Access)
}

// access is a random search.Access: a set for each type, and for letter r another one, sometimes.
type access struct {
	search, read map[string]search.Expr // a type that is not there: None
	all          bool
}

// Allowed implements search.Access.
func (a access) Allowed(i search.Interaction, typ string) search.Expr {
	sets := a.search
	if i == search.Read {
		sets = a.read
	}
	switch x := sets[typ]; {
	case a.all:
		return search.All
	case x == nil:
		return search.None
	default:
		return x
	}
}

// uniform says whether r and s reach the same.
func (a access) uniform() bool {
	for typ := range instances {
		if a.Allowed(search.Read, typ).String() != a.Allowed(search.Search, typ).String() {
			return false
		}
	}
	return true
}

func (a access) String() string {
	if a.all {
		return "access to everything"
	}
	var b strings.Builder
	b.WriteString("access")
	for _, typ := range sortedTypes() {
		r, s := a.Allowed(search.Read, typ), a.Allowed(search.Search, typ)
		fmt.Fprintf(&b, "\n  %s s: %s", typ, s)
		if r.String() != s.String() {
			fmt.Fprintf(&b, "\n  %s r: %s", typ, r)
		}
	}
	return b.String()
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
		"address", "telecom", "phone", "deceased", "death-date", "link", "language", "phonetic"},
	"Practitioner": {"name", "family", "given", "identifier", "active"},
	"Encounter": {"status", "class", "type", "subject", "patient", "date", "length", "participant", "practitioner", "part-of",
		"location-period"},
	"Observation": {"status", "code", "category", "subject", "patient", "encounter", "performer", "date", "value-quantity",
		"value-concept", "value-date", "value-string", "component-code", "component-value-quantity", "component-value-concept", "combo-code",
		"combo-value-quantity", "combo-value-concept", "has-member", "focus", "code-value-quantity", "code-value-concept",
		"code-value-string", "code-value-date", "component-code-value-quantity", "component-code-value-concept", "combo-code-value-quantity",
		"combo-code-value-concept"},
	"Condition": {"code", "category", "subject", "patient", "clinical-status", "encounter", "recorded-date", "asserter",
		"onset-date", "onset-age", "onset-info", "abatement-date", "abatement-age"},
	"MedicationRequest": {"status", "intent", "subject", "patient", "code", "encounter", "authoredon", "requester", "identifier", "date"},
	"Group":             {"type", "actual", "code", "identifier", "member", "characteristic", "value", "exclude", "characteristic-value"},
	"Provenance":        {"target", "patient", "recorded", "when", "agent", "agent-type"},
	"RiskAssessment":    {"subject", "patient", "date", "condition", "probability", "risk"},
}

var everyType = []string{"_id", "_lastUpdated", "_profile", "_tag", "_security", "_source"}

// reserved are the values of parameters that hold words of their own.
var reserved = map[string][]string{
	"status": {"final", "amended", "planned", "finished", "active", "stopped"}, "intent": {"order", "plan"},
	"gender": {"male", "female"}, "active": {"true", "false"}, "deceased": {"true", "false"}, "actual": {"true"},
	"exclude": {"true", "false"}, "type": {"person", "x", "urn:a|x", "y"}, "telecom": {"555-1", "phone|555-1", "a@b.test"},
	"phone": {"555-1"}, "identifier": {"v1", "V1", "urn:a|v1", "|v2", "urn:a|", "urn:b|v2"},
	"address-city": {"Köl", "koln", "Col"}, "address": {"allee", "DE", "Kol"},
}

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
	about := m.live(typ)
	if m.crowd && m.oneIn(2) && slices.Contains(asked[typ], "patient") {
		q.Pairs = append(q.Pairs, search.Pair{Name: "patient", Value: "Patient/p1"}) // whose list is long
	}
	for range pick(m, []int{0, 1, 1, 1, 1, 2, 2, 3}) {
		name, value := m.asks(typ, about, 2)
		q.Pairs = append(q.Pairs, search.Pair{Name: name, Value: value})
	}
	if m.oneIn(2) {
		q.Pairs = append(q.Pairs, search.Pair{Name: "_sort", Value: m.sort(typ)})
	}
	for range 2 {
		if m.oneIn(3) {
			q.Pairs = append(q.Pairs, m.include(typ, about))
		}
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
	if m.oneIn(8) {
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
	codes := append(slices.Clone(asked[typ]), everyType...)
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

// hint is a search value that finds v, or nearly; "" if there is none to be made of it.
func (m maker) hint(p *r4.SearchParameter, modifier string, v index.Value) string {
	switch {
	case modifier == "text" || modifier == "exact":
		return escape(v.Text)
	case modifier == "identifier":
		if v.Identifier == nil {
			return ""
		}
		return m.hint(&r4.SearchParameter{Type: r4.Token}, "", *v.Identifier)
	case modifier != "" && p.Type == r4.Reference:
		if v.Ref.Type != modifier || !v.Ref.Local() {
			return ""
		}
		return v.Ref.ID
	}
	switch p.Type {
	case r4.Date: // what holds an end of v or its middle, or ends where v begins, or begins where it ends
		at := pick(m, []int64{v.Time.Low, v.Time.Low - 1, v.Time.High, v.Time.High - 1, v.Time.Low/2 + v.Time.High/2})
		if year := time.UnixMicro(at).UTC().Year(); year < 1 || year > 9999 {
			return ""
		}
		return pick(m, prefixes) + time.UnixMicro(at).UTC().Format(m.one("2006", "2006-01", "2006-01-02", "2006-01-02T15:04Z", "2006-01-02T15:04:05Z"))
	case r4.Number, r4.Quantity:
		if v.LowOpen {
			return ""
		}
		text := v.Low.String()
		if m.oneIn(3) && strings.Contains(text, ".") {
			text = strings.TrimSuffix(text[:len(text)-1], ".") // with less precision
		}
		unit := ""
		if p.Type == r4.Quantity {
			unit = m.one("", "", "|"+escape(v.System)+"|"+escape(v.Code), "||"+escape(m.one(v.Code, v.Text)))
		}
		return pick(m, prefixes) + text + strings.TrimSuffix(unit, "||")
	case r4.String:
		r := []rune(v.Text)
		if len(r) == 0 {
			return ""
		}
		text := string(r[:1+m.IntN(len(r))])
		return escape(m.one(text, strings.ToUpper(text), v.Text))
	case r4.Token:
		if v.Code == "" || p.Code == "_id" {
			return v.Code
		}
		code, system := escape(v.Code), escape(v.System)
		return m.one(code, system+"|"+code, system+"|"+code, "|"+code)
	case r4.Reference:
		if v.Ref.ID == "" && v.Ref.URL == "" {
			return "" // an identifier alone, or what is contained
		}
		return escape(v.Ref.String())
	case r4.URI:
		return escape(v.Text)
	case r4.Composite:
		var parts []string
		for i, c := range p.Components {
			if len(v.Parts[i]) == 0 {
				return ""
			}
			part := m.hint(&r4.SearchParameter{Type: c.Type}, "", pick(m, v.Parts[i]))
			if part == "" {
				return ""
			}
			parts = append(parts, part)
		}
		return strings.Join(parts, "$")
	}
	return ""
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

func (m maker) modifier(p *r4.SearchParameter) string {
	if m.IntN(5) < 3 || p.Code == "_id" {
		return ""
	}
	switch p.Type {
	case r4.String:
		return m.one("exact", "contains")
	case r4.Token:
		return m.one("not", "not", "text")
	case r4.Reference:
		if m.oneIn(3) {
			return "identifier"
		}
		return pick(m, targets(p))
	case r4.URI:
		return m.one("below", "above")
	}
	return ""
}

var prefixes = []string{"", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"}

// searchValue draws a value that p may be asked for.
func (m maker) searchValue(p *r4.SearchParameter, modifier string) string {
	if modifier == "text" {
		return escape(m.one("sev", "Pain", "gross", "fev", "mild"))
	}
	if modifier == "identifier" {
		return pick(m, reserved["identifier"])
	}
	if pool := reserved[p.Code]; pool != nil && p.Type != r4.Reference {
		if p.Type == r4.Token {
			return pick(m, pool)
		}
		return escape(pick(m, pool))
	}
	switch p.Type {
	case r4.Date:
		return pick(m, prefixes) + m.one(pick(m, dates), pick(m, times), "2024-03-01T10:00Z", "2024-03-01T10:00")
	case r4.Number:
		return pick(m, prefixes) + pick(m, numbers)
	case r4.Quantity:
		v := pick(m, prefixes) + pick(m, numbers)
		return v + m.one("", "", "||mg", "||/min", "|"+ucum+"|mg", "|urn:a|mg")
	case r4.String:
		return escape(m.text())
	case r4.Token:
		if p.Code == "_id" {
			return pick(m, instances[pick(m, worldTypes)])
		}
		return m.token()
	case r4.Reference:
		return m.reference(p, modifier)
	case r4.URI:
		if p.Code == "_profile" {
			return escape(pick(m, profiles))
		}
		return pick(m, plainURIs)
	case r4.Composite:
		var parts []string
		for _, c := range p.Components {
			parts = append(parts, m.searchValue(&r4.SearchParameter{Code: "part of " + p.Code, Type: c.Type, Targets: []string{"Patient"}}, ""))
		}
		return strings.Join(parts, "$")
	}
	return "x"
}

func (m maker) text() string {
	s := m.one(pick(m, families), pick(m, givens), pick(m, words))
	r := []rune(s)
	switch m.IntN(3) {
	case 0:
		return string(r[:1+m.IntN(len(r))])
	case 1:
		return strings.ToUpper(string(r[m.IntN(len(r)):]))
	}
	return s
}

func (m maker) token() string {
	system, code := pick(m, systems), escape(pick(m, codes))
	switch m.IntN(4) {
	case 0:
		return code
	case 1:
		return "urn:a|"
	}
	return system + "|" + code
}

// reference is the value of a reference parameter: in any spelling, of a type that it may refer to.
func (m maker) reference(p *r4.SearchParameter, modifier string) string {
	typ := modifier
	if typ == "" {
		typ = pick(m, targets(p))
	}
	id := pick(m, instances[typ])
	if typ == "Patient" && m.oneIn(2) {
		id = m.whose
	}
	if modifier != "" || m.oneIn(5) {
		return id
	}
	switch m.IntN(8) {
	case 0:
		return Base + "/" + typ + "/" + id
	case 1:
		return other + "/" + typ + "/" + id
	case 2:
		return "urn:uuid:6b0bb1b6-1c5a-4c2f-9a0e-000000000001"
	case 3:
		return typ + "/" + id + "/_history/1"
	}
	return typ + "/" + id
}

// escape puts a backslash before what separates values (R4 search.html#escaping).
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `$`, `\$`, `|`, `\|`).Replace(s)
}

func (m maker) sort(typ string) string {
	var keys []string
	for range 1 + m.IntN(3) {
		code := pick(m, append(slices.Clone(asked[typ]), "_id", "_lastUpdated"))
		if param(typ, code).Type == r4.Composite {
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
		if m.oneIn(4) {
			value += ":" + pick(m, targets(p))
		}
		return search.Pair{Name: name, Value: value}
	}
	return search.Pair{Name: "_revinclude", Value: "Provenance:target"}
}

// access draws what a caller may see.
func (m maker) access() access {
	a := access{search: map[string]search.Expr{}, read: map[string]search.Expr{}}
	apart := m.oneIn(3)
	for _, typ := range sortedTypes() {
		x := m.reach(typ)
		a.search[typ], a.read[typ] = x, x
		if apart && m.oneIn(3) {
			a.read[typ] = m.reach(typ)
		}
	}
	return a
}

// reach draws the set of one type.
func (m maker) reach(typ string) search.Expr {
	in := search.In{Compartment: fhir.Reference{Type: "Patient", ID: m.whose}}
	switch m.IntN(12) {
	case 0:
		return search.None
	case 1, 2, 3, 4, 5:
		return search.All
	case 6, 7:
		return in
	case 8:
		return m.constraint(typ)
	case 9:
		return search.And{in, m.constraint(typ)}
	}
	other := search.Expr(search.In{Compartment: fhir.Reference{Type: "Patient", ID: m.one(instances["Patient"]...)}})
	if m.oneIn(3) {
		other = search.Only(in)
	}
	return search.Or{search.And{other, m.constraint(typ)}, m.constraint(typ), search.And{in, m.constraint(typ)}}
}

// constraint draws what a granular scope says.
func (m maker) constraint(typ string) search.Expr {
	name, value := m.asks(typ, m.live(typ), 0)
	if typ == "Patient" && m.oneIn(2) {
		name, value = "active", "true" // as are those that are contained
	}
	q, err := search.Parse(typ, []search.Pair{{Name: name, Value: value}}, parseOptions)
	if err != nil {
		panic(fmt.Sprintf("a constraint %s?%s=%s: %v", typ, name, value, err))
	}
	return q.Where
}
