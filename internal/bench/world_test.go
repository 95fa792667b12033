package bench

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestWorldIsDeterministicAndWellFormed(t *testing.T) {
	a, b := NewWorld(30), NewWorld(30)
	resources := len(a.Practitioners) + 1
	for i := range a.Patients {
		if !bytes.Equal(a.Bundle(i), b.Bundle(i)) {
			t.Fatalf("patient %d differs between two worlds of one size", i)
		}
		var bundle struct {
			Entry []struct{ Resource struct{ ID string } }
		}
		if err := json.Unmarshal(a.Bundle(i), &bundle); err != nil {
			t.Fatal(err)
		}
		resources += len(bundle.Entry)
		if err := json.Unmarshal(a.PostBundle(i, 9), &bundle); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(a.PostBundle(i, 9), []byte("SALT")) {
			t.Fatal("a salt was left in")
		}
	}
	if resources != a.Resources() {
		t.Fatalf("Resources() = %d, the bundles hold %d", a.Resources(), resources)
	}
	perPatient := float64(a.Resources()) / float64(len(a.Patients))
	if perPatient < 120 || perPatient > 260 {
		t.Fatalf("%.0f resources a patient: the world is to have about 195", perPatient)
	}
}
