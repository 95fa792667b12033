package model

import (
	"slices"
	"strings"
	"time"
)

// param is a search parameter: the elements that it looks at, and how.
type param struct {
	kind  string   // token, string, reference, date, number, quantity, composite, near
	only  string   // of a reference: the type that counts
	paths []string // of a composite: that of the element, and in it those of a code and of a quantity
}

// params are those that tests ask for, by type and code.
var params = map[string]map[string]param{
	"Patient": {"identifier": {"token", "", []string{"identifier"}}, "gender": {"token", "", []string{"gender"}}, "active": {"token", "", []string{"active"}},
		"family": {"string", "", []string{"name.family"}}, "name": {"string", "", []string{"name.family", "name.given"}}, "birthdate": {"date", "", []string{"birthDate"}},
		"general-practitioner": {"reference", "", []string{"generalPractitioner"}}, "link": {"reference", "", []string{"link.other"}}},
	"Observation": {"identifier": {"token", "", []string{"identifier"}}, "category": {"token", "", []string{"category"}}, "code": {"token", "", []string{"code"}},
		"status": {"token", "", []string{"status"}}, "subject": {"reference", "", []string{"subject"}}, "patient": {"reference", "Patient", []string{"subject"}},
		"encounter": {"reference", "", []string{"encounter"}}, "performer": {"reference", "", []string{"performer"}}, "focus": {"reference", "", []string{"focus"}},
		"has-member": {"reference", "", []string{"hasMember"}}, "date": {"date", "", []string{"effectiveDateTime"}}, "value-quantity": {"quantity", "", []string{"valueQuantity"}},
		"code-value-quantity": {"composite", "", []string{"", "code", "valueQuantity"}}, "component-code-value-quantity": {"composite", "", []string{"component", "code", "valueQuantity"}}},
	"RiskAssessment": {"identifier": {"token", "", []string{"identifier"}}, "probability": {"number", "", []string{"prediction.probabilityDecimal", "prediction.probabilityRange"}},
		"subject": {"reference", "", []string{"subject"}}, "patient": {"reference", "Patient", []string{"subject"}}, "performer": {"reference", "", []string{"performer"}}},
	"Encounter": {"identifier": {"token", "", []string{"identifier"}}, "class": {"token", "", []string{"class"}}, "status": {"token", "", []string{"status"}},
		"subject": {"reference", "", []string{"subject"}}, "patient": {"reference", "Patient", []string{"subject"}}, "part-of": {"reference", "", []string{"partOf"}},
		"participant": {"reference", "", []string{"participant.individual"}}, "location": {"reference", "", []string{"location.location"}}},
	"Condition": {"identifier": {"token", "", []string{"identifier"}}, "category": {"token", "", []string{"category"}}, "code": {"token", "", []string{"code"}},
		"subject": {"reference", "", []string{"subject"}}, "patient": {"reference", "Patient", []string{"subject"}}, "asserter": {"reference", "", []string{"asserter"}},
		"encounter": {"reference", "", []string{"encounter"}}},
	"Group":      {"identifier": {"token", "", []string{"identifier"}}, "member": {"reference", "", []string{"member.entity"}}},
	"Provenance": {"target": {"reference", "", []string{"target"}}, "patient": {"reference", "Patient", []string{"target"}}, "agent": {"reference", "", []string{"agent.who"}}},
	"DocumentReference": {"identifier": {"token", "", []string{"masterIdentifier", "identifier"}}, "category": {"token", "", []string{"category"}}, "status": {"token", "", []string{"status"}},
		"subject": {"reference", "", []string{"subject"}}, "patient": {"reference", "Patient", []string{"subject"}}, "author": {"reference", "", []string{"author"}}},
	"List": {"identifier": {"token", "", []string{"identifier"}}, "code": {"token", "", []string{"code"}}, "subject": {"reference", "", []string{"subject"}},
		"patient": {"reference", "Patient", []string{"subject"}}, "source": {"reference", "", []string{"source"}}, "item": {"reference", "", []string{"entry.item"}}},
	"CareTeam": {"identifier": {"token", "", []string{"identifier"}}, "status": {"token", "", []string{"status"}}, "patient": {"reference", "Patient", []string{"subject"}},
		"subject": {"reference", "", []string{"subject"}}, "participant": {"reference", "", []string{"participant.member"}}},
	"RelatedPerson": {"identifier": {"token", "", []string{"identifier"}}, "active": {"token", "", []string{"active"}}, "patient": {"reference", "", []string{"patient"}}},
	"Device":        {"identifier": {"token", "", []string{"identifier"}}, "patient": {"reference", "", []string{"patient"}}, "location": {"reference", "", []string{"location"}}},
	"Task": {"identifier": {"token", "", []string{"identifier"}}, "code": {"token", "", []string{"code"}}, "status": {"token", "", []string{"status"}},
		"patient": {"reference", "Patient", []string{"for"}}, "subject": {"reference", "", []string{"for"}}, "focus": {"reference", "", []string{"focus"}}},
	"Organization":    {"identifier": {"token", "", []string{"identifier"}}, "active": {"token", "", []string{"active"}}, "partof": {"reference", "", []string{"partOf"}}},
	"Practitioner":    {"identifier": {"token", "", []string{"identifier"}}, "active": {"token", "", []string{"active"}}, "family": {"string", "", []string{"name.family"}}},
	"Location":        {"identifier": {"token", "", []string{"identifier"}}, "near": {"near", "", []string{"position"}}, "partof": {"reference", "", []string{"partOf"}}},
	"ValueSet":        {"url": {"uri", "", []string{"url"}}, "status": {"token", "", []string{"status"}}},
	"CodeSystem":      {"url": {"uri", "", []string{"url"}}, "status": {"token", "", []string{"status"}}},
	"Binary":          {},
	"SearchParameter": {"url": {"uri", "", []string{"url"}}, "code": {"token", "", []string{"code"}}, "status": {"token", "", []string{"status"}}},
	"Schedule":        {"identifier": {"token", "", []string{"identifier"}}, "active": {"token", "", []string{"active"}}, "actor": {"reference", "", []string{"actor"}}},
	"DiagnosticReport": {"identifier": {"token", "", []string{"identifier"}}, "code": {"token", "", []string{"code"}}, "status": {"token", "", []string{"status"}},
		"subject": {"reference", "", []string{"subject"}}, "patient": {"reference", "Patient", []string{"subject"}}, "result": {"reference", "", []string{"result"}}},
	"AuditEvent": {"agent": {"reference", "", []string{"agent.who"}}, "entity": {"reference", "", []string{"entity.what"}},
		"patient": {"reference", "Patient", []string{"agent.who", "entity.what"}}, "source": {"reference", "", []string{"source.observer"}}, "date": {"date", "", []string{"recorded"}},
		"action": {"token", "", []string{"action"}}, "outcome": {"token", "", []string{"outcome"}}, "type": {"token", "", []string{"type"}}, "subtype": {"token", "", []string{"subtype"}},
		"altid": {"token", "", []string{"agent.altId"}}, "agent-role": {"token", "", []string{"agent.role"}}, "site": {"token", "", []string{"source.site"}},
		"entity-type": {"token", "", []string{"entity.type"}}, "entity-role": {"token", "", []string{"entity.role"}}, "policy": {"uri", "", []string{"agent.policy"}},
		"address": {"string", "", []string{"agent.network.address"}}, "agent-name": {"string", "", []string{"agent.name"}}, "entity-name": {"string", "", []string{"entity.name"}}},
	"Slot": {"identifier": {"token", "", []string{"identifier"}}, "status": {"token", "", []string{"status"}}, "schedule": {"reference", "", []string{"schedule"}}},
}

