package subset

import (
	"bytes"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/conformance/validate"
	"github.com/firewarden/firewarden/internal/examples"
	"github.com/firewarden/firewarden/internal/fhir"
)

const tag = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

func of(t *testing.T, summary string) Subset {
	t.Helper()
	s, ok := Summary(summary)
	if !ok {
		t.Fatalf("_summary=%s", summary)
	}
	return s
}

func elements(t *testing.T, typ, names string) Subset {
	t.Helper()
	s, unknown := Elements([]string{typ}, strings.Split(names, ","))
	if unknown != "" {
		t.Fatalf("_elements=%s: %s", names, unknown)
	}
	return s
}

func TestAppend(t *testing.T) {
	observation := `{"resourceType":"Observation","id":"1","meta":{"versionId":"3","tag":[{"code":"x"}]},"implicitRules":"u","text":{"status":"empty","div":"<div/>"},` +
		`"extension":[{"url":"e"}],"modifierExtension":[{"url":"m"}],"status":"final","code":{"extension":[{"url":"e"}],"text":"a\u00e9"},"valueQuantity":{"value":5.40},"note":[{"text":"n"}],` +
		`"component":[{"id":"c","code":{"text":"b"},"_valueString":{"extension":[{"url":"e"}]},"interpretation":[{"text":"i"}]}]}`
	frame := `{"resourceType":"Observation","id":"1","meta":{"versionId":"3","tag":[{"code":"x"},` + tag + `]},"implicitRules":"u",`
	for _, c := range []struct {
		name string
		s    Subset
		body string
		want string
	}{
		{"nothing asked", Subset{}, observation, observation},
		{"false", of(t, "false"), observation, observation},
		{"true", of(t, "true"), observation, frame + `"modifierExtension":[{"url":"m"}],"status":"final","code":{"text":"a\u00e9"},"valueQuantity":{"value":5.40},` +
			`"component":[{"code":{"text":"b"},"_valueString":{"extension":[{"url":"e"}]}}]}`},
		{"text", of(t, "text"), observation, frame + `"text":{"status":"empty","div":"<div/>"},"modifierExtension":[{"url":"m"}],"status":"final","code":{"extension":[{"url":"e"}],"text":"a\u00e9"}}`},
		{"data", of(t, "data"), observation, frame + observation[strings.Index(observation, `"extension"`):]},
		{"an element", elements(t, "Observation", "note"), observation, frame + `"modifierExtension":[{"url":"m"}],"status":"final","code":{"extension":[{"url":"e"}],"text":"a\u00e9"},"note":[{"text":"n"}]}`},
		{"a choice", elements(t, "Observation", "value"), observation, frame + `"modifierExtension":[{"url":"m"}],"status":"final","code":{"extension":[{"url":"e"}],"text":"a\u00e9"},"valueQuantity":{"value":5.40}}`},
		{"a choice by type", elements(t, "Observation", "valueQuantity,id"), observation, frame + `"modifierExtension":[{"url":"m"}],"status":"final","code":{"extension":[{"url":"e"}],"text":"a\u00e9"},"valueQuantity":{"value":5.40}}`},
		{"a choice with [x]", elements(t, "Observation", "effective[x]"), observation, frame + `"modifierExtension":[{"url":"m"}],"status":"final","code":{"extension":[{"url":"e"}],"text":"a\u00e9"}}`},
		{"another type", elements(t, "Patient", "name"), observation, observation},
		{"the extensions of a primitive", elements(t, "Patient", "birthDate"), `{"resourceType":"Patient","id":"1","meta":{"versionId":"1"},"birthDate":"2000","_birthDate":{"id":"b"},"active":true}`,
			`{"resourceType":"Patient","id":"1","meta":{"versionId":"1","tag":[` + tag + `]},"birthDate":"2000","_birthDate":{"id":"b"}}`},
		{"no meta", of(t, "data"), `{"resourceType":"Patient","id":"1"}`, `{"resourceType":"Patient","id":"1","meta":{"tag":[` + tag + `]}}`},
		{"tagged already", of(t, "data"), `{"resourceType":"Patient","meta":{"tag":[` + tag + `]},"id":"1"}`, `{"resourceType":"Patient","meta":{"tag":[` + tag + `]},"id":"1"}`},
		{"contained", elements(t, "Observation", "performer"), `{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"a"},{"resourceType":"Practitioner","id":"b"},{"resourceType":"PractitionerRole","id":"c","practitioner":{"reference":"#b"}}],"status":"final","code":{"text":"x"},"subject":{"reference":"#a"},"performer":[{"reference":"#c"}],"meta":{"tag":[` + tag + `]}}`,
			`{"resourceType":"Observation","status":"final","code":{"text":"x"},"performer":[{"reference":"#c"}],"meta":{"tag":[` + tag + `]},"contained":[{"resourceType":"PractitionerRole","id":"c","practitioner":{"reference":"#b"}},{"resourceType":"Practitioner","id":"b"}]}`},
		{"what would be empty", of(t, "true"), `{"resourceType":"Patient","meta":{"tag":[` + tag + `]},"name":[{"extension":[{"url":"e"}]}]}`,
			`{"resourceType":"Patient","meta":{"tag":[` + tag + `]},"name":[{"extension":[{"url":"e"}]}]}`},
	} {
		got, err := c.s.Append([]byte("x"), []byte(c.body))
		if err != nil || string(got) != "x"+c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.name, err, got, c.want)
		}
	}
}

