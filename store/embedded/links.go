package embedded

import (
	"encoding/binary"
	"iter"
	"slices"

	"github.com/firewarden/firewarden/search/index"
)

// links are the patients that a document refers to by the parameters that make it a member of their compartments, as
// keyAll holds them: to go from a document to its patient without its body.
//
//	others, number of patients, of each patient its id and a set of parameters
//
// Sets are of bits, by the parameter's place in schema.links. In others are the parameters that refer to something else
// too: of those the links say not enough.
type links []byte

// mostLinks is how many patients are held; with more all parameters are in others.
const mostLinks = 4

func (d *document) appendLinks(types typeNumbers, dst []byte) []byte {
	patients := d.patients
	if len(patients) > mostLinks {
		patients = nil
	}
	var others uint64
	var by [mostLinks]uint64
	for i := range d.terms {
		t := &d.terms[i]
		if t.Form != index.FormReference {
			continue
		}
		bit := d.schema.link(t.Num)
		if bit == 0 {
			continue
		}
		if ref, id, ok := types.splitReference(t.Text); ok && types.name(ref) == "Patient" {
			if n, ok := slices.BinarySearch(patients, id); ok {
				by[n] |= bit
				continue
			}
		}
		others |= bit
	}
	dst = append(binary.AppendUvarint(dst, others), byte(len(patients)))
	for i, id := range patients {
		dst = binary.AppendUvarint(appendID(dst, id), by[i])
	}
	return dst
}

// link is the bit of a parameter, 0 if it has none.
func (s *schema) link(num uint16) uint64 {
	if i, ok := slices.BinarySearch(s.links, num); ok && i < 64 {
		return 1 << i
	}
	return 0
}

// linksLen is the length of the links that b begins with, -1 if there are none.
func linksLen(b []byte) int {
	_, n := binary.Uvarint(b)
	if n <= 0 || len(b) <= n {
		return -1
	}
	count := b[n]
	n++
	for range count {
		m := idLen(b[n:])
		if m < 0 {
			return -1
		}
		_, k := binary.Uvarint(b[n+m:])
		if k <= 0 {
			return -1
		}
		n += m + k
	}
	return n
}

// whole says whether the links are all that a document refers to by the parameter of a bit.
func (l links) whole(bit uint64) bool {
	others, n := binary.Uvarint(l)
	return n > 0 && bit != 0 && others&bit == 0
}

// patients are the encoded ids of those to whom the parameter of a bit refers.
func (l links) patients(bit uint64) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		_, n := binary.Uvarint(l)
		for b := l[n+1:]; len(b) > 0; {
			m := idLen(b)
			by, k := binary.Uvarint(b[m:])
			if by&bit != 0 && !yield(b[:m]) {
				return
			}
			b = b[m+k:]
		}
	}
}
