package interaction

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/fhir/patch"
)

// binary is a JSON Patch as Bundles carry it.
func binary(ops string) string {
	return `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"` + base64.StdEncoding.EncodeToString([]byte(ops)) + `"}`
}

// parameters is a FHIRPath Patch.
func parameters(ops ...string) string {
	if len(ops) == 0 {
		return `{"resourceType":"Parameters"}`
	}
	return `{"resourceType":"Parameters","parameter":[` + strings.Join(ops, ",") + `]}`
}

// operation is one of a FHIRPath Patch: its type, its path, and further parts as name, content.
func operation(typ, path string, more ...string) string {
	b := fmt.Sprintf(`{"name":"operation","part":[{"name":"type","valueCode":"%s"},{"name":"path","valueString":%q}`, typ, path)
	for i := 0; i < len(more); i += 2 {
		b += `,{"name":"` + more[i] + `",` + more[i+1] + `}`
	}
	return b + `]}`
}

func (r *rig) patchOf(typ, body string) patch.Patch {
	r.t.Helper()
	p, err := r.ReadPatch(typ, r.parse(body))
	if err != nil {
		r.t.Fatalf("%s: %v", body, err)
	}
	return p
}

func TestPatch(t *testing.T) { each(t, testPatch) }

func testPatch(t *testing.T, r *rig) {
	r.put(`{"resourceType":"Patient","id":"x","meta":{"tag":[{"code":"a"},{"code":"b"}]},"extension":[{"url":"u","valueDecimal":1.50}],"name":[{"family":"\u00c9"}],"active":true}`)
	out, err := r.Patch(ctx, r.root(), "Patient", "x", r.patchOf("Patient", binary(`[{"op":"test","path":"/active","value":true},{"op":"replace","path":"/active","value":false},{"op":"remove","path":"/meta/tag/0"}]`)), WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"Patient","id":"x","meta":{"tag":[{"code":"b"}],"versionId":"2","lastUpdated":"` + fhir.Instant(out.at()) + `"},"extension":[{"url":"u","valueDecimal":1.50}],"name":[{"family":"\u00c9"}],"active":false}`
	if got := string(out.Row.Body); shuffled(got) != shuffled(want) || out.Effect != OK || !out.Readable || out.Row.Method != "PATCH" || out.Row.Version != 2 {
		t.Errorf("%+v\n%s, want\n%s", out, got, want)
	}
	out, err = r.Patch(ctx, r.root(), "Patient", "x", r.patchOf("Patient", parameters(operation("add", "Patient.name[0]", "name", `"valueString":"given"`, "value", `"valueString":"Ann"`))), WriteOptions{IfMatch: `W/"2"`})
	if err != nil || !strings.Contains(string(out.Row.Body), `"name":[{"family":"\u00c9","given":["Ann"]}]`) {
		t.Errorf("%s %v", out.Row.Body, err)
	}
	if entries, _, err := r.search(r.root(), "Patient", "given=ann&active=false"); err != nil || len(entries) != 1 {
		t.Errorf("what was patched is not found: %v %v", entries, err)
	}
	history, err := r.HistoryInstance(ctx, r.root(), "Patient", "x", nil)
	if b := r.decode(history.Bundle); err != nil || len(b.Entry) != 3 || b.Entry[0].Request.Method != "PATCH" || b.Entry[0].Request.URL != "Patient/x" {
		t.Errorf("%s %v", history.Bundle, err)
	}
	if out, err = r.PatchWhere(ctx, r.root(), "Patient", "given=Ann", r.patchOf("Patient", parameters()), WriteOptions{}); err != nil || out.Row.Version != 4 || out.Row.ID != "x" {
		t.Errorf("conditional: %+v %v", out, err)
	}
}

// shuffled is a text without the order of its members: where meta's members stand is not the test's matter.
func shuffled(s string) string {
	parts := strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(`{},`, c) })
	seen := map[string]int{}
	for _, p := range parts {
		seen[p]++
	}
	return fmt.Sprint(seen)
}

func TestRefusedPatches(t *testing.T) {
	for _, c := range []struct {
		name, id, patch, ifMatch string
		kind                     fhir.Kind
		place                    string
	}{
		{"no such instance", "nil", binary(`[]`), "", fhir.KindNotFound, ""},
		{"a deleted one", "gone", binary(`[]`), "", fhir.KindNotFound, ""},
		{"a stale version", "x", binary(`[]`), `W/"2"`, fhir.KindPrecondition, ""},
		{"a test that fails", "x", binary(`[{"op":"test","path":"/active","value":false}]`), "", fhir.KindProcessing, "patch[0].value"},
		{"no such place", "x", binary(`[{"op":"remove","path":"/gender"}]`), "", fhir.KindProcessing, "patch[0].path"},
		{"another id", "x", binary(`[{"op":"replace","path":"/id","value":"y"}]`), "", fhir.KindInvalid, "Patient.id"},
		{"no id", "x", parameters(operation("delete", "Patient.id")), "", fhir.KindInvalid, "Patient.id"},
		{"another type", "x", binary(`[{"op":"replace","path":"/resourceType","value":"Person"}]`), "", fhir.KindInvalid, "resourceType"},
		{"no type", "x", binary(`[{"op":"remove","path":"/resourceType"}]`), "", fhir.KindStructure, "resourceType"},
		{"an invalid result", "x", binary(`[{"op":"add","path":"/gender","value":"m"}]`), "", fhir.KindCodeInvalid, "Patient.gender"},
		{"an empty list", "x", binary(`[{"op":"add","path":"/name","value":[]}]`), "", fhir.KindStructure, "Patient.name"},
		{"several", "x", parameters(operation("delete", "Patient.identifier")), "", fhir.KindProcessing, "Parameters.parameter[0].part[1]"},
	} {
		r := newRig(t)
		r.put(`{"resourceType":"Patient","id":"x","active":true,"identifier":[{"value":"1"},{"value":"2"}]}`, patient("gone"))
		if _, err := r.Delete(ctx, r.root(), "Patient", "gone", WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		_, err := r.Patch(ctx, r.root(), "Patient", c.id, r.patchOf("Patient", c.patch), WriteOptions{IfMatch: c.ifMatch})
		if err == nil || fhir.KindOf(err) != c.kind || issues(err)[0].Expression != c.place {
			t.Errorf("%s: %v", c.name, err)
		}
		if out, err := r.Read(ctx, r.root(), "Patient", "x"); err != nil || out.Row.Version != 1 {
			t.Errorf("%s: version %d, %v", c.name, out.Row.Version, err)
		}
	}
	r := newRig(t)
	r.put(`{"resourceType":"Binary","id":"b","contentType":"application/json","data":"e30="}`)
	if _, err := r.Patch(ctx, r.root(), "Binary", "b", r.patchOf("Binary", binary(`[]`)), WriteOptions{}); Status(err) != 405 {
		t.Errorf("a Binary: %v", err)
	}
	for _, body := range []string{patient("x"), `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueDate":"x"}]}]}`} {
		if _, err := r.ReadPatch("Patient", r.parse(body)); Status(err) != 400 {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// Patches that race are all done, one after the other.
func TestConcurrentPatches(t *testing.T) { each(t, testConcurrentPatches) }

func testConcurrentPatches(t *testing.T, r *rig) {
	r.put(patient("x"))
	var wg sync.WaitGroup
	for i := range 32 {
		p := r.patchOf("Patient", parameters(operation("add", "Patient", "name", `"valueString":"identifier"`, "value", fmt.Sprintf(`"valueIdentifier":{"value":"%d"}`, i))))
		wg.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = r.Patch(ctx, r.root(), "Patient", "x", p, WriteOptions{})
			} else {
				_, err = r.PatchWhere(ctx, r.root(), "Patient", "_id=x", p, WriteOptions{})
			}
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	out, err := r.Read(ctx, r.root(), "Patient", "x")
	if n := strings.Count(string(out.Row.Body), `"value"`); err != nil || n != 32 || out.Row.Version != 33 {
		t.Errorf("version %d has %d identifiers: %v", out.Row.Version, n, err)
	}
}

func TestTransactionPatches(t *testing.T) { each(t, testTransactionPatches) }

func testTransactionPatches(t *testing.T, r *rig) {
	r.put(patient("x"), `{"resourceType":"Practitioner","id":"dr","identifier":[{"value":"7"}]}`,
		`{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"focus":[{"reference":"urn:uuid:stays"}]}`)
	b, err := r.send(r.root(), "transaction", BundleOptions{Return: ReturnRepresentation},
		entryOf("", "", "GET", "Observation/o", ""),
		entryOf(urnE, parameters(
			operation("add", "Observation", "name", `"valueString":"subject"`, "value", `"valueReference":{"reference":"`+urnP+`"}`),
			operation("add", "Observation", "name", `"valueString":"performer"`, "value", `"valueReference":{"reference":"Practitioner?identifier=7"}`)), "PATCH", "Observation/o", `,"ifMatch":"W/\"1\""`),
		post(urnP, `{"resourceType":"Patient","extension":[{"url":"http://x","valueReference":{"reference":"`+urnE+`"}}]}`),
		entryOf("", binary(`[{"op":"add","path":"/managingOrganization","value":{"reference":"Organization/none"}}]`), "PATCH", "Patient?_id=x", ""),
	)
	if err != nil || statuses(b) != "200 200 201 200" {
		t.Fatalf("%+v %v", b, err)
	}
	o := b.Entry[1].Resource
	if o.Subject.Reference != "Patient/"+b.Entry[2].Resource.ID || o.Performer[0].Reference != "Practitioner/dr" || o.Meta.VersionID != "2" {
		t.Errorf("%+v", o)
	}
	if got := b.Entry[0].Resource; got.Subject.Reference != o.Subject.Reference {
		t.Errorf("GET does not see the patch: %+v", got)
	}
	if b.Entry[1].Response.Location != r.Base+"/Observation/o/_history/2" || b.Entry[1].Response.Etag != `W/"2"` {
		t.Errorf("%+v", b.Entry[1].Response)
	}
	if p, err := r.Read(ctx, r.root(), "Patient", b.Entry[2].Resource.ID); err != nil || !strings.Contains(string(p.Row.Body), `"Observation/o"`) {
		t.Errorf("a reference to what is patched: %s %v", p.Row.Body, err)
	}
	if out, err := r.Read(ctx, r.root(), "Observation", "o"); err != nil || !strings.Contains(string(out.Row.Body), "urn:uuid:stays") {
		t.Errorf("%s %v", out.Row.Body, err)
	}
	for name, entry := range map[string]string{
		"unknown urn": entryOf("", binary(`[{"op":"add","path":"/managingOrganization","value":{"reference":"urn:uuid:none"}}]`), "PATCH", "Patient/x", ""),
		"no match":    entryOf("", binary(`[{"op":"add","path":"/managingOrganization","value":{"reference":"Organization?identifier=none"}}]`), "PATCH", "Patient/x", ""),
	} {
		if _, err := r.send(r.root(), "transaction", BundleOptions{}, entry); err == nil || issues(err)[0].Expression != "Bundle.entry[0].resource.managingOrganization.reference" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBatchWrites(t *testing.T) { each(t, testBatchWrites) }

func testBatchWrites(t *testing.T, r *rig) {
	r.put(patient("a"), patient("b"), patient("c"))
	r.ConditionalDelete = DeleteMultiple
	b, err := r.send(r.root(), "batch", BundleOptions{Return: ReturnOperationOutcome},
		entryOf("", parameters(operation("add", "Patient", "name", `"valueString":"active"`, "value", `"valueBoolean":true`)), "PATCH", "Patient/a", ""),
		entryOf("", binary(`[{"op":"remove","path":"/none"}]`), "PATCH", "Patient/a", ""),
		entryOf("", patient("a"), "PATCH", "Patient/a", ""),
		entryOf("", `{"resourceType":"Patient","identifier":[{"value":"1"}]}`, "PUT", "Patient?identifier=1", ""),
		entryOf("", "", "DELETE", "Patient?_id=b,c", ""),
		entryOf("", "", "DELETE", "Patient/?_id=nil", ""),
		entryOf("", patient("a"), "PUT", "Patient/a", `,"ifNoneMatch":"*"`),
		entryOf("", `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"t"}]}}]}`, "POST", "Patient/a/$meta-add", ""),
		entryOf("", "", "GET", "Patient/a/$meta", ""),
		entryOf("", "", "GET", "Patient/$meta", ""),
		entryOf("", "", "GET", "$meta", ""),
		entryOf("", "", "GET", "Patient/a/_history/1/$meta", ""),
		entryOf("", "", "GET", "Patient/a/b/c/d/$meta", ""),
	)
	if err != nil {
		t.Fatal(err)
	}
	if got := statuses(b); got != "200 422 400 201 200 204 412 200 200 200 200 200 404" {
		t.Errorf("statuses %s", got)
	}
	if got := b.Entry[4].Response.Outcome; got == nil || got.Issue[0].Diagnostics != "2 resources matched and were deleted" {
		t.Errorf("%+v", got)
	}
	for _, i := range []int{7, 8, 9, 10, 11} {
		if got := b.Entry[i].Resource; got == nil || got.ResourceType != "Parameters" {
			t.Errorf("entry %d: %+v", i, got)
		}
	}
}

// A reference to a version of an entry stays one (R4 http.html#trules).
func TestVersionedReferences(t *testing.T) {
	r := newRig(t)
	r.put(patient("x"))
	obs := `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"%s"},"encounter":{"reference":"%s"}}`
	b, err := r.send(r.root(), "transaction", BundleOptions{Return: ReturnRepresentation},
		post("http://other/fhir/Encounter/9", `{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"}}`),
		entryOf("http://other/fhir/Patient/x", patient("x"), "PUT", "Patient/x", ""),
		post("http://other/fhir/Observation/1", fmt.Sprintf(obs, "Patient/x/_history/7", "http://other/fhir/Encounter/9/_history/4")),
		post("", fmt.Sprintf(obs, "Patient/y/_history/7", "http://third/fhir/Encounter/9/_history/4")),
	)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int][2]string{
		2: {"Patient/x/_history/2", "Encounter/" + b.Entry[0].Resource.ID + "/_history/1"},
		3: {"Patient/y/_history/7", "http://third/fhir/Encounter/9/_history/4"},
	} {
		if got := b.Entry[i].Resource; got.Subject.Reference != want[0] || got.Encounter.Reference != want[1] {
			t.Errorf("entry %d: %+v, want %v", i, got, want)
		}
	}
}

func TestPatchAndNarrative(t *testing.T) { each(t, testPatchAndNarrative) }

func testPatchAndNarrative(t *testing.T, r *rig) {
	const div = `"div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">he is alive</div>"`
	for _, c := range []struct {
		name, status, ops, want string // want: what stands in the result, "-" that there is no text, else the error
	}{
		{"made from the data", "generated", `[{"op":"add","path":"/active","value":true}]`, "-"},
		{"made from data and extensions", "extensions", `[{"op":"remove","path":"/gender"}]`, "-"},
		{"labels", "generated", `[{"op":"add","path":"/meta/tag","value":[{"code":"a"}]}]`, "he is alive"},
		{"the same again", "generated", `[{"op":"replace","path":"/gender","value":"male"}]`, "he is alive"},
		{"empty", "empty", `[{"op":"add","path":"/active","value":true}]`, "he is alive"},
		{"written by the patch", "additional", `[{"op":"add","path":"/active","value":true},{"op":"replace","path":"/text/div","value":"<div xmlns=\"http://www.w3.org/1999/xhtml\">he was</div>"}]`, "he was"},
		{"removed by the patch", "additional", `[{"op":"remove","path":"/gender"},{"op":"remove","path":"/text"}]`, "-"},
		{"says more", "additional", `[{"op":"add","path":"/active","value":true}]`, "the narrative says more than the data do"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.put(`{"resourceType":"Patient","id":"n","text":{"status":"` + c.status + `",` + div + `},"gender":"male"}`)
			out, err := r.Patch(ctx, r.root(), "Patient", "n", r.patchOf("Patient", binary(c.ops)), WriteOptions{})
			got := string(out.Row.Body)
			if err != nil {
				got = err.Error()
				if fhir.KindOf(err) != fhir.KindProcessing || !strings.Contains(got, "Patient.text") {
					t.Errorf("%v", err)
				}
			}
			if c.want == "-" && strings.Contains(got, `"text"`) || c.want != "-" && !strings.Contains(got, c.want) {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
