package interaction

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestCursorsAreReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := cursor{
			position: rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "position"),
			back:     rapid.Bool().Draw(t, "back"), at: rapid.Bool().Draw(t, "at"),
			seen: rapid.IntRange(0, 1<<40).Draw(t, "seen"),
		}
		got, ok := readCursor(c.bytes())
		if !ok || !bytes.Equal(got.position, c.position) || got.back != c.back || got.at != c.at || got.seen != c.seen {
			t.Errorf("%+v is read as %+v, %v", c, got, ok)
		}
		if other := c.other().other(); other.back != c.back || other.at != c.at {
			t.Errorf("the other side of the other side of %+v is %+v", c, other)
		}
		junk := rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "junk")
		if got, ok := readCursor(junk); ok && (got.seen < 0 || len(got.position) > len(junk)) {
			t.Errorf("%x is read as %+v", junk, got)
		}
	})
}

// The length of a cursor does not tell how large the numbers in its position are.
func TestCursorLength(t *testing.T) {
	seal := newRig(t).Seal
	lengths := map[int]bool{}
	for n := range block {
		sealed, err := seal.seal(bytes.Repeat([]byte{1}, n), "q")
		if err != nil {
			t.Fatal(err)
		}
		lengths[len(sealed)] = true
		if position, ok := seal.open(sealed, "q"); !ok || len(position) != n {
			t.Errorf("a position of %d bytes comes back with %d, %v", n, len(position), ok)
		}
	}
	if len(lengths) != 1 {
		t.Errorf("lengths %v", lengths)
	}
}
