package embedded

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/firewarden/firewarden/internal/fhir"
)

// The first byte of a key is its kind. Kinds of keyIndex and above are made of the bodies and rebuilt by Reindex.
const (
	keyMeta   = 0x01 // name → value
	keyKV     = 0x02 // bucket, key → record
	keyExpiry = 0x03 // when, bucket, key → nothing
	keyID     = 0x10 // type, id → version, deleted, position
	keyBody   = 0x11 // document → record of the current version
	keyOld    = 0x12 // document, ^version → record of an older version
	keyChange = 0x13 // type, ^lastUpdated, ^document, ^version → nothing if current, else 1

	keyIndex   = 0x20
	keyShape   = 0x20 // type, shape → its terms
	keyCount   = 0x21 // type, shape → number of documents
	keyAll     = 0x22 // type, position → shape, links, intervals
	keyMember  = 0x23 // type, shape, position
	keyTerm    = 0x24 // type, term, position → nothing, or the pairs of a code
	keyPatient = 0x25 // patient, type, term, position → the same
	keyRange   = 0x26 // type, parameter, units, class, low, high, position
	keyWide    = 0x27 // type, position
	keySeveral = 0x28 // type, position: several main dates
	keyPair    = 0x29 // type, composite, code, units, class, low, high, position
	keyChart   = 0x2A // patient, type, ^lastUpdated, ^document, ^version → nothing
	keyEnd     = 0x2B
)

// inline is how much of a text goes into a key. Of a longer one it is followed by 16 bytes of SHA-256: nobody can make
// two texts of one key, which matters because scopes are terms too.
const inline = 100

// appendText appends a text so that encodings order as the texts do and none is a prefix of another: 0x00 becomes
// 0x00 0xFF, the end is 0x00 0x01, the cut of a long text 0x00 0x02 and its hash.
func appendText(dst []byte, s string) []byte {
	if len(s) <= inline {
		return append(appendEscaped(dst, s), 0x00, 0x01)
	}
	sum := sha256.Sum256([]byte(s))
	return append(append(appendEscaped(dst, s[:inline]), 0x00, 0x02), sum[:16]...)
}

// appendEscaped is appendText without the end: what the encodings of all texts that begin with s begin with.
func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	for {
		i := zero(s)
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(append(dst, s[:i]...), 0x00, 0xFF)
		s = s[i+1:]
	}
}

// zero is the place of the first zero byte, -1 if there is none.
func zero[T string | []byte](s T) int {
	for i := range len(s) {
		if s[i] == 0 {
			return i
		}
	}
	return -1
}

// textLen is the length of the encoded text that b begins with, -1 if there is none.
func textLen(b []byte) int {
	for i := 0; i+1 < len(b); i++ {
		if b[i] != 0 {
			continue
		}
		switch b[i+1] {
		case 0x01:
			return i + 2
		case 0x02:
			if len(b) >= i+2+16 {
				return i + 2 + 16
			}
			return -1
		}
		i++
	}
	return -1
}

// Tags of an id in a key.
const (
	idUUID = 0x01 // 16 bytes
	idText = 0x02 // text
)

// appendID appends an id; one that is a UUID in its usual spelling takes 17 bytes instead of 36.
func appendID(dst []byte, id string) []byte {
	if len(id) == 36 {
		if out, ok := appendUUID(append(dst, idUUID), id); ok {
			return out
		}
	}
	return appendText(append(dst, idText), id)
}

func appendUUID(dst []byte, s string) ([]byte, bool) {
	for i := 0; i < 36; {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return dst, false
			}
			i++
			continue
		}
		hi, lo := nibble(s[i]), nibble(s[i+1])
		if hi|lo > 15 {
			return dst, false
		}
		dst = append(dst, hi<<4|lo)
		i += 2
	}
	return dst, true
}

// nibble is the value of a lower-case hexadecimal digit, 255 for anything else.
func nibble(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c-'a' <= 5:
		return c - 'a' + 10
	}
	return 255
}

// idLen is the length of the encoded id that b begins with, -1 if there is none.
func idLen(b []byte) int {
	if len(b) == 0 {
		return -1
	}
	switch b[0] {
	case idUUID:
		if len(b) >= 17 {
			return 17
		}
	case idText:
		if n := textLen(b[1:]); n > 0 {
			return 1 + n
		}
	}
	return -1
}

// readID is the id of an encoding (that of a valid FHIR id, which is never cut).
func readID(b []byte) string {
	if b[0] == idText {
		return string(b[1 : len(b)-2])
	}
	const digits = "0123456789abcdef"
	var out [36]byte
	n := 0
	for i, c := range b[1:17] {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out[n] = '-'
			n++
		}
		out[n], out[n+1] = digits[c>>4], digits[c&15]
		n += 2
	}
	return string(out[:])
}

// validKey says whether an instance of this type number and id can be stored.
func validKey(typ byte, id string) bool { return typ != 0 && fhir.ValidID(id) }

func appendIDKey(dst []byte, typ byte, id string) []byte {
	return appendID(append(dst, keyID, typ), id)
}

func appendBodyKey(dst []byte, doc uint64) []byte { return appendDoc(append(dst, keyBody), doc) }

func appendOldKey(dst []byte, doc, version uint64) []byte {
	return binary.BigEndian.AppendUint64(appendDoc(append(dst, keyOld), doc), ^version)
}

// change is a version's place in the history of its type, and in that of a chart: what their keys end in.
type change struct {
	lastUpdated  int64
	doc, version uint64
}

const timeSign = 1 << 63

func (c change) append(dst []byte) []byte {
	dst = appendDoc(appendChangeTime(dst, c.lastUpdated), maxDoc-c.doc)
	return appendNumber(dst, c.version)
}

// appendChangeTime appends what the changes of a time begin with: the later, the less.
func appendChangeTime(dst []byte, lastUpdated int64) []byte {
	return binary.BigEndian.AppendUint64(dst, ^(uint64(lastUpdated) ^ timeSign))
}

// appendChartKey appends what the changes of a type in the chart of a patient begin with.
func appendChartKey(dst []byte, patient string, typ byte) []byte {
	return append(appendID(append(dst, keyChart), patient), typ)
}

const changeSize = 8 + docSize // without the version

// readChange decodes a change that is all of b.
func readChange(b []byte) (c change, ok bool) {
	if len(b) <= changeSize {
		return c, false
	}
	c.lastUpdated = int64(^binary.BigEndian.Uint64(b) ^ timeSign)
	c.doc = maxDoc - readDoc(b[8:])
	c.version, ok = readNumber(b[changeSize:])
	return c, ok
}

// newer is the order of histories.
func (c change) newer(d change) bool {
	switch {
	case c.lastUpdated != d.lastUpdated:
		return c.lastUpdated > d.lastUpdated
	case c.doc != d.doc:
		return c.doc > d.doc
	}
	return c.version > d.version
}

// appendNumber appends a number so that larger ones come first, small ones in two bytes.
func appendNumber(dst []byte, n uint64) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], ^n)
	size := 1
	for n>>(8*size) != 0 && size < 8 {
		size++
	}
	return append(append(dst, byte(8-size)), b[8-size:]...)
}

func readNumber(b []byte) (uint64, bool) {
	if len(b) < 2 || b[0] > 7 || len(b) != 1+8-int(b[0]) {
		return 0, false
	}
	var full [8]byte
	for i := range full {
		full[i] = 0xFF
	}
	copy(full[b[0]:], b[1:])
	return ^binary.BigEndian.Uint64(full[:]), true
}

// after is the smallest key behind all keys that begin with prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
