package interaction

import (
	"strconv"
	"time"

	"github.com/firewarden/firewarden/conformance/terminology"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// Service performs interactions on a store. Its fields are set before the first call; its methods may be called by
// several goroutines.
type Service struct {
	Store      store.Store
	Indexer    *index.Indexer   // the one that Store indexes with
	Base       string           // FHIR base without a final slash: http://127.0.0.1:8080/fhir
	Now        func() time.Time // nil is time.Now
	NewID      func() string    // nil is RandomID; an id must hold 122 random bits or more
	Validation Validation
	Limits     Limits
	// ConditionalDelete is what a conditional delete does where several resources match.
	ConditionalDelete ConditionalDelete
	Lenient           bool  // searches that do not say how they are to be handled are lenient
	Seal              *Seal // seals the cursors of page links; without it a result has one page
	// Parameters are the own search parameters; nil: SearchParameter resources are stored and change nothing.
	Parameters *Parameters
	// Definitions keeps the value sets and code systems that searches have read; nil: none is kept.
	Definitions *terminology.Cache
}

// Validation is what is checked of a resource before it is stored, beyond strict JSON.
type Validation uint8

// The levels of validation.
const (
	ValidateStructure Validation = iota // elements, cardinalities, values, required code bindings
	ValidateOff                         // JSON only
)

// ConditionalDelete is what becomes of several matches of a conditional delete.
type ConditionalDelete uint8

// The ways of conditional deletes (R4 capabilitystatement.html, rest.resource.conditionalDelete).
const (
	DeleteSingle   ConditionalDelete = iota // they are refused: KindMultiple
	DeleteMultiple                          // they are deleted, all in one step
)

// Limits bound requests. A zero field means that of DefaultLimits.
type Limits struct {
	Parse   fhir.Limits
	Page    int // resources of a page without _count
	MaxPage int // a larger _count is cut to it
	Entries int // entries of a batch or transaction
	Deletes int // resources that one conditional delete may delete
	Labels  int // resources with labels that $meta of a type or of the system reads
}

// DefaultLimits hold where a field of Service.Limits is zero.
var DefaultLimits = Limits{Parse: fhir.DefaultLimits, Page: 20, MaxPage: 1000, Entries: 50_000, Deletes: 10_000, Labels: 20_000}

// Caller is on whose behalf an interaction runs.
type Caller struct {
	// Access is what the caller may touch. If it has a method Content(search.Interaction, string) search.Expr, that is
	// what new content must be in; otherwise Allowed is.
	Access search.Access
	Grant  string // identity of the grant: a cursor works only for the grant that it was made for
	// Explain: the caller may ask how a search was answered, which tells the sizes of what was read.
	Explain bool
	// Settled is told the access as it is on the request's snapshot, where it depends on that; nil: nobody asks.
	Settled func(search.Access)
}

// Effect is how an interaction succeeded.
type Effect uint8

// The effects, with their HTTP status.
const (
	OK        Effect = iota // 200: read, found, updated; also a conditional create that found its match
	Created                 // 201
	NoContent               // 204: deleted, or nothing to delete
)

// Result is the answer of an interaction that succeeded.
type Result struct {
	Effect   Effect
	Row      plan.Row // the version that was read, written or found; a zero Type where there is none
	Readable bool     // the caller has r on Row: Row.Body may be sent
	Bundle   []byte   // searchset, history, batch-response or transaction-response; nil otherwise
	// Parameters is what an operation gives back; of $meta-add and $meta-delete nil unless Readable.
	Parameters  []byte
	Explanation *Explanation // of a search with _explain
	Count       int          // of a delete: how many resources it deleted; Row is the tombstone of one, several have none
	Warnings    fhir.Errors  // what lenient handling left out; search Bundles hold them as an entry, too
	Faults      []error      // of Bundle: what failed in entries by the server's fault; for the log, the answer has no text of it
}

// Summary tells people what a write did, without anything of content.
func (r Result) Summary() string {
	instance := r.Row.Type + "/" + r.Row.ID
	switch {
	case r.Effect == Created:
		return "created: " + instance
	case r.Effect == OK:
		return "found or updated: " + instance
	case r.Count == 0:
		return "there was nothing to delete"
	case r.Count == 1:
		return "1 resource was deleted"
	}
	return strconv.Itoa(r.Count) + " resources matched and were deleted"
}

// ETag is the entity tag of a version: W/"3".
func ETag(version uint64) string { return string(appendETag(nil, version)) }

// Location is the URL of a version: BASE/Type/id/_history/3.
func (s *Service) Location(r plan.Row) string { return string(s.appendLocation(nil, r)) }

// now is the moment of a write: whole milliseconds, for that is what an instant in meta holds.
func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now().Truncate(time.Millisecond)
	}
	return time.Now().Truncate(time.Millisecond)
}

func (s *Service) newID() string {
	if s.NewID != nil {
		return s.NewID()
	}
	return RandomID()
}

func (s *Service) limits() Limits {
	l := s.Limits
	if l.Page <= 0 {
		l.Page = DefaultLimits.Page
	}
	if l.MaxPage <= 0 {
		l.MaxPage = DefaultLimits.MaxPage
	}
	if l.Entries <= 0 {
		l.Entries = DefaultLimits.Entries
	}
	if l.Deletes <= 0 {
		l.Deletes = DefaultLimits.Deletes
	}
	if l.Labels <= 0 {
		l.Labels = DefaultLimits.Labels
	}
	return l
}

// options are how searches are read, also those of conditions.
func (s *Service) options(lenient bool) search.Options {
	o := search.Options{Lenient: lenient, Base: s.Base, Now: s.now(), MaxCount: s.limits().MaxPage, Params: s.Parameters.Set()}
	if s.Indexer != nil {
		o.Zone = s.Indexer.Zone
	}
	return o
}
