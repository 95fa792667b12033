package synth

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/conformance/validate"
	"github.com/firewarden/firewarden/internal/fhir"
)

// bundles are the directory and n charts.
func bundles(n int) map[string][]byte {
	all := map[string][]byte{"directory": Directory()}
	for i := range n {
		all[PatientID(i)] = Chart(i)
	}
	return all
}

func TestBundlesAreValid(t *testing.T) {
	for name, text := range bundles(24) {
		res, err := fhir.Parse(text, fhir.DefaultLimits)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, f := range validate.Structure(res) {
			if i < 5 {
				t.Errorf("%s: %v", name, f)
			}
		}
	}
}

type entry struct {
	Resource json.RawMessage
	Request  struct{ Method, URL string }
}

type resource struct {
	ResourceType, ID                              string
	EffectiveDateTime, OccurrenceDateTime, Issued string
	ValueQuantity                                 struct{ Value float64 }
	Component                                     []struct{ ValueQuantity struct{ Value float64 } }
	Period                                        struct{ Start, End string }
	Code                                          json.RawMessage // of most types a CodeableConcept
}

// loinc is the first code of an Observation.
func (r *resource) loinc() string {
	var c struct{ Coding []struct{ Code string } }
	if r.ResourceType != "Observation" || json.Unmarshal(r.Code, &c) != nil || len(c.Coding) == 0 {
		return ""
	}
	return c.Coding[0].Code
}

func read(t *testing.T, text []byte) (all []resource) {
	t.Helper()
	var b struct{ Entry []entry }
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	for _, e := range b.Entry {
		var r resource
		if err := json.Unmarshal(e.Resource, &r); err != nil {
			t.Fatal(err)
		}
		if e.Request.Method != "PUT" || e.Request.URL != r.ResourceType+"/"+r.ID {
			t.Errorf("%s %s for %s/%s", e.Request.Method, e.Request.URL, r.ResourceType, r.ID)
		}
		all = append(all, r)
	}
	return all
}

// TestReferencesResolve: every reference is to a resource of the same chart or of the directory, and every id is once.
func TestReferencesResolve(t *testing.T) {
	directory := map[string]bool{}
	for _, r := range read(t, Directory()) {
		directory[r.ResourceType+"/"+r.ID] = true
	}
	seen := map[string]bool{}
	for i := range 24 {
		text := Chart(i)
		own := map[string]bool{}
		for _, r := range read(t, text) {
			at := r.ResourceType + "/" + r.ID
			if seen[at] {
				t.Errorf("%s twice", at)
			}
			seen[at], own[at] = true, true
		}
		found := 0
		for _, part := range strings.Split(string(text), `"reference":"`)[1:] {
			ref, _, _ := strings.Cut(part, `"`)
			found++
			if !own[ref] && !directory[ref] {
				t.Errorf("%s refers to %s, which is nowhere", PatientID(i), ref)
			}
		}
		if found < 100 {
			t.Errorf("%s has only %d references", PatientID(i), found)
		}
	}
}

func TestChartsAreFull(t *testing.T) {
	types := map[string]int{}
	total := 0
	for i := range 12 {
		n := 0
		for _, r := range read(t, Chart(i)) {
			types[r.ResourceType]++
			n++
		}
		if n < 60 || n > 900 {
			t.Errorf("%s has %d resources", PatientID(i), n)
		}
		total += n
	}
	t.Logf("%d resources: %v", total, types)
	for typ, least := range map[string]int{"Patient": 12, "RelatedPerson": 3, "Encounter": 200, "Observation": 2000, "DiagnosticReport": 200, "Condition": 60,
		"MedicationRequest": 30, "AllergyIntolerance": 12, "Immunization": 60, "Procedure": 20, "CarePlan": 11, "CareTeam": 11, "Goal": 2} {
		if types[typ] < least {
			t.Errorf("%d %s, want %d at least", types[typ], typ, least)
		}
	}
}

// TestHistoriesEnd: nothing lies behind the reference date, before birth or after death.
func TestHistoriesEnd(t *testing.T) {
	for i := range 24 {
		p := personOf(i)
		for _, r := range read(t, Chart(i)) {
			for _, text := range []string{r.EffectiveDateTime, r.OccurrenceDateTime, r.Period.Start} {
				if len(text) < 20 {
					continue
				}
				at, err := time.Parse(time.RFC3339, text)
				if err != nil {
					t.Fatalf("%s/%s: %v", r.ResourceType, r.ID, err)
				}
				if at.After(End.AddDate(0, 0, 1)) || at.Before(p.birth()) || p.died != "" && at.After(date(p.died).AddDate(0, 0, 1)) {
					t.Errorf("%s/%s is at %s", r.ResourceType, r.ID, text)
				}
			}
		}
	}
}

