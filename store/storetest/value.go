package storetest

import (
	"slices"
	"strings"
	"time"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

var prefixes = []string{"", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"}

// reserved are the values of parameters that hold words of their own.
var reserved = map[string][]string{
	"status": {"final", "amended", "planned", "finished", "active", "stopped"}, "intent": {"order", "plan"},
	"gender": {"male", "female"}, "active": {"true", "false"}, "deceased": {"true", "false"}, "actual": {"true"},
	"exclude": {"true", "false"}, "type": {"person", "x", "urn:a|x", "y"}, "telecom": {"555-1", "phone|555-1", "a@b.test"},
	"phone": {"555-1"}, "identifier": {"v1", "V1", "urn:a|v1", "|v2", "urn:a|", "urn:b|v2"},
	"address-city": {"Köl", "koln", "Col"}, "address": {"allee", "DE", "Kol"},
}

// hint is a search value that finds v, or nearly; "" if there is none to be made of it.
func (m maker) hint(p *r4.SearchParameter, modifier string, v index.Value) string {
	switch {
	case index.IsText(p):
		return escape(m.expression(v.Text))
	case modifier == "text":
		return escape(m.phrase(v.Text, false))
	case modifier == "of-type":
		if len(v.Types) == 0 || v.Code == "" {
			return ""
		}
		t := pick(m, v.Types)
		return escape(t.System) + "|" + escape(t.Code) + "|" + escape(v.Code)
	case p.Type == r4.Token && slices.Contains([]string{"in", "not-in", "above", "below"}, modifier):
		return m.lookup(modifier, v)
	case p.Type == r4.Reference && index.Canonical(p):
		return escape(v.Ref.URL)
	case p.Type == r4.Reference && (modifier == "above" || modifier == "below"):
		modifier = search.PartOf(m.of(p)).Base
		if v.Ref.Type != modifier || !v.Ref.Local() {
			return ""
		}
		return v.Ref.String()
	case modifier == "exact":
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
		if u := v.Unit(); u != nil && u.Canonical() == masses[0] && m.oneIn(2) {
			i := m.IntN(len(masses))
			return pick(m, prefixes) + v.In(u).Low.Shift(3*i).String() + "|" + ucum + "|" + masses[i]
		}
		if p.Type == r4.Quantity {
			unit = m.one("", "", "|"+escape(v.System)+"|"+escape(v.Code), "||"+escape(m.one(v.Code, v.Text)))
			if v.Code == "nonsense" { // as a unit of UCUM it is refused
				unit = "||nonsense"
			}
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

func (m maker) modifier(p *r4.SearchParameter) string {
	if m.IntN(5) < 3 || p.Code == "_id" {
		return ""
	}
	switch p.Type {
	case r4.String:
		if index.IsText(p) {
			return ""
		}
		return m.one("exact", "contains", "text")
	case r4.Token:
		if p.Code == "identifier" && m.oneIn(2) {
			return "of-type"
		}
		if isCoded(p) && m.oneIn(2) {
			return m.one("in", "in", "not-in", "above", "below")
		}
		return m.one("not", "not", "text")
	case r4.Reference:
		if index.Canonical(p) {
			return m.one("below", "")
		}
		if m.oneIn(3) {
			return m.one("identifier", "text")
		}
		if m.of(p) != "" && m.oneIn(2) {
			return m.one("above", "below")
		}
		return pick(m, targets(p))
	case r4.URI:
		return m.one("below", "above")
	}
	return ""
}

// of is a type of a world with a hierarchy that a parameter may refer to; "" if there is none.
func (m maker) of(p *r4.SearchParameter) string {
	for _, typ := range targets(p) {
		if len(p.Targets) > 0 && search.PartOf(typ) != nil {
			return typ
		}
	}
	return ""
}

// searchValue draws a value that p may be asked for.
func (m maker) searchValue(p *r4.SearchParameter, modifier string) string {
	if modifier == "text" {
		return escape(m.one("sev", "Pain", "gross", "fev", "mild"))
	}
	if p.Type == r4.Token && slices.Contains([]string{"in", "not-in", "above", "below"}, modifier) {
		return m.lookup(modifier, index.Value{})
	}
	if p.Type == r4.Reference && index.Canonical(p) {
		return escape(pick(m, profiles))
	}
	if p.Type == r4.Reference && (modifier == "above" || modifier == "below") {
		return m.of(p) + "/" + pick(m, instances[m.of(p)])
	}
	if modifier == "of-type" {
		return "urn:a|MR|" + m.one("v1", "v2", "V1")
	}
	if index.IsText(p) {
		return escape(m.expression(""))
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
		return v + m.one("", "", "||mg", "||/min", "|"+ucum+"|mg", "|urn:a|mg", "|"+ucum+"|"+pick(m, codesOfUnits))
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
	case r4.Special:
		return m.nearby()
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
