package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/program"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store"
)

const jsonPatch = "application/json-patch+json"

func TestPatch(t *testing.T) {
	w := open(t, nil)
	path, id := w.created("Patient", ann)
	patch := func(media, body string, header ...string) answer {
		t.Helper()
		return w.do("PATCH", path, body, append(header, "Content-Type", media)...)
	}
	a := patch(jsonPatch, `[{"op":"replace","path":"/birthDate","value":"1981-02-03"}]`, "If-Match", `W/"1"`)
	if a.status != 200 || a.header.Get("ETag") != `W/"2"` || !strings.HasSuffix(a.header.Get("Location"), id+"/_history/2") || !bytes.Contains(a.body, []byte("1981")) {
		t.Fatalf("JSON Patch: %d %v %s", a.status, a.header, a.body)
	}
	a = patch(fhirJSON, `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"Patient.birthDate"}]}]}`, "Prefer", "return=minimal")
	if a.status != 200 || a.header.Get("ETag") != `W/"3"` || len(a.body) != 0 {
		t.Errorf("FHIRPath Patch: %d %v %s", a.status, a.header, a.body)
	}
	if a = patch(jsonPatch+"; charset=utf-8", `[{"op":"add","path":"/active","value":true}]`, "Prefer", "return=OperationOutcome"); a.status != 200 || !bytes.Contains(a.body, []byte("updated: Patient/"+id)) {
		t.Errorf("with an outcome: %d %s", a.status, a.body)
	}
	if a = w.do("PATCH", "/fhir/Patient?family=Smith&_format=json", `[{"op":"test","path":"/active","value":true}]`, "Content-Type", jsonPatch); a.status != 200 || a.header.Get("ETag") != `W/"5"` {
		t.Errorf("conditional: %d %v %s", a.status, a.header, a.body)
	}
	w.do("PATCH", "/fhir/Patient?family=Nobody", `[]`, "Content-Type", jsonPatch).outcome(t, 404, "not-found")
	w.do("PATCH", "/fhir/Patient", `[]`, "Content-Type", jsonPatch).outcome(t, 400, "invalid")
	w.do("PATCH", "/fhir/Patient/nobody", `[]`, "Content-Type", jsonPatch).outcome(t, 404, "not-found")
	patch(jsonPatch, `[]`, "If-Match", `W/"1"`).outcome(t, 412, "conflict")
	patch(jsonPatch, `[{"op":"test","path":"/active","value":false}]`).outcome(t, 422, "processing")
	patch(jsonPatch, `[{"op":"test"}]`).outcome(t, 400, "invalid")
	patch(jsonPatch, `[{"op":"add","path":"/gender","value":"m"}]`).outcome(t, 400, "code-invalid")
	patch(jsonPatch, ``).outcome(t, 400, "required")
	patch(fhirJSON, ann).outcome(t, 400, "invalid")
	patch(fhirJSON, `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"W10="}`).outcome(t, 400, "invalid")
	for _, media := range []string{"application/xml-patch+xml", "application/merge-patch+json", "text/plain"} {
		a = patch(media, `[]`)
		a.outcome(t, 415, "not-supported")
		if got := a.header.Get("Accept-Patch"); got != "application/json-patch+json, application/fhir+json" {
			t.Errorf("Accept-Patch %q", got)
		}
	}
	if a = w.do("OPTIONS", path, ""); a.header.Get("Accept-Patch") == "" {
		t.Errorf("OPTIONS: %v", a.header)
	}
	if b := w.do("GET", path+"/_history", "").bundle(t, "history"); len(b.Entry) != 5 {
		t.Errorf("history: %+v", b)
	}
}

func TestConditionalUpdateAndDelete(t *testing.T) {
	w := open(t, nil)
	body := `{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"1"}]}`
	where := "/fhir/Patient?identifier=urn:x%7C1"
	a := w.write("PUT", where, body)
	if a.status != 201 || a.header.Get("ETag") != `W/"1"` {
		t.Fatalf("no match: %d %v %s", a.status, a.header, a.body)
	}
	path := strings.TrimSuffix(strings.TrimPrefix(a.header.Get("Location"), w.url), "/_history/1")
	if a = w.write("PUT", where, body, "If-Match", `W/"1"`); a.status != 200 || a.header.Get("Location") != w.url+path+"/_history/2" {
		t.Errorf("one match: %d %v %s", a.status, a.header, a.body)
	}
	w.write("PUT", where, body, "If-Match", `W/"1"`).outcome(t, 412, "conflict")
	w.write("PUT", where, body, "If-None-Match", `*`).outcome(t, 412, "conflict")
	w.write("PUT", where, strings.Replace(body, `{"r`, `{"id":"other","r`, 1)).outcome(t, 400, "invalid")
	w.write("PUT", "/fhir/Patient", body).outcome(t, 400, "invalid")
	w.write("PUT", "/fhir/Patient?nonsense=1", body).outcome(t, 400, "invalid")
	w.created("Patient", body)
	w.write("PUT", where, body).outcome(t, 412, "multiple-matches")
	w.do("DELETE", where, "").outcome(t, 412, "multiple-matches")
	w.do("DELETE", "/fhir/Patient", "").outcome(t, 400, "invalid")
	if a = w.do("DELETE", "/fhir/Patient?identifier=none", ""); a.status != 204 {
		t.Errorf("delete without a match: %d %s", a.status, a.body)
	}
	w.s.o.Service.ConditionalDelete = interaction.DeleteMultiple
	w.do("DELETE", where, "", "If-Match", `W/"1"`).outcome(t, 412, "multiple-matches")
	a = w.do("DELETE", where, "")
	if a.status != 200 || !bytes.Contains(a.body, []byte("2 resources matched and were deleted")) {
		t.Errorf("delete of two: %d %s", a.status, a.body)
	}
	w.do("GET", path, "").outcome(t, 410, "deleted")
	w.created("Patient", body)
	if a = w.do("DELETE", "/fhir/Patient/?identifier=urn:x|1", "", "If-Match", `W/"1"`); a.status != 204 || a.header.Get("ETag") != `W/"2"` {
		t.Errorf("delete of one: %d %v %s", a.status, a.header, a.body)
	}
	if a = w.do("DELETE", where, "", "Prefer", "return=OperationOutcome"); a.status != 200 || !bytes.Contains(a.body, []byte("nothing to delete")) {
		t.Errorf("delete with an outcome: %d %s", a.status, a.body)
	}
}

