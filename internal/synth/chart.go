package synth

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// visit is an encounter.
type visit struct {
	at, end  time.Time
	class    string // AMB, EMER, IMP
	kind     code
	doctor   int      // index of practitioners
	panels   []string // keys of panels
	labs     []string // further results, each a report of its own
	problems []string // keys of problems that it is about
	ill      *illness
	event    *event
	whole    bool // the whole examination, with height
	id       string
}

func (v *visit) fever() float64 {
	if v.ill == nil {
		return 0
	}
	return v.ill.fever
}

func (v *visit) ref() string { return "Encounter/" + v.id }

// chart writes what is recorded of one person.
type chart struct {
	bundle
	person
	r       *rand.Rand
	n       int // number of the patient, from 1
	patient string
	visits  []*visit
}

// Chart is the transaction of everything about patient i, counted from 0.
func Chart(i int) []byte {
	c := &chart{person: personOf(i), r: rand.New(rand.NewPCG(20260630, uint64(i))), n: i + 1, patient: "Patient/" + PatientID(i)}
	c.writePatient()
	c.plan()
	for _, v := range c.visits {
		c.writeVisit(v)
	}
	c.writeHistory()
	c.writePlan()
	return c.end()
}

// id of a resource of this patient.
func (c *chart) id(kind, rest string) string { return fmt.Sprintf("%s-%03d-%s", kind, c.n, rest) }

func (c *chart) subject() object { return object{"reference", c.patient} }

func (c *chart) name() string { return c.given + " " + c.family }

// doctor who mostly sees the patient.
func (c *chart) doctor() int {
	if c.guardian != "" {
		return pediatrician
	}
	return familyDoctor
}

var (
	checkUp  = code{snomed, "185349003", "Encounter for check up"}
	wellBaby = code{snomed, "410620009", "Well child visit"}
	followUp = code{snomed, "390906007", "Follow-up encounter"}
	symptom  = code{snomed, "185345009", "Encounter for symptom"}
	urgent   = code{snomed, "50849002", "Emergency room admission"}
	hospital = code{snomed, "32485007", "Hospital admission"}
)

// plan fills visits with the check-ups, what the problems need, illnesses and events, in order of time.
func (c *chart) plan() {
	since := date(c.since)
	add := func(at time.Time, v visit) {
		for v.class == "AMB" && (at.Weekday() == time.Saturday || at.Weekday() == time.Sunday) {
			at = at.AddDate(0, 0, 1)
		}
		if v.class == "AMB" {
			at = at.Add(time.Duration(8*60+15*c.r.IntN(32)) * time.Minute)
		} else {
			at = at.Add(time.Duration(5*60+c.r.IntN(15*60)) * time.Minute)
		}
		v.at = at
		if v.end.IsZero() {
			v.end = at.Add(time.Duration(15+5*c.r.IntN(5)) * time.Minute)
		}
		if at.After(c.last()) {
			return
		}
		c.visits = append(c.visits, &v)
	}
	yearly := []string{"metabolic", "lipids", "blood"}
	if c.guardian != "" {
		yearly = nil
		for _, months := range []int{1, 2, 4, 6, 9, 12, 15, 18, 24, 30} {
			if at := c.birth().AddDate(0, months, 0); !at.Before(since) {
				add(at, visit{class: "AMB", kind: wellBaby, doctor: pediatrician, whole: true})
			}
		}
	}
	first := since
	if three := c.birth().AddDate(3, 0, 0); c.guardian != "" && first.Before(three) {
		first = three
	}
	for at := first; at.Before(c.last()); at = at.AddDate(1, 0, c.r.IntN(21)-10) {
		kind := checkUp
		if c.guardian != "" {
			kind = wellBaby
		}
		add(at, visit{class: "AMB", kind: kind, doctor: c.doctor(), panels: yearly, whole: true})
	}
	for who := range practitioners {
		c.series(who, add)
	}
	for at := since.AddDate(0, c.r.IntN(9), c.r.IntN(28)); at.Before(c.last()); at = at.AddDate(0, 9+c.r.IntN(16), c.r.IntN(28)) {
		ill := &illnesses[c.r.IntN(len(illnesses))]
		for ill.adults && c.age(at) < 18 || ill.drug == "amoxicillin" && slices.Contains(c.allergies, "penicillin") {
			ill = &illnesses[c.r.IntN(len(illnesses))]
		}
		add(at, visit{class: "AMB", kind: symptom, doctor: c.doctor(), ill: ill})
	}
	for i := range c.events {
		e := &c.events[i]
		v := visit{class: e.class, kind: urgent, doctor: emergencyDoctor, event: e, panels: []string{"metabolic", "blood"}}
		if e.class == "IMP" {
			v.kind, v.doctor = hospital, cardiologist
		}
		if c.guardian != "" {
			v.panels = nil
		}
		at := date(e.on)
		v.end = at.AddDate(0, 0, e.days).Add(16 * time.Hour)
		if e.days == 0 {
			v.end = at.Add(23 * time.Hour)
		}
		add(at, v)
	}
	slices.SortStableFunc(c.visits, func(a, b *visit) int { return a.at.Compare(b.at) })
	for i, v := range c.visits {
		v.id = c.id("encounter", fmt.Sprintf("%03d", i+1))
	}
}

