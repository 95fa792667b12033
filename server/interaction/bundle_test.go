package interaction

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
)

// send runs a Bundle of these entries.
func (r *rig) send(c Caller, kind string, o BundleOptions, entries ...string) (bundle, error) {
	r.t.Helper()
	body := `{"resourceType":"Bundle","type":"` + kind + `"`
	if len(entries) > 0 {
		body += `,"entry":[` + strings.Join(entries, ",") + `]`
	}
	out, err := r.Bundle(ctx, c, r.parse(body+"}"), o)
	if err != nil {
		return bundle{}, err
	}
	b := r.decode(out.Bundle)
	if b.Type != kind+"-response" || len(b.Entry) != len(entries) {
		r.t.Errorf("%d entries, answer %s", len(entries), out.Bundle)
	}
	return b, nil
}

func post(fullURL, body string) string { return entryOf(fullURL, body, "POST", typeOf(body), "") }

func typeOf(body string) string {
	typ, _, _ := strings.Cut(strings.TrimPrefix(body, `{"resourceType":"`), `"`)
	return typ
}

func entryOf(fullURL, body, method, url, more string) string {
	var parts []string
	if fullURL != "" {
		parts = append(parts, `"fullUrl":"`+fullURL+`"`)
	}
	if body != "" {
		parts = append(parts, `"resource":`+body)
	}
	return "{" + strings.Join(append(parts, `"request":{"method":"`+method+`","url":"`+url+`"`+more+"}"), ",") + "}"
}

func statuses(b bundle) string {
	var out []string
	for _, e := range b.Entry {
		out = append(out, e.Response.Status[:3])
	}
	return strings.Join(out, " ")
}

const (
	urnP = "urn:uuid:6a0c1d7e-0000-4000-8000-000000000001"
	urnE = "urn:uuid:6a0c1d7e-0000-4000-8000-000000000002"
)

func TestTransaction(t *testing.T) { each(t, testTransaction) }

