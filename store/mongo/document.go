package mongo

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// Fields of documents. Those from fieldTerms on are only in documents of live resources that are current.
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
	fieldCharts  = "p" // ids of the patients in whose charts it is (index.Entries.Charts); of a tombstone, what was deleted

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
		// The database looks no further than to the last field that it is asked for: a page needs none behind the body.
		o := newOrder(e.Order, s.main != nil && hasParam(e, s.main.Num), w.ID)
		dst = bsoncore.AppendBinaryElement(dst, fieldOrder, 0, o[:])
		dst = bsoncore.AppendStringElement(dst, fieldBody, string(w.Body))
		if charts := e.Charts(s.typ); charts != nil {
			dst = appendStrings(dst, fieldCharts, charts)
		}
		dst = s.appendIndex(dst, e, shape)
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
func (s *schema) appendIndex(dst []byte, e *index.Entries, shape string) []byte {
	dst = appendStrings(dst, fieldTerms, s.terms(e))
	dst = appendStrings(dst, fieldHas, s.has(e))
	dst = s.appendRanges(dst, e)
	dst = appendStrings(dst, fieldTexts, s.texts(e))
	dst = appendStrings(dst, fieldKeys, s.keys(e, shape))
	if list := s.pairs(e); list != nil {
		dst = appendStrings(dst, fieldPairs, list)
	}
	return dst
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

// terms are the terms of a resource as words. Presence is in fieldHas, and beginnings are found by the texts. References
// to patients come first: of all that is in a chart they are looked for, one document after the other.
func (s *schema) terms(e *index.Entries) []string {
	out := make([]string, 0, len(e.Terms))
	first := 0
	for _, t := range e.Terms {
		if t.Form == index.FormPresent || t.Form == index.FormPrefix || textual(t.Form) {
			continue
		}
		if out = append(out, s.word(t)); t.Form == index.FormReference && s.patient(t.Num, t.Text) {
			out[first], out[len(out)-1] = out[len(out)-1], out[first]
			first++
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
		case fieldType, fieldVersion, fieldAt, fieldMethod, fieldCommit, fieldGone, fieldBody, fieldCharts:
			dst = append(dst, e...)
		}
	}
	dst, _ = bsoncore.AppendDocumentEnd(dst, start)
	return dst, nil
}

// version is the _id of a version in history.
func version(name string, number uint64) string { return name + "/" + strconv.FormatUint(number, 10) }

// readRow reads a version from a document of resources or history. Fields that are not there are left out. The body is
// that of the document: who keeps it longer than a cursor stays there has to clone it.
func readRow(doc bson.Raw) (row plan.Row, err error) {
	name := ""
	_, rest, ok := bsoncore.ReadLength(doc)
	for ok && len(rest) > 1 { // a zero is the end
		var e bsoncore.Element
		if e, rest, ok = bsoncore.ReadElement(rest); !ok {
			break
		}
		v := e.Value()
		switch string(e.KeyBytes()) {
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
			row.Body = v.Data[4 : len(v.Data)-1 : len(v.Data)-1] // a string is its length, the bytes and a zero
		}
	}
	if !ok {
		return row, errors.New("read a document: it is cut off")
	}
	if row.Type, row.ID, ok = strings.Cut(name, "/"); !ok {
		return row, fmt.Errorf("a document has the _id %q: it is no name of a resource", name)
	}
	return row, nil
}
