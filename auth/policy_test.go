package auth_test

import (
	"testing"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/store"
)

// A policy that could be evaluated when it was written and cannot be now denies; one that is removed does, too.
func TestAPolicyThatCannotBeEvaluatedDenies(t *testing.T) {
	w := open(t)
	ctx := t.Context()
	if err := w.auth.PutPolicy(ctx, "one", auth.Policy{Patients: "Patient?_id=a"}); err != nil {
		t.Fatal(err)
	}
	if err := w.auth.AddUser(ctx, auth.User{Name: "ann", FHIRUser: "Practitioner/p", Policy: "one"}, "sandbox"); err != nil {
		t.Fatal(err)
	}
	token := w.mint("user/*.rs patient/*.rs", "ann", "a")
	if got := [2]int{w.reads(token, "Patient/a"), w.reads(token, "Patient/b")}; got != [2]int{200, 404} {
		t.Fatalf("under the policy: %v", got)
	}
	for _, broken := range []string{`{"patients":"Patient?no-such-parameter=1"}`, `{"patients":""}`, `{}`} {
		if _, err := w.store.KV().Put(ctx, store.Record{Bucket: "policy", Key: "one", Value: []byte(broken)}, store.AnyVersion); err != nil {
			t.Fatal(err)
		}
		if got := w.reads(token, "Patient/a"); got != 403 {
			t.Errorf("%s: %d", broken, got)
		}
	}
	if err := w.auth.PutPolicy(ctx, "one", auth.Policy{Patients: "all"}); err != nil {
		t.Fatal(err)
	}
	if got := w.reads(token, "Patient/b"); got != 200 {
		t.Errorf("mended: %d", got)
	}
	if err := w.auth.RemovePolicy(ctx, "one"); err != nil {
		t.Fatal(err)
	}
	if got := w.reads(token, "Patient/a"); got != 403 {
		t.Errorf("removed: %d", got)
	}
}
