package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/ory/fosite"
)

// Error is an error of OAuth (RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, RFC 7591 §3.2.2, OpenID Connect Core §3.1.2.6).
// Text is for everybody, so it never depends on whether a user, a client or a patient exists; Hint is for developers
// and shown in the sandbox only; Err is for the log.
type Error struct {
	Code string
	Text string
	Hint string
	Err  error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Code + ": " + e.Text + ": " + e.Err.Error()
	}
	return e.Code + ": " + e.Text
}

func (e *Error) Unwrap() error { return e.Err }

// hint adds what a developer has to change.
func (e *Error) hint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

func errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// The codes.
const (
	invalidRequest     = "invalid_request"
	invalidClient      = "invalid_client"
	invalidGrant       = "invalid_grant"
	invalidScope       = "invalid_scope"
	unauthorizedClient = "unauthorized_client"
	unsupportedGrant   = "unsupported_grant_type"
	accessDenied       = "access_denied"
	serverError        = "server_error"
	slowDown           = "temporarily_unavailable"
	invalidToken       = "invalid_token"
	loginRequired      = "login_required"
)

func (e *Error) status() int {
	switch e.Code {
	case invalidClient, invalidToken:
		return http.StatusUnauthorized
	case accessDenied, "insufficient_scope":
		return http.StatusForbidden
	case slowDown:
		return http.StatusTooManyRequests
	case serverError:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// oauth is any error as one of OAuth: ours as it is, fosite's by its own words, others are the server's fault.
func oauth(err error) *Error {
	var ours *Error
	if errors.As(err, &ours) {
		return ours
	}
	var theirs *fosite.RFC6749Error
	if errors.As(err, &theirs) && theirs.CodeField < http.StatusInternalServerError && theirs.ErrorField != "error" {
		e := &Error{Code: theirs.ErrorField, Text: theirs.DescriptionField, Hint: theirs.HintField, Err: err}
		if e.Code == "token_inactive" || e.Code == "token_expired" || e.Code == "scope_not_granted" {
			e.Code = invalidGrant
		}
		return e
	}
	return &Error{Code: serverError, Text: "the server could not answer this request", Err: err}
}

// say is the error_description: the text, in the sandbox with the hint.
func (s *Server) say(e *Error) string {
	text := e.Text
	if s.o.Sandbox && e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	b := []byte(text)
	for i, c := range b { // what RFC 6749 lets a description have
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
		if c == '"' || c == '\\' {
			b[i] = '\''
		}
	}
	return string(b)
}

// fail answers an endpoint that programs call.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := oauth(err)
	s.report(r.Context(), r.URL.Path, e)
	noStore(w)
	if e.status() == http.StatusUnauthorized {
		tried := r.Header.Get("Authorization") != ""
		switch { // RFC 6749 §5.2; RFC 6750 §3.1: who has brought no token is told no error
		case e.Code == invalidToken && tried:
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		case e.Code == invalidToken:
			w.Header().Set("WWW-Authenticate", "Bearer")
		case tried:
			w.Header().Set("WWW-Authenticate", `Basic realm="firewarden"`)
		}
	}
	if e.Code == slowDown {
		w.Header().Set("Retry-After", "30")
	}
	writeJSON(w, e.status(), map[string]string{"error": e.Code, "error_description": s.say(e)})
}

func (s *Server) report(ctx context.Context, path string, e *Error) {
	if e.Code == serverError {
		s.o.Logger.LogAttrs(ctx, slog.LevelError, "authorization server", slog.String("path", path), slog.String("error", e.Error()))
		return
	}
	s.o.Logger.LogAttrs(ctx, slog.LevelDebug, "refused", slog.String("path", path), slog.String("error", e.Code))
}

// noStore keeps an answer out of caches (RFC 6749 §5.1).
func noStore(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("write JSON: %w", err)) // of our own values only
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}
