package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/firewarden/firewarden/auth/launch"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/store/audit"
)

// apiRoute is a row of the table of the API. The answer is written as JSON with the status; without one it is empty.
type apiRoute struct {
	method, path string
	kind, text   string // of audit.Kinds; what it does
	serve        func(*Server, context.Context, *http.Request) (status int, answer any, err error)
}

func apiRoutes() []apiRoute {
	return []apiRoute{
		{"POST", "/api/launch", audit.Change, "Put a launch aside for an app", (*Server).apiLaunch},
		{"GET", "/api/clients", audit.Look, "The registered clients", (*Server).apiClients},
		{"POST", "/api/clients", audit.Change, "Register a client", (*Server).apiAddClient},
		{"GET", "/api/clients/{id}", audit.Look, "A client", (*Server).apiClient},
		{"PUT", "/api/clients/{id}", audit.Change, "Change or make a client", (*Server).apiPutClient},
		{"DELETE", "/api/clients/{id}", audit.Change, "Remove a client with all that was granted to it", (*Server).apiRemoveClient},
		{"POST", "/api/clients/{id}/secret", audit.Change, "Give a client another secret", (*Server).apiSecret},
		{"GET", "/api/users", audit.Look, "The users", (*Server).apiUsers},
		{"POST", "/api/users", audit.Change, "Let somebody sign in", (*Server).apiAddUser},
		{"GET", "/api/users/{name}", audit.Look, "A user", (*Server).apiUser},
		{"DELETE", "/api/users/{name}", audit.Change, "Remove a user with all that the user has granted", (*Server).apiRemoveUser},
		{"PUT", "/api/users/{name}/password", audit.Change, "Give a user another password", (*Server).apiPassword},
		{"PUT", "/api/users/{name}", audit.Change, "Change a user", (*Server).apiPutUser},
		{"GET", "/api/policies", audit.Look, "What users may see, by name", (*Server).apiPolicies},
		{"GET", "/api/policies/{name}", audit.Look, "A policy", (*Server).apiPolicy},
		{"PUT", "/api/policies/{name}", audit.Change, "Make or change a policy", (*Server).apiPutPolicy},
		{"DELETE", "/api/policies/{name}", audit.Change, "Remove a policy", (*Server).apiRemovePolicy},
		{"GET", "/api/grants", audit.Look, "What was granted by a user or to a client", (*Server).apiGrants},
		{"DELETE", "/api/grants/{id}", audit.Revoke, "End a grant with all its tokens", (*Server).apiRevoke},
		{"POST", "/api/tokens", audit.Token, "Make an access token without any flow", (*Server).apiMint},
		{"POST", "/api/tokens/explain", audit.Look, "What an access token may see", (*Server).apiExplain},
		{"GET", "/api/keys", audit.Look, "The keys that sign tokens, without their secrets", (*Server).apiKeys},
		{"POST", "/api/keys/rotate", audit.Change, "Make new keys that sign tokens", (*Server).apiRotate},
		{"POST", "/api/registration-tokens", audit.Change, "Make a token by which clients can be registered", (*Server).apiInitialToken},
	}
}

// API is what administrators' scripts call, under /api. Whoever mounts it lets nobody else in (Administrator helps).
func (s *Server) API() http.Handler { return s.api }

