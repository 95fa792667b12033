package auth_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search"
)

// mint gives an access token without any flow.
func (w *site) mint(scopes, user, patient string) string {
	w.t.Helper()
	client := "sandbox-public"
	token, err := w.auth.Mint(w.t.Context(), auth.Mint{Client: client, Scope: scopes, User: user, Patient: patient})
	if err != nil {
		w.t.Fatalf("%s: %v", scopes, err)
	}
	return token
}

func TestS1_21_UserScopes(t *testing.T) {
	w := open(t)
	for user, want := range map[string][]string{
		"practitioner":  {"a-o0", "a-o1", "a-o2", "b-o0", "b-o1", "b-o2"},
		"patient":       {"a-o0", "a-o1", "a-o2"},
		"relatedperson": {"b-o0", "b-o1", "b-o2"},
	} {
		token := str(w.app("sandbox-public").run(user, "user/Observation.rs"), "access_token")
		got := w.finds(token, "Observation")
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s finds %v", user, got)
		}
		if w.reads(token, "Condition") != 403 || w.call(token, "DELETE", "/fhir/Observation/"+want[0], "").status != 403 {
			t.Errorf("%s goes beyond the scope", user)
		}
	}
}

func TestS4_07_ThreeUsers(t *testing.T) {
	w := open(t)
	seen := map[string]string{}
	for _, user := range []string{"practitioner", "patient", "relatedperson"} {
		token := str(w.app("sandbox-public").run(user, "user/*.rs"), "access_token")
		got := w.finds(token, "Patient")
		slices.Sort(got)
		seen[user] = strings.Join(got, " ")
		// A practitioner of the clinic is for all to see.
		if w.reads(token, "Practitioner/p") != 200 {
			t.Errorf("%s does not see the practitioner", user)
		}
	}
	if seen["practitioner"] != "a b" || seen["patient"] != "a" || seen["relatedperson"] != "b" {
		t.Errorf("%v", seen)
	}
}

func TestS4_21_PolicyBelowTheScopes(t *testing.T) {
	w := open(t)
	ctx := t.Context()
	token := str(w.app("sandbox-public").run("practitioner", "user/*.cruds launch/patient patient/*.rs"), "access_token")
	set := func(policy string) {
		t.Helper()
		if err := w.auth.PutUser(ctx, auth.User{Name: "practitioner", FHIRUser: "Practitioner/p", Policy: policy}, ""); err != nil {
			t.Fatal(err)
		}
	}
	status := func() [3]int {
		return [3]int{w.reads(token, "Patient/a"), w.reads(token, "Patient/b"), w.call(token, "PUT", "/fhir/Observation/b-o0", `{"resourceType":"Observation","id":"b-o0","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/b"}}`).status}
	}
	// A change counts with the next request.
	for _, c := range []struct {
		policy string
		want   [3]int
	}{{"all", [3]int{200, 200, 200}}, {"readonly", [3]int{200, 200, 403}}, {"care-team", [3]int{404, 404, 404}}, {"", [3]int{403, 403, 403}}, {"all", [3]int{200, 200, 200}}} {
		set(c.policy)
		if got := status(); got != c.want {
			t.Errorf("%q: %v, want %v", c.policy, got, c.want)
		}
	}
	// A team of the patient opens the patient's record while it is there.
	set("care-team")
	w.put(`{"resourceType":"CareTeam","id":"t","status":"active","subject":{"reference":"Patient/b"},"participant":[{"member":{"reference":"Practitioner/p"}}]}`)
	if got, want := status(), [3]int{404, 200, 200}; got != want {
		t.Errorf("in the team of b: %v, want %v", got, want)
	}
	// The data that a rule reads counts with the next request, too.
	related := str(w.app("sandbox-public").run("relatedperson", "user/Patient.r"), "access_token")
	if a, b := w.reads(related, "Patient/a"), w.reads(related, "Patient/b"); a != 404 || b != 200 {
		t.Errorf("related to b: %d, %d", a, b)
	}
	w.call(adminKey, "PUT", "/fhir/RelatedPerson/r", `{"resourceType":"RelatedPerson","id":"r","patient":{"reference":"Patient/a"}}`)
	if a, b := w.reads(related, "Patient/a"), w.reads(related, "Patient/b"); a != 200 || b != 404 {
		t.Errorf("related to a: %d, %d", a, b)
	}
	w.call(adminKey, "PUT", "/fhir/RelatedPerson/r", `{"resourceType":"RelatedPerson","id":"r","active":false,"patient":{"reference":"Patient/a"}}`)
	if a := w.reads(related, "Patient/a"); a != 404 {
		t.Errorf("related no more: %d", a)
	}
}