func TestUnknown(t *testing.T) {
	for _, value := range []string{"", "True", "count", "all"} {
		if _, ok := Summary(value); ok {
			t.Errorf("_summary=%s", value)
		}
	}
	for _, c := range []struct{ types, names, unknown string }{
		{"Patient", "name,nmae", "nmae"}, {"Patient", "code", "code"}, {"Patient,Observation", "code,name", ""}, {"Patient", "", ""},
		{"Observation", "component.code", "component.code"}, {"Observation", "valueX", "valueX"}, {"Observation", "_status", "_status"},
		{"Patient", "deceased[x],multipleBirthInteger", ""}, {"Patient", "resourceType", "resourceType"},
	} {
		_, unknown := Elements(strings.Split(c.types, ","), strings.Split(c.names, ","))
		if c.names == "" {
			c.names = `""`
		}
		if unknown != c.unknown {
			t.Errorf("_elements=%s of %s: %q, want %q", c.names, c.types, unknown, c.unknown)
		}
	}
}

// A subset of a valid resource is a valid resource, and a subset of itself.
func TestSubsetsOfExamples(t *testing.T) {
	n := 0
	all, _ := examples.Any(t)
	for _, body := range all {
		res, err := fhir.Parse(body, fhir.DefaultLimits)
		if err != nil || len(validate.Structure(res)) > 0 {
			continue
		}
		body = res.Compact()
		n++
		subsets := map[string]Subset{"true": of(t, "true"), "text": of(t, "text"), "data": of(t, "data")}
		for i := range r4.TypeOf(res.Type).Elements {
			name := r4.TypeOf(res.Type).Elements[i].Name
			subsets[name] = elements(t, res.Type, name)
		}
		for name, s := range subsets {
			out, err := s.Append(nil, body)
			if err != nil {
				t.Fatal(err)
			}
			cut, err := fhir.Parse(bytes.Clone(out), fhir.DefaultLimits)
			if err != nil {
				t.Fatalf("%s of %s/%s: %v: %s", name, res.Type, res.ID, err, out)
			}
			if faults := validate.Structure(cut); len(faults) > 0 {
				t.Errorf("%s of %s/%s: %v: %s", name, res.Type, res.ID, faults, out)
			}
			again, err := s.Append(nil, out)
			if err != nil || !bytes.Equal(again, out) {
				t.Errorf("%s of %s/%s: %v\nonce  %s\ntwice %s", name, res.Type, res.ID, err, out, again)
			}
			if !strings.Contains(string(out), `"SUBSETTED"`) || len(out) > len(body)+200 {
				t.Errorf("%s of %s/%s: %s", name, res.Type, res.ID, out)
			}
		}
	}
	if n < 50 {
		t.Errorf("%d examples", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	body := []byte(`{"resourceType":"Observation","id":"1","meta":{"versionId":"3"},"text":{"status":"empty","div":"<div/>"},"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/1"},"effectiveDateTime":"2024-01-01","valueQuantity":{"value":5.40,"unit":"/min"}}`)
	s, _ := Summary("true")
	dst := make([]byte, 0, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Append(dst, body); err != nil {
			b.Fatal(err)
		}
	}
}
