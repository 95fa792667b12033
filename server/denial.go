package server

import (
	"errors"
	"log/slog"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// notice remembers what of an access cannot be evaluated: a scope whose constraint or context is not there, a policy. That
// opens nothing, so the answer is that of an access without it; why, only the log says.
func (x *exchange) notice(a search.Access) {
	x.faults = nil
	if f, ok := a.(interface{ Faults() []error }); ok {
		x.faults = f.Faults()
	}
}

// denial adds who was refused and why to the line of a request, and what of the caller's access opens nothing.
func (x *exchange) denial(attrs []slog.Attr) []slog.Attr {
	kind := fhir.KindOf(x.fault)
	denied := x.fault != nil && (kind == fhir.KindLogin || kind == fhir.KindForbidden)
	if !denied && len(x.faults) == 0 {
		return attrs
	}
	attrs = append(attrs, slog.String("client", x.who.Client), slog.String("user", x.who.User))
	if denied { // these texts are ours, and hold nothing of the request but its type
		attrs = append(attrs, slog.String("reason", x.fault.Error()))
	}
	if len(x.faults) > 0 {
		attrs = append(attrs, slog.String("unavailable", errors.Join(x.faults...).Error()))
	}
	return attrs
}
