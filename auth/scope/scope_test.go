package scope

import (
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

func TestS3_10_Grammar(t *testing.T) {
	for _, c := range []struct{ text, want string }{ // want is the canonical form; "" is refused
		{"patient/Observation.rs", "patient/Observation.rs"},
		{"user/Observation.cruds", "user/Observation.cruds"},
		{"system/*.s", "system/*.s"},
		{"patient/Observation.c", "patient/Observation.c"},
		{"patient/Observation.rs?category=laboratory", "patient/Observation.rs?category=laboratory"},
		{"patient/Observation.rs?category=b,a,b&code=x&category=b,a", "patient/Observation.rs?category=a,b&code=x"},
		{"patient/Observation.rs?category=a&category=a,b", "patient/Observation.rs?category=a"},
		{"patient/Observation.rs?category=a,b&category=a", "patient/Observation.rs?category=a"},
		{"patient/Observation.rs?category=b&category=a", "patient/Observation.rs?category=a&category=b"},
		{"patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
			"patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"},
		{"patient/Observation.rs?category=http%3A%2F%2Fx%7Ca", "patient/Observation.rs?category=http://x|a"},
		{"patient/Patient.rs?name:exact=A%20B%26C", "patient/Patient.rs?name:exact=A%20B%26C"},
		{"patient/Observation.rs?code=a%5C,b,c", "patient/Observation.rs?code=a%5C,b,c"},
		{"patient/Observation.rs?_lastUpdated=ge2020-01-01T00:00:00+01:00", "patient/Observation.rs?_lastUpdated=ge2020-01-01T00:00:00+01:00"},
		{"patient/Observation.rs?code=c%5C,b,a", "patient/Observation.rs?code=a,c%5C,b"},
		{"patient/Patient.rs?name=~", "patient/Patient.rs?name=~"},
		{"patient/Patient.rs?eyes:a%3Db=c%3Dd", "patient/Patient.rs?eyes:a%3Db=c=d"}, // granted, if ever, once there is such a parameter
		{"patient/*.rs?_security=http://x|R", "patient/*.rs?_security=http://x|R"},
		{"patient/*.rs?_security:not=R", "patient/*.rs?_security:not=R"},
		{"patient/Observation.rs?_id=a,b&category:missing=true", "patient/Observation.rs?_id=a,b&category:missing=true"},
		{"patient/Observation.rs?category:not=a", "patient/Observation.rs?category:not=a"},

		{"patient/Observation.sr", ""},
		{"patient/Observation.rr", ""},
		{"patient/Observation.x", ""},
		{"patient/Observation.rsx", ""},
		{"patient/Observation.", ""},
		{"patient/Observation", ""},
		{"patient/Observation.RS", ""},
		{"Patient/Observation.rs", ""},
		{"group/Observation.rs", ""},
		{"patient/observation.rs", ""},
		{"patient/.rs", ""},
		{"patient/Observation/1.rs", ""},
		{"patient/Resource.rs", ""},
		{"patient/**.rs", ""},
		{"patient/Observation.rs?", ""},
		{"patient/Observation.rs?category", ""},
		{"patient/Observation.rs?category=", ""},
		{"patient/Observation.rs?category=a&", ""},
		{"patient/Observation.rs?category=%zz", ""},
		{"patient/Observation.rs?unknown.name=a", ""},
		{"patient/Observation.rs?_unknown=a", ""},
		{"patient/Observation.rs?unknown=a&date=yesterday", ""},
		{"patient/*.rs?unknown=a", ""},
		{"patient/Observation.rs?category:unknown=a", ""},
		{"patient/Observation.rs?date=yesterday", ""},
		{"patient/Observation.rs?subject.name=a", ""},
		{"patient/Observation.rs?subject:Patient.name=a", ""},
		{"patient/Observation.rs?_has:Provenance:target:agent=a", ""},
		{"patient/Observation.rs?_include=Observation:subject", ""},
		{"patient/Observation.rs?_sort=date", ""},
		{"patient/Observation.rs?_count=1", ""},
		{"patient/Observation.rs?_total=accurate", ""},
		{"patient/Observation.rs?_elements=id", ""},
		{"patient/Observation.rs?_format=json", ""},
		{"patient/*.rs?category=laboratory", ""},
		{"patient/Observation.read?category=laboratory", ""},
		{"patient/Observation.write?category=laboratory", ""},
		{"patient/Observation.*?category=laboratory", ""},
		{`patient/Observation.rs?code="a"`, ""},
		{`patient/Observation.rs?code=a\,b`, ""},
		{"patient/Observation.rs?code=ä", ""},
	} {
		s, err := ParseScope(c.text)
		switch {
		case c.want == "" && err == nil:
			t.Errorf("%s: granted as %s", c.text, s)
		case c.want == "" && fhir.KindOf(err) != fhir.KindInvalid:
			t.Errorf("%s: %v", c.text, err)
		case c.want != "" && err != nil:
			t.Errorf("%s: %v", c.text, err)
		case c.want != "" && s.String() != c.want:
			t.Errorf("%s: %s, want %s", c.text, s, c.want)
		case c.want != "" && s.Text() != c.text:
			t.Errorf("%s: the text became %s", c.text, s.Text())
		}
	}
}

// Every word of the v1 grammar is granted and means its letters.
func TestS4_03_V1Grammar(t *testing.T) {
	letters := map[string]string{"read": "rs", "write": "cud", "*": "cruds"}
	types := append([]string{"*"}, r4.Resources()...)
	for _, level := range []string{"patient", "user", "system"} {
		for _, typ := range types {
			for word, l := range letters {
				s, err := ParseScope(level + "/" + typ + "." + word)
				if err != nil {
					t.Fatal(err)
				}
				if want := level + "/" + typ + "." + l; s.String() != want {
					t.Errorf("%s: %s, want %s", s.Text(), s, want)
				}
			}
		}
	}
	for _, no := range []string{"patient/Observation.Read", "patient/Observation.readwrite", "patient/Observation.**", "patient/*"} {
		if s, err := ParseScope(no); err == nil {
			t.Errorf("%s: granted as %s", no, s)
		}
	}
}

// Scopes of FHIRcast are events and ways; what only looks like one is left out, with the reason.
func TestEvents(t *testing.T) {
	for word, want := range map[string]string{
		"fhircast/Patient-open.read": "fhircast/Patient-open.read", "fhircast/Patient-open.write": "fhircast/Patient-open.write", "fhircast/*.*": "fhircast/*.*",
		"fhircast/Patient-open.read fhircast/Patient-open.write": "fhircast/Patient-open.*", "fhircast/*.read fhircast/Patient-open.*": "fhircast/*.read fhircast/Patient-open.write",
		"fhircast/org.example.event.read": "fhircast/org.example.event.read", "fhircast/org.example": "", "fhircast/Patient-open": "", "fhircast/Patient-open.rs": "", "fhircast/.read": "", "fhircast/Patient-*.read": "", "fhircast/": "",
	} {
		set, refused := Parse(word)
		if got := set.String(); got != want || (len(refused) == 1) != (want == "") {
			t.Errorf("%s: %q, refused %v", word, got, refused)
		}
		if len(refused) == 1 && !strings.Contains(refused[0].Diagnostics, word) {
			t.Errorf("%s: %v", word, refused)
		}
	}
}

// A type that R4 does not have is left out with a reason and opens nothing, not even when it looks like a wildcard.
func TestS1_18_UnknownType(t *testing.T) {
	for _, word := range []string{"patient/Obervation.rs", "system/All.cruds", "system/%2A.rs", "user/DomainResource.rs", "system/.rs"} {
		set, refused := Parse("patient/Patient.r " + word)
		if len(refused) != 1 || !strings.Contains(refused[0].Diagnostics, word) {
			t.Errorf("%s: refused %v", word, refused)
		}
		if after, _ := Parse(word + " patient/Patient.r"); set.String() != "patient/Patient.r" || after.String() != set.String() {
			t.Errorf("%s: granted %s", word, set)
		}
		a := set.Access(Context{Patient: "1", Administrator: true})
		for _, typ := range r4.Resources() {
			if e := a.Allowed(search.Search, typ); e != search.None {
				t.Errorf("%s opens %s: %s", word, typ, e)
			}
		}
	}
}

func TestParseKeepsOtherScopesApart(t *testing.T) {
	set, refused := Parse("openid launch/patient  patient/Observation.rs __mine openid patient/Observation.rs launch/Observation.rs")
	if refused != nil {
		t.Fatal(refused)
	}
	if got := set.Text(); got != "patient/Observation.rs openid launch/patient __mine launch/Observation.rs" {
		t.Errorf("text %q", got)
	}
	if len(set.Data()) != 1 || !set.Has("__mine") || set.Has("patient/Observation.rs") || !set.NeedsPatient() {
		t.Errorf("data %v, other %v", set.Data(), set.Other())
	}
	if _, refused = Parse(`open"id`); len(refused) != 1 {
		t.Errorf("refused %v", refused)
	}
}
