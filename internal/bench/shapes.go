package bench

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Shape is one kind of search; Make gives one request of it, with other values each time. Target is the median in
// milliseconds that it is to have on 2,000 patients, on two cores with the client.
type Shape struct {
	ID     string
	Target float64
	Name   string
	Make   func(w *World, r *rand.Rand) Request
}

const (
	loinc      = "http://loinc.org%7C"
	categories = "http://terminology.hl7.org/CodeSystem/observation-category%7C"
)

func (w *World) observations(path string, holds func(*Observation) bool) Request {
	return w.observationsOf(path, 0, len(w.Observations), false, holds)
}

func (w *World) observationsOf(path string, lo, hi int, asc bool, holds func(*Observation) bool) Request {
	return Request{Path: path, Answer: facts("o", lo, hi, func(i int) int64 { return w.Observations[i].At }, asc,
		func(i int) bool { return i >= lo && i < hi && holds(&w.Observations[i]) })}
}

// chart is a search among the observations of one patient.
func (w *World) chart(r *rand.Rand, query string, holds func(*Observation) bool) Request {
	p := r.IntN(len(w.Patients))
	return w.observationsOf(fmt.Sprintf("/fhir/Observation?patient=%s%s", PatientID(p), query), w.Patients[p].Obs[0], w.Patients[p].Obs[1], false, holds)
}

func (w *World) patients(path string, holds func(i int, p *Patient) bool) Request {
	a := facts("p", 0, len(w.Patients), nil, false, func(i int) bool { return holds(i, &w.Patients[i]) })
	return Request{Path: path, Answer: a}
}

func all(*Observation) bool { return true }

func day(t time.Time) string { return t.Format("2006-01-02") }

// someday is a day of the last ten years and the second at which it begins.
func someday(r *rand.Rand) (string, int64) {
	t := epoch.AddDate(0, 0, -30-r.IntN(3000)).Truncate(24 * time.Hour)
	return day(t), t.Unix()
}

func common(r *rand.Rand) uint8 { return uint8(1 + r.IntN(6)) }

// Shapes are the searches of the bench, numbered as the project's list of shapes.
var Shapes = slices.Concat(lists, joins, others)