// SMART does not say which records a user may see: two users consent to the same and see different things.
func TestS5_11_UsersSeeTheirOwn(t *testing.T) {
	w := open(t)
	a := w.finds(str(w.app("sandbox-public").run("patient", "user/Condition.rs"), "access_token"), "Condition")
	b := w.finds(str(w.app("sandbox-public").run("relatedperson", "user/Condition.rs"), "access_token"), "Condition")
	if !slices.Equal(a, []string{"a-c"}) || !slices.Equal(b, []string{"b-c"}) {
		t.Errorf("%v, %v", a, b)
	}
}

func TestS4_04_ReadOnlyRole(t *testing.T) {
	w := open(t)
	if err := w.auth.AddUser(t.Context(), auth.User{Name: "reader", FHIRUser: "Practitioner/p", Policy: "readonly"}, "sandbox"); err != nil {
		t.Fatal(err)
	}
	answer := w.app("sandbox-public").run("reader", "launch/patient patient/*.cruds user/*.cruds")
	token := str(answer, "access_token")
	if !strings.Contains(str(answer, "scope"), "patient/*.cruds") || w.reads(token, "Observation") != 200 || w.reads(token, "Patient/b") != 200 {
		t.Errorf("%v", answer)
	}
	for _, c := range [][3]string{{"POST", "Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"}}`},
		{"PUT", "Observation/a-o0", `{"resourceType":"Observation","id":"a-o0","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"}}`}, {"DELETE", "Observation/a-o0", ""}} {
		if got := w.call(token, c[0], "/fhir/"+c[1], c[2]).status; got != 403 {
			t.Errorf("%s %s: %d", c[0], c[1], got)
		}
	}
}

func TestS4_09_UserAndSystemScripts(t *testing.T) {
	w := open(t)
	user, system := str(w.app("sandbox-secret").run("practitioner", "openid user/Patient.read user/Observation.read user/Encounter.read"), "access_token"), w.service("system/Patient.read system/Observation.read system/Encounter.read")
	for name, token := range map[string]string{"user": user, "system": system} {
		for _, query := range []string{"Patient?name=shaw", "Observation?patient=a&category=laboratory", "Encounter?patient=a", "Patient/a", "Observation?patient=b&_include=Observation:encounter"} {
			if got := w.reads(token, query); got != 200 {
				t.Errorf("%s, %s: %d", name, query, got)
			}
		}
		if a, b := w.reads(token, "Condition?patient=a"), w.call(token, "DELETE", "/fhir/Patient/a", "").status; a != 403 || b != 403 {
			t.Errorf("%s beyond the scopes: %d, %d", name, a, b)
		}
	}
}

func TestScopesOfVersion1(t *testing.T) {
	w := open(t)
	answer := w.app("sandbox-public").run("patient", "launch/patient patient/Observation.read patient/Condition.write")
	if answer["scope"] != "patient/Observation.read patient/Condition.write launch/patient" {
		t.Errorf("scopes are told as %v", answer["scope"])
	}
	token := str(answer, "access_token")
	if w.reads(token, "Observation") != 200 || w.reads(token, "Condition") != 403 || w.call(token, "DELETE", "/fhir/Condition/a-c", "").status != 204 {
		t.Error("version 1 is not read as version 2")
	}
}

func TestS2_07_WholeCompartment(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	token := str(a.run("patient", "launch/patient patient/*.read"), "access_token")
	for _, path := range []string{"Patient/a", "Observation", "Observation/a-o0", "Encounter/a-e1", "Condition?patient=a", "Observation/a-o0/_history", "Observation/a-o0/_history/1", "Practitioner/p"} {
		if got := w.reads(token, path); got != 200 {
			t.Errorf("%s: %d", path, got)
		}
	}
	for _, path := range []string{"Patient/b", "Observation/b-o0", "Observation/b-o0/_history"} {
		if got := w.reads(token, path); got != 404 {
			t.Errorf("%s: %d", path, got)
		}
	}
	if got := w.call(token, "PUT", "/fhir/Condition/a-c", `{"resourceType":"Condition","id":"a-c","subject":{"reference":"Patient/a"}}`).status; got != 403 {
		t.Errorf("write with read: %d", got)
	}
	token = str(a.run("patient", "launch/patient patient/*.write"), "access_token")
	if got := w.call(token, "PUT", "/fhir/Condition/a-c", `{"resourceType":"Condition","id":"a-c","subject":{"reference":"Patient/a"}}`).status; got != 200 {
		t.Errorf("write: %d", got)
	}
	if got := w.reads(token, "Condition/a-c"); got != 403 {
		t.Errorf("read with write: %d", got)
	}
}

// subjects are the elements by which the types that guides ask for are of a patient's record; the others are of nobody's,
// and everybody with the scope sees them.
var subjects = map[string]string{"AllergyIntolerance": "patient", "CarePlan": "subject", "CareTeam": "subject", "Condition": "subject", "Coverage": "beneficiary", "Device": "patient",
	"DiagnosticReport": "subject", "DocumentReference": "subject", "Encounter": "subject", "Goal": "subject", "Immunization": "patient", "MedicationDispense": "subject",
	"MedicationRequest": "subject", "Observation": "subject", "Procedure": "subject", "Provenance": "target", "QuestionnaireResponse": "subject", "RelatedPerson": "patient",
	"ServiceRequest": "subject", "Specimen": "subject"}

// example is a resource of a type, of a patient's record if the type has one.
func example(typ, id, patient string) string {
	body := `{"resourceType":"` + typ + `","id":"` + id + `"`
	switch subject := `{"reference":"Patient/` + patient + `"}`; {
	case typ == "Provenance":
		body += `,"target":[` + subject + `]`
	case subjects[typ] != "":
		body += `,"` + subjects[typ] + `":` + subject
	}
	return body + "}"
}

// Of the types that guides ask for, each by itself at each level: read and search of that type, and nothing else.
func TestGuideTypes(t *testing.T) {
	w := open(t)
	for name, types := range map[string][]string{
		"S3-04 required types, S3-19 at every level":    guideTypes,
		"S3-05 recommended types, S3-19 at every level": moreTypes,
	} {
		t.Run(name, func(t *testing.T) {
			cases := 0
			for _, scoped := range types {
				typ := strings.TrimSuffix(scoped, ".rs")
				mine, other := "x", "y" // of the two patients
				if typ == "Patient" {
					mine, other = "a", "b"
				} else {
					w.put(example(typ, mine, "a"))
					w.put(example(typ, other, "b"))
				}
				bound := typ == "Patient" || subjects[typ] != ""
				for level, token := range map[string]string{"patient": w.mint("patient/"+scoped, "practitioner", "a"), "user": w.mint("user/"+scoped, "practitioner", ""), "system": w.mint("system/"+scoped, "", "")} {
					cases++
					hidden := level == "patient" && bound
					found := w.finds(token, typ+"?_count=1000")
					if !slices.Contains(found, mine) || slices.Contains(found, other) == hidden {
						t.Errorf("%s/%s finds %v", level, scoped, found)
					}
					if a, b := w.reads(token, typ+"/"+mine), w.reads(token, typ+"/"+other); a != 200 || b != map[bool]int{true: 404, false: 200}[hidden] {
						t.Errorf("%s/%s reads %d, %d", level, scoped, a, b)
					}
					for _, c := range [][3]string{{"PUT", typ + "/" + mine, example(typ, mine, "a")}, {"POST", typ, example(typ, "z", "a")}, {"DELETE", typ + "/" + mine, ""}} {
						if got := w.call(token, c[0], "/fhir/"+c[1], c[2]).status; got != 403 {
							t.Errorf("%s/%s: %s %d", level, scoped, c[0], got)
						}
					}
					elsewhere := "Condition"
					if typ == elsewhere {
						elsewhere = "Observation"
					}
					if a, b := w.reads(token, elsewhere), w.reads(token, elsewhere+"/a-c"); a != 403 || b != 403 {
						t.Errorf("%s/%s opens %s: %d, %d", level, scoped, elsewhere, a, b)
					}
					// Everything else is refused, of all other types.
					set, _ := scope.Parse(level + "/" + scoped)
					access := set.Access(scope.Context{Patient: "a", User: scope.Policy{Patients: scope.Everyone{}, Letters: scope.All}})
					for _, other := range r4.Resources() {
						for i := search.Create; i <= search.Search; i++ {
							want := other == typ && (i == search.Read || i == search.Search)
							if got := access.Allowed(i, other) != search.None; got != want {
								t.Errorf("%s/%s opens %s.%c: %v", level, scoped, other, "cruds"[i], got)
							}
						}
					}
				}
			}
			if cases != 3*len(types) {
				t.Errorf("%d cases", cases)
			}
		})
	}
}

// Of the parts that guides ask for, each by itself at each level: only that part, by read, search and include.
func TestGuideParts(t *testing.T) {
	w := open(t)
	for i, part := range guideParts {
		typ, rest, _ := strings.Cut(part, ".rs?category=")
		system, code, _ := strings.Cut(rest, "|")
		for _, p := range []string{"a", "b"} {
			w.put(fmt.Sprintf(`{"resourceType":"%s","id":"%s-part-%d","category":[{"coding":[{"system":"%s","code":"%s"}]}],"subject":{"reference":"Patient/%s"}}`, typ, p, i, system, code, p))
			w.put(fmt.Sprintf(`{"resourceType":"%s","id":"%s-other-%d","category":[{"coding":[{"system":"http://x.test","code":"%s"}]}],"subject":{"reference":"Patient/%s"}}`, typ, p, i, code, p))
		}
		w.put(fmt.Sprintf(`{"resourceType":"Provenance","id":"prov-%d","target":[{"reference":"%s/a-part-%d"},{"reference":"%s/a-other-%d"},{"reference":"Patient/a"}]}`, i, typ, i, typ, i))
	}
	for name, only := range map[string]func(string) bool{
		"S3-06 required parts":    func(p string) bool { return !strings.HasPrefix(p, "Document") },
		"S3-07 recommended parts": func(p string) bool { return strings.HasPrefix(p, "Document") },
	} {
		t.Run(name, func(t *testing.T) {
			for i, part := range guideParts {
				if !only(part) {
					continue
				}
				typ, _, _ := strings.Cut(part, ".")
				mine, other := fmt.Sprintf("a-part-%d", i), fmt.Sprintf("a-other-%d", i)
				for level, token := range map[string]string{"patient": w.mint("patient/"+part+" patient/Provenance.rs", "practitioner", "a"), "user": w.mint("user/"+part+" user/Provenance.rs", "practitioner", ""),
					"system": w.mint("system/"+part+" system/Provenance.rs", "", "")} {
					found := w.finds(token, typ+"?_count=1000")
					if !slices.Contains(found, mine) || slices.Contains(found, other) || slices.Contains(found, fmt.Sprintf("b-part-%d", i)) != (level != "patient") {
						t.Errorf("%s/%s finds %v", level, part, found)
					}
					for _, id := range found {
						if strings.Contains(id, "other") {
							t.Errorf("%s/%s finds %s", level, part, id)
						}
					}
					if a, b := w.reads(token, typ+"/"+mine), w.reads(token, typ+"/"+other); a != 200 || b != 404 {
						t.Errorf("%s/%s reads: %d, %d", level, part, a, b)
					}
					included := w.finds(token, fmt.Sprintf("Provenance?_id=prov-%d&_include=Provenance:target", i))
					if !slices.Contains(included, mine) || slices.Contains(included, other) {
						t.Errorf("%s/%s includes %v", level, part, included)
					}
					// By chain, too: what it asks of the part it finds, what it asks of the others finds nothing.
					chain := fmt.Sprintf("Provenance?_id=prov-%d&target:%s.category=", i, typ)
					_, category, _ := strings.Cut(part, "category=")
					_, code, _ := strings.Cut(category, "|")
					if a, b := w.finds(token, chain+url.QueryEscape(category)), w.finds(token, chain+url.QueryEscape("http://x.test|"+code)); len(a) != 1 || len(b) != 0 {
						t.Errorf("%s/%s by chain: %v, %v", level, part, a, b)
					}
				}
			}
		})
	}
}

// put writes a resource as administrator.
func (w *site) put(body string) {
	w.t.Helper()
	var r struct{ ResourceType, ID string }
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		w.t.Fatal(err)
	}
	if a := w.call(adminKey, "PUT", "/fhir/"+r.ResourceType+"/"+r.ID, body); a.status > 201 {
		w.t.Fatalf("%s: %d %s", body, a.status, a.body)
	}
}

// A guide misspells a system. Taken by its letters a scope matches data with that system; an alias makes it mean what
// it was meant to.
func TestS3_08_MisspeltSystem(t *testing.T) {
	const written, meant = "http://terminology.hl7.org//CodeSystem-observation-category", "http://terminology.hl7.org/CodeSystem/observation-category"
	for _, aliased := range []bool{false, true} {
		w := open(t, func(o *auth.Options) {
			if aliased {
				o.Aliases = map[string]string{written: meant}
			}
		})
		for id, system := range map[string]string{"wrong": written, "right": meant} {
			w.put(fmt.Sprintf(`{"resourceType":"Observation","id":"%s","category":[{"coding":[{"system":"%s","code":"social-history"}]}],"subject":{"reference":"Patient/a"}}`, id, system))
		}
		answer := w.app("sandbox-public").run("patient", "patient/Observation.rs?category="+written+"|social-history")
		want := []string{"wrong"}
		if aliased {
			want = []string{"right", "wrong"}
		}
		got := w.finds(str(answer, "access_token"), "Observation")
		if slices.Sort(got); !slices.Equal(got, want) || answer["scope"] != "patient/Observation.rs?category="+written+"|social-history" {
			t.Errorf("aliased %v: %v, %v", aliased, got, answer["scope"])
		}
		offered := texts(w.call("", "GET", "/fhir/.well-known/smart-configuration", "").json(t)["scopes_supported"])
		if !slices.Contains(offered, str(answer, "scope")) {
			t.Errorf("aliased %v: it is not listed as the guide writes it", aliased)
		}
	}
}

func TestS4_06_OldScopesOnly(t *testing.T) {
	w := open(t, func(o *auth.Options) { o.OldScopesOnly = true })
	a := w.app("sandbox-public")
	if got := a.run("patient", "launch/patient patient/Observation.read patient/Condition.rs patient/Encounter.s?class=AMB")["scope"]; got != "patient/Observation.read launch/patient" {
		t.Errorf("granted %v", got)
	}
	doc := w.call("", "GET", "/fhir/.well-known/smart-configuration", "").json(t)
	if slices.Contains(texts(doc["capabilities"]), "permission-v2") || !slices.Contains(texts(doc["capabilities"]), "permission-v1") {
		t.Errorf("%v", doc["capabilities"])
	}
	for _, s := range texts(doc["scopes_supported"]) {
		if strings.Contains(s, ".rs") || strings.Contains(s, "?") {
			t.Errorf("%s is offered", s)
		}
	}
	res := answer_{w.backend("system/Patient.rs", appKeys.assertion(w, "sandbox-backend")), t}
	res.refused(t, 400, "invalid_scope")
	// The other mode takes both.
	both := open(t)
	if got := both.app("sandbox-public").run("patient", "patient/Observation.read patient/Condition.rs")["scope"]; got != "patient/Observation.read patient/Condition.rs" {
		t.Errorf("granted %v", got)
	}
}

func TestS2_11_DeleteNeedsItsScope(t *testing.T) {
	w := open(t, func(o *auth.Options) { o.DeleteNeedsScope = true })
	if got := w.call(w.mint("patient/Condition.write", "patient", "a"), "DELETE", "/fhir/Condition/a-c", "").status; got != 403 {
		t.Errorf("without: %d", got)
	}
	token := w.mint("patient/Condition.write cdr_fhir_delete", "patient", "a")
	if a, b := w.call(token, "DELETE", "/fhir/Condition/b-c", "").status, w.call(token, "DELETE", "/fhir/Observation/a-o0", "").status; a != 204 || b != 403 {
		t.Errorf("beyond the other scopes: %d, %d", a, b)
	}
	if got := w.call(adminKey, "GET", "/fhir/Condition/b-c", "").status; got != 200 {
		t.Errorf("the other patient's is gone: %d", got)
	}
	if got := w.call(token, "DELETE", "/fhir/Condition/a-c", "").status; got != 204 {
		t.Errorf("with: %d", got)
	}
}

// What an app that reports cases asks for after a visit, patient by patient and by date.
func TestS4_01_CaseReporting(t *testing.T) {
	w := open(t)
	types := strings.Fields("Patient Encounter Condition Observation MedicationRequest MedicationAdministration Immunization ServiceRequest DiagnosticReport Procedure")
	var scopes []string
	for _, typ := range types {
		scopes = append(scopes, "system/"+typ+".rs")
	}
	dates := map[string]string{"Encounter": "date", "Condition": "recorded-date", "Observation": "date", "MedicationRequest": "authoredon", "MedicationAdministration": "effective-time",
		"Immunization": "date", "ServiceRequest": "authored", "DiagnosticReport": "date", "Procedure": "date"}
	ask := func(token, typ string) int {
		if typ == "Patient" {
			return w.reads(token, "Patient/a")
		}
		return w.reads(token, typ+"?patient=a&"+dates[typ]+"=ge2020-01-01&_count=100")
	}
	token := w.service(strings.Join(scopes, " "))
	for _, typ := range types {
		if got := ask(token, typ); got != 200 {
			t.Errorf("%s: %d", typ, got)
		}
	}
	for i, missing := range types {
		token := w.service(strings.Join(slices.Delete(slices.Clone(scopes), i, i+1), " "))
		for _, typ := range types {
			if got := ask(token, typ); (got == 403) != (typ == missing) || got != 200 && got != 403 {
				t.Errorf("without %s: %s is %d", missing, typ, got)
			}
		}
	}
}

// What a node of a workflow program does: create, read and search of twelve types, as a backend service.
func TestS4_08_TwelveTypes(t *testing.T) {
	w := open(t)
	token := w.service("system/*.cruds")
	for _, typ := range strings.Fields("Patient Observation Condition Encounter Procedure AllergyIntolerance MedicationRequest Immunization DiagnosticReport DocumentReference Appointment Practitioner") {
		res := w.call(token, "POST", "/fhir/"+typ, `{"resourceType":"`+typ+`","identifier":[{"system":"https://x.test","value":"n"}]}`)
		var made struct{ ID string }
		decode(t, res, &made)
		if res.status != 201 || w.reads(token, typ+"/"+made.ID) != 200 {
			t.Errorf("%s: create %d %s", typ, res.status, res.body)
		}
		query := typ + "?identifier=" + url.QueryEscape("https://x.test|n")
		if typ == "Observation" {
			query = typ + "?identifier=" + url.QueryEscape("https://x.test|n") + "&_count=5"
		}
		if got := w.finds(token, query); !slices.Equal(got, []string{made.ID}) {
			t.Errorf("%s: found %v", typ, got)
		}
		if res := w.call(token, "PUT", "/fhir/"+typ+"/"+made.ID, `{"resourceType":"`+typ+`","id":"`+made.ID+`"}`); res.status != 200 {
			t.Errorf("%s: update %d", typ, res.status)
		}
	}
}
