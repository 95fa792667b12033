package interaction

import (
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
)

func document(id, patient string, binaries ...string) string {
	var content []string
	for _, b := range binaries {
		content = append(content, `{"attachment":{"url":"Binary/`+b+`"}}`)
	}
	return `{"resourceType":"DocumentReference","id":"` + id + `","status":"current","subject":{"reference":"Patient/` + patient + `"},"content":[` + strings.Join(content, ",") + `]}`
}

// binaryOf is a Binary with that securityContext, "" is none.
func binaryOf(id, context string) string {
	if context != "" {
		context = `,"securityContext":` + context
	}
	return `{"resourceType":"Binary","id":"` + id + `","contentType":"text/plain","data":"AAAA"` + context + `}`
}

func provenance(id, agent string, targets ...string) string {
	for i, t := range targets {
		targets[i] = `{"reference":"` + t + `"}`
	}
	return `{"resourceType":"Provenance","id":"` + id + `","recorded":"2026-01-01T00:00:00Z","target":[` + strings.Join(targets, ",") +
		`],"agent":[{"who":{"reference":"` + agent + `"}}]}`
}

func refer(to string) string { return `{"reference":"` + to + `"}` }

// attachments are Binaries of which the second word of the id says to whom they belong.
func attachments(r *rig) {
	r.put(patient("A"), patient("B"), observation("a", "A", "x"), observation("b", "B", "x"), `{"resourceType":"Organization","id":"o","name":"o"}`,
		document("da", "A", "doc-a", "both-a", "context-b"), document("db", "B", "doc-b", "both-a"),
		`{"resourceType":"Media","id":"m","status":"completed","subject":{"reference":"Patient/A"},"content":{"url":"`+r.Base+`/Binary/media-a/_history/1"}}`,
		`{"resourceType":"DiagnosticReport","id":"r","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/A"},"presentedForm":[{"url":"Binary/report-a"}]}`,
		`{"resourceType":"Communication","id":"c","status":"completed","subject":{"reference":"Patient/A"},"payload":[{"contentAttachment":{"url":"Binary/letter-b"}}]}`,
		binaryOf("doc-a", ""), binaryOf("doc-b", ""), binaryOf("both-a", ""), binaryOf("media-a", ""), binaryOf("report-a", ""), binaryOf("letter-b", ""), binaryOf("none-b", ""),
		binaryOf("context-b", refer("Patient/B")), binaryOf("own-a", refer("Patient/A")), binaryOf("observed-a", refer("Observation/a")), binaryOf("shared-a", refer("Organization/o")),
		binaryOf("observed-b", refer("Observation/b")), binaryOf("dangling-b", refer("Observation/nil")), binaryOf("outside-b", refer("http://other/Patient/A")),
		binaryOf("identified-b", `{"identifier":{"value":"1"}}`), binaryOf("linked-b", refer("Binary/doc-a")), binaryOf("proven-b", refer("Provenance/a")))
}

// A Binary is visible by its securityContext, else by what has it as an attachment, else not; only system/ sees all.
func TestBinaryIsLinked(t *testing.T) { each(t, testBinary) }

