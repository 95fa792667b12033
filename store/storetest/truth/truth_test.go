package truth

import (
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"
	"time"
)

const synthea = "https://github.com/synthetichealth/synthea"

func open(t *testing.T) *Set {
	t.Helper()
	s, err := Open("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCounts(t *testing.T) {
	// Counted with another program.
	want := map[string]int{"Observation": 186, "Claim": 54, "Encounter": 41, "ExplanationOfBenefit": 41, "Immunization": 26,
		"Procedure": 14, "MedicationRequest": 13, "Condition": 11, "DiagnosticReport": 9, "Patient": 3, "Organization": 3,
		"Practitioner": 3, "CarePlan": 2, "AllergyIntolerance": 2}
	s := open(t)
	if got := s.Counts(); !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if s.Len() != 408 {
		t.Errorf("%d resources", s.Len())
	}
}

func TestChart(t *testing.T) {
	s := open(t)
	patients := Keep(s.All("Patient"), Identified(synthea, "b1756d32-c4c4-4fd2-9023-ff241b55bae0"))
	if len(patients) != 1 {
		t.Fatalf("%d patients by identifier", len(patients))
	}
	doyle := patients[0]
	observations := Keep(s.All("Observation"), Refers("subject", doyle))
	since := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		what string
		got  []*Resource
		want int
	}{
		{"observations", observations, 84},
		{"of a code", Keep(observations, Coded("code", "http://loinc.org", "8302-2")), 10},
		{"of a code in another system", Keep(observations, Coded("code", "urn:x", "8302-2")), 0},
		{"laboratory", Keep(observations, Coded("category", "", "laboratory")), 23},
		{"Mejía by accents", Keep(s.All("Patient"), Named("MEJI")), 1},
		{"by given name", Keep(s.All("Patient"), Named("ann")), 1},
		{"by the middle of a name", Keep(s.All("Patient"), Named("rekke")), 0},
		{"by birth date", Keep(s.All("Patient"), Is("birthDate", "1995-07-10")), 1},
		{"women", Keep(s.All("Patient"), Is("gender", "female")), 2},
		{"encounters", Keep(s.All("Encounter"), Refers("subject", doyle)), 16},
		{"her practitioners", Targets(Keep(s.All("Encounter"), Refers("subject", doyle)), "participant.individual"), 1},
		{"all practitioners", Targets(s.All("Encounter"), "participant.individual"), 3},
		{"patients with an allergy", Targets(s.All("AllergyIntolerance"), "patient"), 1},
		{"patients with a height", Targets(Keep(s.All("Observation"), Coded("code", "", "8302-2")), "subject"), 3},
		{"since and before", Keep(observations, Between("effectiveDateTime", since, time.Time{})),
			84 - len(Keep(observations, Between("effectiveDateTime", time.Time{}, since)))},
	} {
		if len(c.got) != c.want {
			t.Errorf("%s: %d, want %d", c.what, len(c.got), c.want)
		}
	}
	if got := Latest(observations, "effectiveDateTime")[0].Text("effectiveDateTime"); got != "2020-06-30T03:33:15+00:00" {
		t.Errorf("latest is of %s", got)
	}
}

func TestOnceAndConditional(t *testing.T) {
	organization := `{"resourceType":"Organization","identifier":[{"system":"urn:o","value":"1"}]}`
	bundle := func(patient, reference string) string {
		return `{"resourceType":"Bundle","entry":[` +
			`{"fullUrl":"urn:uuid:o","resource":` + organization + `,"request":{"method":"POST","url":"Organization","ifNoneExist":"identifier=urn:o|1"}},` +
			`{"fullUrl":"urn:uuid:p","resource":{"resourceType":"Patient","id":"` + patient + `","managingOrganization":{"reference":"` + reference + `"}},"request":{"method":"POST","url":"Patient"}}]}`
	}
	file := t.TempDir() + "/b.ndjson"
	if err := os.WriteFile(file, []byte(bundle("1", "urn:uuid:o")+"\n"+bundle("2", "Organization?identifier=urn:o|1")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.All("Organization")) != 1 || len(s.All("Patient")) != 2 {
		t.Fatalf("%v, want one Organization and two Patients", s.Counts())
	}
	if got := Targets(s.All("Patient"), "managingOrganization"); len(got) != 1 || got[0] != s.All("Organization")[0] {
		t.Errorf("two references to one Organization mean %d", len(got))
	}
	if _, err := Open(t.TempDir() + "/absent"); err == nil {
		t.Error("an absent file is no error")
	}
}

func TestDifference(t *testing.T) {
	s := open(t)
	observations := Latest(s.All("Observation"), "effectiveDateTime")
	body := func(i int, change ...string) []byte {
		b, err := json.Marshal(observations[i].JSON)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(strings.NewReplacer(change...).Replace(string(b)))
	}
	moved := body(0, observations[0].Text("subject.reference"), "Patient/1", observations[0].Text("id"), "other")
	if d := Difference([][]byte{moved}, observations[:1]); d != "" {
		t.Errorf("another id and another reference: %s", d)
	}
	for what, d := range map[string]string{
		"missing":      Difference(nil, observations[:1]),
		"twice":        Difference([][]byte{moved, moved}, observations[:2]),
		"another code": Difference([][]byte{body(0, "final", "amended")}, observations[:1]),
		"no resource":  Difference([][]byte{[]byte("x")}, observations[:1]),
		"wrong order":  OrderDifference([][]byte{body(len(observations) - 1)}, observations, "effectiveDateTime"),
		"too many":     OrderDifference([][]byte{moved, moved}, observations[:1], "effectiveDateTime"),
		"again":        OrderDifference([][]byte{moved, moved}, observations, "effectiveDateTime"),
	} {
		if d == "" {
			t.Errorf("%s: no difference", what)
		}
	}
	// Those of one moment may come in any order.
	n := 1
	for observations[n].Date("effectiveDateTime").Equal(observations[0].Date("effectiveDateTime")) {
		n++
	}
	var page [][]byte
	for i := range n {
		page = append(page, body(n-1-i))
	}
	if d := OrderDifference(page, observations, "effectiveDateTime"); n < 2 || d != "" {
		t.Errorf("%d of one moment, backwards: %s", n, d)
	}
}
