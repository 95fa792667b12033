package audit_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/storetest"
)

// TestVerifyInSteps: a log that is written to meanwhile is proved in steps, each of which goes on where the one before has
// written down that it was; what is spoiled behind that place is found.
func TestVerifyInSteps(t *testing.T) {
	st := storetest.NewMemory()
	defer st.Close()
	l := open(t, st)
	write := func(n int) {
		for i := range n {
			access(t, l, ann, audit.Act{Code: "read", Type: "Patient", ID: fmt.Sprint("p", i)}, 200)
			flush(t, l)
		}
	}
	write(150)
	v, err := audit.NewVerification([sha256.Size]byte{})
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	for done := false; !done; steps++ {
		if v, err = audit.ReadVerification(v.Append(nil)); err != nil {
			t.Fatal(err)
		}
		if done, err = l.Verify(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if steps == 1 {
			write(20)
		}
	}
	if v.Batches != 170 || v.Of != 170 || v.Records != 170 || steps != 3 {
		t.Errorf("%+v in %d steps", v.Proof, steps)
	}
	if whole, err := audit.Verify(t.Context(), st.KV(), v.Sum, nil); err != nil || whole.Sum != v.Sum {
		t.Errorf("in steps %x, in one %x: %v", v.Sum, whole.Sum, err)
	}

	begun, err := audit.NewVerification([sha256.Size]byte{})
	if err == nil {
		_, err = l.Verify(t.Context(), begun)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := st.KV().Get(t.Context(), "audit", fmt.Sprintf("%016x", 100))
	if err != nil {
		t.Fatal(err)
	}
	r.Value[40] ^= 1
	if _, err := st.KV().Put(t.Context(), r, store.AnyVersion); err != nil {
		t.Fatal(err)
	}
	var broken audit.Broken
	if _, err := l.Verify(t.Context(), begun); !errors.As(err, &broken) {
		t.Errorf("a spoiled batch: %v", err)
	}
	for _, b := range [][]byte{nil, {1, 2}, append(v.Append(nil), 0)} {
		if _, err := audit.ReadVerification(b); err == nil {
			t.Errorf("%x is a place", b)
		}
	}
}
