package mongo

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// Fields of documents. Those from fieldTerms on are only in documents of live resources.
const (
	fieldName    = "i" // history: "Observation/9"; there _id is "Observation/9/2"
	fieldType    = "t"
	fieldVersion = "v"
	fieldAt      = "at"     // LastUpdated, microseconds since 1970
	fieldMethod  = "m"      // "PUT"
	fieldCommit  = "c"      // number of the commit that wrote it, drawn at random
	fieldGone    = "gone"   // true: a tombstone
	fieldLock    = "locked" // how often a commit has relied on it without writing it
	fieldBody    = "json"

	fieldTerms  = "x"   // ["category=vital-signs", …]
	fieldHas    = "has" // codes of the parameters that have a value
	fieldRanges = "r"   // [{p: "date", lo: …, hi: …, u: [units]}, …]
	fieldTexts  = "w"   // words of all texts, and what names and addresses are made of
	fieldKeys   = "k"   // what is indexed of the terms
	fieldPairs  = "q"   // a code and a quantity of one element: ["code=8867-4 c08001…"]
	fieldOrder  = "o"

	fieldGeneration = "g" // of own search parameters that it is indexed by
)

// maxDocument is what a document of MongoDB may have, less what it adds in a log entry.
const maxDocument = 16<<20 - 16<<10

// document makes the document of a new current version. shape is the key of its shape.
func (s *schema) document(w *store.Write, e *index.Entries, shape string, commit int64, generation uint64) (bson.Raw, error) {
	name := w.Type + "/" + w.ID
	start, dst := bsoncore.AppendDocumentStart(make([]byte, 0, 2*len(w.Body)+2048))
	dst = bsoncore.AppendStringElement(dst, "_id", name)
	dst = bsoncore.AppendStringElement(dst, fieldType, w.Type)
	dst = bsoncore.AppendInt64Element(dst, fieldVersion, int64(w.Version))
	dst = bsoncore.AppendInt64Element(dst, fieldAt, w.LastUpdated)
	dst = bsoncore.AppendStringElement(dst, fieldMethod, w.Method)
	dst = bsoncore.AppendInt64Element(dst, fieldCommit, commit)
	if w.Deleted {
		dst = bsoncore.AppendBooleanElement(dst, fieldGone, true)
	} else {
		dst = bsoncore.AppendStringElement(dst, fieldBody, string(w.Body))
		dst = s.appendIndex(dst, w.ID, e, shape)
		dst = bsoncore.AppendInt64Element(dst, fieldGeneration, int64(generation))
	}
	dst, _ = bsoncore.AppendDocumentEnd(dst, start)
	if len(dst) > maxDocument {
		return nil, tooLarge(w, len(dst))
	}
	return dst, nil
}

// tooLarge refuses what has so many bytes with its index entries, or already without them.
func tooLarge(w *store.Write, size int) error {
	return fhir.Errorf(fhir.KindTooLong, w.Type,
		"%s/%s has %d KB with its index entries: this server stores in MongoDB, whose documents have %d KB at most; split the resource",
		w.Type, w.ID, size>>10, maxDocument>>10)
}

// appendIndex appends the fields by which a resource is found.
func (s *schema) appendIndex(dst []byte, id string, e *index.Entries, shape string) []byte {
	dst = appendStrings(dst, fieldTerms, s.terms(e))
	dst = appendStrings(dst, fieldHas, s.has(e))
	dst = s.appendRanges(dst, e)
	dst = appendStrings(dst, fieldTexts, s.texts(e))
	dst = appendStrings(dst, fieldKeys, s.keys(e, shape))
	if list := s.pairs(e); list != nil {
		dst = appendStrings(dst, fieldPairs, list)
	}
	o := newOrder(e.Order, s.main != nil && hasParam(e, s.main.Num), id)
	return bsoncore.AppendBinaryElement(dst, fieldOrder, 0, o[:])
}

func hasParam(e *index.Entries, num uint16) bool {
	_, ok := slices.BinarySearchFunc(e.Terms, index.Term{Num: num, Form: index.FormPresent}, func(a, b index.Term) int {
		return cmp.Or(cmp.Compare(a.Num, b.Num), cmp.Compare(a.Form, b.Form))
	})
	return ok
}

