package mongo

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/firewarden/firewarden/internal/fhir"
)

// An order is the place of a document in the default order of its type, which is descending: the start of the main
// date and a hash of the id, so that no two are equal. Where there is no main date the first half is 0. As binary data
// of one length orders compare byte by byte.
type order [16]byte

// newOrder is the order of an instance. at is index.Entries.Order.
func newOrder(at int64, dated bool, id string) (o order) {
	h := sha256.Sum256([]byte(id))
	copy(o[8:], h[:8])
	if dated {
		binary.BigEndian.PutUint64(o[:8], moment(at))
	}
	return o
}

// moment is a time as orders begin with it. The beginning of time is not "no time".
func moment(at int64) uint64 {
	if at == fhir.MinTime {
		return 1
	}
	return uint64(at) ^ 1<<63
}

// begin is the first order of a time, end the last one.
func begin(at int64) (o order) {
	binary.BigEndian.PutUint64(o[:8], moment(at))
	return o
}

func end(at int64) order {
	o := begin(at)
	binary.BigEndian.PutUint64(o[8:], math.MaxUint64)
	return o
}

// undated is the last order of documents without a main date.
func undated() (o order) {
	binary.BigEndian.PutUint64(o[8:], math.MaxUint64)
	return o
}

// time is the start of the main date; ok is false if there is none.
func (o order) time() (at int64, ok bool) {
	switch n := binary.BigEndian.Uint64(o[:8]); n {
	case 0:
		return 0, false
	case 1:
		return fhir.MinTime, true
	default:
		return int64(n ^ 1<<63), true
	}
}

func (o order) compare(p order) int { return bytes.Compare(o[:], p[:]) }

func (o order) value() bson.Binary { return bson.Binary{Data: o[:]} }

func readOrder(b []byte) (o order, ok bool) {
	return o, copy(o[:], b) == len(o) && len(b) == len(o)
}

// next and prior are the neighbours of an order; the ends have themselves.
func (o order) next() order {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i]++; o[i] != 0 {
			return o
		}
	}
	return allOrders.to
}

func (o order) prior() order {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i]--; o[i] != 0xFF {
			return o
		}
	}
	return order{}
}
