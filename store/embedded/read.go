package embedded

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
)

// source is a plan.Source over a snapshot, or, while a commit is checked, over what was applied last.
type source struct {
	s      *Store
	r      pebble.Reader
	commit uint64 // the last one that it has, by counts; 0 if that is not known
	// indexing is what the snapshot is indexed by. Only a source that is searched has one.
	indexing  *indexing
	iterators *iterators // of a snapshot
}

// Params implements plan.Source.
func (src source) Params(context.Context) (*parameters.Set, error) { return src.indexing.params, nil }

var errCursor = fhir.Errorf(fhir.KindInvalid, "", "the position is of another query")

// entry is the entry of an instance; its version is 0 if there never was one.
func (src source) entry(typ byte, id string) (entry, error) {
	if !validKey(typ, id) {
		return entry{}, nil
	}
	var space [72]byte
	val, closer, err := get(src.r, appendIDKey(space[:0], typ, id))
	if err != nil || closer == nil {
		return entry{}, err
	}
	defer closer.Close()
	return readEntry(val)
}

// Read implements plan.Source.
func (src source) Read(_ context.Context, k plan.Key) (row plan.Row, ok bool, err error) {
	e, err := src.entry(src.s.types.number(k.Type()), k.ID())
	if err != nil || e.version == 0 {
		return row, false, err
	}
	var space [16]byte
	return src.row(appendBodyKey(space[:0], e.pos.number()), k.ID(), 0)
}

// row reads a version, with 0 whichever is there; with id "" the id is the record's.
func (src source) row(key []byte, id string, version uint64) (row plan.Row, ok bool, err error) {
	val, closer, err := get(src.r, key)
	if err != nil || closer == nil {
		return row, false, err
	}
	defer closer.Close()
	r, err := readRecord(val)
	if err != nil {
		return row, false, fmt.Errorf("%x: %w", key, err)
	}
	if version != 0 && r.version != version {
		return row, false, nil
	}
	row, err = r.row(src.s, id)
	return row, err == nil, err
}

// Version implements plan.Source.
func (src source) Version(_ context.Context, k plan.Key, version uint64) (row plan.Row, ok bool, err error) {
	e, err := src.entry(src.s.types.number(k.Type()), k.ID())
	if err != nil || version == 0 || version > e.version {
		return row, false, err
	}
	return src.version(e, k.ID(), version)
}

func (src source) version(e entry, id string, version uint64) (plan.Row, bool, error) {
	var space [16]byte
	if version == e.version {
		return src.row(appendBodyKey(space[:0], e.pos.number()), id, 0)
	}
	return src.row(appendOldKey(space[:0], e.pos.number(), version), id, 0)
}

// Versions implements plan.Source. Its cursor is the number of the last version given.
func (src source) Versions(_ context.Context, k plan.Key, w plan.Window) (plan.Page, error) {
	page := plan.Page{Total: -1}
	e, err := src.entry(src.s.types.number(k.Type()), k.ID())
	if err != nil {
		return page, err
	}
	if w.Total {
		page.Total = int(e.version) // they count from 1 without gaps
	}
	version, end, step := e.version, uint64(0), ^uint64(0) // down to 1
	if w.Back {
		version, end, step = 1, e.version+1, 1
	}
	if w.After != nil {
		n, ok := readNumber(w.After)
		if !ok {
			return page, errCursor
		}
		if !w.At {
			n += step
		}
		if version = min(n, e.version); w.Back {
			version = min(max(n, 1), end)
		}
	}
	for ; version != end && len(page.Rows) < w.Limit; version += step {
		row, ok, err := src.version(e, k.ID(), version)
		if err != nil {
			return page, err
		}
		if !ok {
			return page, fmt.Errorf("version %d of %s/%s is missing", version, k.Type(), k.ID())
		}
		page.Rows = append(page.Rows, row)
		page.Read++
	}
	if version != end && len(page.Rows) > 0 {
		page.Next = appendNumber(nil, version-step)
	}
	return page, nil
}