func testTransaction(t *testing.T, r *rig) {
	r.put(patient("old"), patient("x"), `{"resourceType":"Practitioner","id":"dr","identifier":[{"system":"http://npi","value":"7"}]}`)
	b, err := r.send(r.root(), "transaction", BundleOptions{Return: ReturnRepresentation},
		entryOf("", "", "GET", "Observation?subject=Patient/id-2", ""), // counts NewID below
		entryOf("", `{"resourceType":"Patient","id":"x","active":true}`, "PUT", "Patient/x", `,"ifMatch":"W/\"1\""`),
		post(urnE, `{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"subject":{"reference":"`+urnP+`"},
			"participant":[{"individual":{"reference":"Practitioner?identifier=http://npi|7"}}]}`),
		post(urnP, `{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"`+urnE+`\">e</a> `+urnE+`</div>"},
			"identifier":[{"system":"urn:ietf:rfc:3986","value":"`+urnP+`"}],"extension":[{"url":"http://x","valueUri":"`+urnE+`"},{"url":"http://y","valueString":"`+urnE+`"}]}`),
		post("", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"`+urnP+`"},"encounter":{"reference":"`+urnE+`"},
			"contained":[{"resourceType":"Location","id":"l"}],"hasMember":[{"reference":"Observation/dangling"}]}`),
		entryOf("", "", "DELETE", "Patient/old", ""),
		entryOf("", "", "GET", "Patient/x", ""),
		entryOf("", "", "GET", "Patient/old", ""),
	)
	if err != nil {
		t.Fatal(err)
	}
	if got := statuses(b); got != "200 200 201 201 201 204 200 410" {
		t.Errorf("statuses %s", got)
	}
	p, e := b.Entry[3].Resource.ID, b.Entry[2].Resource.ID
	if got := b.Entry[2].Resource.Subject.Reference; got != "Patient/"+p {
		t.Errorf("encounter of %s, not %s", got, p)
	}
	if o := b.Entry[4].Resource; o.Subject.Reference != "Patient/"+p || o.Encounter.Reference != "Encounter/"+e {
		t.Errorf("observation %+v", o)
	}
	if want := r.Base + "/Encounter/" + e + "/_history/1"; b.Entry[2].Response.Location != want || b.Entry[2].Response.Etag != `W/"1"` {
		t.Errorf("response %+v, want %s", b.Entry[2].Response, want)
	}
	if b.Entry[6].Resource.Meta.VersionID != "2" {
		t.Errorf("GET does not see the write: %+v", b.Entry[6].Resource)
	}
	if b.Entry[7].Response.Outcome == nil || b.Entry[7].Response.Outcome.Issue[0].Code != "deleted" {
		t.Errorf("GET of what was deleted: %+v", b.Entry[7].Response)
	}
	stored, err := r.Read(ctx, r.root(), "Patient", p)
	if err != nil {
		t.Fatal(err)
	}
	body := string(stored.Row.Body)
	for part, want := range map[string]int{`href=\"Encounter/` + e + `\"`: 1, `</a> ` + urnE: 1, `"valueUri":"Encounter/` + e: 1, `"valueString":"` + urnE: 1, `"value":"` + urnP: 1} {
		if strings.Count(body, part) != want {
			t.Errorf("%q is not in %s", part, body)
		}
	}
	if stored, err = r.Read(ctx, r.root(), "Encounter", e); err != nil || !strings.Contains(string(stored.Row.Body), `{"individual":{"reference":"Practitioner/dr"}}`) {
		t.Errorf("conditional reference: %s, %v", stored.Row.Body, err)
	}
	if entries, _, _ := r.search(r.root(), "Observation", "encounter="+e); len(entries) != 1 {
		t.Errorf("the observation is not found by its encounter: %v", entries)
	}
}

// One bad entry and nothing is stored; the error names the entry and the place.
func TestPoisonedTransactions(t *testing.T) {
	good := post(urnP, `{"resourceType":"Patient"}`)
	obs := `{"resourceType":"Observation","status":"final","code":{"text":"x"}`
	for name, c := range map[string]struct {
		entry string
		kind  fhir.Kind
		place string
	}{
		"invalid resource":      {post("", `{"resourceType":"Patient","birthDate":"x"}`), fhir.KindValue, "Bundle.entry[1].resource.birthDate"},
		"missing element":       {post("", `{"resourceType":"Observation","status":"final"}`), fhir.KindRequired, "Bundle.entry[1].resource.code"},
		"unknown urn":           {post("", obs+`,"subject":{"reference":"urn:uuid:none"}}`), fhir.KindProcessing, "Bundle.entry[1].resource.subject.reference"},
		"no match":              {post("", obs+`,"performer":[{"reference":"Practitioner?identifier=none"}]}`), fhir.KindPrecondition, "Bundle.entry[1].resource.performer[0].reference"},
		"several matches":       {post("", obs+`,"subject":{"reference":"Patient?active=true"}}`), fhir.KindMultiple, "Bundle.entry[1].resource.subject.reference"},
		"bad condition":         {post("", obs+`,"subject":{"reference":"Patient?foo=1"}}`), fhir.KindUnknownParam, "Bundle.entry[1].resource.subject.reference"},
		"ifNoneExist, several":  {entryOf("", `{"resourceType":"Patient"}`, "POST", "Patient", `,"ifNoneExist":"active=true"`), fhir.KindMultiple, "Bundle.entry[1]"},
		"ifNoneExist, bad":      {entryOf("", `{"resourceType":"Patient"}`, "POST", "Patient", `,"ifNoneExist":"foo=true"`), fhir.KindUnknownParam, "Bundle.entry[1].request"},
		"id mismatch":           {entryOf("", patient("q"), "PUT", "Patient/p", ""), fhir.KindInvalid, "Bundle.entry[1].resource.id"},
		"type mismatch":         {entryOf("", patient("q"), "PUT", "Practitioner/q", ""), fhir.KindInvalid, "Bundle.entry[1].resource.resourceType"},
		"unknown type":          {entryOf("", `{"resourceType":"Foo"}`, "POST", "Foo", ""), fhir.KindNotSupported, "Bundle.entry[1]"},
		"stale ifMatch":         {entryOf("", patient("a"), "PUT", "Patient/a", `,"ifMatch":"W/\"7\""`), fhir.KindPrecondition, "Bundle.entry[1]"},
		"no resource":           {entryOf("", "", "POST", "Patient", ""), fhir.KindRequired, "Bundle.entry[1]"},
		"no request":            {`{"resource":{"resourceType":"Patient"}}`, fhir.KindRequired, ""},
		"no patch":              {entryOf("", "", "PATCH", "Patient/a", ""), fhir.KindRequired, "Bundle.entry[1]"},
		"patch of another kind": {entryOf("", `{"resourceType":"Binary","contentType":"x"}`, "PATCH", "Patient/a", ""), fhir.KindMediaType, "Bundle.entry[1].resource.contentType"},
		"patch, no base64":      {entryOf("", `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"abc"}`, "PATCH", "Patient/a", ""), fhir.KindValue, "Bundle.entry[1].resource.data"},
		"patch, bad operation":  {entryOf("", binary(`[{"op":"frob","path":""}]`), "PATCH", "Patient/a", ""), fhir.KindInvalid, "Bundle.entry[1].resource.data"},
		"patch, bad path":       {entryOf("", parameters(operation("delete", "Patient.nmae")), "PATCH", "Patient/a", ""), fhir.KindInvalid, "Bundle.entry[1].resource.parameter[0].part[1]"},
		"patch, test":           {entryOf("", binary(`[{"op":"test","path":"/active","value":false}]`), "PATCH", "Patient/a", ""), fhir.KindProcessing, "Bundle.entry[1].resource.data"},
		"patch, invalid result": {entryOf("", binary(`[{"op":"replace","path":"/active","value":1}]`), "PATCH", "Patient/a", ""), fhir.KindStructure, "Bundle.entry[1].resource.active"},
		"patch of nothing":      {entryOf("", binary(`[]`), "PATCH", "Patient/nil", ""), fhir.KindNotFound, "Bundle.entry[1]"},
		"conditional patch":     {entryOf("", binary(`[]`), "PATCH", "Patient?active=false", ""), fhir.KindNotFound, "Bundle.entry[1]"},
		"conditional update":    {entryOf("", patient("q"), "PUT", "Patient?active=true", ""), fhir.KindMultiple, "Bundle.entry[1]"},
		"conditional delete":    {entryOf("", "", "DELETE", "Patient?active=true", ""), fhir.KindMultiple, "Bundle.entry[1]"},
		"condition of nothing":  {entryOf("", "", "DELETE", "Patient?", ""), fhir.KindInvalid, "Bundle.entry[1]"},
		"condition, bad":        {entryOf("", patient("q"), "PUT", "Patient?foo=1", ""), fhir.KindUnknownParam, "Bundle.entry[1].request"},
		"condition and id":      {entryOf("", patient("a"), "PUT", "Patient/a?active=true", ""), fhir.KindInvalid, "Bundle.entry[1].request.url"},
		"match and id":          {entryOf("", patient("q"), "PUT", "Patient?_id=a", ""), fhir.KindInvalid, "Bundle.entry[1].resource.id"},
		"ifNoneMatch":           {entryOf("", patient("a"), "PUT", "Patient/a", `,"ifNoneMatch":"*"`), fhir.KindPrecondition, "Bundle.entry[1]"},
		"ifNoneMatch, a tag":    {entryOf("", patient("a"), "PUT", "Patient/a", `,"ifNoneMatch":"W/\"1\""`), fhir.KindInvalid, "Bundle.entry[1]"},
		"patch, stale ifMatch":  {entryOf("", binary(`[]`), "PATCH", "Patient/a", `,"ifMatch":"W/\"7\""`), fhir.KindPrecondition, "Bundle.entry[1]"},
		"delete, stale ifMatch": {entryOf("", "", "DELETE", "Patient/a", `,"ifMatch":"W/\"7\""`), fhir.KindPrecondition, "Bundle.entry[1]"},
		"meta-add without meta": {entryOf("", `{"resourceType":"Parameters"}`, "POST", "Patient/a/$meta-add", ""), fhir.KindRequired, "Bundle.entry[1].resource.parameter"},
		"another operation":     {entryOf("", "", "POST", "Patient/a/$frob", ""), fhir.KindNotSupported, "Bundle.entry[1].request.url"},
		"operation":             {entryOf("", "", "GET", "Patient/a/$everything", ""), fhir.KindNotSupported, "Bundle.entry[1].request.url"},
		"bad url":               {entryOf("", patient("q"), "PUT", "Patient", ""), fhir.KindInvalid, "Bundle.entry[1].request.url"},
		"the same fullUrl":      {post(urnP, `{"resourceType":"Patient"}`), fhir.KindInvalid, "Bundle.entry[1]"},
		"frame":                 {`{"foo":1,"request":{"method":"POST","url":"Patient"}}`, fhir.KindStructure, "Bundle.entry[1].foo"},
		"nested in an entry":    {post("", `{"resourceType":"Patient","contact":[{"gender":"x"}]}`), fhir.KindCodeInvalid, "Bundle.entry[1].resource.contact[0].gender"},
		"reference in a nested": {post("", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"contained":[{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"urn:uuid:none"}}]}],"focus":[{"reference":"#g"}]}`), fhir.KindProcessing, "Bundle.entry[1].resource.contained[0].member[0].entity.reference"},
	} {
		r := newRig(t)
		r.put(`{"resourceType":"Patient","id":"a","active":true}`, `{"resourceType":"Patient","id":"b","active":true}`)
		_, err := r.send(r.root(), "transaction", BundleOptions{}, good, c.entry)
		place := ""
		if err != nil {
			place = issues(err)[0].Expression
		}
		if err == nil || fhir.KindOf(err) != c.kind || c.place != "" && place != c.place {
			t.Errorf("%s: %v at %q", name, err, place)
		}
		if lines, total, _ := r.search(r.root(), "Patient", "_total=accurate"); total != 2 {
			t.Errorf("%s: left behind %v", name, lines)
		}
	}
	r := newRig(t)
	r.put(patient("a"))
	for _, pair := range [][2]string{
		{entryOf("", patient("a"), "PUT", "Patient/a", ""), entryOf("", patient("a"), "PUT", "Patient/a", "")},
		{entryOf("", patient("a"), "PUT", "Patient/a", ""), entryOf("", "", "DELETE", "Patient/a", "")},
		{entryOf("", "", "DELETE", "Patient/a", ""), entryOf("", patient("z"), "POST", "Patient", `,"ifNoneExist":"_id=a"`)},
		{entryOf("", patient("a"), "PUT", "Patient?_id=a", ""), entryOf("", patient("a"), "PUT", "Patient/a", "")},
		{entryOf("", "", "DELETE", "Patient?_id=a", ""), entryOf("", binary(`[]`), "PATCH", "Patient/a", "")},
		{entryOf("", binary(`[]`), "PATCH", "Patient?_id=a", ""), entryOf("", parameters(), "PATCH", "Patient/a", "")},
		{entryOf("", `{"resourceType":"Patient"}`, "PUT", "Patient?_id=b", ""), entryOf("", `{"resourceType":"Patient"}`, "PUT", "Patient?_id=b", "")},
		{entryOf("", `{"resourceType":"Patient"}`, "POST", "Patient", `,"ifNoneExist":"_id=b"`), entryOf("", `{"resourceType":"Patient"}`, "PUT", "Patient?_id=b", "")},
	} {
		if _, err := r.send(r.root(), "transaction", BundleOptions{}, pair[0], pair[1]); Status(err) != 400 {
			t.Errorf("%v: %v", pair, err)
		}
	}
	for _, kind := range []string{"collection", "searchset", "document"} {
		if _, err := r.send(r.root(), kind, BundleOptions{}, good); fhir.KindOf(err) != fhir.KindInvalid {
			t.Errorf("%s: %v", kind, err)
		}
	}
	r.Limits.Entries = 1
	if _, err := r.send(r.root(), "transaction", BundleOptions{}, good, post("", `{"resourceType":"Patient"}`)); fhir.KindOf(err) != fhir.KindTooLong {
		t.Errorf("too many entries: %v", err)
	}
}

