package plan

import (
	"context"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// Row is one version of a resource as an engine holds it.
type Row struct {
	Type, ID    string
	Version     uint64 // 1, 2, … per instance
	LastUpdated int64  // microseconds since 1970, UTC
	Deleted     bool   // a tombstone: no Body
	Method      string // POST, PUT, PATCH, DELETE: what history reports
	Body        []byte // compact JSON with id and meta; the caller may keep it, nobody may change it
}

// Bound is a flat plan over one type, made by Run. The zero Bound selects nothing.
type Bound struct {
	typ  string
	node Node
}

// Type is the resource type that b ranges over.
func (b Bound) Type() string { return b.typ }

// Node is the condition; None for the zero Bound.
func (b Bound) Node() Node {
	if b.node == nil {
		return None{}
	}
	return b.node
}

// Key names one instance; only plan makes one, from a guarded plan. The zero Key is no instance.
type Key struct{ typ, id string }

// Type is the type of the instance.
func (k Key) Type() string { return k.typ }

// ID is the id of the instance.
func (k Key) ID() string { return k.id }

// Window is the part of an ordered result that is wanted.
type Window struct {
	Sort  []SortKey // empty: main date descending, missing last, then the engine's stable order
	After []byte    // Page.Next of another page: where to begin, behind that row; nil is the start
	At    bool      // begin with the row at After, if it is still there
	Back  bool      // walk the whole order from its end to its beginning: "behind" is before
	Limit int       // rows at most; 0 with Total counts only
	Total bool      // count all matches
	Bare  bool      // only Type and ID of the rows are needed: an engine may leave out the rest
	Place bool      // Page.Places is needed; there are keys in Sort

	Part   bool // a page that would cost too much to fill may end before: Next goes on, also behind no row at all
	Stored bool // only what is stored: nothing that a source makes when it is asked, as the events of store/audit
}

// SortKey is one key of the order: of several values of a resource the one that comes first in the order asked for;
// resources without a value last in both directions.
type SortKey struct {
	P    *r4.SearchParameter
	Desc bool
	// Of is not nil where the key is not the resource's own: it reads it from other resources. No index has its order.
	Of func(ctx context.Context, src Source, r *Row) (key index.Key, ok bool, err error)
}

// Page is a part of a result.
type Page struct {
	Rows  []Row
	Next  []byte // position behind the last row, opaque to all but the source; nil if there are no more
	Total int    // -1 if not asked for
	Read  int    // index entries and documents read, for Explain

	Places []Place // of Rows, if asked for
}

// Place is where a row stands in an order.
type Place struct {
	Keys []index.Key // of Window.Sort, comparable with those of other types; "" is none
	At   []byte      // a position, as Page.Next is
}

// Source is one consistent view of a store. All methods answer from the same snapshot.
type Source interface {
	// Read gives the current version, deleted ones included; ok is false if there never was one.
	Read(ctx context.Context, k Key) (r Row, ok bool, err error)
	// Version gives one version of an instance.
	Version(ctx context.Context, k Key, version uint64) (r Row, ok bool, err error)
	// Versions gives the versions of an instance, newest first.
	Versions(ctx context.Context, k Key, w Window) (Page, error)
	// Select gives the current resources of b in the order of w.
	Select(ctx context.Context, b Bound, w Window) (Page, error)
	// Targets gives the distinct local references that the parameter p takes in the resources of b, at most max; more
	// says that there are further ones, or that there may be: a source may give up after many more resources than max.
	Targets(ctx context.Context, b Bound, p *r4.SearchParameter, max int) (refs []fhir.Reference, more bool, err error)
	// Changes gives the versions that c keeps, newest first (LastUpdated descending, then a stable order), each once,
	// looking for them where the parts of c say. Limit, Total and Next count kept versions only: Next is nil unless there
	// is a further one that is kept.
	Changes(ctx context.Context, c Changes, w Window) (Page, error)
	// Params are the search parameters of the snapshot: its index is whole for every one that they hold. nil are R4's.
	Params(ctx context.Context) (*parameters.Set, error)
}

// Condition is a search that a write relied on: at the serial commit point it must still find the same resources.
// Made by plan only.
type Condition struct {
	types []string
	holds func(context.Context, Source) (bool, error)
}

// Types are the resource types that the condition looks at, sorted; nil if that is not known: any.
func (c Condition) Types() []string { return c.types }

// Holds evaluates the condition again on src. The zero Condition does not hold.
func (c Condition) Holds(ctx context.Context, src Source) (bool, error) {
	if c.holds == nil {
		return false, nil
	}
	return c.holds(ctx, src)
}

// On is the condition on what of makes of a source: for a store that has more to show than the one that it is built on.
func (c Condition) On(of func(Source) Source) Condition {
	holds := c.holds
	if holds != nil {
		c.holds = func(ctx context.Context, src Source) (bool, error) { return holds(ctx, of(src)) }
	}
	return c
}
