package embedded

import (
	"cmp"
	"encoding/binary"
	"math"

	"github.com/firewarden/firewarden/internal/fhir"
)

// position is a document's place in the one order that all postings of a type have: clinical date descending, missing
// last, then document number. Positions compare as (ord, doc) and their encodings compare (memcmp) the same way.
type position struct {
	ord uint64 // inverted date: 40 bits of seconds, 20 bits of microseconds
	doc uint64 // wideBit, document number
}

const (
	ordBits    = 60
	ordMissing = 1<<ordBits - 1         // no date
	ordOpen    = 1<<ordBits - 1<<20 - 1 // a date that starts at the beginning of time: the last one that is not missing
	noFraction = 1<<20 - 1
	secondBias = 1 << 39

	// wideBit marks a document whose order says not enough about its main date: it has several values, or one that is
	// wider than a day. Such documents are in the wide list of their type too.
	wideBit = 1 << 39
	maxDoc  = wideBit - 1
)

// number is the document number.
func (p position) number() uint64 { return p.doc &^ wideBit }

func (p position) wide() bool { return p.doc&wideBit != 0 }

func (p position) less(q position) bool { return p.ord < q.ord || p.ord == q.ord && p.doc < q.doc }

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.ord, q.ord), cmp.Compare(p.doc, q.doc))
}

// direction is the order in which postings are walked. The zero direction is that of positions: newest date first,
// missing dates last.
type direction uint8

const (
	oldestFirst  direction = 1 << iota // within those that have a date, and within those that have none
	missingFirst                       // those without a date before the others

	backwards = oldestFirst | missingFirst // d ^ backwards is the opposite of d
)

func (d direction) compare(p, q position) int {
	turned := oldestFirst
	if (p.ord == ordMissing) != (q.ord == ordMissing) {
		turned = missingFirst
	}
	if d&turned != 0 {
		return q.compare(p)
	}
	return p.compare(q)
}

// halved says whether d is neither the order of keys nor its opposite: the second half of it begins at an end.
func (d direction) halved() bool { return d != 0 && d != backwards }

func (d direction) before(p, q position) bool { return d.compare(p, q) < 0 }

// last is behind every document.
var last = position{ordMissing, wideBit | maxDoc}

// ordOf is the order of a date in microseconds; fhir.MinTime is ordOpen. Dates outside years that FHIR can write are
// pressed into the ends.
func ordOf(micros int64) uint64 {
	if micros == fhir.MinTime {
		return ordOpen
	}
	sec := micros / 1e6
	frac := micros % 1e6
	if frac < 0 {
		sec, frac = sec-1, frac+1e6
	}
	biased := uint64(min(max(sec+secondBias, 2), 1<<40-1))
	inv := uint64(noFraction)
	if frac != 0 {
		inv = 999_999 - uint64(frac)
	}
	return (1<<40-1-biased)<<20 | inv
}

// dateOf is the inverse of ordOf; math.MinInt64 for ordOpen and ordMissing.
func dateOf(ord uint64) int64 {
	if ord >= ordOpen {
		return math.MinInt64
	}
	sec := int64(1<<40-1-ord>>20) - secondBias
	frac := int64(0)
	if inv := ord & noFraction; inv != noFraction {
		frac = 999_999 - int64(inv)
	}
	return sec*1e6 + frac
}

// appendOrd appends 6 bytes, or 8 if the date has a fraction of a second.
func appendOrd(dst []byte, ord uint64) []byte {
	sec := ord >> 20
	dst = append(dst, byte(sec>>32), byte(sec>>24), byte(sec>>16), byte(sec>>8), byte(sec))
	frac := ord & noFraction
	if frac == noFraction {
		return append(dst, 0xFF)
	}
	return append(dst, byte(frac>>16), byte(frac>>8), byte(frac))
}

func appendDoc(dst []byte, doc uint64) []byte {
	return append(dst, byte(doc>>32), byte(doc>>24), byte(doc>>16), byte(doc>>8), byte(doc))
}

const docSize = 5

func readDoc(b []byte) uint64 {
	_ = b[4]
	return uint64(b[0])<<32 | uint64(binary.BigEndian.Uint32(b[1:]))
}

func (p position) append(dst []byte) []byte { return appendDoc(appendOrd(dst, p.ord), p.doc) }

// readPosition decodes a position that is all of b.
// positionLen is the length of the position that b begins with.
func positionLen(b []byte) int {
	if len(b) > 5 && b[5] != 0xFF {
		return 8 + docSize
	}
	return 6 + docSize
}

func readPosition(b []byte) (p position, ok bool) {
	if len(b) < 6+docSize {
		return p, false
	}
	sec := uint64(b[0])<<32 | uint64(binary.BigEndian.Uint32(b[1:]))
	switch {
	case b[5] == 0xFF && len(b) == 6+docSize:
		return position{sec<<20 | noFraction, readDoc(b[6:])}, true
	case b[5] <= 0x0F && len(b) == 8+docSize:
		frac := uint64(b[5])<<16 | uint64(b[6])<<8 | uint64(b[7])
		return position{sec<<20 | frac, readDoc(b[8:])}, true
	}
	return p, false
}