func testBinary(t *testing.T, r *rig) {
	attachments(r)
	ids := strings.Fields("both-a context-b dangling-b doc-a doc-b identified-b letter-b linked-b media-a none-b observed-a observed-b outside-b own-a proven-b report-a shared-a")
	own := func(id string) bool { return strings.HasSuffix(id, "-a") }
	for _, c := range []struct {
		caller  Caller
		visible func(id string) bool
	}{
		{as(t, "A", "patient/*.rs"), own},
		{as(t, "A", "patient/*.rs user/Binary.rs"), own}, // without a user
		{as(t, "A", "system/*.rs"), func(string) bool { return true }},
		{as(t, "A", "patient/Binary.rs"), func(string) bool { return false }},
		{as(t, "A", "patient/Binary.rs patient/DocumentReference.s patient/Observation.r"), func(id string) bool {
			return id == "doc-a" || id == "both-a" || id == "observed-a"
		}},
		{as(t, "A", "patient/*.rs?_id:not=da"), func(id string) bool { return own(id) && id != "doc-a" && id != "both-a" }},
		{as(t, "A", "patient/Binary.rs?_id=doc-a,doc-b patient/DocumentReference.rs"), func(id string) bool { return id == "doc-a" }},
		{asUser(t, "", "user/*.rs", builtIn(t, "all", "")), func(id string) bool {
			return !strings.Contains("dangling-b identified-b letter-b linked-b none-b outside-b proven-b", id)
		}},
		{asUser(t, "", "user/*.rs", builtIn(t, "self", "Patient/A")), own},
		{asUser(t, "", "user/*.rs", builtIn(t, "self", "Patient/B")), func(id string) bool {
			return strings.Contains("both-a context-b doc-b observed-b shared-a", id)
		}},
	} {
		var want []string
		for _, id := range ids {
			_, err := r.Read(ctx, c.caller, "Binary", id)
			_, verr := r.VRead(ctx, c.caller, "Binary", id, "1")
			_, herr := r.HistoryInstance(ctx, c.caller, "Binary", id, nil)
			for what, err := range map[string]error{"read": err, "vread": verr, "history": herr} {
				if c.visible(id) != (err == nil) || err != nil && fhir.KindOf(err) != fhir.KindNotFound {
					t.Errorf("%s: %s %s: %v", c.caller.Grant, what, id, err)
				}
			}
			if c.visible(id) {
				want = append(want, "match Binary/"+id)
			}
		}
		if got, total, err := r.search(c.caller, "Binary", "_sort=_id&_total=accurate"); err != nil || !same(got, want) || total != len(want) {
			t.Errorf("%s: search %v (%d), want %v; %v", c.caller.Grant, got, total, want, err)
		}
		out, err := r.HistoryType(ctx, c.caller, "Binary", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(r.decode(out.Bundle).Entry); got != len(want) {
			t.Errorf("%s: history of %d, want %v", c.caller.Grant, got, want)
		}
	}
}

// What shows a Binary may change: the next request sees that.
func TestBinaryFollowsItsLinks(t *testing.T) { each(t, testBinaryFollows) }

func testBinaryFollows(t *testing.T, r *rig) {
	r.put(patient("A"), patient("B"), document("d", "A", "1"), binaryOf("1", ""))
	a := as(t, "A", "patient/*.rs")
	for _, step := range []struct {
		change  string
		visible bool
	}{
		{"", true},
		{document("d", "B", "1"), false}, {document("d", "A", "1"), true}, {document("d", "A", "2"), false}, {document("d", "A", "2", "1"), true},
		{binaryOf("1", refer("Patient/B")), false}, {binaryOf("1", refer("DocumentReference/d")), true}, {document("d", "B", "1"), false},
	} {
		if step.change != "" {
			r.put(step.change)
		}
		if _, err := r.Read(ctx, a, "Binary", "1"); (err == nil) != step.visible {
			t.Errorf("after %s: %v", step.change, err)
		}
	}
}

// Of a Binary that has a securityContext now, what has it as an attachment shows no version of before.
func TestBinaryBeforeItsContext(t *testing.T) { each(t, testBinaryBefore) }

func testBinaryBefore(t *testing.T, r *rig) {
	r.put(patient("A"), document("d", "A", "1"), binaryOf("1", ""))
	a := as(t, "A", "patient/*.rs")
	for _, step := range []struct {
		change   string
		versions string // that are visible
	}{{"", "1"}, {binaryOf("1", refer("Patient/A")), "2"}, {binaryOf("1", ""), "1 2 3"}} {
		if step.change != "" {
			r.put(step.change)
		}
		for _, v := range strings.Fields("1 2 3") {
			if _, err := r.VRead(ctx, a, "Binary", "1", v); (err == nil) != strings.Contains(step.versions, v) {
				t.Errorf("after %s: version %s: %v", step.change, v, err)
			}
		}
		of, err := r.HistoryInstance(ctx, a, "Binary", "1", nil)
		all, aerr := r.HistoryType(ctx, a, "Binary", nil)
		if err != nil || aerr != nil {
			t.Fatal(err, aerr)
		}
		if want := len(strings.Fields(step.versions)); len(r.decode(of.Bundle).Entry) != want || len(r.decode(all.Bundle).Entry) != want {
			t.Errorf("after %s: histories of %d and %d, want %d", step.change, len(r.decode(of.Bundle).Entry), len(r.decode(all.Bundle).Entry), want)
		}
	}
}

// Under user/ a Binary is written by whoever may write it and changed by whoever sees it; under patient/ it is only read.
func TestBinaryWrites(t *testing.T) { each(t, testBinaryWrites) }

func testBinaryWrites(t *testing.T, r *rig) {
	attachments(r)
	all, own := asUser(t, "", "user/*.cruds", builtIn(t, "all", "")), asUser(t, "", "user/*.cruds", builtIn(t, "self", "Patient/A"))
	for _, c := range []struct {
		caller         Caller
		what, id, want string
	}{
		{all, "create", "x", "created"}, {all, "update", "doc-a", "ok"}, {all, "update", "none-b", "not-found"}, {all, "delete", "none-b", "no content"}, {all, "delete", "doc-b", "no content"},
		{own, "create", "x", "forbidden"}, {own, "update", "own-a", "forbidden"}, {own, "delete", "own-a", "forbidden"},
		{as(t, "A", "patient/*.cruds"), "create", "x", "forbidden"}, {as(t, "A", "patient/*.cruds"), "update", "own-a", "forbidden"},
	} {
		out, err := do(r, c.caller, c.what, "Binary", c.id, binaryOf(c.id, ""))
		got := [...]string{"ok", "created", "no content"}[out.Effect]
		if err != nil {
			got = fhir.KindOf(err).Code()
		}
		if got != c.want {
			t.Errorf("%s: %s %s: %s (%v), want %s", c.caller.Grant, c.what, c.id, got, err, c.want)
		}
		if c.what == "create" && err == nil && out.Readable {
			t.Error("the answer shows a Binary that nothing links")
		}
	}
	if _, err := r.Read(ctx, r.root(), "Binary", "none-b"); err != nil {
		t.Errorf("what was hidden was deleted: %v", err)
	}
	out, err := do(r, all, "create", "Binary", "x", binaryOf("x", refer("Patient/A")))
	if err != nil || !out.Readable {
		t.Errorf("a Binary with a visible securityContext: %v %v", out, err)
	}
}

// A Provenance that names no Patient as a target is visible if all of its targets are.
func TestProvenanceIsLinked(t *testing.T) { each(t, testProvenance) }

func testProvenance(t *testing.T, r *rig) {
	attachments(r)
	r.put(provenance("patient-a", "Practitioner/1", "Patient/A"), provenance("member-a", "Patient/A", "Patient/A", "Observation/b"), provenance("member-ab", "Patient/B", "Patient/A"),
		provenance("link-a", "Practitioner/1", "Observation/a"), provenance("agent-a", "Patient/A", "Observation/a"), provenance("agent-b", "Patient/B", "Observation/a"),
		provenance("version-a", "Practitioner/1", "Observation/a/_history/1"), provenance("shared-a", "Practitioner/1", "Observation/a", "Organization/o"),
		provenance("two-b", "Practitioner/1", "Observation/a", "Observation/b"), provenance("link-b", "Practitioner/1", "Observation/b"), provenance("dangling-b", "Practitioner/1", "Observation/nil"),
		provenance("proof-b", "Practitioner/1", "Provenance/link-a"), provenance("file-a", "Practitioner/1", "Binary/doc-a"), provenance("file-b", "Practitioner/1", "Binary/doc-b"))
	for _, c := range []struct {
		caller Caller
		want   string
	}{
		{as(t, "A", "patient/*.rs"), "agent-a file-a link-a member-a patient-a shared-a version-a"},
		{as(t, "A", "patient/Provenance.rs patient/Observation.r"), "agent-a link-a member-a patient-a version-a"},
		{as(t, "A", "patient/Provenance.rs patient/Observation.rs?category=y"), "member-a patient-a"},
		{asUser(t, "", "user/*.rs", builtIn(t, "self", "Patient/A")), "agent-a agent-b file-a link-a member-a member-ab patient-a shared-a version-a"},
		{asUser(t, "", "user/*.rs", builtIn(t, "all", "")), "agent-a agent-b dangling-b file-a file-b link-a link-b member-a member-ab patient-a proof-b shared-a two-b version-a"},
	} {
		entries, total, err := r.search(c.caller, "Provenance", "_sort=_id&_total=accurate")
		want := strings.Fields(c.want)
		for i := range want {
			want[i] = "match Provenance/" + want[i]
		}
		if err != nil || !same(entries, want) || total != len(want) {
			t.Errorf("%s: %v (%d), want %v; %v", c.caller.Grant, entries, total, want, err)
		}
		for _, e := range want {
			if _, err := r.Read(ctx, c.caller, "Provenance", strings.TrimPrefix(e, "match Provenance/")); err != nil {
				t.Errorf("%s: %s: %v", c.caller.Grant, e, err)
			}
		}
	}
	a := as(t, "A", "patient/*.rs")
	got, _, err := r.search(a, "Observation", "_revinclude=Provenance:target")
	if want := "match Observation/a include Provenance/agent-a link-a shared-a version-a"; err != nil || !sameSet(got, want) {
		t.Errorf("revinclude: %v; %v", got, err)
	}
	got, _, err = r.search(a, "Provenance", "_id=file-a,link-a,link-b&_include=Provenance:target")
	if want := "match Provenance/file-a link-a include Binary/doc-a Observation/a"; err != nil || !sameSet(got, want) {
		t.Errorf("include: %v; %v", got, err)
	}
	got, _, err = r.search(a, "Observation", "_has:Provenance:target:agent=Patient/B")
	if err != nil || len(got) != 0 {
		t.Errorf("_has through a hidden Provenance: %v; %v", got, err)
	}
	if got, _, err = r.search(a, "Observation", "_has:Provenance:target:agent=Patient/A"); err != nil || len(got) != 1 {
		t.Errorf("_has: %v; %v", got, err)
	}
	if _, err := do(r, as(t, "A", "patient/*.cruds"), "update", "Provenance", "link-a", provenance("link-a", "Patient/A", "Patient/A")); fhir.KindOf(err) != fhir.KindForbidden {
		t.Errorf("a Provenance that is only linked was updated: %v", err)
	}
}

// sameSet compares the entries of a search with words: a mode, then Type/id, where a missing type is the one before.
func sameSet(entries []string, want string) bool {
	var list []string
	mode, typ := "", ""
	for _, w := range strings.Fields(want) {
		if w == "match" || w == "include" {
			mode = w
			continue
		}
		if t, _, ok := strings.Cut(w, "/"); ok {
			typ = t
		} else {
			w = typ + "/" + w
		}
		list = append(list, mode+" "+w)
	}
	slices.Sort(list)
	return slices.Equal(slices.Sorted(slices.Values(entries)), list)
}

// Nobody shows themselves a Binary by attaching it to something of their own: hidden and absent ones are one answer.
func TestAttachingIsNoWayIn(t *testing.T) { each(t, testAttaching) }

func testAttaching(t *testing.T, r *rig) {
	attachments(r)
	own, all := asUser(t, "", "user/*.cruds", builtIn(t, "self", "Patient/A")), asUser(t, "", "user/*.cruds", builtIn(t, "all", ""))
	a := as(t, "A", "patient/*.cruds")
	refused := map[string]bool{}
	for _, c := range []struct {
		caller   Caller
		binary   string
		may      bool
		existing bool // in da, which has it already
	}{
		{a, "doc-b", false, false}, {a, "none-b", false, false}, {a, "nil", false, false}, {a, "own-a", true, false}, {a, "doc-a", true, false}, {a, "context-b", true, true},
		{own, "doc-b", false, false}, {own, "nil", false, false}, {own, "media-a", true, false},
		{all, "none-b", false, false}, {all, "nil", false, false}, {all, "doc-b", true, false},
		{as(t, "A", "patient/DocumentReference.cruds"), "own-a", false, false},              // now it sees no Binary; another token may
		{as(t, "A", "system/DocumentReference.cruds patient/*.rs"), "none-b", false, false}, // it would see it then
		{as(t, "A", "system/DocumentReference.cruds"), "none-b", true, false}, {r.root(), "nil", true, false},
	} {
		var err error
		if c.existing {
			_, err = do(r, c.caller, "update", "DocumentReference", "da", document("da", "A", "doc-a", "both-a", c.binary))
		} else {
			_, err = do(r, c.caller, "create", "DocumentReference", "", document("x", "A", c.binary))
		}
		if c.may != (err == nil) {
			t.Errorf("%s attaches %s: %v", c.caller.Grant, c.binary, err)
		}
		if err != nil {
			refused[string(OperationOutcome(err))] = true
		}
		if _, err := do(r, c.caller, "update", "DocumentReference", "db", document("db", "A", c.binary)); c.caller.Grant == a.Grant && err == nil {
			t.Error("another patient's document was updated")
		}
	}
	if len(refused) != 1 {
		t.Errorf("answers: %v", refused)
	}
	// What the same transaction writes may be attached.
	body := strings.Replace(document("x", "A", "1"), "Binary/1", urnP, 1)
	if _, err := r.send(all, "transaction", BundleOptions{}, post(urnP, binaryOf("x", "")), post("", body)); err != nil {
		t.Error(err)
	}
	if _, err := r.send(all, "transaction", BundleOptions{}, post(urnP, binaryOf("x", "")), post("", document("x", "A", "letter-b"))); fhir.KindOf(err) != fhir.KindForbidden {
		t.Errorf("in a transaction: %v", err)
	}
}
