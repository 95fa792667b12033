package model

import (
	"slices"
	"strings"
	"time"
)

// param is a search parameter: the elements that it looks at, and how.
type param struct {
	kind  string // token, string, reference, date
	only  string // of a reference: the type that counts
	paths []string
}

// params are those that tests ask for, by type and code.
var params = map[string]map[string]param{
	"Patient": {"identifier": {"token", "", []string{"identifier"}}, "gender": {"token", "", []string{"gender"}}, "active": {"token", "", []string{"active"}},
		"family": {"string", "", []string{"name.family"}}, "birthdate": {"date", "", []string{"birthDate"}},
		"general-practitioner": {"reference", "", []string{"generalPractitioner"}}, "link": {"reference", "", []string{"link.other"}}},
	"Observation": {"identifier": {"token", "", []string{"identifier"}}, "category": {"token", "", []string{"category"}}, "code": {"token", "", []string{"code"}},
		"status": {"token", "", []string{"status"}}, "subject": {"reference", "", []string{"subject"}}, "patient": {"reference", "Patient", []string{"subject"}},
		"encounter": {"reference", "", []string{"encounter"}}, "performer": {"reference", "", []string{"performer"}}, "focus": {"reference", "", []string{"focus"}},
		"has-member": {"reference", "", []string{"hasMember"}}, "date": {"date", "", []string{"effectiveDateTime"}}},
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
	"Organization": {"identifier": {"token", "", []string{"identifier"}}, "active": {"token", "", []string{"active"}}, "partof": {"reference", "", []string{"partOf"}}},
	"Practitioner": {"identifier": {"token", "", []string{"identifier"}}, "active": {"token", "", []string{"active"}}, "family": {"string", "", []string{"name.family"}}},
	"Location":     {"identifier": {"token", "", []string{"identifier"}}, "partof": {"reference", "", []string{"partOf"}}},
	"ValueSet":     {"url": {"uri", "", []string{"url"}}, "status": {"token", "", []string{"status"}}},
	"CodeSystem":   {"url": {"uri", "", []string{"url"}}, "status": {"token", "", []string{"status"}}},
	"Binary":       {},
	"Schedule":     {"identifier": {"token", "", []string{"identifier"}}, "active": {"token", "", []string{"active"}}, "actor": {"reference", "", []string{"actor"}}},
	"DiagnosticReport": {"identifier": {"token", "", []string{"identifier"}}, "code": {"token", "", []string{"code"}}, "status": {"token", "", []string{"status"}},
		"subject": {"reference", "", []string{"subject"}}, "patient": {"reference", "Patient", []string{"subject"}}, "result": {"reference", "", []string{"result"}}},
	"AuditEvent": {"agent": {"reference", "", []string{"agent.who"}}, "entity": {"reference", "", []string{"entity.what"}},
		"patient": {"reference", "Patient", []string{"agent.who", "entity.what"}}, "source": {"reference", "", []string{"source.observer"}}},
	"Slot": {"identifier": {"token", "", []string{"identifier"}}, "status": {"token", "", []string{"status"}}, "schedule": {"reference", "", []string{"schedule"}}},
}

// common are the parameters of every type.
var common = map[string]param{
	"_id": {"id", "", []string{"id"}}, "_tag": {"token", "", []string{"meta.tag"}}, "_security": {"token", "", []string{"meta.security"}},
	"_profile": {"uri", "", []string{"meta.profile"}}, "_lastUpdated": {"instant", "", nil},
}

// Types are the types that the model knows.
func Types() (types []string) {
	for typ := range params {
		types = append(types, typ)
	}
	slices.Sort(types)
	return types
}

// Codes are the parameters of a type that the model knows, and their kinds.
func Codes(typ string) map[string]string {
	out := map[string]string{}
	for _, list := range []map[string]param{common, params[typ]} {
		for code, p := range list {
			out[code] = p.kind
		}
	}
	return out
}

func lookup(typ, code string) (param, bool) {
	p, ok := common[code]
	if !ok {
		p, ok = params[typ][code]
	}
	return p, ok
}

// satisfies says whether v has what all of the parameters ask for.
func (m *Model) satisfies(v *Version, where string) bool {
	for _, pair := range Pairs(where) {
		code, modifier, _ := strings.Cut(pair[0], ":")
		p, ok := lookup(v.Type, code)
		if !ok || !m.has(v, p, modifier, pair[1]) {
			return false
		}
	}
	return true
}

// has says whether v has one of the values, which commas divide.
func (m *Model) has(v *Version, p param, modifier, list string) bool {
	if modifier == "missing" {
		return (len(m.held(v, p)) == 0) == (list == "true")
	}
	found := false
	for value := range strings.SplitSeq(list, ",") {
		switch p.kind {
		case "id":
			found = found || v.ID == value
		case "token":
			found = found || slices.ContainsFunc(codings(v, p.paths), func(c coding) bool { return c.is(value) })
		case "string":
			found = found || slices.ContainsFunc(m.held(v, p), func(x any) bool {
				return strings.HasPrefix(strings.ToLower(text(x)), strings.ToLower(value))
			})
		case "uri":
			found = found || slices.Contains(m.held(v, p), any(value))
		case "reference":
			typ, id, typed := strings.Cut(strings.TrimPrefix(value, m.Base+"/"), "/")
			if !typed {
				typ, id = modifier, value
			}
			found = found || slices.ContainsFunc(m.holds(v, p), func(r reference) bool {
				return r.local() && r.id == id && (typ == "" || r.typ == typ)
			})
		case "instant":
			found = found || !v.At.IsZero() && dated(v.At.UTC().Format(time.RFC3339), value)
		case "date":
			found = found || slices.ContainsFunc(m.held(v, p), func(x any) bool { return dated(text(x), value) })
		}
	}
	return found != (modifier == "not")
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

// span is the time that a date, a month or a year takes.
func span(s string) (from, to time.Time) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, t.Add(time.Second)
	}
	for _, f := range []struct {
		layout              string
		years, months, days int
	}{{"2006-01-02", 0, 0, 1}, {"2006-01", 0, 1, 0}, {"2006", 1, 0, 0}} {
		if t, err := time.Parse(f.layout, s); err == nil {
			return t, t.AddDate(f.years, f.months, f.days)
		}
	}
	return from, to
}

// dated compares a date with what is asked for (R4 search.html#prefix).
func dated(have, asked string) bool {
	prefix := "eq"
	if len(asked) > 2 && asked[0] >= 'a' {
		prefix, asked = asked[:2], asked[2:]
	}
	low, high := span(have)
	from, to := span(asked)
	inside := !low.Before(from) && !high.After(to)
	switch prefix {
	case "eq":
		return inside
	case "ne":
		return !inside
	case "gt":
		return high.After(to)
	case "lt":
		return low.Before(from)
	case "ge":
		return high.After(to) || inside
	case "le":
		return low.Before(from) || inside
	case "sa":
		return !low.Before(to)
	case "eb":
		return !high.After(from)
	}
	return false
}
