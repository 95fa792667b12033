package embedded

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/firewarden/firewarden/search/index"
)

// A shape is met once and found again, whatever the number of its type: one above 127 is no ASCII character.
func TestShapesAreNumberedOnce(t *testing.T) {
	db, err := pebble.Open("", &pebble.Options{FS: vfs.NewMem(), Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := shapes{most: 10}
	if err := s.load(db); err != nil {
		t.Fatal(err)
	}
	def := appendShape(nil, []index.Term{{Num: 7, Form: index.FormPresent}})
	for _, typ := range []byte{1, 127, 128, 138, 255} {
		for range 3 {
			if n, err := s.number(db, typ, def); err != nil || n != 1 {
				t.Fatalf("type %d: shape %d, %v; it is 1 each time", typ, n, err)
			}
		}
		if n := len(s.byType[typ].defs) - 1; n != 1 {
			t.Fatalf("type %d has %d shapes", typ, n)
		}
	}
	again := shapes{most: 10}
	if err := again.load(db); err != nil {
		t.Fatal(err)
	}
	if n, err := again.number(db, 138, def); err != nil || n != 1 {
		t.Fatalf("after loading: shape %d, %v", n, err)
	}
}
