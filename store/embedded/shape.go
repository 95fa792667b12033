package embedded

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/firewarden/firewarden/search/index"
)

// A shape is the set of FormPresent and FormSystem terms of a resource: which parameters have a value, and in which
// code systems. A type's resources have few shapes, so a document is listed once by its shape instead of once by each
// of those terms (about twenty), and the documents that lack a parameter can be listed as easily as those that have it.
//
// Shapes are numbered as they are met. Documents of a shape beyond the limit (systems that name every value anew) have
// the number 0, and postings for each term as usual.
type shapes struct {
	most   int // of a type
	mu     sync.RWMutex
	byDef  map[string]uint16 // type, terms → number
	byType [256]typeShapes
}

type typeShapes struct {
	defs   []string            // by number; 0 is ""
	having map[string][]uint16 // term → shapes that hold it
}

const maxShapeSize = 4096 // bytes of terms

// shaped says whether a term is part of the shape.
func shaped(f index.Form) bool { return f == index.FormPresent || f == index.FormSystem }

// appendShape appends the terms of a shape.
func appendShape(dst []byte, terms []index.Term) []byte {
	for i := range terms {
		if t := &terms[i]; shaped(t.Form) {
			dst = appendForm(dst, t.Num, t.Form, t.Text)
		}
	}
	return dst
}

func appendShapeKey(dst []byte, kind, typ byte, shape uint16) []byte {
	return append(dst, kind, typ, byte(shape>>8), byte(shape))
}

// load reads the shapes of a store.
func (s *shapes) load(r pebble.Reader) error {
	s.byDef = map[string]uint16{}
	s.byType = [256]typeShapes{}
	return scan(r, []byte{keyShape}, func(key, val []byte) error {
		if len(key) != 4 || !s.add(key[1], binary.BigEndian.Uint16(key[2:]), string(val)) {
			return fmt.Errorf("malformed shape %x", key)
		}
		return nil
	})
}

// add puts in a shape; shapes come in the order of their numbers.
func (s *shapes) add(typ byte, number uint16, def string) bool {
	t := &s.byType[typ]
	if t.having == nil {
		t.having, t.defs = map[string][]uint16{}, []string{""}
	}
	if int(number) != len(t.defs) {
		return false
	}
	t.defs = append(t.defs, def)
	s.byDef[string([]byte{typ})+def] = number
	for b := []byte(def); len(b) > 0; {
		n := termLen(b)
		if n < 0 {
			return false
		}
		t.having[string(b[:n])] = append(t.having[string(b[:n])], number)
		b = b[n:]
	}
	return true
}

// number is the number of a shape, a new one if need be. A new shape is written at once: it is in the log before any
// batch that uses it.
func (s *shapes) number(db *pebble.DB, typ byte, def []byte) (uint16, error) {
	key := append([]byte{typ}, def...)
	s.mu.RLock()
	n, ok := s.byDef[string(key)]
	s.mu.RUnlock()
	if ok || len(def) > maxShapeSize {
		return n, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.byDef[string(key)]; ok {
		return n, nil
	}
	next := max(len(s.byType[typ].defs), 1)
	if next > s.most {
		return 0, nil
	}
	n = uint16(next)
	if err := db.Set(appendShapeKey(nil, keyShape, typ, n), def, pebble.NoSync); err != nil {
		return 0, fmt.Errorf("write a shape: %w", err)
	}
	s.add(typ, n, string(def))
	return n, nil
}

// having are the shapes of a type that hold a term, or, negated, those that do not; ascending, without 0.
func (s *shapes) having(typ byte, num uint16, form index.Form, text string, negated bool) []uint16 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := &s.byType[typ]
	with := t.having[string(appendForm(nil, num, form, text))]
	if !negated {
		return with
	}
	var without []uint16
	for n := 1; n < len(t.defs); n++ {
		if len(with) > 0 && with[0] == uint16(n) {
			with = with[1:]
			continue
		}
		without = append(without, uint16(n))
	}
	return without
}
