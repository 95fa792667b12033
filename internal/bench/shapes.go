package bench

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Shape is one kind of search; Make gives one request of it, with other values each time.
type Shape struct {
	ID, Name string
	Make     func(w *World, r *rand.Rand) Request
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
var Shapes = []Shape{
	{"Q1", "read by id", func(w *World, r *rand.Rand) Request {
		return Request{Path: "/fhir/Patient/" + PatientID(r.IntN(len(w.Patients)))}
	}},
	{"Q2", "vread", func(w *World, r *rand.Rand) Request {
		return Request{Path: "/fhir/Patient/" + PatientID(r.IntN(len(w.Patients))) + "/_history/1"}
	}},
	{"Q2h", "history of an instance", func(w *World, r *rand.Rand) Request {
		return Request{Path: "/fhir/Patient/" + PatientID(r.IntN(len(w.Patients))) + "/_history"}
	}},
	{"Q3", "type, first page", func(w *World, r *rand.Rand) Request { return w.observations("/fhir/Observation", all) }},
	{"Q4", "patient", func(w *World, r *rand.Rand) Request { return w.chart(r, "", all) }},
	{"Q5", "patient, code", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.chart(r, "&code="+loinc+Kinds[k].Code, func(o *Observation) bool { return o.Kind == k })
	}},
	{"Q6", "patient, category, newest first", func(w *World, r *rand.Rand) Request {
		return w.chart(r, "&category=vital-signs&_sort=-date", func(o *Observation) bool { return Kinds[o.Kind].Category == "vital-signs" })
	}},
	{"Q7", "patient, category, date", func(w *World, r *rand.Rand) Request {
		d, at := someday(r)
		return w.chart(r, "&category="+categories+"laboratory&date=ge"+d, func(o *Observation) bool {
			return Kinds[o.Kind].Category == "laboratory" && o.At >= at
		})
	}},
	{"Q7c", "patient, code, date", func(w *World, r *rand.Rand) Request {
		d, at := someday(r)
		k := common(r)
		return w.chart(r, "&code="+loinc+Kinds[k].Code+"&date=ge"+d, func(o *Observation) bool { return o.Kind == k && o.At >= at })
	}},
	{"Q8", "common code", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.observations("/fhir/Observation?code="+loinc+Kinds[k].Code, func(o *Observation) bool { return o.Kind == k })
	}},
	{"Q9", "common code, newest first", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.observations("/fhir/Observation?code="+Kinds[k].Code+"&_sort=-date", func(o *Observation) bool { return o.Kind == k })
	}},
	{"Q9a", "common code, oldest first", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.observationsOf("/fhir/Observation?code="+Kinds[k].Code+"&_sort=date", 0, len(w.Observations), true, func(o *Observation) bool { return o.Kind == k })
	}},
	{"Q10", "code, date range", func(w *World, r *rand.Rand) Request {
		k := common(r)
		d, at := someday(r)
		end := time.Unix(at, 0).UTC().AddDate(0, 0, 30)
		return w.observations("/fhir/Observation?code="+loinc+Kinds[k].Code+"&date=ge"+d+"&date=lt"+day(end), func(o *Observation) bool {
			return o.Kind == k && o.At >= at && o.At < end.Unix()
		})
	}},
	{"Q11", "category, since", func(w *World, r *rand.Rand) Request {
		d, at := someday(r)
		return w.observations("/fhir/Observation?category=vital-signs&date=ge"+d, func(o *Observation) bool {
			return Kinds[o.Kind].Category == "vital-signs" && o.At >= at
		})
	}},
	{"Q12", "date range", func(w *World, r *rand.Rand) Request {
		d, at := someday(r)
		return w.observations("/fhir/Observation?date="+d, func(o *Observation) bool { return o.At >= at && o.At < at+86400 })
	}},
	{"Q13", "code, value above", func(w *World, r *rand.Rand) Request {
		k := common(r)
		v := Kinds[k].High - (Kinds[k].High-Kinds[k].Low)/int32(2+r.IntN(20))
		return w.observations(fmt.Sprintf("/fhir/Observation?code=%s%s&value-quantity=gt%s", loinc, Kinds[k].Code, tenths(v)), func(o *Observation) bool {
			return o.Kind == k && o.A > v
		})
	}},
	{"Q14", "code, value above, since", func(w *World, r *rand.Rand) Request {
		k := common(r)
		v := Kinds[k].High - (Kinds[k].High-Kinds[k].Low)/int32(2+r.IntN(20))
		d, at := someday(r)
		return w.observations(fmt.Sprintf("/fhir/Observation?code=%s%s&value-quantity=gt%s&date=ge%s", loinc, Kinds[k].Code, tenths(v), d), func(o *Observation) bool {
			return o.Kind == k && o.A > v && o.At >= at
		})
	}},
	{"Q15", "component code and value", func(w *World, r *rand.Rand) Request {
		v := 1500 + r.Int32N(190)
		return w.observations(fmt.Sprintf("/fhir/Observation?component-code-value-quantity=%s8480-6$gt%s", loinc, tenths(v)), func(o *Observation) bool {
			return o.Kind == bloodPressure && o.A > v
		})
	}},
	{"Q16", "code with exact total", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.observations("/fhir/Observation?_total=accurate&code="+loinc+Kinds[k].Code, func(o *Observation) bool { return o.Kind == k })
	}},
	{"Q17", "category and code with exact total", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.observations("/fhir/Observation?_total=accurate&category=vital-signs&code="+loinc+Kinds[k].Code, func(o *Observation) bool { return o.Kind == k })
	}},
	{"Q19", "ten codes", func(w *World, r *rand.Rand) Request {
		var codes []string
		in := map[uint8]bool{}
		for k := range uint8(10) {
			codes = append(codes, loinc+Kinds[k+6].Code)
			in[k+6] = true
		}
		return w.observations("/fhir/Observation?code="+strings.Join(codes, ","), func(o *Observation) bool { return in[o.Kind] })
	}},
	{"Q20", "five patients, code", func(w *World, r *rand.Rand) Request {
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
	{"Q21", "code, chain to the patient's name", func(w *World, r *rand.Rand) Request {
		k, f := common(r), w.Patients[r.IntN(len(w.Patients))].Family
		return w.observations("/fhir/Observation?code="+loinc+Kinds[k].Code+"&patient.family="+f, func(o *Observation) bool {
			return o.Kind == k && strings.HasPrefix(w.Patients[o.Patient].Family, f)
		})
	}},
	{"Q22", "chain over two hops", func(w *World, r *rand.Rand) Request {
		p := w.Practitioners[w.Encounters[r.IntN(len(w.Encounters))].Practitioner]
		return w.observations("/fhir/Observation?code="+loinc+Kinds[17].Code+"&encounter:Encounter.participant:Practitioner.family="+p.Family, func(o *Observation) bool {
			return o.Kind == 17 && strings.HasPrefix(w.Practitioners[w.Encounters[o.Encounter].Practitioner].Family, p.Family)
		})
	}},
	{"Q23", "_has with a common code", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.patients("/fhir/Patient?_has:Observation:patient:code="+Kinds[k].Code, func(_ int, p *Patient) bool { return w.has(p, k) })
	}},
	{"Q24", "_has with a rare code and gender", func(w *World, r *rand.Rand) Request {
		return w.patients("/fhir/Patient?gender=female&_has:Observation:patient:code="+Kinds[17].Code, func(_ int, p *Patient) bool { return !p.Male && w.has(p, 17) })
	}},
	{"Q25", "family name, one letter", func(w *World, r *rand.Rand) Request {
		f := w.Patients[r.IntN(len(w.Patients))].Family[:1]
		return w.patients("/fhir/Patient?family="+f, func(_ int, p *Patient) bool { return strings.HasPrefix(p.Family, f) })
	}},
	{"Q25p", "family name, prefix", func(w *World, r *rand.Rand) Request {
		f := w.Patients[r.IntN(len(w.Patients))].Family[:5]
		return w.patients("/fhir/Patient?family="+f, func(_ int, p *Patient) bool { return strings.HasPrefix(p.Family, f) })
	}},
	{"Q25e", "family name, exact", func(w *World, r *rand.Rand) Request {
		f := w.Patients[r.IntN(len(w.Patients))].Family
		return w.patients("/fhir/Patient?family:exact="+f, func(_ int, p *Patient) bool { return p.Family == f })
	}},
	{"Q26", "name contains", func(w *World, r *rand.Rand) Request {
		f := w.Patients[r.IntN(len(w.Patients))].Family
		f = f[len(f)-3:]
		return w.patients("/fhir/Patient?family:contains="+f, func(_ int, p *Patient) bool { return strings.Contains(strings.ToLower(p.Family), strings.ToLower(f)) })
	}},
	{"Q27", "identifier with system", func(w *World, r *rand.Rand) Request {
		i := r.IntN(len(w.Patients))
		return w.patients(fmt.Sprintf("/fhir/Patient?identifier=http://firewarden.example/mrn%%7CMRN%07d", i), func(j int, _ *Patient) bool { return j == i })
	}},
	{"Q27v", "identifier, value only", func(w *World, r *rand.Rand) Request {
		i := r.IntN(len(w.Patients))
		return w.patients(fmt.Sprintf("/fhir/Patient?identifier=MRN%07d", i), func(j int, _ *Patient) bool { return j == i })
	}},
	{"Q28", "birth date", func(w *World, r *rand.Rand) Request {
		b := w.Patients[r.IntN(len(w.Patients))].Birth
		return w.patients("/fhir/Patient?birthdate="+day(b), func(_ int, p *Patient) bool { return day(p.Birth) == day(b) })
	}},
	{"Q28s", "gender, born before, city, by birth date", func(w *World, r *rand.Rand) Request {
		q := w.Patients[r.IntN(len(w.Patients))]
		born := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
		a := facts("p", 0, len(w.Patients), func(i int) int64 { return w.Patients[i].Birth.Truncate(24 * time.Hour).Unix() }, true, func(i int) bool {
			p := &w.Patients[i]
			return !p.Male && p.City == q.City && p.Birth.Before(born)
		})
		return Request{Path: "/fhir/Patient?gender=female&birthdate=lt1970-01-01&address-city=" + q.City + "&_sort=birthdate", Answer: a}
	}},
	{"Q30", "_include on a page", func(w *World, r *rand.Rand) Request {
		p := r.IntN(len(w.Patients))
		pt := w.Patients[p]
		a := facts("e", pt.Enc[0], pt.Enc[1], func(i int) int64 { return w.Encounters[i].Start }, false, func(i int) bool { return i >= pt.Enc[0] && i < pt.Enc[1] })
		a.Included = func(page []int) map[string]bool {
			refs := map[string]bool{}
			for _, i := range page {
				refs["Practitioner/"+PractitionerID(int(w.Encounters[i].Practitioner))] = true
				refs["Patient/"+PatientID(int(w.Encounters[i].Patient))] = true
			}
			return refs
		}
		return Request{Path: "/fhir/Encounter?patient=" + PatientID(p) + "&_include=Encounter:participant&_include=Encounter:patient", Answer: a}
	}},
	{"Q31", "_revinclude of a chart", func(w *World, r *rand.Rand) Request {
		p := r.IntN(len(w.Patients))
		pt := w.Patients[p]
		req := w.patients("/fhir/Patient?_id="+PatientID(p)+"&_revinclude=Observation:patient&_revinclude=Encounter:patient&_revinclude=Condition:patient", func(i int, _ *Patient) bool { return i == p })
		req.Answer.Included = func([]int) map[string]bool {
			refs := map[string]bool{}
			for i := pt.Obs[0]; i < pt.Obs[1]; i++ {
				refs["Observation/"+ObservationID(i)] = true
			}
			for i := pt.Enc[0]; i < pt.Enc[1]; i++ {
				refs["Encounter/"+EncounterID(i)] = true
			}
			for i := pt.Con[0]; i < pt.Con[1]; i++ {
				refs["Condition/"+ConditionID(i)] = true
			}
			return refs
		}
		return req
	}},
	{"Q33", "code:not in a chart", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.chart(r, "&code:not="+loinc+Kinds[k].Code, func(o *Observation) bool { return o.Kind != k })
	}},
	{"Q33m", "value-quantity:missing", func(w *World, r *rand.Rand) Request {
		return w.observations("/fhir/Observation?value-quantity:missing=true", func(o *Observation) bool { return o.Kind == bloodPressure })
	}},
	{"Q33i", "list of ids", func(w *World, r *rand.Rand) Request {
		in := map[int]bool{}
		var ids []string
		for len(in) < 10 {
			if i := r.IntN(len(w.Observations)); !in[i] {
				in[i] = true
				ids = append(ids, ObservationID(i))
			}
		}
		return w.observationsIn("/fhir/Observation?_id="+strings.Join(ids, ","), in)
	}},
	{"Q34", "no hit: token", func(w *World, r *rand.Rand) Request {
		return w.observations(fmt.Sprintf("/fhir/Observation?code=nothing-%d", r.IntN(1000)), func(*Observation) bool { return false })
	}},
	{"Q34s", "no hit: string", func(w *World, r *rand.Rand) Request {
		return w.patients(fmt.Sprintf("/fhir/Patient?name=Qx%dq", r.IntN(1000)), func(int, *Patient) bool { return false })
	}},
	{"Q34q", "no hit: quantity", func(w *World, r *rand.Rand) Request {
		return w.observations(fmt.Sprintf("/fhir/Observation?value-quantity=gt%d", 100000+r.IntN(1000)), func(*Observation) bool { return false })
	}},
	{"Q34d", "no hit: date", func(w *World, r *rand.Rand) Request {
		return w.observations(fmt.Sprintf("/fhir/Observation?date=%d", 1900+r.IntN(50)), func(*Observation) bool { return false })
	}},
	{"Q35", "metadata", func(*World, *rand.Rand) Request { return Request{Path: "/fhir/metadata"} }},
	{"Q35n", "read of nothing", func(w *World, r *rand.Rand) Request {
		return Request{Path: fmt.Sprintf("/fhir/Patient/none-%d", r.IntN(1000)), Status: 404}
	}},
	{"Q35e", "read with If-None-Match", func(w *World, r *rand.Rand) Request {
		return Request{Path: "/fhir/Patient/" + PatientID(r.IntN(len(w.Patients))), Header: []string{`If-None-Match: W/"1"`}, Status: 304}
	}},
}

func (w *World) observationsIn(path string, in map[int]bool) Request {
	return Request{Path: path, Answer: facts("o", 0, len(w.Observations), func(i int) int64 { return w.Observations[i].At }, false, func(i int) bool { return in[i] })}
}

// has says whether a patient has an observation of kind k.
func (w *World) has(p *Patient, k uint8) bool {
	for i := p.Obs[0]; i < p.Obs[1]; i++ {
		if w.Observations[i].Kind == k {
			return true
		}
	}
	return false
}