// TestValuesArePlausible keeps every measurement within what a living person of the age can have, and two visits in a
// row near each other.
func TestValuesArePlausible(t *testing.T) {
	limits := map[string][2]float64{"8867-4": {45, 190}, "9279-1": {9, 55}, "8310-5": {36, 40.5}, "2708-6": {82, 100}, "8302-2": {45, 200}, "29463-7": {3, 150},
		"39156-5": {12, 42}, "9843-4": {34, 52}, "4548-4": {4.5, 11}, "2345-7": {60, 290}, "2160-0": {0.2, 2.8}, "98979-8": {20, 140}, "13457-7": {50, 210}, "2085-9": {30, 75},
		"2093-3": {110, 300}, "2571-8": {40, 320}, "718-7": {8, 17}, "3016-3": {0.5, 13}, "6301-6": {1.5, 3.5}, "3094-0": {2, 45}, "3084-1": {4, 10.5}}
	step := map[string]float64{"29463-7": 6, "8302-2": 15, "4548-4": 2.6, "2160-0": 0.8, "718-7": 4}
	measured := 0
	for i := range 24 {
		last := map[string]float64{}
		for _, r := range read(t, Chart(i)) {
			c, x := r.loinc(), r.ValueQuantity.Value
			if c == "85354-9" {
				s, d := r.Component[0].ValueQuantity.Value, r.Component[1].ValueQuantity.Value
				if s < 75 || s > 185 || d < 40 || d > 115 || s-d < 15 {
					t.Errorf("%s: blood pressure %v/%v", r.ID, s, d)
				}
				continue
			}
			if l, ok := limits[c]; ok {
				measured++
				if x < l[0] || x > l[1] {
					t.Errorf("%s: %s is %v", r.ID, c, x)
				}
				if before, ok := last[c]; ok && step[c] > 0 && (x-before > step[c] || before-x > step[c]) {
					t.Errorf("%s: %s goes from %v to %v", r.ID, c, before, x)
				}
				last[c] = x
			}
		}
	}
	if measured < 3000 {
		t.Errorf("only %d measurements", measured)
	}
}

// TestTreatmentShows: the demo patient's long-term sugar falls after the diagnosis, and the pressure under treatment.
func TestTreatmentShows(t *testing.T) {
	var a1c, pressure []float64
	for _, r := range read(t, Chart(0)) {
		switch r.loinc() {
		case "4548-4":
			a1c = append(a1c, r.ValueQuantity.Value)
		case "85354-9":
			pressure = append(pressure, r.Component[0].ValueQuantity.Value)
		}
	}
	if len(a1c) < 15 || len(pressure) < 25 {
		t.Fatalf("%d of HbA1c, %d of blood pressure: too few for a chart", len(a1c), len(pressure))
	}
	if first, last := a1c[0], mean(a1c[len(a1c)-4:]); first < 8.5 || last > 7.6 {
		t.Errorf("HbA1c goes from %v to %v", first, last)
	}
	if first, last := mean(pressure[:2]), mean(pressure[len(pressure)-4:]); first-last < 8 {
		t.Errorf("systolic pressure goes from %v to %v", first, last)
	}
}

func mean(x []float64) (m float64) {
	for _, v := range x {
		m += v / float64(len(x))
	}
	return m
}

// TestTheSameBytes: what a version seeds never changes by accident, and the charts do not depend on each other.
func TestTheSameBytes(t *testing.T) {
	h := sha256.New()
	h.Write(Directory())
	for i := range 12 {
		a := Chart(i)
		if !bytes.Equal(a, Chart(i)) {
			t.Fatalf("%s differs from itself", PatientID(i))
		}
		h.Write(a)
	}
	const want = "7d9d440e80951ea0"
	if got := hex.EncodeToString(h.Sum(nil))[:16]; got != want {
		t.Errorf("the seeded charts changed: %s instead of %s (a change belongs to a new version of the software)", got, want)
	}
	if PatientID(0) != "patient-001" || PatientID(41) != "patient-042" {
		t.Error("ids of patients changed")
	}
}
