package ui

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/server/why"
)

// sample is a page as it may be met.
type sample struct {
	name   string
	render func(*Pages, io.Writer) error
}

// drawn is the page of a sample.
func (s sample) drawn(t testing.TB, p *Pages) string {
	t.Helper()
	var b strings.Builder
	if err := s.render(p, &b); err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return b.String()
}

// evil is what a stranger may have written into what pages show.
const evil = `<script>alert("x")</script><b onclick=x>"'`

// samples are all pages: as they are mostly, with everything that they may hold, with nothing, and with evil.
func samples() []sample {
	var list []sample
	page := func(name string, pages ...auth.Page) {
		for i, p := range pages {
			n := name
			if i > 0 {
				n = fmt.Sprintf("%s-%d", name, i+1)
			}
			list = append(list, sample{n, func(d *Pages, w io.Writer) error { return d.Render(w, p) }})
		}
	}
	when := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	form := auth.Form{Action: "/auth/step?id=abc", Hidden: []auth.Field{{Name: "flow", Value: "abc"}, {Name: "csrf", Value: "t0ken"}}}
	growth := auth.App{ID: "growth-notes", Name: "Growth Notes", Homepage: "https://growth.example.org/about", Verified: true,
		Logo: "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCA4IDgiPjxyZWN0IHdpZHRoPSI4IiBoZWlnaHQ9IjgiIGZpbGw9IiMyYTciLz48L3N2Zz4="}
	stranger := auth.App{ID: "x", Name: evil, Homepage: "javascript:alert(1)", Logo: "https://tracker.example.org/x.png"}
	frame := auth.Frame{Language: "en", Sandbox: true, App: growth, Home: "/"}
	signed, bad := frame, auth.Frame{Language: evil, User: evil, App: stranger}
	signed.User = "Dr. Maeve O’Brien"
	demo := []auth.DemoUser{
		{Name: "practitioner", Password: "sandbox", Display: "Dr. Maeve O’Brien", Role: "Practitioner: sees all patients"},
		{Name: "patient", Password: "sandbox", Display: "Alma Lindqvist", Role: "Patient: sees herself"},
		{Name: "relatedperson", Password: "sandbox", Display: "Jonas Lindqvist", Role: "Father of a patient"},
		{Name: "admin", Password: "sandbox", Display: "Administrator", Role: "Sees and changes everything"}}
	page("login",
		auth.LoginPage{Frame: frame, Form: form, Demo: demo, Cancel: true},
		auth.LoginPage{Frame: frame, Form: form, Name: "maeve", Error: "User name and password do not fit together. After five tries, sign-in rests for a minute."},
		auth.LoginPage{},
		auth.LoginPage{Frame: bad, Form: form, Name: evil, Error: evil, Demo: []auth.DemoUser{{Name: evil, Password: evil, Display: evil, Role: evil}}})

	person := func(id, name, sex, born string) auth.Choice {
		return auth.Choice{Value: id, Title: name, Details: []auth.Field{{Name: "Sex", Value: sex}, {Name: "Birth date", Value: born}, {Name: "Id", Value: id}}}
	}
	people := []auth.Choice{person("patient-001", "Alma Lindqvist", "female", "1987-02-20"), person("patient-002", "Bartholomew Fitzgerald-Montgomery", "male", "1949-11-03"),
		person("patient-003", "Chidi Okafor", "male", "2019-06-30"), person("patient-004", "Dolores Vega Ruiz", "female", "")}
	people[0].Checked = true
	visits := []auth.Choice{
		{Value: "e1", Title: "Check-up", Details: []auth.Field{{Name: "Date", Value: "2026-06-15T12:45:00-05:00"}, {Name: "Kind", Value: "ambulatory"}}},
		{Value: "e2", Title: "Pneumonia", Details: []auth.Field{{Name: "Date", Value: "2025-01-11"}, {Name: "Kind", Value: "inpatient"}, {Name: "Ward", Value: "4 West"}}}}
	page("picker",
		auth.PickerPage{Frame: signed, Form: form, Type: "Patient", Search: "/auth/step", SearchHidden: form.Hidden[:1], Choices: people, More: true},
		auth.PickerPage{Frame: signed, Form: form, Type: "Encounter", Patient: "Alma Lindqvist, female, born 1987-02-20", Choices: visits, Optional: true, Error: "Choose one, or continue without."},
		auth.PickerPage{Frame: signed, Form: form, Type: "Patient", Search: "/auth/step", Query: "nobody", SearchHidden: form.Hidden[:1]},
		auth.PickerPage{Frame: signed, Form: form, Type: "ImagingStudy", Choices: visits[:1]},
		auth.PickerPage{},
		auth.PickerPage{Frame: bad, Type: "Patient", Patient: evil, Query: evil, Search: "javascript:alert(1)", Error: evil, Choices: []auth.Choice{{Value: evil, Title: evil, Details: []auth.Field{{Name: evil, Value: evil}}}}})

	item := func(scope, text string, more ...auth.ConsentItem) auth.ConsentItem {
		return auth.ConsentItem{Value: scope, Text: text, Checked: true, Narrower: more}
	}
	narrow := func(scope, text string) auth.ConsentItem { return auth.ConsentItem{Value: scope, Text: text} }
	write := item("patient/Observation.cu", "")
	write.Writes = true
	needed := item("launch/patient", "")
	needed.Required = true
	ticked := narrow("patient/Observation.rs?category=survey", "survey")
	ticked.Checked = true
	labs := item("patient/Observation.rs", "", narrow("patient/Observation.rs?category=laboratory", ""), narrow("patient/Observation.rs?category=vital-signs", "vital signs"), ticked)
	offline := item("offline_access", "")
	page("consent",
		auth.ConsentPage{Frame: signed, Form: form, For: "Alma Lindqvist, female, born 1987-02-20", RedirectHost: "growth.example.org", Remember: true, Ends: when, Offline: &offline,
			Groups: []auth.ConsentGroup{{Type: "", Items: []auth.ConsentItem{needed, item("openid", ""), item("fhirUser", "")}},
				{Type: "Patient", Items: []auth.ConsentItem{item("patient/Patient.rs", "")}},
				{Type: "Observation", Items: []auth.ConsentItem{labs, write}},
				{Type: "Condition", Items: []auth.ConsentItem{item("patient/Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item", "")}}},
			Cut: []string{"user/*.cruds", "patient/Slot.rs"},
			Raw: []string{"launch/patient", "openid", "fhirUser", "offline_access", "patient/Patient.read", "patient/Observation.rs", "patient/Observation.cu", "patient/Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item", "user/*.cruds", "patient/Slot.rs"}},
		auth.ConsentPage{Frame: auth.Frame{Language: "de", App: auth.App{ID: "d8f3c2", Name: "d8f3c2"}, User: "admin"}, Form: form, AllRights: true, RedirectHost: "127.0.0.1:3000", Error: "Leave at least one scope, or deny.",
			Groups: []auth.ConsentGroup{{Type: "*", Items: []auth.ConsentItem{{Value: "user/*.cruds", Writes: true, Checked: true}}}}},
		auth.ConsentPage{},
		auth.ConsentPage{Frame: bad, For: evil, RedirectHost: evil, Cut: []string{evil}, Raw: []string{evil}, Error: evil,
			Groups: []auth.ConsentGroup{{Type: evil, Items: []auth.ConsentItem{{Value: evil, Text: evil, Narrower: []auth.ConsentItem{{Value: evil, Text: evil}}}}}}})

	page("error",
		auth.ErrorPage{Frame: frame, Status: 400, Code: "invalid_request", Text: "The redirect URI is not one of those that this app has registered.", Hint: "Registered is https://growth.example.org/redirect, sent was https://growth.example.org/redirect/ (with a slash)."},
		auth.ErrorPage{Frame: frame, Status: 400, Code: "invalid_scope", Text: "Scope is missing.", Back: "https://growth.example.org/redirect?error=invalid_scope", BackHost: "growth.example.org"},
		auth.ErrorPage{}, auth.ErrorPage{Frame: bad, Code: evil, Text: evil, Hint: evil, Back: evil, BackHost: evil})

	page("manage",
		auth.ManagePage{Frame: signed, Form: form, SignOut: form, Done: "Growth Notes may do nothing in your name any more.", Grants: []auth.GrantSummary{
			{ID: "g1", App: growth, Scopes: []string{"Read and search observations of this patient, only category laboratory", "Know which patient is open"}, Raw: "launch/patient patient/Observation.rs?category=laboratory", For: "Alma Lindqvist, female, born 1987-02-20", Since: when, LastUsed: when.Add(time.Hour), Offline: true},
			{ID: "g2", App: auth.App{ID: "d8f3c2", Name: "Vitals Viewer"}, Scopes: []string{"Read and search all data that you have access to"}, Raw: "user/*.rs", Since: when, Ends: when.Add(time.Hour)}}},
		auth.ManagePage{}, auth.ManagePage{Frame: bad, Done: evil, Grants: []auth.GrantSummary{{ID: evil, App: stranger, Scopes: []string{evil}, Raw: evil, For: evil}}})

	page("register",
		auth.RegisterPage{Frame: signed, Form: form, Presets: []auth.Preset{{Name: "Inferno SMART STU2.2", URL: "/auth/register/new?preset=inferno"}, {Name: "JavaScript app on localhost:3000", URL: "/auth/register/new?preset=js"}, {Name: "Postman", URL: "/auth/register/new?preset=postman"}}},
		auth.RegisterPage{Frame: signed, Form: form, Values: map[string]string{"client_name": "Growth Notes", "grant_types": "authorization_code", "token_endpoint_auth_method": "private_key_jwt", "redirect_uris": "http://growth.example.org/redirect", "scope": "patient/Observation.rs"},
			Errors: map[string]string{"redirect_uris": "http://growth.example.org/redirect: https is needed, or a host on this machine.", "jwks": "An app that proves itself by a key needs its keys, here or by their address.", "token_endpoint_auth_method": "This server takes no secrets."}},
		auth.RegisterPage{}, auth.RegisterPage{Frame: bad, Values: map[string]string{"client_name": evil, "jwks": "</textarea>" + evil}, Errors: map[string]string{"": evil, "client_name": evil}, Presets: []auth.Preset{{Name: evil, URL: "javascript:alert(1)"}}})

	page("registered",
		auth.RegisteredPage{Frame: signed, Client: growth, Secret: "q3pF-0hUv7ZxS1dK9wLm2RtYb8NcXeJ4", Discover: "http://127.0.0.1:8080/fhir/.well-known/smart-configuration",
			Metadata: "{\n  \"client_id\": \"growth-notes\",\n  \"client_name\": \"Growth Notes\",\n  \"redirect_uris\": [\n    \"https://growth.example.org/redirect\"\n  ]\n}"},
		auth.RegisteredPage{}, auth.RegisteredPage{Frame: bad, Client: stranger, Secret: evil, Metadata: evil, Discover: evil})

	page("logout", auth.LogoutPage{Frame: signed, Form: form}, auth.LogoutPage{})
	page("loggedout", auth.LoggedOutPage{Frame: frame}, auth.LoggedOutPage{})
	page("setup",
		auth.SetupPage{Frame: auth.Frame{Home: "/"}, Form: form},
		auth.SetupPage{Form: form, Values: map[string]string{"name": "maeve"}, Errors: map[string]string{"again": "The two passwords differ."}},
		auth.SetupPage{Frame: bad, Values: map[string]string{"name": evil}, Errors: map[string]string{"": evil, "name": evil}})

	home := func(name string, h Home) {
		list = append(list, sample{name, func(p *Pages, w io.Writer) error { return p.RenderHome(w, h) }})
	}
	home("home", Home{Frame: auth.Frame{Sandbox: true}, Base: "http://127.0.0.1:8080", SMART: true, AdminKey: "sandbox-admin", Users: demo,
		Clients: []DemoClient{{"sandbox-public", "public, PKCE", ""}, {"sandbox-secret", "confidential, by a secret", "sandbox-secret"}, {"sandbox-key", "confidential, by a key", ""}, {"sandbox-backend", "backend service, by a key", ""}},
		Counts:  map[string]int{"Observation": 3120, "Patient": 12, "Encounter": 240, "Condition": 61, "Practitioner": 4, "DocumentReference": 0}})
	home("home-2", Home{Base: "http://127.0.0.1:8080", Frame: auth.Frame{Sandbox: true}, Anonymous: "system/*.cruds", Counts: map[string]int{"Patient": 1}})
	home("home-3", Home{Base: "https://fhir.example.org"})
	home("home-4", Home{Frame: bad, Base: evil, Anonymous: evil, SMART: true, AdminKey: evil, Users: []auth.DemoUser{{Name: evil}}, Clients: []DemoClient{{ID: evil, Kind: evil, Secret: evil}}, Counts: map[string]int{evil: 1}})
	docs := func(name string, d Docs) {
		list = append(list, sample{name, func(p *Pages, w io.Writer) error { return p.RenderDocs(w, d) }})
	}
	docs("docs", Docs{Frame: auth.Frame{Sandbox: true}, SMART: true, Base: "http://127.0.0.1:8080", Operations: []Operation{
		{"GET", "/fhir/metadata", "What the server can do", "A CapabilityStatement.", "The server", true},
		{"GET", "/fhir/{type}", "Search", "Parameters are those of the type.", "Resources", false},
		{"POST", "/fhir/{type}/_search", "Search", "", "Resources", false},
		{"POST", "/fhir/{type}", "Create", "", "Resources", false}},
		Parameters: []Parameter{{"_count", "How many a page holds."}, {"_sort", "Order."}}})
	docs("docs-2", Docs{})
	docs("docs-3", Docs{Frame: bad, Base: evil, Operations: []Operation{{evil, evil, evil, evil, evil, false}}, Parameters: []Parameter{{evil, evil}}})
	whys := func(name string, page Why) {
		list = append(list, sample{name, func(p *Pages, w io.Writer) error { return p.RenderWhy(w, page) }})
	}
	lab := &why.Test{Set: "category=laboratory", Has: []string{"http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"}}
	in := &why.Test{Set: "(and in:Patient/1 only:Patient/1)", Holds: true, Of: []why.Test{{Set: "in:Patient/1", Holds: true, Link: "subject", Has: []string{"subject=Patient/1"}}, {Set: "only:Patient/1", Holds: true}}}
	answers := []why.Answer{{Ref: "Observation/9", State: why.Current, Version: 3, Letters: []why.Letter{
		{Letter: "r", Interaction: "read", Answer: "404", Reason: "it is not in category=laboratory", Smallest: []string{"patient/Observation.r"}, User: in, Client: lab,
			Scopes: []why.Scope{{Scope: "patient/Observation.rs?category=laboratory", Failed: "constraint", Reason: "it is not in category=laboratory", Context: in, Constraint: lab}, {Scope: "patient/Patient.rs", Failed: "type", Reason: "it is about Patient"}}},
		{Letter: "s", Interaction: "search", Allowed: true, Answer: "200", Scopes: []why.Scope{{Scope: "patient/Observation.s", Matches: true, Link: "subject", Context: in}}}}},
		{Ref: "Observation/10", State: why.Absent}, {Ref: "Observation/11", State: why.Deleted, Version: 2, Faults: []string{"scope user/*.rs opens nothing: there is no user with a policy"}, Letters: []why.Letter{{Letter: "r", Interaction: "read", Answer: "410", Reason: "the resource was deleted"}}}}
	whys("why", Why{Frame: auth.Frame{Sandbox: true}, Form: form})
	whys("why-2", Why{Frame: signed, Form: form, Administrator: true, Answers: answers, Values: map[string]string{"ref": "Observation/9", "scope": "patient/*.rs"}})
	whys("why-3", Why{Form: form, Errors: map[string]string{"ref": "A resource is needed.", "": "The token opens nothing."}})
	whys("why-4", Why{Frame: bad, Form: form, Administrator: true, Values: map[string]string{"ref": evil, "token": evil, "client": evil, "scope": evil}, Errors: map[string]string{"ref": evil, "token": evil},
		Answers: []why.Answer{{Ref: evil, State: evil, Letters: []why.Letter{{Letter: evil, Interaction: evil, Answer: evil, Reason: evil, Smallest: []string{evil}, Scopes: []why.Scope{{Scope: evil, Reason: evil, Context: &why.Test{Set: evil, Has: []string{evil}}}}}}}}})
	audits := func(name string, page Audit) {
		list = append(list, sample{name, func(p *Pages, w io.Writer) error { return p.RenderAudit(w, page) }})
	}
	at := time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC)
	audits("audit", Audit{Frame: signed, Path: "/audit", Why: "/why", Next: "/audit?page=x", Downloads: map[string]string{"CSV": "/audit?format=csv", "NDJSON": "/audit?format=ndjson"}, Events: []AuditEvent{
		{ID: "1", Time: at, User: "ann", Client: "chart", Interaction: "read", Resource: "Observation/9", Patient: "1", Outcome: "allowed"},
		{ID: "2", Time: at, Client: "nightly", Interaction: "search-type", Query: "Observation?code=1", Outcome: "refused", Count: "0"}}})
	audits("audit-4", Audit{Frame: signed, Path: "/audit", Next: "/audit?page=x", Interactions: []string{"read", "login"}, Outcomes: []string{"refused"}, Values: map[string]string{"interaction": "login"}, Errors: map[string]string{"outcome": "There is no such outcome."}})
	audits("audit-2", Audit{Frame: signed, Path: "/audit", Own: true, Errors: map[string]string{"since": "That is no date."}})
	audits("audit-3", Audit{Frame: bad, Path: evil, Why: evil, Next: evil, Values: map[string]string{"user": evil}, Events: []AuditEvent{{ID: evil, Time: at, User: evil, Client: evil, Interaction: evil, Resource: evil, Patient: evil, Query: evil, Outcome: evil, Count: evil}}, Interactions: []string{evil}, Outcomes: []string{evil}})
	event := func(name string, page OneAuditEvent) {
		list = append(list, sample{name, func(p *Pages, w io.Writer) error { return p.RenderAuditEvent(w, page) }})
	}
	event("auditevent", OneAuditEvent{Audit{Frame: signed, Path: "/audit", Why: "/why"}, AuditEvent{ID: "1", Time: at, User: "ann", Client: "chart", Address: "192.0.2.1", Interaction: "read", Resource: "Observation/9", Patient: "1", Query: "Observation?code=1", Outcome: "allowed", Count: "1"}, "{}", "http://127.0.0.1/fhir/AuditEvent/1"})
	event("auditevent-2", OneAuditEvent{Audit{Frame: signed, Path: "/audit", Own: true}, AuditEvent{ID: "1", Time: at, Interaction: "login", Outcome: "refused"}, "{}", ""})
	event("auditevent-3", OneAuditEvent{Audit{Frame: bad, Path: evil, Why: evil}, AuditEvent{ID: evil, User: evil, Client: evil, Address: evil, Interaction: evil, Resource: evil, Patient: evil, Query: evil, Outcome: evil, Count: evil}, evil, evil})
	return list
}

// drawer draws samples.
func drawer() *Pages {
	return New(Options{Version: "0.1.0", FHIR: "http://127.0.0.1:8080/fhir", Links: []Link{{"Start", "/"}, {"API", "/docs"}, {"Your apps", "/auth/manage"}, {"Register an app", "/auth/register"}}})
}