// lists are the shapes that one list, or several, answer.
var lists = []Shape{
	{"Q1", 0.3, "read by id", func(w *World, r *rand.Rand) Request {
		return Request{Path: "/fhir/Patient/" + PatientID(r.IntN(len(w.Patients)))}
	}},
	{"Q2", 0.2, "vread", func(w *World, r *rand.Rand) Request {
		return Request{Path: "/fhir/Patient/" + PatientID(r.IntN(len(w.Patients))) + "/_history/1"}
	}},
	{"Q2h", 0.2, "history of an instance", func(w *World, r *rand.Rand) Request {
		return Request{Path: "/fhir/Patient/" + PatientID(r.IntN(len(w.Patients))) + "/_history"}
	}},
	{"Q3", 0.3, "type, first page", func(w *World, r *rand.Rand) Request { return w.observations("/fhir/Observation", all) }},
	{"Q4", 0.5, "patient", func(w *World, r *rand.Rand) Request { return w.chart(r, "", all) }},
	{"Q5", 0.3, "patient, code", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.chart(r, "&code="+loinc+Kinds[k].Code, func(o *Observation) bool { return o.Kind == k })
	}},
	{"Q6", 0.5, "patient, category, newest first", func(w *World, r *rand.Rand) Request {
		return w.chart(r, "&category=vital-signs&_sort=-date", func(o *Observation) bool { return Kinds[o.Kind].Category == "vital-signs" })
	}},
	{"Q7", 0.4, "patient, category, date", func(w *World, r *rand.Rand) Request {
		d, at := someday(r)
		return w.chart(r, "&category="+categories+"laboratory&date=ge"+d, func(o *Observation) bool {
			return Kinds[o.Kind].Category == "laboratory" && o.At >= at
		})
	}},
	{"Q7c", 0.4, "patient, code, date", func(w *World, r *rand.Rand) Request {
		d, at := someday(r)
		k := common(r)
		return w.chart(r, "&code="+loinc+Kinds[k].Code+"&date=ge"+d, func(o *Observation) bool { return o.Kind == k && o.At >= at })
	}},
	{"Q8", 0.4, "common code", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.observations("/fhir/Observation?code="+loinc+Kinds[k].Code, func(o *Observation) bool { return o.Kind == k })
	}},
	{"Q9", 0.4, "common code, newest first", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.observations("/fhir/Observation?code="+Kinds[k].Code+"&_sort=-date", func(o *Observation) bool { return o.Kind == k })
	}},
	{"Q9a", 0.4, "common code, oldest first", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.observationsOf("/fhir/Observation?code="+Kinds[k].Code+"&_sort=date", 0, len(w.Observations), true, func(o *Observation) bool { return o.Kind == k })
	}},
	{"Q10", 0.4, "code, date range", func(w *World, r *rand.Rand) Request {
		k := common(r)
		d, at := someday(r)
		end := time.Unix(at, 0).UTC().AddDate(0, 0, 30)
		return w.observations("/fhir/Observation?code="+loinc+Kinds[k].Code+"&date=ge"+d+"&date=lt"+day(end), func(o *Observation) bool {
			return o.Kind == k && o.At >= at && o.At < end.Unix()
		})
	}},
	{"Q11", 0.4, "category, since", func(w *World, r *rand.Rand) Request {
		d, at := someday(r)
		return w.observations("/fhir/Observation?category=vital-signs&date=ge"+d, func(o *Observation) bool {
			return Kinds[o.Kind].Category == "vital-signs" && o.At >= at
		})
	}},
	{"Q12", 0.4, "date range", func(w *World, r *rand.Rand) Request {
		d, at := someday(r)
		return w.observations("/fhir/Observation?date="+d, func(o *Observation) bool { return o.At >= at && o.At < at+86400 })
	}},
	{"Q13", 0.5, "code, value above", func(w *World, r *rand.Rand) Request {
		k := common(r)
		v := Kinds[k].High - (Kinds[k].High-Kinds[k].Low)/int32(2+r.IntN(20))
		return w.observations(fmt.Sprintf("/fhir/Observation?code=%s%s&value-quantity=gt%s", loinc, Kinds[k].Code, tenths(v)), func(o *Observation) bool {
			return o.Kind == k && o.A > v
		})
	}},
	{"Q14", 2, "code, value above, since", func(w *World, r *rand.Rand) Request {
		k := common(r)
		v := Kinds[k].High - (Kinds[k].High-Kinds[k].Low)/int32(2+r.IntN(20))
		d, at := someday(r)
		return w.observations(fmt.Sprintf("/fhir/Observation?code=%s%s&value-quantity=gt%s&date=ge%s", loinc, Kinds[k].Code, tenths(v), d), func(o *Observation) bool {
			return o.Kind == k && o.A > v && o.At >= at
		})
	}},
	{"Q15", 0.5, "component code and value", func(w *World, r *rand.Rand) Request {
		v := 1500 + r.Int32N(190)
		return w.observations(fmt.Sprintf("/fhir/Observation?component-code-value-quantity=%s8480-6$gt%s", loinc, tenths(v)), func(o *Observation) bool {
			return o.Kind == bloodPressure && o.A > v
		})
	}},
	{"Q15d", 0.5, "component code and value, of the other one", func(w *World, r *rand.Rand) Request {
		v := 900 + r.Int32N(95)
		return w.observations(fmt.Sprintf("/fhir/Observation?component-code-value-quantity=%s8462-4$gt%s", loinc, tenths(v)), func(o *Observation) bool {
			return o.Kind == bloodPressure && o.B > v
		})
	}},
	{"Q15c", 0.5, "code and value, anywhere, with a unit", func(w *World, r *rand.Rand) Request {
		k := common(r)
		v := Kinds[k].High - (Kinds[k].High-Kinds[k].Low)/int32(2+r.IntN(20))
		unit := url.QueryEscape(Kinds[k].UCUM)
		return w.observations(fmt.Sprintf("/fhir/Observation?combo-code-value-quantity=%s%s$gt%s%%7Chttp://unitsofmeasure.org%%7C%s", loinc, Kinds[k].Code, tenths(v), unit), func(o *Observation) bool {
			return o.Kind == k && o.A > v
		})
	}},
	{"Q16", 1, "code with exact total", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.observations("/fhir/Observation?_total=accurate&code="+loinc+Kinds[k].Code, func(o *Observation) bool { return o.Kind == k })
	}},
	{"Q17", 3, "category and code with exact total", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.observations("/fhir/Observation?_total=accurate&category=vital-signs&code="+loinc+Kinds[k].Code, func(o *Observation) bool { return o.Kind == k })
	}},
	{"Q17p", 3, "gender and city with exact total", func(w *World, r *rand.Rand) Request {
		city := w.Patients[r.IntN(len(w.Patients))].City
		return w.patients("/fhir/Patient?_total=accurate&gender=female&address-city="+city, func(_ int, p *Patient) bool { return !p.Male && p.City == city })
	}},
	{"Q18", 0.3, "number of a type", func(w *World, r *rand.Rand) Request {
		q := w.observations("/fhir/Observation?_summary=count", all)
		q.Answer.CountOnly = true
		return q
	}},
	{"Q18f", 0.3, "number of a filter", func(w *World, r *rand.Rand) Request {
		k := common(r)
		q := w.observations("/fhir/Observation?_summary=count&code="+loinc+Kinds[k].Code, func(o *Observation) bool { return o.Kind == k })
		q.Answer.CountOnly = true
		return q
	}},
	{"Q19", 0.6, "ten codes", func(w *World, r *rand.Rand) Request {
		var codes []string
		in := map[uint8]bool{}
		for k := range uint8(10) {
			codes = append(codes, loinc+Kinds[k+6].Code)
			in[k+6] = true
		}
		return w.observations("/fhir/Observation?code="+strings.Join(codes, ","), func(o *Observation) bool { return in[o.Kind] })
	}},
	{"Q20", 0.6, "five patients, code", func(w *World, r *rand.Rand) Request {
		k := common(r)
		var ids []string
		in := map[int32]bool{}
		for range 5 {
			p := r.IntN(len(w.Patients))
			ids = append(ids, PatientID(p))
			in[int32(p)] = true
		}
		return w.observations("/fhir/Observation?patient="+strings.Join(ids, ",")+"&code="+loinc+Kinds[k].Code, func(o *Observation) bool {
			return o.Kind == k && in[o.Patient]
		})
	}},
}
