package mongo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/search/plan"
)

// change is the place of a version in histories: by time, by name, by number, the latest first.
type change struct {
	at      int64
	name    string
	version uint64
}

func changeOf(r *plan.Row) change { return change{r.LastUpdated, r.Type + "/" + r.ID, r.Version} }

func (a change) compare(b change) int {
	return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.name, a.name), cmp.Compare(b.version, a.version))
}

func (a change) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(a.at))
	b = binary.BigEndian.AppendUint64(b, a.version)
	return append(b, a.name...)
}

func readChange(b []byte) (c change, ok bool) {
	if len(b) < 16 {
		return c, false
	}
	return change{int64(binary.BigEndian.Uint64(b)), string(b[16:]), binary.BigEndian.Uint64(b[8:])}, true
}

// Changes implements plan.Source. Its cursor is the change at which it stopped.
func (src *source) Changes(ctx context.Context, c plan.Changes, w plan.Window) (page plan.Page, err error) {
	page.Total = -1
	var from *change
	if w.After != nil {
		at, ok := readChange(w.After)
		if !ok {
			return page, errCursor
		}
		from = &at
	}
	if w.Total {
		page.Total = 0
	}
	err = src.run(ctx, "read a history", func(ctx context.Context) error {
		page.Rows, page.Next, page.Read = nil, nil, 0
		if w.Total {
			page.Total = 0
			read, err := src.walk(ctx, c, nil, plan.Window{Limit: 100}, func(*plan.Row) bool { page.Total++; return true })
			if page.Read += read; err != nil {
				return err
			}
		}
		if w.Limit == 0 {
			return nil
		}
		read, err := src.walk(ctx, c, from, w, func(r *plan.Row) bool {
			page.Rows = append(page.Rows, *r)
			return len(page.Rows) <= w.Limit
		})
		page.Read += read
		cutAt(&page, w.Limit, func(r *plan.Row) []byte { return changeOf(r).append(nil) })
		return err
	})
	return page, err
}

// walk calls f for the versions that c keeps, each once, until it is false: those that are current and those that are not,
// of all parts, merged. read is how many there were.
func (src *source) walk(ctx context.Context, c plan.Changes, from *change, w plan.Window, f func(*plan.Row) bool) (read int, err error) {
	var streams []*stream
	defer func() {
		for _, s := range streams {
			s.cursor.Close(ctx)
		}
	}()
	for _, part := range pieces(c) {
		for _, name := range []string{"_id", fieldName} {
			s, err := src.open(ctx, name, c, part, from, w)
			if err != nil {
				return 0, err
			}
			streams = append(streams, s)
		}
	}
	var last change
	for {
		var first *stream
		for _, s := range streams {
			if s.ok && (first == nil || (changeOf(&s.row).compare(changeOf(&first.row)) < 0) != w.Back) {
				first = s
			}
		}
		if first == nil {
			return read, nil
		}
		row := first.row
		if err := first.next(src.with(ctx)); err != nil {
			return read, err
		}
		if at := changeOf(&row); at == last { // in charts of two pieces
			continue
		} else {
			last = at
		}
		read++
		keep, err := c.Keep(src, &row)
		if err != nil {
			return read, err
		}
		if keep && !f(&row) {
			return read, nil
		}
	}
}

// The database merges the lists of that many pairs of a patient and a type (internalQueryMaxScansToExplode); of more it
// would read all and sort it. Where there are more than mostLists to be looked at, all changes of the types are.
const (
	listsMerged = 200
	mostLists   = 20 * listsMerged
)

// pieces are the parts of c, in pieces whose lists the database merges.
func pieces(c plan.Changes) (out []plan.ChangesPart) {
	for _, part := range c.Parts() {
		if part.Patients == nil || len(part.Types)*len(part.Patients) > mostLists {
			out = append(out, plan.ChangesPart{Types: part.Types})
			continue
		}
		for patients := range slices.Chunk(part.Patients, max(listsMerged/len(part.Types), 1)) {
			out = append(out, plan.ChangesPart{Types: part.Types, Patients: patients})
		}
	}
	return out
}

// stream are the versions of one collection, one at a time.
type stream struct {
	cursor *mongo.Cursor
	row    plan.Row
	ok     bool
}

func (s *stream) next(ctx context.Context) (err error) {
	if s.ok = s.cursor.Next(ctx); !s.ok {
		return s.cursor.Err()
	}
	s.row, err = readRow(s.cursor.Current)
	s.row.Body = bytes.Clone(s.row.Body)
	return err
}

// open begins to read the versions of a part of c in the collection whose field name names the instance.
func (src *source) open(ctx context.Context, name string, c plan.Changes, part plan.ChangesPart, from *change, w plan.Window) (*stream, error) {
	d := direction(true, w.Back)
	sort := bson.D{{Key: fieldAt, Value: d}, {Key: name, Value: d}, {Key: fieldVersion, Value: d}}
	f, hint := bson.D{{Key: fieldType, Value: oneOf(part.Types)}}, byTime
	if part.Patients != nil {
		f, hint = append(f, bson.E{Key: fieldCharts, Value: oneOf(part.Patients)}), byChart
	}
	var at bson.D
	if c.Since() != 0 {
		at = append(at, bson.E{Key: "$gte", Value: c.Since()})
	}
	if c.Until() != 0 {
		at = append(at, bson.E{Key: "$lt", Value: c.Until()})
	}
	if at != nil {
		f = append(f, bson.E{Key: fieldAt, Value: at})
	}
	if from != nil {
		f = append(f, bson.E{Key: "$and", Value: bson.A{field(fieldAt, field(towards(d, true), from.at)), behind3(sort, from, w.At)}})
	}
	in := src.s.history
	if name == "_id" {
		in, sort = src.s.resources, sort[:2]
	}
	cursor, err := in.Find(src.with(ctx), f, options.Find().SetProjection(rowFields).SetSort(sort).
		SetBatchSize(int32(min(w.Limit+1, 1000))).SetHint(hint))
	if err != nil {
		return nil, err
	}
	s := &stream{cursor: cursor}
	if err := s.next(src.with(ctx)); err != nil {
		cursor.Close(ctx)
		return nil, err
	}
	return s, nil
}

// behind3 is the condition that a version is behind a change.
func behind3(sort bson.D, c *change, at bool) bson.D {
	var values []bson.RawValue
	for _, v := range []any{c.at, c.name, int64(c.version)} {
		t, b, err := bson.MarshalValue(v)
		if err != nil {
			panic("a number or text has no BSON: " + err.Error())
		}
		values = append(values, bson.RawValue{Type: t, Value: b})
	}
	return behindValues(sort, values, at)
}
