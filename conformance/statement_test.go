package conformance

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/conformance/validate"
	"github.com/firewarden/firewarden/internal/fhir"
)

var claims = Claims{
	Software: "Firewarden", Version: "0.1", Date: "2026-11-22", Base: "http://127.0.0.1:8080/fhir",
	Interactions: []string{"capabilities", "read", "vread", "create", "search-type", "history-system", "batch", "transaction"},
	Except:       map[string][]string{"AuditEvent": {"vread", "update", "delete"}},
	UpdateCreate: true, ConditionalCreate: true, ConditionalRead: true, Security: "a <b> & c",
	ConditionalUpdate: true, ConditionalDelete: "single", PatchFormats: []string{"application/json-patch+json"},
	Operations: []Operation{{Name: "meta", Definition: "http://m", System: true, Resource: true}, {Name: "meta-add", Definition: "http://a", Resource: true, Writes: true}},
}

// statement is the part of a CapabilityStatement that the tests look at.
type statement struct {
	ResourceType, FhirVersion, Kind, Status, Date string
	Format, PatchFormat                           []string
	Implementation                                struct{ Url string }
	Rest                                          []struct {
		Mode        string
		Security    struct{ Description string }
		Interaction []struct{ Code string }
		Operation   []struct{ Name, Definition string }
		Resource    []struct {
			Type, Profile, Versioning, ConditionalRead, ConditionalDelete   string
			ReadHistory, UpdateCreate, ConditionalCreate, ConditionalUpdate bool
			Interaction                                                     []struct{ Code string }
			SearchParam                                                     []struct{ Name, Definition, Type string }
			SearchInclude, SearchRevInclude                                 []string
			Operation                                                       []struct{ Name, Definition string }
		}
	}
}

func TestStatementClaimsWhatTheTablesHold(t *testing.T) {
	b, err := Statement(claims)
	if err != nil {
		t.Fatal(err)
	}
	res, err := fhir.Parse(b, fhir.DefaultLimits)
	if err != nil {
		t.Fatalf("not strict JSON: %v", err)
	}
	for _, fault := range validate.Structure(res) {
		t.Error(fault)
	}
	if want := []byte(`{"resourceType":"CapabilityStatement",`); !bytes.HasPrefix(b, want) {
		t.Errorf("begins with %.60s", b)
	}
	if !bytes.Contains(b, []byte("a <b> & c")) {
		t.Error("text is escaped for HTML")
	}
	var s statement
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	if s.FhirVersion != "4.0.1" || s.Kind != "instance" || s.Status != "active" || s.Date != "2026-11-22" ||
		s.Implementation.Url != claims.Base || len(s.Rest) != 1 || s.Rest[0].Mode != "server" {
		t.Errorf("head: %+v", s)
	}
	var system []string
	for _, i := range s.Rest[0].Interaction {
		system = append(system, i.Code)
	}
	if want := []string{"history-system", "batch", "transaction"}; !slices.Equal(system, want) {
		t.Errorf("system interactions %v, want %v", system, want)
	}
	if got := len(s.Rest[0].Resource); got != 145 {
		t.Errorf("%d types, want the 145 searchable ones", got)
	}
	if got := s.Rest[0].Operation; len(got) != 1 || got[0].Name != "meta" || !slices.Equal(s.PatchFormat, claims.PatchFormats) {
		t.Errorf("operations %v, patches %v", got, s.PatchFormat)
	}
	params := 0
	for _, r := range s.Rest[0].Resource {
		var codes []string
		for _, i := range r.Interaction {
			codes = append(codes, i.Code)
		}
		want := []string{"read", "vread", "create", "search-type"}
		if r.Type == "AuditEvent" {
			want = []string{"read", "create", "search-type"}
		}
		if !slices.Equal(codes, want) {
			t.Errorf("%s: interactions %v, want %v", r.Type, codes, want)
		}
		audit := r.Type == "AuditEvent"
		if r.Versioning != "versioned" || r.ConditionalRead != "full-support" || (r.ConditionalDelete == "single") == audit ||
			!r.ReadHistory || r.UpdateCreate == audit || !r.ConditionalCreate || r.ConditionalUpdate == audit {
			t.Errorf("%s: %+v", r.Type, r)
		}
		if got, want := len(r.Operation), map[bool]int{true: 1, false: 2}[audit]; got != want || r.Operation[0].Name != "meta" || r.Operation[0].Definition != "http://m" {
			t.Errorf("%s: operations %v", r.Type, r.Operation)
		}
		for _, p := range r.SearchParam {
			params++
			have := r4.Lookup(r.Type, p.Name)
			if have == nil || have.URL != p.Definition || !Searched(have) {
				t.Errorf("%s claims %s, which is not searched", r.Type, p.Name)
			}
		}
		if r.Type == "Patient" {
			if !slices.Contains(r.SearchInclude, "Patient:general-practitioner") || !slices.Contains(r.SearchRevInclude, "Observation:patient") ||
				slices.Contains(r.SearchRevInclude, "Observation:encounter") {
				t.Errorf("Patient includes %v, reverse %v", r.SearchInclude, r.SearchRevInclude)
			}
		}
	}
	want := 0
	for _, typ := range r4.Resources() {
		if r4.Searchable(typ) {
			for _, p := range r4.Params(typ) {
				if Searched(p) {
					want++
				}
			}
		}
	}
	if params != want || want < 2000 {
		t.Errorf("%d search parameters claimed, the tables hold %d", params, want)
	}
}

func TestStatementClaimsNoSearchWithoutIt(t *testing.T) {
	c := claims
	c.Interactions = []string{"read"}
	c.ConditionalRead = false
	b, err := Statement(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, not := range []string{"searchParam", "searchInclude", "vread", "full-support", `"readHistory":true`} {
		if bytes.Contains(b, []byte(not)) {
			t.Errorf("holds %s", not)
		}
	}
}

func TestStatementRefusesUnknownInteraction(t *testing.T) {
	c := claims
	c.Interactions = []string{"teleport"}
	if b, err := Statement(c); err == nil {
		t.Errorf("got %d bytes", len(b))
	}
	c = claims
	c.ConditionalDelete = "some"
	if b, err := Statement(c); err == nil {
		t.Errorf("got %d bytes", len(b))
	}
}

func BenchmarkStatement(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		out, err := Statement(claims)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(out)))
	}
}
