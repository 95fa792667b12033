package interaction

import (
	"context"
	"hash/maphash"
	"net/http"

	"github.com/firewarden/firewarden/conformance/validate"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/store/audit"
)

// BundleOptions are what a Bundle request says outside of its body.
type BundleOptions struct {
	Return Return
}

// Return is what the answer to a write holds (Prefer: return=…, R4 http.html#ops).
type Return uint8

// The values of return.
const (
	ReturnMinimal Return = iota
	ReturnRepresentation
	ReturnOperationOutcome
)

// Bundle runs a batch or a transaction (R4 http.html#transaction): Result OK with a batch-response or
// transaction-response Bundle, whose entries are in the order of the request.
//
// A transaction is applied whole or not at all: an error names the entry at fault, and nothing was stored. Its GETs
// see what it wrote; a GET that fails then has its OperationOutcome in the response. References to entries (by
// fullUrl) and conditional references become local references. A batch's entries stand alone, each with its own
// status; they too are worked off in the order delete, create, update, read.
func (s *Service) Bundle(ctx context.Context, c Caller, bundle *fhir.Resource, o BundleOptions) (_ Result, err error) {
	kind := bundle.Root.Str("type")
	defer func() {
		if err != nil { // as a whole
			audit.Do(ctx, audit.Act{Code: "transaction"}).End(Status(err))
		}
	}()
	if bundle.Type != "Bundle" || kind != "batch" && kind != "transaction" {
		return Result{}, fhir.Errorf(fhir.KindInvalid, "Bundle.type", "the base takes a Bundle of type batch or transaction")
	}
	if s.Validation == ValidateStructure {
		if faults := validate.Frame(bundle); len(faults) > 0 {
			return Result{}, faults
		}
	}
	if c, err = s.settled(ctx, c); err != nil { // all entries are of one request
		return Result{}, err
	}
	entries, err := s.entries(c, bundle, kind == "batch")
	if err != nil {
		return Result{}, err
	}
	if kind == "batch" {
		err = s.batch(ctx, c, entries)
	} else {
		err = s.transaction(ctx, c, entries)
	}
	if err != nil {
		return Result{}, err
	}
	var out Result
	for _, e := range entries {
		if e.read != nil && e.err == nil {
			e.got, e.err = e.read(ctx)
		}
		s.refused(ctx, e)
		if e.err != nil && Status(e.err) == http.StatusInternalServerError {
			out.Faults = append(out.Faults, e.err)
		}
	}
	out.Bundle = s.response(kind, entries, o)
	return out, nil
}

func (s *Service) transaction(ctx context.Context, c Caller, entries []*entry) error {
	x := change{Service: s, caller: c}
	for _, e := range entries {
		if e.write != nil {
			x.ops = append(x.ops, e.write)
		}
	}
	return x.run(ctx)
}

// batchWriters is how many entries of a batch are written at the same time: the store commits them together.
const batchWriters = 32

// batch writes the entries one by one, those of one instance or condition in their order.
func (s *Service) batch(ctx context.Context, c Caller, entries []*entry) error {
	seed := maphash.MakeSeed()
	for _, letter := range []search.Interaction{search.Delete, search.Create, search.Update} {
		var lanes [batchWriters][]*entry
		n := 0
		for _, e := range entries {
			o := e.write
			if o == nil || o.letter != letter {
				continue
			}
			lane := n % batchWriters
			if o.conditional {
				lane = int(maphash.String(seed, o.where) % batchWriters)
			} else if o.letter != search.Create {
				lane = int(maphash.String(seed, o.typ+"/"+o.id) % batchWriters)
			}
			lanes[lane] = append(lanes[lane], e)
			n++
		}
		if n == 0 {
			continue
		}
		err := parallel(batchWriters, batchWriters, func(i int) error {
			for _, e := range lanes[i] {
				x := change{Service: s, caller: c, ops: []*op{e.write}}
				e.err = x.run(ctx)
			}
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	return nil
}
