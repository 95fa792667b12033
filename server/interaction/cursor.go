package interaction

import varint "encoding/binary" // the tests have a function of its name

// A cursor divides a list into what is before and what is behind it. Each page begins at one; the page on its other
// side begins at the same one: so nothing lies between two pages, and nothing on both, whatever others write.
type cursor struct {
	position []byte // plan.Page.Next; nil is the beginning
	back     bool   // the page is before it
	at       bool   // the row at position is on this page
	seen     int    // matches before it; counted only for _maxresults
}

// other is the cursor of the page on the other side.
func (c cursor) other() *cursor {
	c.back, c.at = !c.back, !c.at
	return &c
}

// bytes is what is sealed.
func (c cursor) bytes() []byte {
	flags := byte(0)
	if c.back {
		flags |= 1
	}
	if c.at {
		flags |= 2
	}
	return append(varint.AppendUvarint([]byte{flags}, uint64(c.seen)), c.position...)
}

func readCursor(b []byte) (c cursor, ok bool) {
	if len(b) == 0 || b[0] > 3 {
		return c, false
	}
	seen, n := varint.Uvarint(b[1:])
	if n <= 0 || seen > 1<<40 {
		return c, false
	}
	return cursor{position: b[1+n:], back: b[0]&1 != 0, at: b[0]&2 != 0, seen: int(seen)}, true
}
