package parameters

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/examples"
	"github.com/firewarden/firewarden/internal/fhir"
)

func parse(t *testing.T, text string) *fhir.Resource {
	t.Helper()
	res, err := fhir.Parse([]byte(text), fhir.DefaultLimits)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return res
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, body, place, bases string }{
		{"an own one", `"code":"eye","type":"token","base":["Patient"],"expression":"Patient.extension('http://x').value"`, "", "Patient"},
		{"two bases", `"code":"maker","type":"string","base":["Device","Medication"],"expression":"Device.manufacturer | Medication.manufacturer.display"`, "", "Device Medication"},
		{"retired", `"status":"retired","code":"eye","type":"nonsense"`, "", ""},
		{"R4's own", `"url":"http://hl7.org/fhir/SearchParameter/Patient-active","code":"active","type":"token","base":["Patient"],"expression":"Patient.active"`, "", ""},
		{"derived from R4's", `"code":"_id","type":"token","base":["Patient"],"expression":"Patient.id","derivedFrom":"http://hl7.org/fhir/SearchParameter/Resource-id|4.0.1"`, "", ""},
		{"a code of R4 that means another thing", `"code":"active","type":"token","base":["Patient"],"expression":"Patient.gender"`, "SearchParameter.code", ""},
		{"a code of R4 with another type", `"code":"active","type":"string","base":["Patient"],"expression":"Patient.active","derivedFrom":"http://hl7.org/fhir/SearchParameter/Patient-active"`, "SearchParameter.code", ""},
		{"a code with a dot", `"code":"a.b","type":"token","base":["Patient"],"expression":"Patient.active"`, "SearchParameter.code", ""},
		{"a code with a colon", `"code":"a:b","type":"token","base":["Patient"],"expression":"Patient.active"`, "SearchParameter.code", ""},
		{"a code of results", `"code":"_sort","type":"token","base":["Patient"],"expression":"Patient.active"`, "SearchParameter.code", ""},
		{"an unknown type", `"code":"eye","type":"tokens","base":["Patient"],"expression":"Patient.active"`, "SearchParameter.type", ""},
		{"a special one", `"code":"eye","type":"special","base":["Patient"],"expression":"Patient.active"`, "SearchParameter.type", ""},
		{"no base", `"code":"eye","type":"token","expression":"Patient.active"`, "SearchParameter.base", ""},
		{"an unknown base", `"code":"eye","type":"token","base":["Patent"],"expression":"Patient.active"`, "SearchParameter.base", ""},
		{"an unknown target", `"code":"eye","type":"reference","base":["Patient"],"target":["Patent"],"expression":"Patient.link.other"`, "SearchParameter.target", ""},
		{"no expression", `"code":"eye","type":"token","base":["Patient"]`, "SearchParameter.expression", ""},
		{"no FHIRPath", `"code":"eye","type":"token","base":["Patient"],"expression":"Patient..active"`, "SearchParameter.expression", ""},
		{"no such element", `"code":"eye","type":"token","base":["Patient"],"expression":"Patient.eye"`, "SearchParameter.expression", ""},
		{"an element of another type", `"code":"eye","type":"token","base":["Patient"],"expression":"Observation.code"`, "SearchParameter.expression", ""},
		{"a string as a date", `"code":"eye","type":"date","base":["Patient"],"expression":"Patient.name.family"`, "SearchParameter.expression", ""},
		{"too long", `"code":"eye","type":"token","base":["Patient"],"expression":"Patient.active` + strings.Repeat(" ", maxExpression) + `"`, "SearchParameter.expression", ""},
		{"a composite of one", `"code":"eye","type":"composite","base":["Patient"],"expression":"Patient","component":[{"definition":"http://hl7.org/fhir/SearchParameter/individual-gender","expression":"gender"}]`, "SearchParameter.component", ""},
		{"a component that nobody knows", `"code":"eye","type":"composite","base":["Patient"],"expression":"Patient","component":[{"definition":"http://x","expression":"gender"}]`, "SearchParameter.component.definition", ""},
		{"a component that does not fit", `"code":"eye","type":"composite","base":["Patient"],"expression":"Patient","component":[{"definition":"http://hl7.org/fhir/SearchParameter/individual-gender","expression":"gender"},{"definition":"http://hl7.org/fhir/SearchParameter/individual-gender","expression":"status"}]`, "SearchParameter.component.expression", ""},
		{"components of a token", `"code":"eye","type":"token","base":["Patient"],"expression":"Patient.gender","component":[{"definition":"http://hl7.org/fhir/SearchParameter/individual-gender","expression":"gender"}]`, "SearchParameter.component", ""},
	} {
		d, err := Read(parse(t, `{"resourceType":"SearchParameter",`+c.body+`}`))
		place := ""
		if err != nil {
			place = err.(fhir.Errors)[0].Expression
		}
		if place != c.place || err == nil && strings.Join(d.Bases, " ") != c.bases {
			t.Errorf("%s: bases %q, %v at %q; want %q at %q", c.name, d.Bases, err, place, c.bases, c.place)
		}
	}
}

