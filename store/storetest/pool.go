package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

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
	givens = []string{"Ann", "Anna", "José", "Jose", "Élodie", "Bo", "ann-marie", "Ann Lee", "Ann  Lee", "A"}
	words  = []string{"severe pain", "Pain, mild", "Größe", "fever", long + " pain"}
	units  = []string{"", "mg", "g", "/min"}
	masses = []string{"kg", "g", "mg", "ug"} // each a thousandth of the one before

	codesOfUnits = []string{"mg", "g", "ug", "[lb_av]", "Cel", "[degF]", "[pH]"}

	profiles  = []string{"http://p.test/a", "http://p.test/a|1", "http://p.test/a|1.2", "http://p.test/a|1-x", "http://p.test/a|10", "http://p.test/a/b", "urn:p", "http://p.test/" + long}
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
	if m.oneIn(3) {
		o["type"] = object{"coding": []any{object{"system": m.one("urn:a", "urn:a", "urn|a"), "code": m.one("MR", "MR", "M|R")}}, "text": m.word()}
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
			o["system"], o["code"] = m.one(ucum, ucum, "urn:a"), m.one(u, u, pick(m, codesOfUnits), "nonsense")
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
		if m.oneIn(8) {
			o["display"] = pick(m, givens) + " " + pick(m, families)
		}
		if m.oneIn(30) {
			return object{"display": "somebody"}
		}
		return o
	}
}
