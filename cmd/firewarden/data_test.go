package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/examples"
	"github.com/firewarden/firewarden/internal/program"
	"github.com/firewarden/firewarden/store/storetest/truth"
)

// TestCharts: every search of a chart agrees with what an independent evaluator counts in the files.
func TestCharts(t *testing.T) {
	const files = "../../store/storetest/truth/testdata"
	dir := filepath.Join(t.TempDir(), "store")
	mustRun(t, "load", "--store", dir, files)
	set, err := truth.Open(files)
	if err != nil {
		t.Fatal(err)
	}
	c := charts{start(t, "serve", "--store", dir, "--base-url", "http://127.0.0.1:8080", "--anonymous", "system/*.rs"), set}
	c.counts(t, 408)
	c.directory(t)
	for _, p := range set.All("Patient") {
		c.patient(t, p)
	}
}

// TestWholeSets loads every set by the binary and asks the server of the binary.
func TestWholeSets(t *testing.T) {
	folder := examples.Data(t)
	for _, tt := range []struct {
		name    string
		total   int // of the README beside the data
		every   int // of how many patients one is asked for
		written map[string]int
	}{
		{"synthea-r4", 32_889, 8, map[string]int{"Observation": 15_029, "Claim": 3_960, "Patient": 110, "ImagingStudy": 69, "Organization": 181}},
		{"synthea-120", 92_114, 12, map[string]int{"Observation": 42_929, "DocumentReference": 4_769, "Patient": 120, "Organization": 194, "Provenance": 120, "Device": 28}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files, dir := filepath.Join(folder, tt.name), filepath.Join(t.TempDir(), "store")
			out, errs, code := program.Run(t, "load", "--store", dir, "--base-url", "http://data.test", files)
			if code != 0 {
				t.Fatalf("load ended with %d: %s%s", code, out, errs)
			}
			t.Log(strings.SplitN(out, "\n", 2)[0])
			for typ, n := range tt.written {
				if !strings.Contains(out, fmt.Sprintf("%12s %s\n", grouped(n), typ)) {
					t.Errorf("not %d %s:\n%s", n, typ, out)
				}
			}
			set, err := truth.Open(files)
			if err != nil {
				t.Fatal(err)
			}
			p := spawn(t, program.FreePort(t), "serve", "--store", dir, "--base-url", "http://data.test", "--anonymous", "system/*.rs", "--log-level", "error")
			c := charts{p.running, set}
			c.counts(t, tt.total)
			c.directory(t)
			for i := 0; i < len(set.All("Patient")); i += tt.every {
				c.patient(t, set.All("Patient")[i])
			}
			if err := p.Stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
			if out, _, code := program.Run(t, "check", "--store", dir); code != 0 || !strings.Contains(out, "no problems") {
				t.Errorf("check: %d %s", code, out)
			}
		})
	}
}

// TestGuides loads the examples of US Core and the data of Inferno: plain references may dangle.
func TestGuides(t *testing.T) {
	folder := examples.Data(t)
	inferno := filepath.Join(folder, "inferno-reference")
	dir := filepath.Join(t.TempDir(), "store")
	paths := []string{filepath.Join(inferno, "uscore_bundle_asserted-date.json.gz"), inferno}
	if out, errs, code := program.Run(t, append([]string{"load", "--store", dir, "--validation", "off"}, paths...)...); code != 0 {
		t.Errorf("inferno-reference without validation: %d: %s%s", code, out, errs)
	}
	out, _, _ := program.Run(t, "export", "--store", dir, "--type", "Patient")
	stored := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		stored[idOf(t, []byte(line))] = true
	}
	for _, id := range []string{"85", "355", "907", "908"} {
		if !stored[id] {
			t.Errorf("Patient/%s is not there, only %v", id, stored)
		}
	}
	own, err := filepath.Glob(filepath.Join(folder, "us-core", "*-examples.ndjson.gz"))
	if err != nil || len(own) != 3 {
		t.Fatalf("examples: %v %v", own, err)
	}
	for name, tt := range map[string]struct {
		paths  []string
		faults []string // real faults of the data, each the beginning of a line
	}{
		"inferno-reference": {paths, []string{
			filepath.Join(inferno, "us_quality_core_bundle_patient.json.gz") + ":38: entry 1: structure at Media.content.link",
			filepath.Join(inferno, "uscore_bundle_patient_355.json.gz") + ":18860: entry 266: structure at Observation.effectivePeriod.stop",
		}},
		"us-core": {own, []string{own[0] + ":10: value at DiagnosticReport.presentedForm[0].hash"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			out, errs, code := program.Run(t, append([]string{"load", "--store", dir}, tt.paths...)...)
			lines := strings.Split(strings.TrimSpace(errs), "\n")
			if code != 1 || len(lines) != len(tt.faults) {
				t.Errorf("ended with %d: %s%s", code, out, errs)
			}
			for _, f := range tt.faults {
				if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, f) }) {
					t.Errorf("nothing begins with %q:\n%s", f, errs)
				}
			}
			if out, _, code := program.Run(t, "check", "--store", dir); code != 0 {
				t.Errorf("check: %s", out)
			}
		})
	}
}

