package scope

import "testing"

func TestDescribe(t *testing.T) {
	for word, want := range map[string]string{
		"patient/Observation.rs": "Read and search Observation of this patient",
		"patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory": "Read and search Observation of this patient, only category laboratory",
		"user/*.read":                        "Read and search everything that you may see",
		"system/Condition.*":                 "Read, search, create, change and delete Condition of every patient",
		"patient/Encounter.s?class=AMB,EMER": "Search Encounter of this patient, only class AMB or EMER",
		"patient/Observation.c":              "Create Observation of this patient",
		"openid":                             "Know who you are",
		"launch/patient":                     "Know which patient you have chosen",
		"fhircast/Patient-open.read":         "Follow Patient-open of your session",
		"__billing":                          "__billing",
		"patient/Nothing.rs":                 "patient/Nothing.rs",
	} {
		if got := Describe(word); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

// What a scope can be narrowed to it covers.
func TestNarrower(t *testing.T) {
	n := 0
	for _, word := range []string{"patient/Observation.rs", "user/Condition.cruds", "patient/Observation.read"} {
		whole := parse(t, word)
		for _, part := range whole.Data()[0].Narrower() {
			n++
			if p := parse(t, part); !whole.Covers(p) || p.Covers(whole) {
				t.Errorf("%s of %s", part, word)
			}
		}
	}
	if n != 21 {
		t.Errorf("%d parts", n)
	}
	for _, word := range []string{"patient/*.rs", "patient/Patient.rs", "patient/Observation.rs?code=1"} {
		if list := parse(t, word).Data()[0].Narrower(); list != nil {
			t.Errorf("%s: %s", word, list)
		}
	}
}
