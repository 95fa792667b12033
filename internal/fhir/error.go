package fhir

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what went wrong. Each kind has one FHIR issue-type code (http://hl7.org/fhir/issue-type) and, in
// server/outcome.go, one HTTP status.
type Kind uint8

// The kinds of errors. The zero Kind is KindException: what nobody classified is the server's fault.
const (
	KindException     Kind = iota // exception: unexpected; its text stays in the log
	KindInvalid                   // invalid: malformed content or parameter (400)
	KindStructure                 // structure: JSON shape (400)
	KindRequired                  // required: a required element is missing (400)
	KindValue                     // value: a value is out of its range or format (400)
	KindInvariant                 // invariant: a rule of the base specification is broken (400)
	KindCodeInvalid               // code-invalid: a code is not in its required value set (400)
	KindUnknownParam              // invalid: an unknown search parameter, modifier or include (400)
	KindNotSupported              // not-supported: unknown type or interaction (404/405 by its place)
	KindMethod                    // not-supported: method not allowed (405)
	KindNotAcceptable             // not-supported: 406
	KindMediaType                 // not-supported: 415
	KindNotFound                  // not-found: 404
	KindDeleted                   // deleted: 410
	KindConflict                  // conflict: lost a race, retry (409)
	KindPrecondition              // conflict: If-Match or a condition does not hold (412)
	KindMultiple                  // multiple-matches: 412
	KindNoIfMatch                 // required: 428
	KindBusinessRule              // business-rule: 422
	KindProcessing                // processing: 422, e.g. a reference that cannot be resolved
	KindTooLong                   // too-long: the body is over the limit (413)
	KindTooCostly                 // too-costly: 403
	KindLogin                     // login: no or bad token (401)
	KindForbidden                 // forbidden: 403
	KindThrottled                 // throttled: 429
	KindTransient                 // transient: 503, Retry-After
	KindTimeout                   // timeout: 503
)

// Code is the FHIR issue-type code of the kind.
func (k Kind) Code() string {
	switch k {
	case KindInvalid, KindUnknownParam:
		return "invalid"
	case KindStructure:
		return "structure"
	case KindRequired, KindNoIfMatch:
		return "required"
	case KindValue:
		return "value"
	case KindInvariant:
		return "invariant"
	case KindCodeInvalid:
		return "code-invalid"
	case KindNotSupported, KindMethod, KindNotAcceptable, KindMediaType:
		return "not-supported"
	case KindNotFound:
		return "not-found"
	case KindDeleted:
		return "deleted"
	case KindConflict, KindPrecondition:
		return "conflict"
	case KindMultiple:
		return "multiple-matches"
	case KindBusinessRule:
		return "business-rule"
	case KindProcessing:
		return "processing"
	case KindTooLong:
		return "too-long"
	case KindTooCostly:
		return "too-costly"
	case KindLogin:
		return "login"
	case KindForbidden:
		return "forbidden"
	case KindThrottled:
		return "throttled"
	case KindTransient:
		return "transient"
	case KindTimeout:
		return "timeout"
	}
	return "exception"
}

// Error is the one error type of the server: what an OperationOutcome issue holds.
type Error struct {
	Kind        Kind
	Diagnostics string // for the client; never internal text
	Expression  string // FHIRPath of the fault, or "http.<parameter>" for a request parameter; may be empty
	Err         error  // the cause, for the log only
}

// Errorf makes an Error of the kind at a place.
func Errorf(k Kind, expression, format string, args ...any) *Error {
	return &Error{Kind: k, Expression: expression, Diagnostics: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Kind.Code())
	if e.Expression != "" {
		b.WriteString(" at " + e.Expression)
	}
	b.WriteString(": " + e.Diagnostics)
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Errors are several faults of one request, in document order; the first decides the status.
type Errors []*Error

func (es Errors) Error() string {
	if len(es) == 0 {
		return "no error"
	}
	if len(es) == 1 {
		return es[0].Error()
	}
	return fmt.Sprintf("%s (and %d more)", es[0].Error(), len(es)-1)
}

// DiagnosticsOf is what an error tells the client: the Diagnostics of the first Error in err's chain, the text of any other.
func DiagnosticsOf(err error) string {
	var e *Error
	var es Errors
	switch {
	case errors.As(err, &e):
		return e.Diagnostics
	case errors.As(err, &es) && len(es) > 0:
		return es[0].Diagnostics
	}
	return err.Error()
}

// KindOf is the kind of the first Error in err's chain, KindException if there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	var es Errors
	if errors.As(err, &es) && len(es) > 0 {
		return es[0].Kind
	}
	return KindException
}