func TestTransactionIfNoneExist(t *testing.T) { each(t, testTransactionIfNoneExist) }

func testTransactionIfNoneExist(t *testing.T, r *rig) {
	org := `{"resourceType":"Organization","identifier":[{"value":"1"}],"name":"o"}`
	entries := []string{
		entryOf(urnP, org, "POST", "Organization", `,"ifNoneExist":"identifier=1"`),
		entryOf(urnE, org, "POST", "Organization", `,"ifNoneExist":"identifier=1"`),
		post("", `{"resourceType":"Location","managingOrganization":{"reference":"`+urnE+`"}}`),
	}
	first, err := r.send(r.root(), "transaction", BundleOptions{}, entries...)
	if err != nil || statuses(first) != "201 200 201" || first.Entry[0].Response.Location != first.Entry[1].Response.Location {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := r.send(r.root(), "transaction", BundleOptions{}, entries...)
	if err != nil || statuses(again) != "200 200 201" || again.Entry[0].Response.Location != first.Entry[0].Response.Location {
		t.Errorf("%+v, %v", again, err)
	}
	if entries, total, _ := r.search(r.root(), "Location", "organization.name=o"); total != 2 {
		t.Errorf("locations of the organization: %v", entries)
	}
}

// Conditions are resolved before anything is written, and references follow to what they find or make.
func TestTransactionConditions(t *testing.T) { each(t, testTransactionConditions) }

func testTransactionConditions(t *testing.T, r *rig) {
	r.put(patient("old"), patient("older"))
	r.ConditionalDelete = DeleteMultiple
	entries := []string{
		post("", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"`+urnP+`"},"focus":[{"reference":"http://other/fhir/Patient/p/_history/1"}]}`),
		entryOf(urnP, `{"resourceType":"Patient","identifier":[{"value":"1"}]}`, "PUT", "Patient?identifier=1", ""),
		entryOf("http://other/fhir/Patient/p", `{"resourceType":"Patient","id":"own","identifier":[{"value":"2"}]}`, "PUT", "Patient?identifier=2", ""),
		entryOf("", "", "DELETE", "Patient?_id=old,older", ""),
		entryOf("", "", "DELETE", "Patient?_id=none", ""),
		entryOf("", "", "GET", "Patient?_summary=count", ""),
	}
	b, err := r.send(r.root(), "transaction", BundleOptions{Return: ReturnRepresentation}, entries...)
	if err != nil || statuses(b) != "201 201 201 200 204 200" {
		t.Fatalf("%+v %v", b, err)
	}
	id := b.Entry[1].Resource.ID
	if o := b.Entry[0].Resource; o.Subject.Reference != "Patient/"+id || b.Entry[2].Resource.ID != "own" || *b.Entry[5].Resource.Total != 2 {
		t.Errorf("%+v", b)
	}
	if got := b.Entry[3].Response.Outcome; got == nil || got.Issue[0].Diagnostics != "2 resources matched and were deleted" {
		t.Errorf("%+v", b.Entry[3].Response)
	}
	b, err = r.send(r.root(), "transaction", BundleOptions{Return: ReturnRepresentation}, entries...)
	if err != nil || statuses(b) != "201 200 200 204 204 200" || b.Entry[1].Resource.ID != id || b.Entry[1].Resource.Meta.VersionID != "2" {
		t.Fatalf("again: %+v %v", b, err)
	}
	if found, _, err := r.search(r.root(), "Observation", "subject="+id+"&focus=Patient/own"); err != nil || len(found) != 2 {
		t.Errorf("%v %v", found, err)
	}
	out, err := r.Read(ctx, r.root(), "Observation", b.Entry[0].Resource.ID)
	if err != nil || !strings.Contains(string(out.Row.Body), `"Patient/own/_history/2"`) {
		t.Errorf("%s %v", out.Row.Body, err)
	}
}

// RESTful fullUrls: references are resolved against the address of their entry (R4 bundle.html#references).
func TestTransactionRESTfulFullURLs(t *testing.T) {
	r := newRig(t)
	obs := `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"%s"}}`
	b, err := r.send(r.root(), "transaction", BundleOptions{Return: ReturnRepresentation},
		post("http://other/fhir/Patient/9", patient("9")),
		post("http://other/fhir/Observation/1", fmt.Sprintf(obs, "Patient/9")),
		post("http://third/fhir/Observation/1", fmt.Sprintf(obs, "Patient/9")),
		post(urnE, fmt.Sprintf(obs, "http://other/fhir/Patient/9")),
		entryOf("http://other/fhir/Patient/85", patient("85"), "PUT", "Patient/85", ""),
		post("http://other/fhir/Observation/2", fmt.Sprintf(obs, "Patient/85")),
	)
	if err != nil {
		t.Fatal(err)
	}
	p := "Patient/" + b.Entry[0].Resource.ID
	for i, want := range map[int]string{1: p, 2: "Patient/9", 3: p, 5: "Patient/85"} {
		if got := b.Entry[i].Resource.Subject.Reference; got != want {
			t.Errorf("entry %d refers to %s, want %s", i, got, want)
		}
	}
}

func TestBatch(t *testing.T) { each(t, testBatch) }

func testBatch(t *testing.T, r *rig) {
	r.put(patient("a"), `{"resourceType":"Practitioner","id":"dr","identifier":[{"value":"7"}]}`)
	b, err := r.send(r.root(), "batch", BundleOptions{Return: ReturnOperationOutcome},
		entryOf("", "", "GET", "Patient/a", `,"ifNoneMatch":"W/\"2\""`),
		post("", `{"resourceType":"Patient","birthDate":"x"}`),
		post("", `{"resourceType":"Patient"}`),
		entryOf("", patient("a"), "PUT", "Patient/a", ""),
		post("", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"performer":[{"reference":"Practitioner?identifier=7"}]}`),
		post("", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"`+urnP+`"}}`),
		entryOf("", "", "DELETE", "Patient/nil", ""),
		entryOf("", "", "GET", "Patient?_count=1", ""),
		entryOf("", "", "GET", "Patient/nil", ""),
		entryOf("", "", "GET", "metadata", ""),
		entryOf("", "", "GET", "Patient/a/_history", ""),
		entryOf("", "", "GET", r.Base+"/Patient/a/_history/1", ""),
	)
	if err != nil {
		t.Fatal(err)
	}
	if got := statuses(b); got != "304 400 201 200 201 422 204 200 404 404 200 200" {
		t.Errorf("statuses %s", got)
	}
	if issue := b.Entry[1].Response.Outcome.Issue[0]; issue.Expression[0] != "Bundle.entry[1].resource.birthDate" {
		t.Errorf("%+v", issue)
	}
	if got := b.Entry[7].Resource; got.ResourceType != "Bundle" || len(got.Entry) != 1 {
		t.Errorf("search %+v", got)
	}
	if b.Entry[0].Resource != nil || b.Entry[11].Resource.Meta.VersionID != "1" {
		t.Errorf("not modified with %+v, vread %+v", b.Entry[0].Resource, b.Entry[11].Resource)
	}
	if got := b.Entry[2].Response.Outcome; got == nil || got.Issue[0].Severity != "information" {
		t.Errorf("outcome of a success: %+v", got)
	}
}

func TestEmptyBundle(t *testing.T) {
	r := newRig(t)
	for _, kind := range []string{"batch", "transaction"} {
		if _, err := r.send(r.root(), kind, BundleOptions{}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// Entries get what their scopes allow: conditional references and conditions see only what is visible.
func TestBundleAccess(t *testing.T) {
	r := newRig(t)
	r.put(patient("A"), patient("B"), `{"resourceType":"Encounter","id":"eb","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/B"},"identifier":[{"value":"1"}]}`)
	obs := `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%s"},"encounter":{"reference":"Encounter?identifier=%s"}}`
	c := as(t, "A", "patient/Observation.c patient/Encounter.s")
	_, hidden := r.send(c, "transaction", BundleOptions{}, post("", fmt.Sprintf(obs, "A", "1")))
	_, absent := r.send(c, "transaction", BundleOptions{}, post("", fmt.Sprintf(obs, "A", "2")))
	if fhir.KindOf(hidden) != fhir.KindPrecondition || strings.ReplaceAll(hidden.Error(), "=1", "=2") != absent.Error() {
		t.Errorf("hidden: %v; absent: %v", hidden, absent)
	}
	if _, err := r.send(as(t, "A", "patient/Observation.c"), "transaction", BundleOptions{}, post("", fmt.Sprintf(obs, "A", "1"))); fhir.KindOf(err) != fhir.KindForbidden {
		t.Errorf("conditional reference to a type without s: %v", err)
	}
	if _, err := r.send(c, "transaction", BundleOptions{}, post("", observation("x", "A", "c")), post("", observation("x", "B", "c"))); fhir.KindOf(err) != fhir.KindForbidden {
		t.Errorf("content out of reach: %v", err)
	}
	b, err := r.send(c, "batch", BundleOptions{Return: ReturnRepresentation}, post("", observation("x", "A", "c")), post("", observation("x", "B", "c")), entryOf("", "", "GET", "Observation", ""))
	if err != nil || statuses(b) != "201 403 403" || b.Entry[0].Resource != nil {
		t.Errorf("%+v, %v", b, err)
	}
}

// Transactions that race for one condition make one resource, and all get it.
func TestConcurrentTransactions(t *testing.T) { each(t, testConcurrentTransactions) }

func testConcurrentTransactions(t *testing.T, r *rig) {
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			_, err := r.send(r.root(), "transaction", BundleOptions{},
				entryOf(urnP, `{"resourceType":"Organization","identifier":[{"value":"1"}],"name":"o"}`, "POST", "Organization", `,"ifNoneExist":"identifier=1"`),
				post("", `{"resourceType":"Location","managingOrganization":{"reference":"`+urnP+`"}}`))
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	_, organizations, _ := r.search(r.root(), "Organization", "_total=accurate")
	_, locations, _ := r.search(r.root(), "Location", "organization.name=o&_total=accurate")
	if organizations != 1 || locations != 16 {
		t.Errorf("%d organizations, %d locations", organizations, locations)
	}
}