// common are the parameters of every type.
var common = map[string]param{
	"_id": {"id", "", []string{"id"}}, "_tag": {"token", "", []string{"meta.tag"}}, "_security": {"token", "", []string{"meta.security"}},
	"_profile": {"uri", "", []string{"meta.profile"}}, "_source": {"uri", "", []string{"meta.source"}}, "_lastUpdated": {"instant", "", nil},
}

// Types are the types that the model knows.
func Types() (types []string) {
	for typ := range params {
		types = append(types, typ)
	}
	slices.Sort(types)
	return types
}

// Codes are the parameters of a type that the model knows, and their kinds; of the codes in own those that the world defines.
func Codes(typ string, own ...string) map[string]string {
	out := map[string]string{}
	for code, p := range all(typ, own) {
		out[code] = p.kind
	}
	return out
}

func (m *Model) lookup(typ, code string) (param, bool) {
	p, ok := all(typ, m.own)[code]
	return p, ok
}

// satisfies says whether v has what all of the parameters ask for.
func (a *access) satisfies(v *Version, where string) bool {
	for _, pair := range Pairs(where) {
		code, modifier, _ := strings.Cut(pair[0], ":")
		p, ok := a.lookup(v.Type, code)
		if !ok || !a.has(v, p, modifier, pair[1]) {
			return false
		}
	}
	return true
}

// has says whether v has one of the values, which commas divide.
func (a *access) has(v *Version, p param, modifier, list string) bool {
	if modifier == "missing" {
		return (len(a.held(v, p)) == 0) == (list == "true")
	}
	found := false
	for value := range strings.SplitSeq(list, ",") {
		found = found || a.hasOne(v, p, modifier, value)
	}
	return found != (modifier == "not")
}

