package interaction

import (
	"context"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Bundle runs a batch or a transaction (R4 http.html#transaction): Result OK with a batch-response or
// transaction-response Bundle. A transaction is applied whole or not at all: an error names the entry at fault. The
// faults of a batch's entries are in the response.
func (s *Service) Bundle(ctx context.Context, c Caller, bundle *fhir.Resource, o BundleOptions) (Result, error) {
	return Result{}, errUnfinished
}

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
