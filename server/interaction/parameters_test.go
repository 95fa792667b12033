package interaction

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/auth/scope"
	own "github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/examples"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/store"
)

const eyes = `{"resourceType":"SearchParameter","id":"eyes","url":"http://x/sp/eyes","name":"eyes","status":"active","description":"x","code":"eyes","base":["Patient"],"type":"token","expression":"%s"}`

// owning is a rig with own search parameters, which nobody builds but the test.
func owning(t *testing.T, st store.Store) *rig {
	r := rigOn(t, st)
	var err error
	if r.Parameters, err = OpenParameters(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) build() {
	r.t.Helper()
	if err := r.Parameters.build(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

// finds fails unless a search finds these, "" is nothing; or is refused with a text that holds what follows "!".
func (r *rig) finds(c Caller, typ, query, want string) {
	r.t.Helper()
	entries, _, err := r.search(c, typ, query)
	got := strings.ReplaceAll(strings.Join(entries, " "), "match ", "")
	if text, refused := strings.CutPrefix(want, "!"); refused {
		if err == nil || !strings.Contains(err.Error(), text) {
			r.t.Errorf("%s?%s: %q, %v; want a refusal: %s", typ, query, got, err, text)
		}
		return
	}
	if err != nil || got != want {
		r.t.Errorf("%s?%s: %q, %v; want %q", typ, query, got, err, want)
	}
}

func eachOwning(t *testing.T, f func(t *testing.T, r *rig)) {
	each(t, func(t *testing.T, r *rig) { f(t, owning(t, r.Store)) })
}

func TestParameterLives(t *testing.T) {
	eachOwning(t, func(t *testing.T, r *rig) {
		root := r.root()
		for i, eye := range []string{"blue", "brown", "blue"} {
			r.put(fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","extension":[{"url":"http://x/eyes","valueCode":%q},{"url":"http://x/old","valueCode":"grey"}]}`, i, eye))
		}
		r.finds(root, "Patient", "eyes=blue", "!unknown")
		r.put(fmt.Sprintf(eyes, "Patient.extension.where(url = 'http://x/eyes').value"))
		r.finds(root, "Patient", "eyes=blue", "!being indexed")
		r.finds(root, "Patient", "eyes:not=blue", "!being indexed")
		r.finds(root, "Patient", "_sort=eyes", "!being indexed")
		r.finds(root, "Observation", "subject:Patient.eyes=blue", "!being indexed")
		r.finds(root, "Observation", "subject.eyes=blue", "!being indexed")
		r.build()
		r.finds(root, "Patient", "eyes=brown", "Patient/p1")
		r.finds(root, "Patient", "eyes:not=blue", "Patient/p1")
		r.put(`{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p1"}}`)
		r.finds(root, "Observation", "subject.eyes=brown", "Observation/o")
		r.finds(root, "Patient", "_has:Observation:subject:code:text=x&eyes=brown", "Patient/p1")

		// What changes must be built again.
		r.put(fmt.Sprintf(eyes, "Patient.extension.where(url = 'http://x/old').value"))
		r.finds(root, "Patient", "eyes=brown", "!being indexed")
		r.build()
		r.finds(root, "Patient", "eyes=brown", "")
		r.finds(root, "Patient", "eyes=grey&_id=p2", "Patient/p2")
		if _, err := r.Delete(t.Context(), root, "SearchParameter", "eyes", WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		r.finds(root, "Patient", "eyes=grey", "!unknown")
		r.build()
		r.finds(root, "Patient", "eyes=grey", "!unknown")
		if s := r.Parameters.Status(); len(s.Parameters) != 0 {
			t.Errorf("status of none: %+v", s)
		}
	})
}

func TestParameterRefused(t *testing.T) {
	eachOwning(t, func(t *testing.T, r *rig) {
		write := func(body string) error {
			res := r.parse(body)
			_, err := r.Update(t.Context(), r.root(), res.Type, res.ID, res, WriteOptions{})
			return err
		}
		if err := write(fmt.Sprintf(eyes, "Patient.nothing")); fhir.KindOf(err) != fhir.KindBusinessRule {
			t.Errorf("an element that is none: %v", err)
		}
		r.put(fmt.Sprintf(eyes, "Patient.gender"))
		if err := write(strings.Replace(fmt.Sprintf(eyes, "Patient.active"), `"id":"eyes"`, `"id":"other"`, 1)); fhir.KindOf(err) != fhir.KindBusinessRule {
			t.Errorf("a code that another one has: %v", err)
		}
		if _, _, err := r.search(as(t, "", "system/*.rs"), "SearchParameter", "code=eyes"); err != nil {
			t.Error(err)
		}
		if s := r.Parameters.Status(); len(s.Parameters) != 1 || s.Parameters[0].Status != "indexing" {
			t.Errorf("status: %+v", s)
		}
	})
}

// What a process leaves unfinished, or did not come to do, the next one does.
func TestParametersAfterCrash(t *testing.T) {
	st := openEmbedded(t)
	r := owning(t, st)
	r.put(`{"resourceType":"Patient","id":"p","gender":"male"}`, fmt.Sprintf(eyes, "Patient.gender"))
	r = owning(t, st)
	r.finds(r.root(), "Patient", "eyes=male", "!being indexed")
	r.build()
	r.finds(r.root(), "Patient", "eyes=male", "Patient/p")
	r.Parameters = nil // the end comes between the commit and Sync
	r.put(fmt.Sprintf(eyes, "Patient.birthDate"))
	r = owning(t, st)
	r.finds(r.root(), "Patient", "eyes=male", "!being indexed")
	r.build()
	r.finds(r.root(), "Patient", "eyes=male", "")
	r.finds(r.root(), "Patient", "eyes:missing=true", "Patient/p")
}

// A record that cannot be written leaves nothing that could be searched by wrongly.
func TestParametersFault(t *testing.T) {
	st := &forgetful{Store: openEmbedded(t)}
	r := owning(t, st)
	r.put(`{"resourceType":"Patient","id":"p","gender":"male"}`, fmt.Sprintf(eyes, "Patient.gender"))
	r.build()
	st.broken = true
	r.put(fmt.Sprintf(eyes, "Patient.active"))
	r.finds(r.root(), "Patient", "eyes=male", "!being indexed")
	if s := r.Parameters.Status(); s.Error == "" {
		t.Error("the status says nothing of it")
	}
	st.broken = false
	r.build()
	r.finds(r.root(), "Patient", "eyes=male", "")
}

// forgetful is a store whose small records cannot be written while it is broken.
type forgetful struct {
	store.Store
	broken bool
}

func (f *forgetful) KV() store.KV   { return forgetfulKV{f.Store.KV(), f} }
func (f *forgetful) Use(p *own.Set) { f.Store.(store.Extender).Use(p) }
func (f *forgetful) Extend(ctx context.Context, progress func(done, of int)) error {
	return f.Store.(store.Extender).Extend(ctx, progress)
}

type forgetfulKV struct {
	store.KV
	f *forgetful
}

func (kv forgetfulKV) Put(ctx context.Context, r store.Record, ifVersion uint64) (uint64, error) {
	if kv.f.broken {
		return 0, context.DeadlineExceeded
	}
	return kv.KV.Put(ctx, r, ifVersion)
}

// Run builds what is defined while it runs.
func TestParametersRun(t *testing.T) {
	r := owning(t, openEmbedded(t))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Parameters.Run(ctx, func(err error) { t.Error(err) })
	}()
	r.put(`{"resourceType":"Patient","id":"p","gender":"male"}`, fmt.Sprintf(eyes, "Patient.gender"))
	for r.Parameters.Status().Parameters[0].Status != "ready" {
		time.Sleep(time.Millisecond)
	}
	r.finds(r.root(), "Patient", "eyes=male", "Patient/p")
	cancel()
	<-ended
}

// US Core's own parameters work, and those that repeat R4's change nothing.
func TestUSCore(t *testing.T) {
	eachOwning(t, func(t *testing.T, r *rig) {
		r.Validation = ValidateOff
		r.put(`{"resourceType":"Patient","id":"a","extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race","extension":[
			{"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"2106-3","display":"White"}},{"url":"text","valueString":"White"}]},
			{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity","extension":[{"url":"ombCategory","valueCoding":{"code":"2186-5"}}]}]}`,
			`{"resourceType":"Patient","id":"b"}`,
			`{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/a"},"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/condition-assertedDate","valueDateTime":"2024-03-02"}]}`,
			`{"resourceType":"Condition","id":"d","subject":{"reference":"Patient/b"},"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/condition-assertedDate","valueDateTime":"2023-03-02"}]}`)
		r.load(usCore(t, "7.0.0", "definitions", "SearchParameter"))
		r.finds(r.root(), "Patient", "race=2106-3", "!being indexed")
		r.build()
		for query, want := range map[string]string{
			"Patient?race=2106-3": "Patient/a", "Patient?race:not=2106-3": "Patient/b", "Patient?race:missing=true": "Patient/b", "Patient?ethnicity=2186-5": "Patient/a",
			"Condition?asserted-date=2024": "Condition/c", "Condition?asserted-date=lt2024": "Condition/d", "Condition?_sort=asserted-date": "Condition/d Condition/c",
			"Condition?_sort=-asserted-date": "Condition/c Condition/d", "Condition?patient.race=2106-3": "Condition/c", "Patient?_has:Condition:patient:asserted-date=2023": "Patient/b",
			"Patient?name:missing=true&_id=a": "Patient/a",
		} {
			typ, query, _ := strings.Cut(query, "?")
			r.finds(r.root(), typ, query, want)
		}
		if s := r.Parameters.Status(); len(s.Parameters) != 7 {
			t.Errorf("own ones: %+v", s.Parameters)
		}
	})
}

// usCore are the resources of a file of US Core, of one type or of all.
func usCore(t *testing.T, version, file, typ string) (lines []string) {
	t.Helper()
	path := filepath.Join(examples.Data(t), "us-core", "us-core-"+version+"-"+file+".ndjson.gz")
	for _, b := range examples.Lines(t, path) {
		line := string(b)
		if typ == "" || strings.Contains(line, `"resourceType":"`+typ+`"`) || strings.Contains(line, `"resourceType": "`+typ+`"`) {
			lines = append(lines, line)
		}
	}
	if len(lines) < 60 {
		t.Fatalf("%d resources", len(lines))
	}
	return lines
}

// load puts resources in one transaction.
func (r *rig) load(lines []string) {
	r.t.Helper()
	var entries []string
	for _, line := range lines {
		if res := r.parse(line); res.ID != "" && res.Type != "Bundle" {
			entries = append(entries, `{"resource":`+line+`,"request":{"method":"PUT","url":"`+res.Type+"/"+res.ID+`"}}`)
		}
	}
	if _, err := r.Bundle(context.Background(), r.root(), r.parse(`{"resourceType":"Bundle","type":"transaction","entry":[`+strings.Join(entries, ",")+`]}`), BundleOptions{}); err != nil {
		r.t.Fatal(err)
	}
}

// US Core's own parameters, of each of its versions, find in its own examples what a look at their JSON finds: asked by
// everybody, and as the constraint of a scope.
func TestUSCoreExamples(t *testing.T) {
	for _, version := range []string{"3.1.1", "6.1.0", "7.0.0"} {
		t.Run(version, func(t *testing.T) {
			examples := usCore(t, version, "examples", "")
			codes, dates := map[string][]string{}, map[string][]string{} // by parameter and code, by patient
			for _, line := range examples {
				var res struct {
					ResourceType, ID string
					Subject          struct{ Reference string }
					Extension        []struct {
						URL           string
						ValueDateTime string
						Extension     []struct{ ValueCoding struct{ Code string } }
					}
				}
				if err := json.Unmarshal([]byte(line), &res); err != nil {
					t.Fatal(err)
				}
				for _, x := range res.Extension {
					name := x.URL[strings.LastIndex(x.URL, "/")+1:]
					switch {
					case res.ResourceType == "Condition" && name == "condition-assertedDate" && x.ValueDateTime >= "2015":
						dates[res.Subject.Reference] = append(dates[res.Subject.Reference], "Condition/"+res.ID)
					case res.ResourceType == "Patient" && (name == "us-core-race" || name == "us-core-ethnicity"):
						for _, y := range x.Extension {
							if at := name[len("us-core-"):] + "=" + y.ValueCoding.Code; y.ValueCoding.Code != "" {
								codes[at] = append(codes[at], "Patient/"+res.ID)
							}
						}
					}
				}
			}
			if len(codes) < 3 || len(dates) == 0 && version != "3.1.1" {
				t.Fatalf("examples of %v and %v only", codes, dates)
			}
			eachOwning(t, func(t *testing.T, r *rig) {
				r.Validation = ValidateOff
				r.load(examples)
				r.load(usCore(t, version, "definitions", "SearchParameter"))
				r.build()
				for query, want := range codes {
					slices.Sort(want)
					want = slices.Compact(want)
					r.finds(r.root(), "Patient", query+"&_sort=_id&_count=100", strings.Join(want, " "))
					r.finds(r.by("system/Patient.rs?"+query), "Patient", "_sort=_id&_count=100", strings.Join(want, " "))
				}
				for patient, want := range dates {
					slices.Sort(want)
					r.finds(r.root(), "Condition", "asserted-date=ge2015&patient="+patient+"&_sort=_id&_count=100", strings.Join(want, " "))
					set, _ := scope.Parse("patient/Condition.rs?asserted-date=ge2015")
					params := r.Parameters.Set()
					caller := Caller{Grant: patient, Access: set.Access(scope.Context{Patient: strings.TrimPrefix(patient, "Patient/"), Params: params, Granted: params.Record().Generation})}
					r.finds(caller, "Condition", "_sort=_id&_count=100", strings.Join(want, " "))
				}
			})
		})
	}
}