func (a *access) hasOne(v *Version, p param, modifier, value string) bool {
	some := func(is func(any) bool) bool { return slices.ContainsFunc(a.held(v, p), is) }
	switch p.kind {
	case "id":
		return v.ID == value
	case "token":
		switch modifier {
		case "text":
			return slices.ContainsFunc(labels(v, p.paths), func(s string) bool { return phrase(s, value+"*") })
		case "of-type":
			return slices.ContainsFunc(p.paths, func(path string) bool {
				return slices.ContainsFunc(v.at(path), func(x any) bool { return ofType(x, value) })
			})
		}
		return slices.ContainsFunc(codings(v, p.paths), func(c coding) bool { return c.is(value) })
	case "string":
		return some(func(x any) bool { return spelled(modifier, text(x), value) })
	case "uri":
		return some(func(x any) bool {
			return text(x) == value || modifier == "below" && under(text(x), value) || modifier == "above" && under(value, text(x))
		})
	case "reference":
		if modifier == "text" {
			return slices.ContainsFunc(a.holds(v, p), func(r reference) bool { return phrase(r.display, value+"*") })
		}
		typ, id, typed := strings.Cut(strings.TrimPrefix(value, a.Base+"/"), "/")
		if !typed {
			typ, id = modifier, value
		}
		return slices.ContainsFunc(a.holds(v, p), func(r reference) bool {
			return r.local() && r.id == id && (typ == "" || r.typ == typ)
		})
	case "instant":
		return !v.At.IsZero() && a.dated(v.At.UTC().Format(time.RFC3339), value)
	case "date":
		return some(func(x any) bool { return a.dated(text(x), value) })
	case "number":
		return some(func(x any) bool { return ranged(x, value) })
	case "quantity":
		return some(func(x any) bool { return measured(x, value) })
	case "composite":
		code, amount, _ := strings.Cut(value, "$")
		return some(func(x any) bool {
			in := &Version{JSON: map[string]any{"in": x}}
			return slices.ContainsFunc(codings(in, []string{"in." + p.paths[1]}), func(c coding) bool { return c.is(code) }) &&
				slices.ContainsFunc(in.at("in."+p.paths[2]), func(x any) bool { return measured(x, amount) })
		})
	case "near":
		return some(func(x any) bool { return near(x, value) })
	}
	return false
}

// held are the values that a parameter sees.
func (m *Model) held(v *Version, p param) (out []any) {
	switch p.kind {
	case "id":
		return []any{v.ID}
	case "instant":
		if v.At.IsZero() { // contained
			return nil
		}
		return []any{v.At}
	case "reference":
		for _, r := range m.holds(v, p) {
			out = append(out, r)
		}
		return out
	case "token":
		for _, c := range codings(v, p.paths) {
			out = append(out, c)
		}
		return out
	}
	if p.kind == "composite" { // elements that have both
		if p.paths[0] != "" {
			out = v.at(p.paths[0])
		} else {
			out = []any{any(v.JSON)}
		}
		return slices.DeleteFunc(out, func(x any) bool { return len(values(x, p.paths[1])) == 0 || len(values(x, p.paths[2])) == 0 })
	}
	for _, path := range p.paths {
		out = append(out, v.at(path)...)
	}
	return out
}

// holds are the references that a parameter sees.
func (m *Model) holds(v *Version, p param) []reference {
	return slices.DeleteFunc(m.references(v, p.paths...), func(r reference) bool { return p.only != "" && r.typ != p.only })
}

type coding struct{ system, code string }

// is says whether a coding is what code, system|code, |code or system| asks for.
func (c coding) is(value string) bool {
	system, code, both := strings.Cut(value, "|")
	if !both {
		return c.code == value
	}
	return c.system == system && (code == "" || c.code == code)
}

// codings are what tokens see: of a CodeableConcept, a Coding, an Identifier, a code or a boolean.
func codings(v *Version, paths []string) (out []coding) {
	for _, path := range paths {
		for _, x := range v.at(path) {
			switch x := x.(type) {
			case string:
				out = append(out, coding{"", x})
			case bool:
				out = append(out, coding{"", map[bool]string{true: "true", false: "false"}[x]})
			case map[string]any:
				for _, c := range append(values(x, "coding"), any(x)) {
					o := c.(map[string]any)
					if o["code"] != nil {
						out = append(out, coding{text(o["system"]), text(o["code"])})
					} else if o["value"] != nil {
						out = append(out, coding{text(o["system"]), text(o["value"])})
					}
				}
			}
		}
	}
	return out
}
