package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/firewarden/firewarden/search/plan"
)

// record is the value of keyBody and keyOld: one version.
//
//	flags, version, lastUpdated, method, type, id, body as bodies.append made it
type record struct {
	version     uint64
	lastUpdated int64
	deleted     bool
	method      string
	typ         byte
	id          []byte // encoded (appendID)
	body        []byte // compressed; empty for a tombstone
}

const flagDeleted = 0x01

var methods = [...]string{1: "POST", 2: "PUT", 3: "PATCH", 4: "DELETE"}

func (r *record) append(dst []byte) []byte {
	flags := byte(0)
	if r.deleted {
		flags |= flagDeleted
	}
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, r.version)
	dst = binary.AppendVarint(dst, r.lastUpdated)
	dst = appendMethod(dst, r.method)
	dst = append(append(dst, r.typ), r.id...)
	return append(dst, r.body...)
}

// appendMethod appends one byte for the methods of FHIR's interactions; others are spelt out after a 0 and a length.
func appendMethod(dst []byte, method string) []byte {
	for i, m := range methods {
		if m == method && i > 0 {
			return append(dst, byte(i))
		}
	}
	dst = binary.AppendUvarint(append(dst, 0), uint64(len(method)))
	return append(dst, method...)
}

var errRecord = errors.New("malformed record")

// readRecord decodes b; the slices of the record are parts of it.
func readRecord(b []byte) (r record, err error) {
	if len(b) < 1 {
		return r, errRecord
	}
	r.deleted = b[0]&flagDeleted != 0
	b = b[1:]
	var n int
	if r.version, n = binary.Uvarint(b); n <= 0 {
		return r, errRecord
	}
	b = b[n:]
	if r.lastUpdated, n = binary.Varint(b); n <= 0 {
		return r, errRecord
	}
	b = b[n:]
	if len(b) < 2 || int(b[0]) >= len(methods) {
		return r, errRecord
	}
	if b[0] != 0 {
		r.method, b = methods[b[0]], b[1:]
	} else {
		size, n := binary.Uvarint(b[1:])
		if n <= 0 || size > uint64(len(b)-1-n) {
			return r, errRecord
		}
		r.method, b = string(b[1+n:1+n+int(size)]), b[1+n+int(size):]
	}
	if len(b) < 2 {
		return r, errRecord
	}
	r.typ, b = b[0], b[1:]
	if n = idLen(b); n < 0 {
		return r, errRecord
	}
	r.id, r.body = b[:n], b[n:]
	return r, nil
}

// row is the version with its body, which is the one allocation of any size.
func (r *record) row(s *Store, id string) (plan.Row, error) {
	row := plan.Row{Type: s.types.name(r.typ), ID: id, Version: r.version, LastUpdated: r.lastUpdated,
		Deleted: r.deleted, Method: r.method}
	if id == "" {
		row.ID = readID(r.id)
	}
	if r.deleted {
		return row, nil
	}
	var err error
	if row.Body, err = s.bodies.read(r.body); err != nil {
		return row, fmt.Errorf("read the body of %s/%s: %w", row.Type, row.ID, err)
	}
	return row, nil
}

// entry is the value of keyID: where an instance is and which version is current.
type entry struct {
	version uint64
	deleted bool
	pos     position // of a deleted instance only the number
	params  uint64   // generation of the own search parameters that it is indexed by; 0: only R4's
}

func (e entry) append(dst []byte) []byte {
	flag := uint64(0)
	if e.deleted {
		flag = 1
		e.pos, e.params = position{ordMissing, e.pos.number()}, 0
	}
	dst = e.pos.append(binary.AppendUvarint(dst, e.version<<1|flag))
	if e.params != 0 {
		dst = binary.AppendUvarint(dst, e.params)
	}
	return dst
}

func readEntry(b []byte) (e entry, err error) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return e, errRecord
	}
	b = b[n:]
	size := min(positionLen(b), len(b))
	pos, ok := readPosition(b[:size])
	if !ok {
		return e, errRecord
	}
	e = entry{version: v >> 1, deleted: v&1 != 0, pos: pos}
	if b = b[size:]; len(b) > 0 {
		if e.params, n = binary.Uvarint(b); n != len(b) {
			return e, errRecord
		}
	}
	return e, nil
}