// series plans the visits to one doctor on account of the problems that this doctor sees: one at each onset, and from
// then on as often as the most demanding of them needs.
func (c *chart) series(who int, add func(time.Time, visit)) {
	var mine []onset
	for _, o := range c.onset {
		if c.sees(problems[o.problem]) == who {
			mine = append(mine, o)
		}
	}
	if mine == nil {
		return
	}
	for at := date(mine[0].on); at.Before(c.last()); {
		v := visit{class: "AMB", kind: followUp, doctor: who}
		next := at.AddDate(1, 0, 0)
		for _, o := range mine {
			if begun := date(o.on); begun.After(at) {
				next = earlier(next, begun)
				continue
			}
			p := problems[o.problem]
			v.problems = append(v.problems, o.problem)
			v.labs = append(v.labs, p.labs...)
			next = earlier(next, at.AddDate(0, 0, p.every+c.r.IntN(15)-7))
		}
		add(at, v)
		at = next
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// sees is the doctor who sees the patient for a problem.
func (c *chart) sees(p problem) int {
	if p.who == familyDoctor {
		return c.doctor()
	}
	return p.who
}

func (c *chart) writePatient() {
	id := PatientID(c.n - 1)
	birthsex, marital := "M", object(nil)
	if c.female {
		birthsex = "F"
	}
	switch {
	case c.married:
		marital = term("v3-MaritalStatus", "M", "Married")
	case c.guardian == "":
		marital = term("v3-MaritalStatus", "S", "Never Married")
	}
	ethnicity := code{"urn:oid:2.16.840.1.113883.6.238", "2186-5", "Not Hispanic or Latino"}
	if c.hispanic {
		ethnicity = code{"urn:oid:2.16.840.1.113883.6.238", "2135-2", "Hispanic or Latino"}
	}
	group := func(name string, x code) object {
		return object{"url", usCore + name, "extension", list{
			object{"url", "ombCategory", "valueCoding", x.coding()}, object{"url", "text", "valueString", x.display}}}
	}
	var contact, died any
	number := fmt.Sprintf("617-555-%04d", 100+c.n)
	if c.guardian != "" {
		contact = list{object{"relationship", list{term("v2-0131", "N", "Next-of-Kin")},
			"name", object{"family", c.family, "given", list{c.guardian}}, "telecom", list{phone(number, "mobile")}, "gender", "female"}}
	}
	if c.died != "" {
		died = instant(date(c.died).Add(4*time.Hour + 20*time.Minute))
	}
	given := list{c.given}
	if c.middle != "" {
		given = append(given, c.middle)
	}
	d, o := practitioners[c.doctor()], organizations[0]
	c.put("Patient", id,
		"meta", profile("us-core-patient"),
		"extension", list{group("us-core-race", c.race), group("us-core-ethnicity", ethnicity), object{"url", usCore + "us-core-birthsex", "valueCode", birthsex}},
		"identifier", list{object{"use", "usual", "type", term("v2-0203", "MR", "Medical record number"), "system", own + "mrn", "value", fmt.Sprintf("EF-%06d", 104700+c.n*37)}},
		"active", c.died == "",
		"name", list{object{"use", "official", "family", c.family, "given", given}},
		"telecom", list{phone(number, "home"), object{"system", "email", "value", fmt.Sprintf("%s.%s@example.com", lower(c.given), lower(c.family))}},
		"gender", gender(c.female), "birthDate", c.born, "deceasedDateTime", died,
		"address", list{append(object{"use", "home"}, address(c.street, c.city, c.zip)...)},
		"maritalStatus", marital, "contact", contact,
		"communication", list{object{"language", object{"coding", list{object{"system", "urn:ietf:bcp:47", "code", "en", "display", "English"}}}, "preferred", true}},
		"generalPractitioner", list{reference(d.ref(), d.name())},
		"managingOrganization", reference(o.ref(), o.name))
	if c.guardian != "" {
		c.put("RelatedPerson", fmt.Sprintf("related-%03d", c.n),
			"active", true, "patient", reference(c.patient, c.name()),
			"relationship", list{term("v3-RoleCode", "MTH", "mother")},
			"name", list{object{"family", c.family, "given", list{c.guardian}}},
			"telecom", list{phone(number, "mobile")}, "gender", "female",
			"address", list{address(c.street, c.city, c.zip)})
	}
}

func lower(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] |= 0x20
	}
	return string(b)
}