func TestNext(t *testing.T) {
	eye := Definition{ID: "b", Code: "eye", Bases: []string{"Patient"}, Expression: "Patient.active"}
	twin := Definition{ID: "a", Code: "eye", Bases: []string{"Patient", "Person"}, Expression: "active"}
	r, changed := Record{}.Next([]Definition{eye})
	if !changed || r.Generation != 1 || r.Own[0].Num != FirstNum || !r.Building() {
		t.Fatalf("the first one: %+v", r)
	}
	if again, changed := r.Next([]Definition{eye}); changed || again.Generation != 1 {
		t.Errorf("nothing new: %+v", again)
	}
	if with, changed := r.Next([]Definition{twin, eye}); changed || with.Clash(&twin) == nil {
		t.Errorf("who was first loses to %+v", with.Own)
	}
	if both, _ := (Record{}).Next([]Definition{eye, twin}); len(both.Own) != 1 || both.Own[0].ID != "a" {
		t.Errorf("of two new ones the one with the lesser id counts: %+v", both.Own)
	}
	r = r.Done(r.Generation)
	if p := r.Set().Lookup("Patient", "eye"); p == nil || r.Building() {
		t.Errorf("what is done is not live: %+v", r)
	}
	eye.Expression = "Patient.gender"
	next, _ := r.Next([]Definition{eye})
	if next.Own[1].Num == r.Own[0].Num || next.Set().Lookup("Patient", "eye") != nil || !next.Set().Building("Patient", "eye") {
		t.Errorf("a change keeps the number or is live at once: %+v", next)
	}
	if old := next.Set().At(1).Indexed("Patient"); len(old) != 1 || old[0].Num != FirstNum {
		t.Errorf("the generation before was indexed by %v", old)
	}
	if r.Own[0].Until != 0 || !r.Own[0].Live {
		t.Error("Next changed the record before")
	}
	b, err := next.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadRecord(b)
	if again, changed := read.Next([]Definition{eye}); err != nil || changed || again.Last != next.Last {
		t.Errorf("a record is another one when it has been stored: %+v, %v", again, err)
	}
	last := Record{Last: LastNum}
	if none, changed := last.Next([]Definition{eye}); changed {
		t.Errorf("a number behind the last: %+v", none.Own)
	}
	var nobody *Set
	if nobody.Lookup("Patient", "name") == nil || nobody.Generation("Patient") != 0 || nobody.Indexed("Patient") != nil {
		t.Error("a nil Set is not R4's")
	}
}

// US Core's parameters are R4's, or own ones.
func TestUSCore(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(examples.Data(t), "us-core", "*-definitions.ndjson.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions: %v", err)
	}
	for _, file := range files {
		var own []string
		read := 0
		for _, line := range examples.Lines(t, file) {
			res := parse(t, string(line))
			if res.Type != "SearchParameter" {
				continue
			}
			d, err := Read(res)
			if err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(file), res.ID, err)
			}
			if read++; len(d.Bases) > 0 {
				own = append(own, d.Bases[0]+"."+d.Code)
			}
		}
		slices.Sort(own)
		want := "CareTeam.role Condition.asserted-date Encounter.discharge-disposition Goal.description Patient.ethnicity Patient.gender-identity Patient.race"
		if strings.Contains(file, "3.1.1") {
			want = "Patient.ethnicity Patient.race"
		}
		if got := strings.Join(own, " "); got != want || read < 60 {
			t.Errorf("%s: of %d search parameters these are own ones: %s\nwant %s", filepath.Base(file), read, got, want)
		}
	}
}
