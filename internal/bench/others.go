package bench

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"
)

// others are the shapes of names, identifiers, texts, deep pages, and of what finds nothing.
var others = []Shape{
	{"Q25", 0.4, "family name, one letter", func(w *World, r *rand.Rand) Request {
		f := w.Patients[r.IntN(len(w.Patients))].Family[:1]
		return w.patients("/fhir/Patient?family="+f, func(_ int, p *Patient) bool { return strings.HasPrefix(p.Family, f) })
	}},
	{"Q25p", 0.4, "family name, prefix", func(w *World, r *rand.Rand) Request {
		f := w.Patients[r.IntN(len(w.Patients))].Family[:5]
		return w.patients("/fhir/Patient?family="+f, func(_ int, p *Patient) bool { return strings.HasPrefix(p.Family, f) })
	}},
	{"Q25e", 0.4, "family name, exact", func(w *World, r *rand.Rand) Request {
		f := w.Patients[r.IntN(len(w.Patients))].Family
		return w.patients("/fhir/Patient?family:exact="+f, func(_ int, p *Patient) bool { return p.Family == f })
	}},
	{"Q26", 2, "name contains", func(w *World, r *rand.Rand) Request {
		f := w.Patients[r.IntN(len(w.Patients))].Family
		f = f[len(f)-3:]
		return w.patients("/fhir/Patient?family:contains="+f, func(_ int, p *Patient) bool { return strings.Contains(strings.ToLower(p.Family), strings.ToLower(f)) })
	}},
	{"Q27", 0.3, "identifier with system", func(w *World, r *rand.Rand) Request {
		i := r.IntN(len(w.Patients))
		return w.patients(fmt.Sprintf("/fhir/Patient?identifier=http://firewarden.example/mrn%%7CMRN%07d", i), func(j int, _ *Patient) bool { return j == i })
	}},
	{"Q27v", 0.3, "identifier, value only", func(w *World, r *rand.Rand) Request {
		i := r.IntN(len(w.Patients))
		return w.patients(fmt.Sprintf("/fhir/Patient?identifier=MRN%07d", i), func(j int, _ *Patient) bool { return j == i })
	}},
	{"Q28", 0.5, "birth date", func(w *World, r *rand.Rand) Request {
		b := w.Patients[r.IntN(len(w.Patients))].Birth
		return w.patients("/fhir/Patient?birthdate="+day(b), func(_ int, p *Patient) bool { return day(p.Birth) == day(b) })
	}},
	{"Q28s", 2, "gender, born before, city, by birth date", func(w *World, r *rand.Rand) Request {
		q := w.Patients[r.IntN(len(w.Patients))]
		born := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
		a := facts("p", 0, len(w.Patients), func(i int) int64 { return w.Patients[i].Birth.Truncate(24 * time.Hour).Unix() }, true, func(i int) bool {
			p := &w.Patients[i]
			return !p.Male && p.City == q.City && p.Birth.Before(born)
		})
		return Request{Path: "/fhir/Patient?gender=female&birthdate=lt1970-01-01&address-city=" + q.City + "&_sort=birthdate", Answer: a}
	}},
	{"Q28r", 0.5, "born in five years", func(w *World, r *rand.Rand) Request {
		from := time.Date(1940+r.IntN(50), 1, 1, 0, 0, 0, 0, time.UTC)
		to := from.AddDate(5, 0, 0)
		return w.patients("/fhir/Patient?birthdate=ge"+day(from)+"&birthdate=lt"+day(to), func(_ int, p *Patient) bool {
			return day(p.Birth) >= day(from) && day(p.Birth) < day(to)
		})
	}},
	{"Q29", 3, "text of a code", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.observations("/fhir/Observation?code:text="+url.QueryEscape(Kinds[k].Display), func(o *Observation) bool { return o.Kind == k })
	}},
	{"Q29c", 3, "a word anywhere", func(w *World, r *rand.Rand) Request {
		n := r.IntN(len(problems))
		word := strings.Fields(problems[n].text)[0]
		return Request{Path: "/fhir/Condition?_content=" + word, Answer: facts("c", 0, len(w.Conditions), func(i int) int64 { return w.Conditions[i].Onset }, false, func(i int) bool {
			return slices.Contains(strings.Fields(problems[w.Conditions[i].Code].text), word)
		})}
	}},
	{"Q29t", 3, "a word of the narrative", func(w *World, r *rand.Rand) Request {
		name := given[r.IntN(len(given))]
		return w.patients("/fhir/Patient?_text="+name, func(_ int, p *Patient) bool { return p.Given == name })
	}},
	{"Q32", 0.5, "the page behind 5,000", func(w *World, r *rand.Rand) Request {
		q := w.observations("/fhir/Observation", all)
		from := min(5000, len(w.Observations)/2) / PageSize * PageSize
		q.Follow = from / PageSize
		keys := make([]int64, len(w.Observations))
		for i := range keys {
			keys[i] = w.Observations[i].At
		}
		slices.Sort(keys)
		slices.Reverse(keys)
		q.Answer.Keys = keys[from:min(from+PageSize, len(keys))]
		return q
	}},
	{"Q33", 1, "code:not in a chart", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.chart(r, "&code:not="+loinc+Kinds[k].Code, func(o *Observation) bool { return o.Kind != k })
	}},
	{"Q33m", 1, "value-quantity:missing", func(w *World, r *rand.Rand) Request {
		return w.observations("/fhir/Observation?value-quantity:missing=true", func(o *Observation) bool { return o.Kind == bloodPressure })
	}},
	{"Q33i", 1, "list of ids", func(w *World, r *rand.Rand) Request {
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
	{"Q33u", 1, "changed since, everything", func(w *World, r *rand.Rand) Request {
		return w.observations(fmt.Sprintf("/fhir/Observation?_lastUpdated=gt20%02d-01-01", r.IntN(20)), all)
	}},
	{"Q33n", 1, "changed since, nothing", func(w *World, r *rand.Rand) Request {
		return w.observations(fmt.Sprintf("/fhir/Observation?_lastUpdated=gt21%02d-01-01", r.IntN(99)), func(*Observation) bool { return false })
	}},
	{"Q34", 0.2, "no hit: token", func(w *World, r *rand.Rand) Request {
		return w.observations(fmt.Sprintf("/fhir/Observation?code=nothing-%d", r.IntN(1000)), func(*Observation) bool { return false })
	}},
	{"Q34s", 0.2, "no hit: string", func(w *World, r *rand.Rand) Request {
		return w.patients(fmt.Sprintf("/fhir/Patient?name=Qx%dq", r.IntN(1000)), func(int, *Patient) bool { return false })
	}},
	{"Q34q", 0.2, "no hit: quantity", func(w *World, r *rand.Rand) Request {
		return w.observations(fmt.Sprintf("/fhir/Observation?value-quantity=gt%d", 100000+r.IntN(1000)), func(*Observation) bool { return false })
	}},
	{"Q34d", 0.2, "no hit: date", func(w *World, r *rand.Rand) Request {
		return w.observations(fmt.Sprintf("/fhir/Observation?date=%d", 1900+r.IntN(50)), func(*Observation) bool { return false })
	}},
	{"Q35", 0.2, "metadata", func(*World, *rand.Rand) Request { return Request{Path: "/fhir/metadata"} }},
	{"Q35n", 0.2, "read of nothing", func(w *World, r *rand.Rand) Request {
		return Request{Path: fmt.Sprintf("/fhir/Patient/none-%d", r.IntN(1000)), Status: 404}
	}},
	{"Q35e", 0.2, "read with If-None-Match", func(w *World, r *rand.Rand) Request {
		return Request{Path: "/fhir/Patient/" + PatientID(r.IntN(len(w.Patients))), Header: []string{`If-None-Match: W/"1"`}, Status: 304}
	}},
	{"Q35g", 0.5, "patient, compressed", func(w *World, r *rand.Rand) Request {
		q := w.chart(r, "", all)
		q.Header = []string{"Accept-Encoding: gzip"}
		return q
	}},
}

func (w *World) observationsIn(path string, in map[int]bool) Request {
	return Request{Path: path, Answer: facts("o", 0, len(w.Observations), func(i int) int64 { return w.Observations[i].At }, false, func(i int) bool { return in[i] })}
}
