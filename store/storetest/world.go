package storetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// maker draws worlds and questions. Everything it draws comes from small pools, so that things meet.
type maker struct {
	*rand.Rand
	seen  *memorySnapshot // the world that is asked: most questions take their values from it; nil draws blindly
	whose string          // whom the access of a question is about
	crowd bool            // hundreds of resources: lists longer than what engines read at once
}

// An object is a JSON object of a resource.
type object = map[string]any

// op is one write of a world: a new version, or a deletion where Body is nil.
type op struct {
	Type, ID string
	Body     object
	Joined   bool // in one commit with the op before
}

func (o op) String() string {
	if o.Body == nil {
		return fmt.Sprintf("DELETE %s/%s", o.Type, o.ID)
	}
	return fmt.Sprintf("PUT %s/%s %s", o.Type, o.ID, mustJSON(o.Body))
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// instances are the ids that a world uses, by type; the last one of each type is never written.
var instances = map[string][]string{
	"Patient":           {"p1", "p2", "p3", "absent"},
	"Practitioner":      {"p1", "d2", "absent"}, // with an id of a Patient, so that types are not mixed up
	"Encounter":         {"e1", "e2", "p1", "absent"},
	"Observation":       {"o1", "o2", "o3", "o4", "o5", "o6", "absent"},
	"Condition":         {"c1", "c2", "c3", "absent"},
	"MedicationRequest": {"m1", "m2", "m3", "absent"},
	"Group":             {"p1", "g2", "absent"},
	"Provenance":        {"v1", "v2", "absent"},
	"RiskAssessment":    {"r1", "r2", "absent"},
}

// worldTypes are the types of a world, those that are drawn more often more than once.
var worldTypes = []string{"Patient", "Patient", "Practitioner", "Encounter", "Encounter", "Observation", "Observation",
	"Observation", "Observation", "Condition", "MedicationRequest", "Group", "Provenance", "RiskAssessment"}

// world draws the writes of a world.
func (m maker) world() []op {
	var ops []op
	live := map[string]bool{}
	joined := map[string]bool{}
	size := 4 + m.IntN(60)
	if m.crowd {
		size = 900
	}
	for range size {
		typ := pick(m, worldTypes)
		ids := instances[typ]
		o := op{Type: typ, ID: ids[m.IntN(len(ids)-1)]}
		if m.crowd && !m.oneIn(20) {
			typ = m.one("Observation", "Observation", "Observation", "Condition", "Patient")
			o = op{Type: typ, ID: fmt.Sprintf("%c%d", typ[0]+32, 10+m.IntN(400))}
		}
		at := o.Type + "/" + o.ID
		if !live[at] || !m.oneIn(8) {
			o.Body = m.resource(typ)
		}
		live[at] = o.Body != nil
		o.Joined = len(ops) > 0 && !joined[at] && m.oneIn(2)
		if !o.Joined {
			clear(joined)
		}
		joined[at] = true
		ops = append(ops, o)
	}
	return ops
}

func pick[T any](m maker, from []T) T { return from[m.IntN(len(from))] }

func (m maker) one(from ...string) string { return from[m.IntN(len(from))] }

// oneIn is true once in n.
func (m maker) oneIn(n int) bool { return m.IntN(n) == 0 }

// set puts a value drawn by f into o, usually.
func (m maker) set(o object, name string, f func() any) {
	if !m.oneIn(3) {
		o[name] = f()
	}
}

// some is a list of one to three values.
func (m maker) some(f func() any) []any {
	list := []any{f()}
	for len(list) < 3 && m.oneIn(3) {
		list = append(list, f())
	}
	return list
}

// The pools. The ends of each hold what engines are known to stumble over: texts longer than a key likes to be that
// differ in the last letter only, separators of search inside values, letters that fold in odd ways, the ends of time.
var (
	dates = []string{"2020", "2023", "2024", "2023-12", "2024-02", "2024-03", "2020-02-29", "2024-02-29", "2024-03-01", "2024-03-02",
		"2024-03-01", "2024", "0001", "9999", "1969-12-31", "9999-12-31"}
	times = []string{"2024-03-01T00:00:00Z", "2024-03-01T10:00:00Z", "2024-03-01T10:00:00.250Z", "2024-03-01T12:00:00+02:00",
		"2024-02-29T23:30:00-05:00", "2023-12-31T23:59:59Z", "2020-02-29T00:00:00.000Z", "9999-12-31T23:59:59Z"}
	numbers = []string{"5", "5.4", "5.40", "5.44", "5.45", "5.35", "5.5", "6", "10", "1e1", "-3", "0", "0.0", "72", "540", "0.5", "1",
		"-5.4", "1e-30", "123456789012345678901234567890.5", "123456789012345678901234567890.6", "-1e30"}
	systems  = []string{"", "urn:a", "urn:a", "urn:a", "urn:b", "urn:a", "", long}
	codes    = []string{"x", "y", "z", "X", "x", "y", "x y", "x|y", "x$y", "x,y", `x\y`, "xy", long + "1", long + "2"}
	families = []string{"Mejía", "Mejia", "MEJIAS", "Müller", "Muller", "O'Brien", "de la Cruz", "Ångström", "Smith, Jr", "Zoë",
		"Meji\u0301a", "Straße", "STRASSE", "İnan", "ﬁnn", "-", "a$b", long + "a", long + "b", "李"}
	givens    = []string{"Ann", "Anna", "José", "Jose", "Élodie", "Bo", "ann-marie", "Ann Lee", "Ann  Lee", "A"}
	words     = []string{"severe pain", "Pain, mild", "Größe", "fever", long + " pain"}
	units     = []string{"", "mg", "g", "/min"}
	profiles  = []string{"http://p.test/a", "http://p.test/a|1", "http://p.test/a/b", "urn:p", "http://p.test/" + long}
	plainURIs = []string{"http://src.test/1", "http://src.test/1/2", "http://src.test/10", "urn:src"}
)

const (
	ucum  = "http://unitsofmeasure.org"
	other = "https://other.test/fhir"
)

// long is a text of 200 bytes.
var long = "http://long.test/" + strings.Repeat("long-way-", 20) + "end"

func (m maker) date() any {
	if m.crowd {
		return fmt.Sprintf("20%02d-%02d-%02d", 20+m.IntN(6), 1+m.IntN(12), 1+m.IntN(28))
	}
	return pick(m, dates)
}

func (m maker) instant() any { return pick(m, times) }
func (m maker) number() any  { return json.Number(pick(m, numbers)) }
func (m maker) word() any    { return pick(m, words) }
func (m maker) dateTime() any {
	if m.oneIn(2) {
		return pick(m, times)
	}
	return m.date()
}

func (m maker) period() any {
	o := object{}
	switch m.IntN(5) {
	case 0:
		o["start"] = m.dateTime()
	case 1:
		o["end"] = m.dateTime()
	case 2: // of any width: a day, a year
		from := time.Date(2019+m.IntN(6), time.Month(1+m.IntN(12)), 1+m.IntN(28), 0, 0, 0, 0, time.UTC)
		to := from.AddDate(0, 0, pick(m, []int{0, 1, 2, 30, 365, 398, 399, 400, 401, 500, 700, 1000}))
		o["start"], o["end"] = from.Format(time.DateOnly), to.Format(m.one(time.DateOnly, time.RFC3339))
	default:
		o["start"], o["end"] = m.one("2019", "2020-01-01", "2023-05", "2024-03-01T09:00:00Z"), m.one("2024-03-01T10:30:00Z", "2024-03", "2025")
	}
	return o
}

func (m maker) coding() any {
	o := object{"code": pick(m, codes)}
	if s := pick(m, systems); s != "" {
		o["system"] = s
	}
	if m.oneIn(4) {
		o["display"] = m.word()
	}
	if m.oneIn(20) {
		delete(o, "code")
		o["display"] = m.word()
	}
	return o
}

func (m maker) concept() any {
	o := object{}
	if !m.oneIn(8) {
		o["coding"] = m.some(m.coding)
	}
	if len(o) == 0 || m.oneIn(4) {
		o["text"] = m.word()
	}
	return o
}

func (m maker) identifier() any {
	o := object{"value": m.one("v1", "v2", "V1", "v1", "v|1", "v,1", long+"1", long+"2")}
	if s := pick(m, systems); s != "" {
		o["system"] = s
	}
	if m.oneIn(10) {
		delete(o, "value")
		o["system"] = "urn:a"
	}
	return o
}

func (m maker) quantity() any {
	o := object{"value": m.number()}
	if u := pick(m, units); u != "" {
		o["unit"] = u
		if m.oneIn(2) {
			o["system"], o["code"] = m.one(ucum, ucum, "urn:a"), m.one(u, "mg")
		}
	}
	if m.oneIn(8) {
		o["comparator"] = m.one("<", "<=", ">", ">=")
	}
	if m.oneIn(20) {
		delete(o, "value")
		o["unit"] = "mg"
	}
	return o
}

func (m maker) simpleQuantity() any {
	o := m.quantity().(object)
	delete(o, "comparator")
	return o
}

// limits is a Range: open at either end, sometimes.
func (m maker) limits() any {
	o := object{}
	if !m.oneIn(4) {
		o["low"] = object{"value": json.Number(m.one("0", "0.5", "5", "5.4"))}
	}
	if len(o) == 0 || !m.oneIn(4) {
		o["high"] = object{"value": json.Number(m.one("5.4", "5.45", "6", "72"))}
	}
	return o
}

func (m maker) name() any {
	o := object{}
	m.set(o, "family", func() any { return pick(m, families) })
	m.set(o, "given", func() any { return m.some(func() any { return pick(m, givens) }) })
	if len(o) == 0 || m.oneIn(5) {
		o["text"] = pick(m, givens) + " " + pick(m, families)
	}
	return o
}

func (m maker) address() any {
	return object{"city": m.one("Köln", "Koln", "Cologne"), "country": m.one("DE", "PT"), "line": []any{m.one("Rua 1", "Allee 2")}}
}

func (m maker) contact() any {
	return object{"system": m.one("phone", "email"), "value": m.one("555-1", "a@b.test"), "use": m.one("home", "work")}
}

// ref is a function that draws a reference to one of the types in any spelling.
func (m maker) ref(types ...string) func() any {
	return func() any {
		typ := m.one(types...)
		ids := instances[typ]
		if !m.oneIn(8) {
			ids = ids[:len(ids)-1]
		}
		id := pick(m, ids)
		if m.crowd && typ == "Patient" && !m.oneIn(4) {
			id = "p1"
		}
		text := typ + "/" + id
		switch m.IntN(16) {
		case 0:
			text = Base + "/" + text
		case 1:
			text += "/_history/1"
		case 2:
			text = Base + "/" + text + "/_history/2"
		case 3:
			text = other + "/" + text
		case 4:
			text = "urn:uuid:6b0bb1b6-1c5a-4c2f-9a0e-000000000001"
		}
		o := object{"reference": text}
		if m.oneIn(8) {
			o["type"] = typ
		}
		if m.oneIn(8) {
			o["identifier"] = m.identifier()
			if m.oneIn(3) {
				delete(o, "reference")
			}
		}
		if m.oneIn(30) {
			return object{"display": "somebody"}
		}
		return o
	}
}

// resource draws the content of a resource.
func (m maker) resource(typ string) object {
	o := object{"resourceType": typ}
	switch typ {
	case "Patient":
		m.patient(o)
	case "Practitioner":
		m.set(o, "name", func() any { return m.some(m.name) })
		m.set(o, "identifier", func() any { return m.some(m.identifier) })
		m.set(o, "active", func() any { return m.oneIn(2) })
	case "Encounter":
		m.encounter(o)
	case "Observation":
		m.observation(o)
	case "Condition":
		m.condition(o)
	case "MedicationRequest":
		m.medication(o)
	case "Group":
		m.group(o)
	case "Provenance":
		m.provenance(o)
	case "RiskAssessment":
		m.risk(o)
	}
	if m.oneIn(3) {
		meta := object{}
		m.set(meta, "tag", func() any { return m.some(m.coding) })
		m.set(meta, "security", func() any { return m.some(m.coding) })
		m.set(meta, "profile", func() any { return m.some(func() any { return pick(m, profiles) }) })
		m.set(meta, "source", func() any { return pick(m, plainURIs) })
		if len(meta) > 0 {
			o["meta"] = meta
		}
	}
	return o
}

func (m maker) patient(o object) {
	m.set(o, "name", func() any { return m.some(m.name) })
	m.set(o, "identifier", func() any { return m.some(m.identifier) })
	m.set(o, "birthDate", m.date)
	m.set(o, "gender", func() any { return m.one("male", "female") })
	m.set(o, "active", func() any { return m.oneIn(2) })
	m.set(o, "generalPractitioner", func() any { return m.some(m.ref("Practitioner")) })
	if m.oneIn(2) {
		m.set(o, "address", func() any { return m.some(m.address) })
		m.set(o, "telecom", func() any { return m.some(m.contact) })
		m.set(o, "communication", func() any { return []any{object{"language": m.concept()}} })
	}
	switch m.IntN(6) {
	case 0:
		o["deceasedBoolean"] = m.oneIn(2)
	case 1:
		o["deceasedDateTime"] = m.dateTime()
	}
	if m.oneIn(6) {
		o["link"] = []any{object{"other": m.ref("Patient")(), "type": "seealso"}}
	}
}

func (m maker) encounter(o object) {
	o["status"] = m.one("planned", "finished")
	o["class"] = m.coding()
	m.set(o, "type", func() any { return m.some(m.concept) })
	m.set(o, "subject", m.ref("Patient"))
	m.set(o, "period", m.period)
	m.set(o, "length", m.simpleQuantity)
	m.set(o, "participant", func() any {
		return m.some(func() any { return object{"individual": m.ref("Practitioner")()} })
	})
	if m.oneIn(3) {
		o["location"] = m.some(func() any {
			return object{"location": object{"reference": "Location/l"}, "period": m.period()}
		})
	}
	if m.oneIn(3) {
		o["partOf"] = m.ref("Encounter")()
	}
}

func (m maker) observation(o object) {
	o["status"] = m.one("final", "amended")
	o["code"] = m.concept()
	m.set(o, "category", func() any { return m.some(m.concept) })
	m.set(o, "subject", m.ref("Patient", "Patient", "Patient", "Group"))
	m.set(o, "encounter", m.ref("Encounter"))
	m.set(o, "performer", func() any { return m.some(m.ref("Practitioner", "Patient")) })
	switch m.IntN(6) {
	case 0, 1:
		o["effectiveDateTime"] = m.dateTime()
	case 2, 3:
		o["effectivePeriod"] = m.period()
	case 4:
		o["effectiveInstant"] = m.instant()
	}
	m.value(o)
	if m.oneIn(3) {
		o["component"] = m.some(func() any {
			c := object{"code": m.concept()}
			m.value(c)
			return c
		})
	}
	if m.oneIn(4) {
		o["hasMember"] = m.some(m.ref("Observation"))
	}
	if m.oneIn(4) {
		o["focus"] = m.some(m.ref("Patient", "Patient", "Condition"))
	}
	if m.oneIn(5) {
		inner := object{"resourceType": "Patient", "id": "in", "name": []any{m.name()}, "active": true}
		o["contained"] = []any{inner}
		o["subject"] = object{"reference": "#in"}
	}
}

// value is value[x] of an Observation or its component.
func (m maker) value(o object) {
	switch m.IntN(8) {
	case 0, 1, 2:
		o["valueQuantity"] = m.quantity()
	case 3:
		o["valueCodeableConcept"] = m.concept()
	case 4:
		o["valueString"] = m.word()
	case 5:
		o["valueDateTime"] = m.dateTime()
	case 6:
		o["valuePeriod"] = m.period()
	}
}

func (m maker) condition(o object) {
	o["subject"] = m.ref("Patient")()
	m.set(o, "code", m.concept)
	m.set(o, "category", func() any { return m.some(m.concept) })
	m.set(o, "clinicalStatus", m.concept)
	m.set(o, "encounter", m.ref("Encounter"))
	m.set(o, "recordedDate", m.dateTime)
	m.set(o, "asserter", m.ref("Practitioner"))
	switch m.IntN(6) {
	case 0:
		o["onsetDateTime"] = m.dateTime()
	case 1:
		o["onsetPeriod"] = m.period()
	case 2:
		o["onsetAge"] = m.simpleQuantity()
	case 3:
		o["onsetString"] = m.word()
	case 4:
		o["onsetRange"] = m.limits()
	}
	switch m.IntN(4) {
	case 0:
		o["abatementDateTime"] = m.dateTime()
	case 1:
		o["abatementPeriod"] = m.period()
	case 2:
		o["abatementAge"] = m.simpleQuantity()
	}
}

func (m maker) medication(o object) {
	o["status"] = m.one("active", "stopped")
	o["intent"] = m.one("order", "plan")
	o["subject"] = m.ref("Patient", "Patient", "Group")()
	o["medicationCodeableConcept"] = m.concept()
	m.set(o, "encounter", m.ref("Encounter"))
	m.set(o, "authoredOn", m.dateTime)
	m.set(o, "requester", m.ref("Practitioner", "Patient"))
	m.set(o, "identifier", func() any { return m.some(m.identifier) })
	m.set(o, "dosageInstruction", func() any {
		return []any{object{"timing": object{"event": m.some(m.dateTime)}}}
	})
}

func (m maker) group(o object) {
	o["type"], o["actual"] = "person", true
	m.set(o, "code", m.concept)
	m.set(o, "identifier", func() any { return m.some(m.identifier) })
	m.set(o, "member", func() any {
		return m.some(func() any { return object{"entity": m.ref("Patient", "Patient", "Practitioner")()} })
	})
	m.set(o, "characteristic", func() any {
		return m.some(func() any {
			return object{"code": m.concept(), "valueCodeableConcept": m.concept(), "exclude": m.oneIn(2)}
		})
	})
}

func (m maker) provenance(o object) {
	o["target"] = m.some(m.ref("Patient", "Observation", "Encounter"))
	o["recorded"] = m.instant()
	o["agent"] = m.some(func() any { return object{"who": m.ref("Practitioner", "Patient")(), "type": m.concept()} })
	switch m.IntN(3) {
	case 0:
		o["occurredPeriod"] = m.period()
	case 1:
		o["occurredDateTime"] = m.dateTime()
	}
}

func (m maker) risk(o object) {
	o["status"] = m.one("final", "amended")
	o["subject"] = m.ref("Patient", "Group")()
	m.set(o, "occurrenceDateTime", m.dateTime)
	m.set(o, "condition", m.ref("Condition"))
	m.set(o, "prediction", func() any {
		return m.some(func() any {
			p := object{"qualitativeRisk": m.concept()}
			switch m.IntN(3) {
			case 0:
				p["probabilityDecimal"] = m.number()
			case 1:
				p["probabilityRange"] = m.limits()
			}
			return p
		})
	})
}
