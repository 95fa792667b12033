package bench

import (
	"math/rand/v2"
	"strings"
)

// joins are the shapes that lead from one type to another.
var joins = []Shape{
	{"Q21", 2, "code, chain to the patient's name", func(w *World, r *rand.Rand) Request {
		k, f := common(r), w.Patients[r.IntN(len(w.Patients))].Family
		return w.observations("/fhir/Observation?code="+loinc+Kinds[k].Code+"&patient.family="+f, func(o *Observation) bool {
			return o.Kind == k && strings.HasPrefix(w.Patients[o.Patient].Family, f)
		})
	}},
	{"Q22", 4, "chain over two hops", func(w *World, r *rand.Rand) Request {
		p := w.Practitioners[w.Encounters[r.IntN(len(w.Encounters))].Practitioner]
		return w.observations("/fhir/Observation?code="+loinc+Kinds[17].Code+"&encounter:Encounter.participant:Practitioner.family="+p.Family, func(o *Observation) bool {
			return o.Kind == 17 && strings.HasPrefix(w.Practitioners[w.Encounters[o.Encounter].Practitioner].Family, p.Family)
		})
	}},
	{"Q23", 1, "_has with a common code", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.patients("/fhir/Patient?_has:Observation:patient:code="+Kinds[k].Code, func(_ int, p *Patient) bool { return w.has(p, k) })
	}},
	{"Q24", 1, "_has with a rare code and gender", func(w *World, r *rand.Rand) Request {
		return w.patients("/fhir/Patient?gender=female&_has:Observation:patient:code="+Kinds[17].Code, func(_ int, p *Patient) bool { return !p.Male && w.has(p, 17) })
	}},
	{"Q21c", 2, "code, chain from a common side", func(w *World, r *rand.Rand) Request {
		k := common(r)
		return w.observations("/fhir/Observation?code="+loinc+Kinds[k].Code+"&patient.gender=female", func(o *Observation) bool {
			return o.Kind == k && !w.Patients[o.Patient].Male
		})
	}},
	{"Q30", 1, "_include on a page", func(w *World, r *rand.Rand) Request {
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
	{"Q31", 2, "_revinclude of a chart", func(w *World, r *rand.Rand) Request {
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