func appendStrings(dst []byte, name string, list []string) []byte {
	start, dst := bsoncore.AppendArrayElementStart(dst, name)
	var space [8]byte
	for i, text := range list {
		dst = append(dst, byte(bson.TypeString))
		dst = append(append(dst, strconv.AppendInt(space[:0], int64(i), 10)...), 0)
		dst = bsoncore.AppendString(dst, text)
	}
	dst, _ = bsoncore.AppendArrayEnd(dst, start)
	return dst
}

// terms are the terms of a resource as words. Presence is in fieldHas, and beginnings are found by the texts.
func (s *schema) terms(e *index.Entries) []string {
	out := make([]string, 0, len(e.Terms))
	for _, t := range e.Terms {
		if t.Form != index.FormPresent && t.Form != index.FormPrefix && !textual(t.Form) {
			out = append(out, s.word(t))
		}
	}
	return out
}

// texts are the terms of texts.
func (s *schema) texts(e *index.Entries) []string {
	var out []string
	for _, t := range e.Terms {
		if textual(t.Form) {
			out = append(out, s.word(t))
		}
	}
	return out
}

// has are the codes of the parameters that have a value, sorted.
func (s *schema) has(e *index.Entries) []string {
	var out []string
	for _, t := range e.Terms {
		if t.Form == index.FormPresent {
			out = append(out, s.name(t.Num))
		}
	}
	slices.Sort(out)
	return out
}

// appendRanges appends the ranges; those of one value that differ in the unit only are one.
func (s *schema) appendRanges(dst []byte, e *index.Entries) []byte {
	list := slices.Clone(e.Ranges)
	slices.SortStableFunc(list, func(a, b index.Range) int {
		return cmp.Or(cmp.Compare(a.Num, b.Num), cmp.Compare(a.Low, b.Low), cmp.Compare(a.High, b.High))
	})
	start, dst := bsoncore.AppendArrayElementStart(dst, fieldRanges)
	for n := 0; len(list) > 0; n++ {
		r, units := list[0], []string(nil)
		for len(list) > 0 && list[0].Num == r.Num && list[0].Low == r.Low && list[0].High == r.High {
			units = append(units, list[0].Unit)
			list = list[1:]
		}
		at, d := bsoncore.AppendDocumentElementStart(dst, strconv.Itoa(n))
		d = bsoncore.AppendStringElement(d, "p", s.name(r.Num)+s.breadth(r))
		d = s.appendKey(d, "lo", r.Num, r.Low)
		d = s.appendKey(d, "hi", r.Num, r.High)
		if s.measured(r.Num) {
			d = appendStrings(d, "u", units)
		}
		dst, _ = bsoncore.AppendDocumentEnd(d, at)
	}
	dst, _ = bsoncore.AppendArrayEnd(dst, start)
	return dst
}

// breadth is broad or nothing.
func (s *schema) breadth(r index.Range) string {
	if !s.ordered(r.Num) {
		if r.Low != r.High {
			return broad
		}
		return ""
	}
	low, _ := keyTime(r.Low)
	high, _ := keyTime(r.High)
	if low == fhir.MinTime || high == fhir.MaxTime || high-low > day {
		return broad
	}
	return ""
}

// measured says whether the ranges of a parameter have units, one of which is none.
func (s *schema) measured(num uint16) bool {
	p := s.params[num]
	return p == nil || p.Type != r4.Date && p.Type != r4.Number
}

// ordered says whether keys of a parameter are stored as times; all others are, in hexadecimal, in the order of bytes.
func (s *schema) ordered(num uint16) bool {
	p := s.params[num]
	return p != nil && p.Type == r4.Date
}

func (s *schema) appendKey(dst []byte, name string, num uint16, k index.Key) []byte {
	if s.ordered(num) {
		at, _ := keyTime(k)
		return bsoncore.AppendInt64Element(dst, name, at)
	}
	return bsoncore.AppendStringElement(dst, name, hex.EncodeToString([]byte(k)))
}

// keyValue is a key as it is stored.
func (s *schema) keyValue(num uint16, k index.Key) (any, error) {
	if !s.ordered(num) {
		return hex.EncodeToString([]byte(k)), nil
	}
	at, ok := keyTime(k)
	if !ok {
		return nil, fmt.Errorf("the key %x of %s is no time", string(k), s.name(num))
	}
	return at, nil
}

// keyTime is the time of a key in microseconds.
func keyTime(k index.Key) (at int64, ok bool) {
	switch {
	case k == index.KeyMin:
		return fhir.MinTime, true
	case k == index.KeyMax:
		return fhir.MaxTime, true
	case len(k) != 8:
		return 0, false
	}
	var u uint64
	for i := range 8 {
		u = u<<8 | uint64(k[i])
	}
	return int64(u ^ 1<<63), true
}