// charts asks a server what a chart shows and compares.
type charts struct {
	*running
	set *truth.Set
}

// counts compares the number of resources of every type.
func (c *charts) counts(t *testing.T, total int) {
	t.Helper()
	if n := c.set.Len(); n != total {
		t.Errorf("the files hold %d resources, %d were promised", n, total)
	}
	for typ, want := range c.set.Counts() {
		if n := c.count("/fhir/" + typ); n != want {
			t.Errorf("%d %s, the files hold %d", n, typ, want)
		}
	}
	vitals := truth.Keep(c.set.All("Observation"), truth.Coded("category", "", "vital-signs"))
	for query, want := range map[string]int{
		"Observation?category=vital-signs":                              len(vitals),
		"Observation?category=vital-signs&code=http://loinc.org|8302-2": len(truth.Keep(vitals, truth.Coded("code", "http://loinc.org", "8302-2"))),
		"Observation?code=http://loinc.org|no-such-code":                0,
		"Observation?date=ge2015-01-01T00:00:00Z":                       len(truth.Keep(c.set.All("Observation"), truth.Between("effectiveDateTime", day(2015, 1, 1), time.Time{}))),
		"Patient?gender=female":                                         len(truth.Keep(c.set.All("Patient"), truth.Is("gender", "female"))),
		"Encounter?status=finished":                                     len(truth.Keep(c.set.All("Encounter"), truth.Is("status", "finished"))),
		"Condition?code=http://snomed.info/sct|444814009":               len(truth.Keep(c.set.All("Condition"), truth.Coded("code", "http://snomed.info/sct", "444814009"))),
		"Condition?code=444814009":                                      len(truth.Keep(c.set.All("Condition"), truth.Coded("code", "", "444814009"))),
	} {
		if n := c.count("/fhir/" + query); n != want {
			t.Errorf("%s: %d, the files say %d", query, n, want)
		}
	}
}

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// same compares all matches of a search with what the files say, in any order.
func (c *charts) same(t *testing.T, query string, want []*truth.Resource) {
	t.Helper()
	got, _ := c.found("/fhir/" + query)
	if d := truth.Difference(got, want); d != "" {
		t.Errorf("%s: %s", query, d)
	}
}

// directory compares searches over all patients: who has something, who is called so.
func (c *charts) directory(t *testing.T) {
	t.Helper()
	observations, patients := c.set.All("Observation"), c.set.All("Patient")
	for _, code := range []string{"4548-4", "2093-3", "8302-2", "72514-3"} {
		who := truth.Targets(truth.Keep(observations, truth.Coded("code", "http://loinc.org", code)), "subject")
		c.same(t, "Patient?_has:Observation:patient:code="+url.QueryEscape("http://loinc.org|"+code)+"&_count=100", who)
	}
	c.same(t, "Patient?_has:AllergyIntolerance:patient:clinical-status=active&gender=male&_count=100", truth.Keep(
		truth.Targets(truth.Keep(c.set.All("AllergyIntolerance"), truth.Coded("clinicalStatus", "", "active")), "patient"), truth.Is("gender", "male")))
	for _, name := range []string{"a", "MA", "jo", "mejí", "mr", "zz"} {
		c.same(t, "Patient?name="+url.QueryEscape(name)+"&_count=100", truth.Keep(patients, truth.Named(name)))
	}
	c.same(t, "Patient?birthdate=ge1960&birthdate=lt1980-06-15&_count=100", truth.Keep(patients, truth.Between("birthDate", day(1960, 1, 1), day(1980, 6, 15))))
}

