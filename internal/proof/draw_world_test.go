package proof

import (
	"encoding/json"
	"math/bits"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// drawing draws from small pools, so that things meet.
type drawing struct {
	*rapid.T
	pool  []string // the types of the world at hand, some of them more often
	liked []string // those of them that the token opens; nil: all
}

// upTo draws 0 to n, all of them as often; rapid's own numbers are small. It shrinks to 0.
func (d drawing) upTo(n int) int {
	return rapid.Custom(func(t *rapid.T) int {
		x := 0
		for range bits.Len(uint(n)) + 3 {
			x <<= 1
			if rapid.Bool().Draw(t, "bit") {
				x++
			}
		}
		return x % (n + 1)
	}).Draw(d.T, "number")
}

func pick[E any](d drawing, of []E) E { return of[d.upTo(len(of)-1)] }

func (d drawing) one(of ...string) string { return pick(d, of) }

// oneIn is true once in n; it shrinks to false.
func (d drawing) oneIn(n int) bool { return d.upTo(n-1) == n-1 }

// types are those of a world, some of them more often.
var types = strings.Fields(`Observation Observation Observation Observation Encounter Encounter Patient Patient Condition Group Provenance Provenance
	DocumentReference DocumentReference Binary Binary DiagnosticReport Schedule AuditEvent List CareTeam RelatedPerson Device Task Organization Practitioner Location ValueSet ValueSet CodeSystem Slot`)

func (d drawing) typ() string {
	switch d.upTo(11) {
	case 0, 1:
	case 11:
		return pick(d, types)
	default:
		if len(d.liked) > 0 {
			return pick(d, d.liked)
		}
	}
	if len(d.pool) > 0 {
		return pick(d, d.pool)
	}
	return pick(d, types)
}

// pooled draws the types of a world, those that the token asks for or that its policy looks at among them: few, so that
// what is referred to is there.
func (d drawing) pooled(t model.Token) []string {
	pool := []string{"Patient", "Observation", "Observation"}
	for _, s := range t.Scopes {
		if s.Type != "*" {
			pool = append(pool, s.Type)
		}
	}
	switch t.Policy {
	case "doctor":
		pool = append(pool, "Practitioner")
	case "care-team":
		pool = append(pool, "Practitioner", "CareTeam")
	case "related":
		pool = append(pool, "RelatedPerson")
	}
	switch d.upTo(5) {
	case 4:
		pool = append(pool, "ValueSet", "ValueSet", "ValueSet", "CodeSystem")
	case 5:
		pool = append(pool, "Binary", "Binary", "DocumentReference", "DocumentReference", "Provenance", "Provenance")
	}
	for range 2 {
		pool = append(pool, pick(d, types))
	}
	for _, e := range edges { // one more type that refers to one of these, or is referred to
		if slices.Contains(pool, e[0]) != slices.Contains(pool, e[2]) && d.oneIn(8) {
			return append(pool, e[0], e[2])
		}
	}
	return pool
}

// known are those of the types that are in the world, if some are.
func (d drawing) known(types []string) []string {
	in := slices.DeleteFunc(slices.Clone(types), func(typ string) bool { return !slices.Contains(d.pool, typ) })
	if len(in) == 0 || d.oneIn(8) {
		return types
	}
	return in
}

// id is that of an instance. The Patients are A, B and C; every other type has 1, 2, 3.
func (d drawing) id(typ string) string {
	if typ == "Patient" {
		return d.one("A", "A", "A", "B", "C")
	}
	return d.one("1", "1", "2", "3")
}

type object = map[string]any

func (d drawing) ref(types ...string) object {
	typ := pick(d, d.known(types))
	text := typ + "/" + d.id(typ)
	switch d.upTo(24) {
	case 20:
		text += "/_history/" + d.one("1", "2")
	case 21:
		text = "https://firewarden.test/fhir/" + text
	case 22:
		text = "http://other/fhir/" + text
	case 23:
		return object{"identifier": d.identifier(), "type": typ}
	case 24:
		return object{"reference": text, "identifier": d.identifier()}
	}
	return object{"reference": text}
}

func (d drawing) identifier() object {
	o := object{"value": d.one("1", "1", "2", "3")}
	if d.oneIn(3) {
		o["system"] = "http://s"
	}
	return o
}

func (d drawing) coding() object {
	o := object{"code": d.one("a", "a", "b", "c")}
	if d.oneIn(3) {
		o["system"] = "http://s"
	}
	return o
}

func (d drawing) concept() object {
	o := object{"coding": []any{d.coding()}}
	if d.oneIn(4) {
		o["coding"] = []any{d.coding(), d.coding()}
	}
	return o
}

func (d drawing) day() string {
	return d.one("2020", "2021") + "-0" + d.one("1", "2") + "-0" + d.one("1", "2")
}

// may adds a member three times in four.
func (d drawing) may(o object, name string, value func() any) {
	if !d.oneIn(4) {
		o[name] = value()
	}
}

func list(items ...any) []any { return items }

// resource draws the content of a resource.
func (d drawing) resource(typ, id string) json.RawMessage {
	o := object{"resourceType": typ, "id": id}
	if typ != "Binary" && typ != "Provenance" && typ != "ValueSet" && typ != "CodeSystem" {
		d.may(o, "identifier", func() any { return list(d.identifier()) })
	}
	switch typ {
	case "Patient":
		d.may(o, "active", func() any { return d.oneIn(2) })
		d.may(o, "name", func() any { return list(object{"family": d.one("Ab", "Abc", "Bc")}) })
		d.may(o, "birthDate", func() any { return d.day() })
		d.may(o, "generalPractitioner", func() any { return list(d.ref("Practitioner")) })
		if d.oneIn(5) {
			o["link"] = list(object{"other": d.ref("Patient"), "type": "seealso"})
		}
	case "Observation":
		o["status"], o["code"] = d.one("final", "amended"), d.concept()
		o["category"] = list(d.concept())
		o["subject"] = d.ref("Patient", "Patient", "Patient", "Group")
		d.may(o, "encounter", func() any { return d.ref("Encounter") })
		d.may(o, "effectiveDateTime", func() any { return d.day() })
		if d.oneIn(2) {
			o["performer"] = list(d.ref("Practitioner", "Patient", "Patient"))
		}
		if d.oneIn(3) {
			o["focus"] = list(d.ref("Patient", "Encounter", "Observation"))
		}
		if d.oneIn(3) {
			o["hasMember"] = list(d.ref("Observation"))
		}
		if d.oneIn(8) {
			o["contained"] = list(object{"resourceType": "Patient", "id": "p", "name": list(object{"family": "Ab"}), "identifier": list(d.identifier())})
			o["subject"] = object{"reference": "#p"}
		}
	case "Encounter":
		o["status"], o["class"] = "finished", d.coding()
		d.may(o, "subject", func() any { return d.ref("Patient") })
		if d.oneIn(3) {
			o["partOf"] = d.ref("Encounter")
		}
		if d.oneIn(3) {
			o["participant"] = list(object{"individual": d.ref("Practitioner")})
		}
		if d.oneIn(3) {
			o["location"] = list(object{"location": d.ref("Location")})
		}
	case "Condition":
		o["subject"] = d.ref("Patient")
		d.may(o, "code", func() any { return d.concept() })
		d.may(o, "category", func() any { return list(d.concept()) })
		d.may(o, "encounter", func() any { return d.ref("Encounter") })
		if d.oneIn(3) {
			o["asserter"] = d.ref("Patient", "Patient", "Practitioner")
		}
	case "Group":
		o["type"], o["actual"] = "person", true
		o["member"] = list(object{"entity": d.ref("Patient")})
		if d.oneIn(3) {
			o["member"] = list(object{"entity": d.ref("Patient")}, object{"entity": d.ref("Patient")})
		}
	case "Provenance":
		o["recorded"] = "2026-01-01T00:00:00Z"
		o["target"] = list(d.ref("Patient", "Observation", "Observation", "Encounter", "Binary", "Organization", "Provenance"))
		if d.oneIn(4) {
			o["target"] = append(o["target"].([]any), d.ref("Observation", "Patient"))
		}
		o["agent"] = list(object{"who": d.ref("Practitioner", "Practitioner", "Patient")})
	case "DocumentReference":
		o["status"] = "current"
		d.may(o, "subject", func() any { return d.ref("Patient") })
		d.may(o, "category", func() any { return list(d.concept()) })
		if d.oneIn(4) {
			o["author"] = list(d.ref("Practitioner", "Patient"))
		}
		o["content"] = list(object{"attachment": object{"url": d.one("", "", "https://firewarden.test/fhir/", "http://other/") + "Binary/" + d.id("Binary")}})
	case "Binary":
		o["contentType"], o["data"] = "text/plain", d.one("AAAA", "BBBB")
		if d.oneIn(3) {
			o["securityContext"] = d.ref("Patient", "Observation", "DocumentReference", "Organization", "Provenance", "Binary")
		}
	case "List":
		o["status"], o["mode"] = "current", "working"
		d.may(o, "code", func() any { return d.concept() })
		d.may(o, "subject", func() any { return d.ref("Patient") })
		o["entry"] = list(object{"item": d.ref("Observation", "Encounter", "Patient")}, object{"item": d.ref("Observation")})
	case "CareTeam":
		o["status"] = d.one("active", "inactive")
		d.may(o, "subject", func() any { return d.ref("Patient") })
		d.may(o, "participant", func() any { return list(object{"member": d.ref("Practitioner")}) })
	case "RelatedPerson":
		o["patient"] = d.ref("Patient")
		d.may(o, "active", func() any { return !d.oneIn(3) })
	case "Device":
		d.may(o, "patient", func() any { return d.ref("Patient") })
		d.may(o, "location", func() any { return d.ref("Location") })
	case "Task":
		o["status"], o["intent"] = d.one("requested", "completed"), "order"
		d.may(o, "code", func() any { return d.concept() })
		d.may(o, "for", func() any { return d.ref("Patient", "Patient", "Group") })
		d.may(o, "focus", func() any { return d.ref("Observation", "Patient") })
	case "Organization":
		o["name"] = d.one("Ab", "Bc")
		d.may(o, "active", func() any { return d.oneIn(2) })
		d.may(o, "partOf", func() any { return d.ref("Organization") })
	case "Practitioner":
		d.may(o, "active", func() any { return d.oneIn(2) })
		d.may(o, "name", func() any { return list(object{"family": d.one("Ab", "Bc")}) })
	case "Location":
		d.may(o, "partOf", func() any { return d.ref("Location") })
	case "ValueSet":
		o["status"], o["url"] = d.one("active", "draft"), "http://v/"+d.one("1", "2")
		include := object{"system": "http://s", "concept": list(object{"code": d.one("a", "a", "b", "c")})}
		switch d.upTo(5) {
		case 4:
			include = object{"system": "http://s"}
		case 5:
			include = object{"valueSet": list("http://v/" + d.one("1", "2"))}
		}
		o["compose"] = object{"include": list(include)}
	case "CodeSystem":
		o["status"], o["url"], o["content"] = d.one("active", "draft"), "http://s", "complete"
		o["concept"] = list(object{"code": "a", "concept": list(object{"code": d.one("b", "c")})})
		if d.oneIn(2) {
			o["concept"] = list(object{"code": "c", "concept": list(object{"code": "a", "concept": list(object{"code": "b"})})})
		}
	case "Schedule":
		o["actor"] = list(d.ref("Patient", "Practitioner"))
		if d.oneIn(3) {
			o["actor"] = list(d.ref("Patient"), d.ref("Patient", "Practitioner", "Location"))
		}
	case "DiagnosticReport":
		o["status"], o["code"] = "final", d.concept()
		d.may(o, "subject", func() any { return d.ref("Patient") })
		d.may(o, "result", func() any { return list(d.ref("Observation")) })
		d.may(o, "presentedForm", func() any { return list(object{"url": "Binary/" + d.id("Binary")}) })
	case "AuditEvent":
		delete(o, "identifier")
		o["type"], o["recorded"] = object{"code": "rest"}, "2026-01-01T00:00:00Z"
		o["agent"] = list(object{"requestor": true, "who": d.ref("Patient", "Practitioner")})
		o["source"] = object{"observer": d.ref("Device", "Patient", "Organization")}
		d.may(o, "entity", func() any { return list(object{"what": d.ref("Patient", "Observation")}) })
	case "Slot":
		o["schedule"], o["status"] = object{"reference": "Schedule/1"}, d.one("free", "busy")
		o["start"], o["end"] = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"
	}
	if d.oneIn(2) {
		meta := object{}
		d.may(meta, "tag", func() any { return list(d.coding()) })
		d.may(meta, "security", func() any { return list(d.coding()) })
		d.may(meta, "profile", func() any { return list("http://p/" + d.one("1", "2")) })
		if len(meta) > 0 {
			o["meta"] = meta
		}
	}
	if typ != "Binary" && d.oneIn(3) {
		o["text"] = object{"status": "generated", "div": `<div xmlns="http://www.w3.org/1999/xhtml">` + d.one("alpha", "beta", "alpha gamma") + `</div>`}
	}
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return b
}

// world draws the writes of a world.
func (d drawing) world() []Op {
	op := rapid.Custom(func(t *rapid.T) Op {
		d := drawing{T: t, pool: d.pool}
		typ := d.typ()
		o := Op{Type: typ, ID: d.id(typ), Skip: d.upTo(9) == 0}
		if !d.oneIn(10) {
			o.Body = d.resource(o.Type, o.ID)
		}
		return o
	})
	ops := rapid.SliceOfN(op, 40, 80).Draw(d.T, "world")
	return slices.DeleteFunc(ops, func(o Op) bool { return o.Skip }) // as what fails shrinks
}

// constraints are what granular scopes ask, by type; those of every type are under *.
var constraints = map[string][]string{
	"*":                 {"_tag=a", "_security=b", "_id=1,A", "_id:not=2", "_tag:not=a", "_profile=http://p/1", "_security=http://s|a"},
	"Observation":       {"category=a", "category=b", "category=http://s|a", "category=a,b", "status=final", "category:not=c", "code=a&category=a", "subject=Patient/A", "encounter:missing=true", "date=ge2021"},
	"Encounter":         {"class=a", "class=b,c", "part-of:missing=true"},
	"Condition":         {"category=a", "category:missing=true"},
	"Patient":           {"active=true", "family=Ab", "gender:missing=true"},
	"DocumentReference": {"category=a", "category:missing=false"},
	"Organization":      {"active=true"},
	"ValueSet":          {"status=active"},
	"CodeSystem":        {"status=active"},
	"Task":              {"status=completed"},
	"List":              {"code=a"},
}

// letters in the order of SMART, by bits.
func letters(bits int) string {
	var out []byte
	for i := range 5 {
		if bits>>i&1 == 1 {
			out = append(out, "cruds"[i])
		}
	}
	return string(out)
}

// token draws scopes and their context.
func (d drawing) token() model.Token {
	t := model.Token{Patient: d.one("A", "A", "A", "A", "A", "A", "A", "B", "B", "")}
	switch d.upTo(9) {
	case 3:
		t.Policy = "all"
	case 4:
		t.Policy = "readonly"
	case 5:
		t.Policy, t.User = "self", "Patient/"+d.id("Patient")
	case 6:
		t.Policy, t.User = "care-team", "Practitioner/"+d.id("Practitioner")
	case 7, 8:
		t.Policy, t.User = "doctor", "Practitioner/"+d.id("Practitioner")
	case 9:
		t.Policy, t.User = "related", "RelatedPerson/"+d.id("RelatedPerson")
	}
	levels := strings.Fields("patient patient patient patient system system user")
	if t.Policy != "" {
		levels = strings.Fields("user user user user patient system")
	}
	scope := rapid.Custom(func(r *rapid.T) model.Scope {
		d := drawing{T: r}
		s := model.Scope{Level: d.one(levels...), Type: "*"}
		if d.oneIn(2) {
			s.Type = pick(d, types)
		}
		switch d.upTo(9) {
		case 0, 1:
			s.Letters = "rs"
		case 2, 4, 5, 6, 7:
			s.Letters = "cruds"
		case 3:
			s.Letters = d.one("read", "write", "*")
			return s
		default:
			s.Letters = letters(1 + d.upTo(30))
		}
		if d.oneIn(3) || s.Level == "system" && !d.oneIn(8) {
			s.Where = d.one(append(slices.Clone(constraints["*"]), constraints[s.Type]...)...)
		}
		return s
	})
	t.Scopes = rapid.SliceOfN(scope, 1, 4).Draw(d.T, "scopes")
	for i := range d.upTo(2) { // other letters of what is granted already, where something else is asked
		s := t.Scopes[min(i, len(t.Scopes)-1)]
		s.Letters, s.Where = letters(1+d.upTo(30)), ""
		if d.oneIn(2) {
			s.Where = d.one(append(slices.Clone(constraints["*"]), constraints[s.Type]...)...)
		}
		t.Scopes = append(t.Scopes, s)
	}
	return t
}