func (s *Server) makeAPI() *http.ServeMux {
	mux := http.NewServeMux()
	for _, route := range apiRoutes() {
		s.kinds[route.method+" "+route.path] = route.kind
		mux.HandleFunc(route.method+" "+route.path, func(w http.ResponseWriter, r *http.Request) {
			status, answer, err := route.serve(s, r.Context(), r)
			noStore(w)
			if err != nil {
				s.apiFail(w, r, err)
				return
			}
			if answer == nil {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			writeJSON(w, status, answer)
		})
	}
	return mux
}

// Administrator says whether r is of a page of ours on which an administrator has signed in: by the cookie, and the
// token that CSRF gives for "api" in the header X-CSRF-Token.
func (s *Server) Administrator(r *http.Request) bool {
	v, ok, err := s.Visitor(r)
	return err == nil && ok && v.User.Administrator && s.CheckCSRF(r, "api", r.Header.Get("X-CSRF-Token"))
}

func (s *Server) apiFail(w http.ResponseWriter, r *http.Request, err error) {
	status, text := http.StatusBadRequest, err.Error()
	var e *Error
	var faults fhir.Errors
	switch {
	case errors.Is(err, ErrAbsent):
		status = http.StatusNotFound
	case errors.Is(err, ErrThere):
		status = http.StatusConflict
	case errors.As(err, &e):
		text = e.Text
		if e.Hint != "" {
			text += " (" + e.Hint + ")"
		}
	case errors.As(err, &faults):
		text = faults[0].Diagnostics
	}
	s.report(r.Context(), r.URL.Path, &Error{Code: "api", Text: text, Err: err})
	writeJSON(w, status, map[string]string{"error": text})
}

// body reads JSON into v; members that v does not have are refused, for a misspelt one would be lost.
func body(r *http.Request, v any) error {
	b, err := readBody(r)
	if err != nil {
		return err
	}
	if err := strictJSON(b, v); err != nil {
		return errorf(invalidRequest, "the body is no JSON object as it was expected: %v", err)
	}
	return nil
}

func (s *Server) apiLaunch(ctx context.Context, r *http.Request) (int, any, error) {
	var in struct {
		Client            string            `json:"client"`
		User              string            `json:"user"`
		Patient           string            `json:"patient"`
		Encounter         string            `json:"encounter"`
		FHIRContext       []launch.Resource `json:"fhirContext"`
		Intent            string            `json:"intent"`
		NeedPatientBanner *bool             `json:"needPatientBanner"`
		StyleURL          string            `json:"smartStyleUrl"`
		Tenant            string            `json:"tenant"`
		Others            map[string]string `json:"others"`
		App               string            `json:"app"`
		SkipLogin         bool              `json:"skipLogin"`
		SkipConsent       bool              `json:"skipConsent"`
	}
	if err := body(r, &in); err != nil {
		return 0, nil, err
	}
	c, _, ok, err := s.clients.find(ctx, in.Client)
	if err != nil || !ok {
		return 0, nil, errors.Join(err, ErrAbsent)
	}
	if in.User != "" {
		if _, _, ok, err := s.users.find(ctx, in.User); err != nil || !ok {
			return 0, nil, errors.Join(err, ErrAbsent)
		}
	}
	if in.App == "" {
		in.App = c.LaunchURI
	} else if originOf(in.App) == "" {
		return 0, nil, errorf(invalidRequest, "app is no URL of http or https")
	}
	id, err := s.Launch(ctx, Ticket{Client: c.ID, User: in.User, SkipLogin: in.SkipLogin, SkipConsent: in.SkipConsent,
		Context: launch.Context{Patient: in.Patient, Encounter: in.Encounter, Others: in.Others, FHIRContext: in.FHIRContext, Intent: in.Intent,
			NeedPatientBanner: in.NeedPatientBanner, StyleURL: in.StyleURL, Tenant: in.Tenant}})
	if err != nil {
		return 0, nil, err
	}
	noteChange(ctx, "POST /api/launch", in.Patient, "client", c.ID, "user", in.User)
	answer := map[string]any{"launch": id, "iss": s.fhir}
	if in.App != "" {
		answer["url"] = s.LaunchURL(in.App, id)
	}
	return http.StatusCreated, answer, nil
}

// LaunchURL is what an EHR opens to launch an app.
func (s *Server) LaunchURL(app, launch string) string {
	return withQuery(app, url.Values{"iss": {s.fhir}, "launch": {launch}})
}

func (s *Server) apiGrants(ctx context.Context, r *http.Request) (int, any, error) {
	q := r.URL.Query()
	if q.Get("user") == "" && q.Get("client") == "" {
		return 0, nil, errorf(invalidRequest, "user or client is needed")
	}
	list, err := s.grants.of(ctx, q.Get("user"), q.Get("client"))
	if list == nil {
		list = []Grant{}
	}
	return http.StatusOK, list, err
}

func (s *Server) apiRevoke(ctx context.Context, r *http.Request) (int, any, error) {
	if _, _, ok, err := s.grants.live(ctx, r.PathValue("id")); err != nil || !ok {
		return 0, nil, errors.Join(err, ErrAbsent)
	}
	return 0, nil, s.grants.revoke(ctx, r.PathValue("id"), s.now())
}

func (s *Server) apiMint(ctx context.Context, r *http.Request) (int, any, error) {
	var in struct {
		Mint
		Life string `json:"life"`
	}
	if err := body(r, &in); err != nil {
		return 0, nil, err
	}
	if in.Life != "" {
		var err error
		if in.Mint.Life, err = time.ParseDuration(in.Life); err != nil {
			return 0, nil, errorf(invalidRequest, "life is no length of time, as in 10m")
		}
	}
	token, err := s.Mint(ctx, in.Mint)
	if err != nil {
		return 0, nil, err
	}
	var c tokenClaims
	if _, err := s.verify(ctx, token, &c); err != nil {
		return 0, nil, err
	}
	noteMinted(ctx, &in.Mint, &c)
	return http.StatusCreated, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": c.Expires - c.Issued, "scope": c.Scope}, nil
}

func (s *Server) apiKeys(ctx context.Context, _ *http.Request) (int, any, error) {
	list, err := s.ring.List(ctx)
	return http.StatusOK, list, err
}

func (s *Server) apiRotate(ctx context.Context, r *http.Request) (int, any, error) {
	var in struct {
		AtOnce bool `json:"atOnce"`
	}
	if err := body(r, &in); err != nil {
		return 0, nil, err
	}
	return 0, nil, s.ring.Rotate(ctx, in.AtOnce)
}

func (s *Server) apiInitialToken(ctx context.Context, r *http.Request) (int, any, error) {
	var in struct {
		Clients int `json:"clients"`
	}
	if err := body(r, &in); err != nil {
		return 0, nil, err
	}
	token, err := s.InitialToken(ctx, "administrator", in.Clients)
	return http.StatusCreated, map[string]any{"token": token}, err
}

func strictJSON(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