// patient compares the chart of one patient.
func (c *charts) patient(t *testing.T, p *truth.Resource) {
	t.Helper()
	var system, value string
	for _, v := range p.Values("identifier") {
		identifier, _ := v.(map[string]any)
		if s, _ := identifier["system"].(string); strings.Contains(s, "synthea") {
			system, value = s, identifier["value"].(string)
		}
	}
	mine := truth.Keep(c.set.All("Patient"), truth.Identified(system, value))
	found, _ := c.found("/fhir/Patient?identifier=" + url.QueryEscape(system+"|"+value))
	if d := truth.Difference(found, mine); d != "" || len(mine) != 1 {
		t.Fatalf("by identifier %s|%s: %s", system, value, d)
	}
	c.same(t, "Patient?identifier="+value, truth.Keep(c.set.All("Patient"), truth.Identified("", value)))
	c.same(t, "Patient?birthdate="+p.Text("birthDate"), truth.Keep(c.set.All("Patient"), truth.Is("birthDate", p.Text("birthDate"))))
	family := p.Text("name.family")
	c.same(t, "Patient?name="+url.QueryEscape(strings.ToUpper(family[:4])), truth.Keep(c.set.All("Patient"), truth.Named(family[:4])))

	id := idOf(t, found[0])
	observations := truth.Keep(c.set.All("Observation"), truth.Refers("subject", p))
	c.same(t, "Observation?patient="+id+"&_count=200", observations)
	c.same(t, "Observation?subject=Patient/"+id+"&_count=1000", observations)
	if n := c.count("/fhir/Observation?patient=" + id); n != len(observations) {
		t.Errorf("%d observations counted, %d expected", n, len(observations))
	}
	codes := map[string]bool{}
	for _, o := range observations {
		codes[o.Text("code.coding.code")] = true
	}
	for code := range codes {
		c.same(t, "Observation?patient="+id+"&code=http://loinc.org|"+code, truth.Keep(observations, truth.Coded("code", "http://loinc.org", code)))
	}
	for _, category := range []string{"vital-signs", "laboratory", "survey"} {
		of := truth.Keep(observations, truth.Coded("category", "", category))
		query := "Observation?patient=" + id + "&category=" + category
		c.same(t, query, of)
		since, until := day(2014, 6, 1), day(2018, 3, 15)
		c.same(t, query+"&date=ge2014-06-01T00:00:00Z&date=lt2018-03-15T00:00:00Z", truth.Keep(of, truth.Between("effectiveDateTime", since, until)))
		c.latest(t, query+"&_sort=-date&_count=30", of, "effectiveDateTime", 30)
		c.latest(t, query+"&_count=30", of, "effectiveDateTime", 30) // the default order
	}
	encounters := truth.Keep(c.set.All("Encounter"), truth.Refers("subject", p))
	matches, included := c.found("/fhir/Encounter?patient=" + id + "&_include=Encounter:participant&_count=1000")
	if d := truth.Difference(matches, encounters); d != "" {
		t.Errorf("encounters: %s", d)
	}
	if d := truth.Difference(included, truth.Targets(encounters, "participant.individual")); d != "" {
		t.Errorf("practitioners of the encounters: %s", d)
	}
	c.latest(t, "Encounter?patient="+id+"&_sort=-date&_count=10", encounters, "period.start", 10)
	for typ, path := range map[string]string{"Condition": "subject", "MedicationRequest": "subject", "Procedure": "subject", "DiagnosticReport": "subject",
		"Immunization": "patient", "AllergyIntolerance": "patient", "CarePlan": "subject", "ExplanationOfBenefit": "patient"} {
		c.same(t, typ+"?patient="+id+"&_count=100", truth.Keep(c.set.All(typ), truth.Refers(path, p)))
	}
}

// latest compares the first page, latest first.
func (c *charts) latest(t *testing.T, query string, want []*truth.Resource, path string, count int) {
	t.Helper()
	var page struct {
		Entry []struct{ Resource json.RawMessage }
	}
	if err := json.Unmarshal(c.get("/fhir/"+query), &page); err != nil {
		t.Fatal(err)
	}
	var got [][]byte
	for _, e := range page.Entry {
		got = append(got, e.Resource)
	}
	if n := min(count, len(want)); len(got) != n {
		t.Errorf("%s: %d rows, want %d", query, len(got), n)
		return
	}
	if d := truth.OrderDifference(got, want, path); d != "" {
		t.Errorf("%s: %s", query, d)
	}
}

func idOf(t *testing.T, body []byte) string {
	t.Helper()
	var r struct{ ID string }
	if err := json.Unmarshal(body, &r); err != nil || r.ID == "" {
		t.Fatalf("no id: %v: %s", err, body)
	}
	return r.ID
}
