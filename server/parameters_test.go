package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/server/interaction"
)

func TestSearchParametersStatus(t *testing.T) {
	svc := newService(t, "http://x/fhir")
	var err error
	if svc.Parameters, err = interaction.OpenParameters(t.Context(), svc.Store); err != nil {
		t.Fatal(err)
	}
	s := New(Options{Service: svc, AdminKey: "key"})
	call := func(method, path, key, body string) (int, string) {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", "application/fhir+json")
		}
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		res, err := s.app.Test(r, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	holds := func(method, path, key, body string, status int, texts ...string) {
		t.Helper()
		got, answer := call(method, path, key, body)
		if got != status {
			t.Errorf("%s %s: %d, want %d: %s", method, path, got, status, answer)
		}
		for _, text := range texts {
			if !strings.Contains(answer, text) {
				t.Errorf("%s %s: no %s in %s", method, path, text, answer)
			}
		}
	}
	const eyes = `{"resourceType":"SearchParameter","id":"eyes","url":"http://x/sp/eyes","name":"eyes","status":"active","description":"x","code":"eyes","base":["Patient"],"type":"token","expression":"Patient.gender"}`
	holds(get, parametersPath, "", "", http.StatusUnauthorized)
	holds(get, parametersPath, "wrong", "", http.StatusUnauthorized)
	holds(post, parametersPath, "key", "", http.StatusMethodNotAllowed)
	holds(get, parametersPath, "key", "", http.StatusOK, `"parameters":[]`)
	holds(put, "/fhir/SearchParameter/eyes", "key", strings.Replace(eyes, "Patient.gender", "Patient.nothing", 1), http.StatusUnprocessableEntity, "SearchParameter.expression")
	holds(put, "/fhir/SearchParameter/eyes", "key", eyes, http.StatusCreated)
	holds(get, parametersPath, "key", "", http.StatusOK, `"status":"indexing"`, `"id":"eyes"`)
	holds(get, "/fhir/Patient?eyes=male", "key", "", http.StatusBadRequest, "being indexed", "http.eyes")
	if _, statement := call(get, "/fhir/metadata", "", ""); strings.Contains(statement, "http://x/sp/eyes") {
		t.Error("the CapabilityStatement claims what is not live yet")
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); svc.Parameters.Run(ctx, func(err error) { t.Error(err) }) }()
	for svc.Parameters.Set().Lookup("Patient", "eyes") == nil {
		if ctx.Err() != nil {
			t.Fatal("never ready")
		}
	}
	cancel()
	<-ended
	holds(get, parametersPath, "key", "", http.StatusOK, `"status":"ready"`)
	holds(get, "/fhir/Patient?eyes=male", "key", "", http.StatusOK, "searchset", "eyes=male")
	holds(get, "/fhir/metadata", "", "", http.StatusOK, `"definition":"http://x/sp/eyes"`)
	holds(del, "/fhir/SearchParameter/eyes", "key", "", http.StatusNoContent)
	holds(get, "/fhir/Patient?eyes=male", "key", "", http.StatusBadRequest)
	if _, statement := call(get, "/fhir/metadata", "", ""); strings.Contains(statement, "http://x/sp/eyes") {
		t.Error("the CapabilityStatement claims what is gone")
	}
}
