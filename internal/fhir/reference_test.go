package fhir

import (
	"strings"
	"testing"
)

func TestParseReference(t *testing.T) {
	for _, c := range []struct {
		text  string
		want  Reference
		local bool
		str   string
	}{
		{"Patient/1", Reference{Type: "Patient", ID: "1"}, true, "Patient/1"},
		{"Patient/a-B.3/_history/2", Reference{Type: "Patient", ID: "a-B.3", Version: "2"}, true, "Patient/a-B.3"},
		{"https://us.example/fhir/Patient/1", Reference{Type: "Patient", ID: "1"}, true, "Patient/1"},
		{"https://us.example/fhir/Patient/1/_history/2", Reference{Type: "Patient", ID: "1", Version: "2"}, true, "Patient/1"},
		{"1", Reference{ID: "1"}, false, "1"},
		{"Patient", Reference{ID: "Patient"}, false, "Patient"},
		{"#p", Reference{Fragment: "p"}, false, "#p"},
		{"#", Reference{URL: "#"}, false, "#"},
		{"", Reference{}, false, ""},
		{"urn:uuid:c757873d-ec9a-4326-a141-556f43239520", Reference{URL: "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}, false, "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
		{"urn:oid:1.2.3", Reference{URL: "urn:oid:1.2.3"}, false, "urn:oid:1.2.3"},
		{"http://other.example/fhir/Patient/1", Reference{Type: "Patient", ID: "1", URL: "http://other.example/fhir/Patient/1"}, false, "http://other.example/fhir/Patient/1"},
		{"http://other.example/Patient/1/_history/2", Reference{Type: "Patient", ID: "1", Version: "2", URL: "http://other.example/Patient/1/_history/2"}, false, "http://other.example/Patient/1/_history/2"},
		{"https://us.example/fhirs/Patient/1", Reference{Type: "Patient", ID: "1", URL: "https://us.example/fhirs/Patient/1"}, false, "https://us.example/fhirs/Patient/1"},
		{"https://us.example/fhir/x/Patient/1", Reference{Type: "Patient", ID: "1", URL: "https://us.example/fhir/x/Patient/1"}, false, "https://us.example/fhir/x/Patient/1"},
		{"https://us.example/fhir", Reference{URL: "https://us.example/fhir"}, false, "https://us.example/fhir"},
		{"http://hl7.org/fhir/ValueSet/x|4.0.1", Reference{URL: "http://hl7.org/fhir/ValueSet/x|4.0.1"}, false, "http://hl7.org/fhir/ValueSet/x|4.0.1"},
		{"http://loinc.org", Reference{URL: "http://loinc.org"}, false, "http://loinc.org"},
		{"Patient?identifier=a|b", Reference{URL: "Patient?identifier=a|b"}, false, "Patient?identifier=a|b"},
		{"Patient/1#x", Reference{URL: "Patient/1#x"}, false, "Patient/1#x"},
		{"patient/1", Reference{URL: "patient/1"}, false, "patient/1"},
		{"/Patient/1", Reference{URL: "/Patient/1"}, false, "/Patient/1"},
		{"Patient/", Reference{URL: "Patient/"}, false, "Patient/"},
		{"Patient/1/_history/", Reference{URL: "Patient/1/_history/"}, false, "Patient/1/_history/"},
		{"Patient/1/Observation/2", Reference{URL: "Patient/1/Observation/2"}, false, "Patient/1/Observation/2"},
		{"Patient/a_b", Reference{URL: "Patient/a_b"}, false, "Patient/a_b"},
		{"Pat2/1", Reference{URL: "Pat2/1"}, false, "Pat2/1"},
		{"Patient/" + strings.Repeat("a", 65), Reference{URL: "Patient/" + strings.Repeat("a", 65)}, false, "Patient/" + strings.Repeat("a", 65)},
	} {
		for _, base := range []string{"https://us.example/fhir", "https://us.example/fhir/"} {
			got := ParseReference(c.text, base)
			if got != c.want || got.Local() != c.local || got.String() != c.str {
				t.Errorf("%q: %#v, local %v, %s", c.text, got, got.Local(), got)
			}
		}
	}
	if got := ParseReference("https://us.example/fhir/Patient/1", ""); got.Local() || got.ID != "1" {
		t.Errorf("without a base: %#v", got)
	}
}

func TestValidID(t *testing.T) {
	for _, id := range []string{"1", "a", "A-b.9", strings.Repeat("x", 64), ".", "-"} {
		if !ValidID(id) {
			t.Errorf("%q was refused", id)
		}
	}
	for _, id := range []string{"", strings.Repeat("x", 65), "a_b", "a b", "a/b", "é", "a\n", "a:b", "@"} {
		if ValidID(id) {
			t.Errorf("%q was accepted", id)
		}
	}
}
