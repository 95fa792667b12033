package interaction

import (
	"errors"
	"net/http"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Status is the HTTP status of an error: that of its kind, the first one of several; 500 for an error of unknown kind.
func Status(err error) int {
	switch fhir.KindOf(err) {
	case fhir.KindInvalid, fhir.KindStructure, fhir.KindRequired, fhir.KindValue, fhir.KindInvariant,
		fhir.KindCodeInvalid, fhir.KindUnknownParam:
		return http.StatusBadRequest
	case fhir.KindLogin:
		return http.StatusUnauthorized
	case fhir.KindForbidden, fhir.KindTooCostly:
		return http.StatusForbidden
	case fhir.KindNotSupported, fhir.KindNotFound:
		return http.StatusNotFound
	case fhir.KindMethod:
		return http.StatusMethodNotAllowed
	case fhir.KindNotAcceptable:
		return http.StatusNotAcceptable
	case fhir.KindConflict:
		return http.StatusConflict
	case fhir.KindDeleted:
		return http.StatusGone
	case fhir.KindPrecondition, fhir.KindMultiple:
		return http.StatusPreconditionFailed
	case fhir.KindTooLong:
		return http.StatusRequestEntityTooLarge
	case fhir.KindMediaType:
		return http.StatusUnsupportedMediaType
	case fhir.KindBusinessRule, fhir.KindProcessing:
		return http.StatusUnprocessableEntity
	case fhir.KindNoIfMatch:
		return http.StatusPreconditionRequired
	case fhir.KindThrottled:
		return http.StatusTooManyRequests
	case fhir.KindTransient, fhir.KindTimeout:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// OperationOutcome is the resource that tells an error: one issue for each fhir.Error of it. What no fhir.Error
// classifies is "exception" without its text, which belongs in the log.
func OperationOutcome(err error) []byte { return appendOutcome(nil, "error", issues(err)) }

// Informational is the OperationOutcome of a success, e.g. for Prefer: return=OperationOutcome.
func Informational(text string) []byte {
	return appendOutcome(nil, "information", fhir.Errors{{Diagnostics: text}})
}

func issues(err error) fhir.Errors {
	var es fhir.Errors
	if errors.As(err, &es) && len(es) > 0 {
		return es
	}
	var e *fhir.Error
	if errors.As(err, &e) {
		return fhir.Errors{e}
	}
	return fhir.Errors{{Kind: fhir.KindException, Diagnostics: "internal error"}}
}

// appendOutcome writes an OperationOutcome whose issues all have the severity.
func appendOutcome(dst []byte, severity string, es fhir.Errors) []byte {
	dst = append(dst, `{"resourceType":"OperationOutcome","issue":[`...)
	for i, e := range es {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"severity":"`...)
		dst = append(dst, severity...)
		dst = append(dst, `","code":"`...)
		code := e.Kind.Code()
		if severity == "information" {
			code = "informational"
		}
		dst = append(dst, code...)
		dst = append(dst, '"')
		if e.Diagnostics != "" {
			dst = appendString(append(dst, `,"diagnostics":`...), e.Diagnostics)
		}
		if e.Expression != "" {
			dst = append(appendString(append(dst, `,"expression":[`...), e.Expression), ']')
		}
		dst = append(dst, '}')
	}
	return append(dst, `]}`...)
}
