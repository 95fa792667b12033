package audit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

const base = "https://firewarden.test/fhir"

// TestPatients: who is found in the bytes is who the index puts the resource into the compartment of.
func TestPatients(t *testing.T) {
	x := &index.Indexer{Base: base}
	p := newPatients(x)
	same := func(t *testing.T, body []byte) {
		t.Helper()
		res, err := fhir.Parse(body, fhir.DefaultLimits)
		if err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		body = res.Compact()
		var want []string
		for _, text := range x.Entries(res).Compartments {
			id, _ := patient(text)
			want = append(want, id)
		}
		got := slices.Sorted(slices.Values(unique(p.of(nil, res.Type, res.ID, body))))
		if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("%v, want %v: %.500s", got, want, body)
		}
		for _, known := range [][]string{{"1"}, {"2"}, {"3", "1"}, {"1", "2", "3", "5", "7", "8", "9"}, {"4", "4", "4", "4", "4"}} { // of what was read before
			got, want := unique(p.of(slices.Clone(known), res.Type, res.ID, body)), unique(slices.Concat(known, want))
			if !slices.Equal(got, want) {
				t.Errorf("beside %v %v, want %v: %.500s", known, got, want, body)
			}
		}
	}
	for _, body := range []string{
		`{"resourceType":"Observation","subject":{"reference":"Patient/1"}}`,
		`{"resourceType":"Observation","subject":{"display":"x","reference":"Patient/1/_history/2"},"performer":[{"reference":"Practitioner/2"},{"reference":"Patient/3"}]}`,
		`{"resourceType":"Observation","subject":{"reference":"` + base + `/Patient/1"},"focus":[{"reference":"Patient/2"}]}`,
		`{"resourceType":"Observation","subject":{"reference":"https://elsewhere/fhir/Patient/1"}}`,
		`{"resourceType":"Observation","contained":[{"resourceType":"Observation","id":"c","subject":{"reference":"Patient/9"}}],"subject":{"reference":"Patient/1"}}`,
		`{"resourceType":"Observation","subject":{"reference":"Patient\/1"}}`,
		`{"resourceType":"Observation","sub\u006aect":{"reference":"\u0050atient/1"}}`,
		`{"resourceType":"Observation","subject":{"refer\u0065nce":"Patient/1"}}`,
		`{"resourceType":"Observation","note":[{"text":"\"subject\":{\"reference\":\"Patient/7\"}"}],"subject":{"reference":"Patient/1"}}`,
		`{"resourceType":"Observation","subject":{"extension":[{"url":"u","valueReference":{"reference":"Patient/8"}}],"reference":"Patient/1"}}`,
		`{"resourceType":"Observation","subject":{"identifier":{"assigner":{"reference":"Patient/8"}},"reference":"Group/1"}}`,
		`{"resourceType":"Observation","component":[{"code":{"text":"a }]{ b"},"valueString":"Patient/5"}],"subject":{"reference":"Group/1"}}`,
		`{"resourceType":"Patient","id":"1","link":[{"other":{"reference":"Patient/2"}}]}`,
		`{"resourceType":"Appointment","participant":[{"actor":{"reference":"Patient/1"}},{"actor":{"reference":"Patient/2"}}]}`,
		`{"resourceType":"Group","member":[{"entity":{"reference":"Patient/1"}}]}`,
		`{"resourceType":"AuditEvent","agent":[{"who":{"reference":"Patient/1"}}],"entity":[{"what":{"reference":"Patient/2"}}]}`,
		`{"resourceType":"Device","patient":{"reference":"Patient/1"}}`,
		`{"resourceType":"Observation","valueQuantity":{"value":-1.5e3},"status":"final","subject":{"reference":"Patient/1"},"issued":"x","valueBoolean":true}`,
	} {
		same(t, []byte(body))
	}
	fast := 0
	for typ, l := range p.types {
		if len(l.top) > 0 {
			fast++
		} else if typ != "Patient" {
			t.Logf("%s is parsed", typ)
		}
	}
	if all := len(compartments.Types("Patient")); fast < all*2/3 {
		t.Errorf("%d of %d types are read without parsing", fast, all)
	}
	dir := os.Getenv("FIREWARDEN_R4_EXAMPLES")
	if dir == "" {
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		typ, _, _ := strings.Cut(filepath.Base(file), "-")
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if compartments.Params("Patient", typ) != nil && strings.Contains(string(body), `"resourceType"`) {
			same(t, body)
			n++
		}
	}
	t.Logf("%d examples", n)
}