func TestConditionalDeleteIsClaimed(t *testing.T) {
	w := open(t, func(o *Options) { o.Service.ConditionalDelete = interaction.DeleteMultiple })
	var s statement
	a := w.do("GET", "/fhir/metadata", "")
	a.decode(t, &s)
	for _, r := range s.Rest[0].Resource {
		if want := map[bool]string{true: "not-supported", false: "multiple"}[r.Type == "AuditEvent"]; r.ConditionalDelete != want {
			t.Errorf("%s: %s", r.Type, r.ConditionalDelete)
		}
	}
	if !bytes.Contains(a.body, []byte(`"patchFormat":["application/json-patch+json","application/fhir+json"]`)) {
		t.Errorf("%.500s", a.body)
	}
}

func TestIfNoneMatchCreatesOnly(t *testing.T) {
	w := open(t, nil)
	body := strings.Replace(ann, `{"res`, `{"id":"p1","res`, 1)
	if a := w.write("PUT", "/fhir/Patient/p1", body, "If-None-Match", "*"); a.status != 201 {
		t.Errorf("%d %s", a.status, a.body)
	}
	w.write("PUT", "/fhir/Patient/p1", body, "If-None-Match", "*").outcome(t, 412, "conflict")
	w.write("PUT", "/fhir/Patient/p1", body, "If-None-Match", `W/"1"`).outcome(t, 400, "invalid")
}

func TestMeta(t *testing.T) {
	w := open(t, nil)
	path, _ := w.created("Patient", ann)
	meta := func(code string) string {
		return `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"` + code + `"}]}}]}`
	}
	a := w.write("POST", path+"/$meta-add", meta("a"), "If-Match", `W/"1"`)
	if a.status != 200 || a.header.Get("ETag") != `W/"2"` || !bytes.Contains(a.body, []byte(`"tag":[{"code":"a"}]`)) || bytes.Contains(a.body, []byte("Smith")) {
		t.Fatalf("$meta-add: %d %v %s", a.status, a.header, a.body)
	}
	if a = w.write("POST", path+"/%24meta-add", meta("b"), "Prefer", "return=minimal"); a.status != 200 || len(a.body) != 0 {
		t.Errorf("$meta-add: %d %s", a.status, a.body)
	}
	for p, want := range map[string]string{path + "/$meta": `"b"`, path + "/_history/2/$meta": `"versionId":"2"`, "/fhir/Patient/$meta": `"b"`, "/fhir/$meta": `"a"`} {
		for _, method := range []string{"GET", "POST"} {
			if a = w.do(method, p, ""); a.status != 200 && !(method == "POST" && strings.Contains(p, "_history")) || a.status == 200 && !bytes.Contains(a.body, []byte(want)) {
				t.Errorf("%s %s: %d %s", method, p, a.status, a.body)
			}
		}
	}
	if a = w.do("GET", path+"/$meta", ""); a.header.Get("ETag") != `W/"3"` {
		t.Errorf("%v", a.header)
	}
	if a = w.write("POST", path+"/$meta-delete", meta("a")); a.status != 200 || bytes.Contains(a.body, []byte(`"a"`)) {
		t.Errorf("$meta-delete: %d %s", a.status, a.body)
	}
	w.write("POST", path+"/$meta-delete", meta("a"), "If-Match", `W/"1"`).outcome(t, 412, "conflict")
	w.write("POST", path+"/$meta-delete", ann).outcome(t, 400, "invalid")
	w.do("GET", "/fhir/Patient/nobody/$meta", "").outcome(t, 404, "not-found")
	w.do("GET", path+"/$meta", "", "Accept", "text/html").outcome(t, 406, "not-supported")
	if a = w.do("GET", "/fhir/Observation/$meta", ""); a.status != 200 || string(a.body) != `{"resourceType":"Parameters"}` {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// full is a store whose commits fail.
type full struct{ store.Store }

func (full) Commit(context.Context, store.Commit) error { return errors.New("the disk is full") }

// What fails in an entry by the server's fault is in the log, not in the answer.
func TestFaultsOfEntriesAreLogged(t *testing.T) {
	var log program.Output
	w := open(t, func(o *Options) {
		o.Service.Store = full{o.Service.Store}
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	a := w.write("POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[{"resource":`+ann+`,"request":{"method":"POST","url":"Patient"}}]}`, "X-Request-Id", "r1")
	if b := a.bundle(t, "batch-response"); !strings.HasPrefix(b.Entry[0].Response.Status, "500") || bytes.Contains(a.body, []byte("disk")) {
		t.Errorf("%s", a.body)
	}
	if got := log.String(); !strings.Contains(got, "the disk is full") || !strings.Contains(got, "request=r1") || strings.Contains(got, "Smith") {
		t.Errorf("log: %s", got)
	}
}