// keys are what is indexed of a resource: those of its terms that narrow a search, the same again behind each patient
// whose chart it belongs to, and what the main date and the presence of parameters need.
func (s *schema) keys(e *index.Entries, shape string) []string {
	out := append(make([]string, 0, len(e.Terms)), shape)
	for _, t := range e.Terms {
		switch t.Form {
		case index.FormCode:
			if t.Num == idNum {
				continue
			}
			for _, p := range e.Compartments {
				out = append(out, behind(p, s.word(t)))
			}
		case index.FormReference:
			if s.patient(t.Num, t.Text) {
				continue // the compartment finds it
			}
		case index.FormID:
			if s.known(e, t) {
				continue
			}
		case index.FormIdentCode, index.FormCanonical, index.FormURI, index.FormString, index.FormPrefix, index.FormIn, index.FormComposite:
		default:
			continue
		}
		out = append(out, s.word(t))
	}
	for _, key := range s.dates(e) {
		out = append(out, key)
		for _, p := range e.Compartments {
			out = append(out, behind(p, key))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// known says whether the bare id of a reference is found by one of its types.
func (s *schema) known(e *index.Entries, t index.Term) bool {
	return slices.ContainsFunc(s.targets(t.Num), func(typ string) bool {
		_, ok := slices.BinarySearchFunc(e.Terms, index.Term{Num: t.Num, Form: index.FormReference, Text: typ + "/" + t.Text}, func(a, b index.Term) int {
			return cmp.Or(cmp.Compare(a.Num, b.Num), cmp.Compare(a.Form, b.Form), cmp.Compare(a.Text, b.Text))
		})
		return ok
	})
}

// dates are keyWide and keyOdd, where they hold.
func (s *schema) dates(e *index.Entries) []string {
	if !s.dated() {
		return nil
	}
	var found []index.Range
	for _, r := range e.Ranges {
		if r.Num == s.main.Num {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return nil
	case 1:
		low, _ := keyTime(found[0].Low)
		high, _ := keyTime(found[0].High)
		if low != fhir.MinTime && high != fhir.MaxTime && high-low <= day {
			return nil
		}
		return []string{keyWide}
	}
	return []string{keyOdd}
}

// past makes the document of history of what was the current version.
func past(current bson.Raw) (bson.Raw, error) {
	row, err := readRow(current)
	if err != nil {
		return nil, err
	}
	name := row.Type + "/" + row.ID
	start, dst := bsoncore.AppendDocumentStart(make([]byte, 0, len(row.Body)+256))
	dst = bsoncore.AppendStringElement(dst, "_id", version(name, row.Version))
	dst = bsoncore.AppendStringElement(dst, fieldName, name)
	elements, err := current.Elements()
	if err != nil {
		return nil, err
	}
	for _, e := range elements {
		switch e.Key() {
		case fieldType, fieldVersion, fieldAt, fieldMethod, fieldCommit, fieldGone, fieldBody:
			dst = append(dst, e...)
		}
	}
	dst, _ = bsoncore.AppendDocumentEnd(dst, start)
	return dst, nil
}

// version is the _id of a version in history.
func version(name string, number uint64) string { return name + "/" + strconv.FormatUint(number, 10) }

// readRow reads a version from a document of resources or history. Fields that are not there are left out.
func readRow(doc bson.Raw) (row plan.Row, err error) {
	elements, err := doc.Elements()
	if err != nil {
		return row, fmt.Errorf("read a document: %w", err)
	}
	name := ""
	for _, e := range elements {
		v := e.Value()
		switch e.Key() {
		case "_id":
			if text, ok := v.StringValueOK(); ok && name == "" {
				name = text
			}
		case fieldName:
			name = v.StringValue()
		case fieldVersion:
			row.Version = uint64(v.Int64())
		case fieldAt:
			row.LastUpdated = v.Int64()
		case fieldMethod:
			row.Method = v.StringValue()
		case fieldGone:
			row.Deleted = v.Boolean()
		case fieldBody:
			// a string is its length, the bytes and a zero
			row.Body = bytes.Clone(v.Value[4 : len(v.Value)-1])
		}
	}
	typ, id, ok := strings.Cut(name, "/")
	if !ok {
		return row, fmt.Errorf("a document has the _id %q: it is no name of a resource", name)
	}
	row.Type, row.ID = typ, id
	return row, nil
}
