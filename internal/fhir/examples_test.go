package fhir

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/examples"
)

func TestRoundTripSample(t *testing.T) {
	n := 0
	for name, b := range examples.Sample(t) {
		n++
		roundTrip(t, name, b)
		roundTrip(t, "indented "+name, Pretty(b))
	}
	if n < 50 {
		t.Fatalf("%d examples", n)
	}
}

func TestRoundTripExamples(t *testing.T) {
	for name, b := range examples.Official(t) {
		roundTrip(t, name, b)
	}
}

// roundTrip checks that a stamped resource is the compacted input but for id and meta, and what the stamp set.
func roundTrip(t *testing.T, name string, in []byte) {
	t.Helper()
	r, err := Parse(bytes.Clone(in), Limits{})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	at := time.Date(2026, 11, 22, 8, 0, 0, 123_000_000, time.UTC)
	out := r.Stamp(Stamp{ID: "new-id", VersionID: "7", LastUpdated: at})
	want, _, _ := without(t, compacted(in))
	got, id, meta := without(t, out)
	if !bytes.Equal(got, want) {
		t.Errorf("%s: the rest is not as sent", name)
	}
	if id != `"new-id"` {
		t.Errorf("%s: id is %s", name, id)
	}
	var m struct{ VersionID, LastUpdated string }
	if err := json.Unmarshal([]byte(meta), &m); err != nil || m.VersionID != "7" || m.LastUpdated != "2026-11-22T08:00:00.123Z" {
		t.Errorf("%s: meta is %s", name, meta)
	}
	if got := r.Compact(); !bytes.Equal(got, compacted(in)) {
		t.Errorf("%s: not compact", name)
	}
	if got, err := Parse(r.Root.AppendJSON(nil), Limits{}); err != nil || !equal(got.Root, r.Root) {
		t.Errorf("%s: written anew it differs", name)
	}
}

// without cuts the members id and meta out of a compact resource, by encoding/json.
func without(t interface{ Fatal(...any) }, b []byte) (rest []byte, id, meta string) {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		start := d.InputOffset()
		key, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		switch key {
		case "id":
			id = string(v)
		case "meta":
			meta = string(v)
		default:
			member := bytes.TrimPrefix(b[start:d.InputOffset()], []byte(","))
			rest = append(append(rest, ','), member...)
		}
	}
	return rest, id, meta
}

func equal(a, b *Node) bool {
	if a.JSON != b.JSON || a.Name != b.Name || a.Text != b.Text {
		return false
	}
	x, y := a.First, b.First
	for ; x != nil && y != nil; x, y = x.Next, y.Next {
		if !equal(x, y) {
			return false
		}
	}
	return x == nil && y == nil
}
