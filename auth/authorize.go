package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth/launch"
	"github.com/firewarden/firewarden/auth/scope"
)

// authorize begins an authorization request (RFC 6749 §4.1.1), by a link or by a posted form (SMART's authorize-post).
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	if !s.limits.authorize.take(addressOf(r)) {
		s.stop(w, r, errorf(slowDown, "too many requests come from this address: try again later"))
		return
	}
	form, err := readForm(r)
	if err != nil {
		s.stop(w, r, err)
		return
	}
	ctx := r.Context()
	c, err := s.whereTo(ctx, form)
	if err != nil {
		s.stop(w, r, err)
		return
	}
	f, err := s.begin(ctx, form, &c)
	id := s.id()
	if err == nil {
		_, err = s.flows.put(ctx, id, f, 0, f.Ends)
	}
	if err != nil {
		s.turnAway(w, r, form, &c, err)
		return
	}
	see(w, s.flowURL(id))
}

// turnAway ends a request that does not begin. Whoever may register an app could lead people anywhere by a link to us
// that goes wrong at once; so an app that no administrator vouches for is told only if somebody has signed in here, or
// follows the link to it (RFC 9700 §4.11.2). Nobody is there to follow it where prompt is none.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, form url.Values, c *Client, err error) {
	redirect, state := form.Get("redirect_uri"), form.Get("state")
	_, in, fault := s.Visitor(r)
	if s.o.Sandbox || c.Verified || fault == nil && in || form.Get("prompt") == "none" {
		s.refuse(w, r, redirect, state, err)
		return
	}
	e := oauth(err)
	s.report(r.Context(), r.URL.Path, e)
	page := ErrorPage{Frame: s.frame(r, nil, c), Status: e.status(), Code: e.Code, Text: sentence(e.Text)}
	if originOf(redirect) != "" {
		page.Back, page.BackHost = s.refusal(redirect, state, e), hostOf(redirect)
	}
	s.show(w, r, page.Status, page)
}

func (s *Server) flowURL(id string) string {
	return s.url("flow") + "?request=" + url.QueryEscape(s.sign("flow", id))
}

// whereTo finds who asks and whether the answer may go where they say. Until that is known nobody is redirected
// (RFC 6749 §4.1.2.1), and the answer is the same whatever is wrong.
func (s *Server) whereTo(ctx context.Context, form url.Values) (Client, error) {
	wrong := errorf(invalidRequest, "no app is registered here with this client_id and redirect_uri")
	c, _, ok, err := s.clients.find(ctx, form.Get("client_id"))
	switch {
	case err != nil:
		return c, err
	case !ok:
		return c, wrong.hint("there is no client %q", form.Get("client_id"))
	case form.Get("redirect_uri") == "":
		return c, wrong.hint("redirect_uri is missing")
	case !c.redirects(form.Get("redirect_uri")):
		return c, wrong.hint("redirect_uri %q is none of those that the client has registered, letter for letter", form.Get("redirect_uri"))
	}
	return c, nil
}

// begin checks a request of an app that we know.
func (s *Server) begin(ctx context.Context, form url.Values, c *Client) (flow, error) {
	now := s.now()
	f := flow{Client: c.ID, Redirect: form.Get("redirect_uri"), State: form.Get("state"), Nonce: form.Get("nonce"),
		Challenge: form.Get("code_challenge"), Prompt: strings.Fields(form.Get("prompt")), Begun: now, Ends: now.Add(s.o.Life.Flow)}
	for _, check := range []func(url.Values, *Client, *flow) error{s.checkForm, s.checkProof, s.checkOpenID, s.checkScope, s.checkAudience} {
		if err := check(form, c, &f); err != nil {
			return f, err
		}
	}
	return f, s.takeLaunch(ctx, form.Get("launch"), &f)
}

func (s *Server) checkForm(form url.Values, c *Client, f *flow) error {
	switch {
	case !c.may(grantCode):
		return errorf(unauthorizedClient, "this client cannot use authorization codes")
	case form.Get("response_type") == "":
		return errorf(invalidRequest, "response_type is missing").hint("it has to be code")
	case form.Get("response_type") != "code":
		return errorf("unsupported_response_type", "response_type has to be code")
	case form.Get("response_mode") != "" && form.Get("response_mode") != "query":
		return errorf(invalidRequest, "response_mode has to be query")
	case form.Get("request") != "":
		return errorf("request_not_supported", "request objects are not supported")
	case form.Get("request_uri") != "":
		return errorf("request_uri_not_supported", "request objects are not supported")
	case form.Get("registration") != "":
		return errorf("registration_not_supported", "registration is an endpoint of its own")
	case f.State == "":
		return errorf(invalidRequest, "state is missing").hint("SMART requires it: an unguessable value that comes back with the answer")
	case len(f.State) > 4096 || len(f.Nonce) > 4096:
		return errorf(invalidRequest, "state or nonce is too long")
	}
	return nil
}

// checkProof is PKCE (RFC 7636): S256, always; only an app of SMART 1.0, from before there was PKCE, may do without,
// where it is confidential or in the sandbox.
func (s *Server) checkProof(form url.Values, c *Client, f *flow) error {
	method := form.Get("code_challenge_method")
	if f.Challenge == "" && method == "" && c.SMARTVersion == "1.0" && (s.o.Sandbox || !c.public()) {
		return nil
	}
	sum, err := base64.RawURLEncoding.DecodeString(f.Challenge)
	switch {
	case f.Challenge == "":
		return errorf(invalidRequest, "code_challenge is missing").hint("PKCE with S256 is required")
	case method != "S256":
		return errorf(invalidRequest, "code_challenge_method has to be S256")
	case err != nil || len(sum) != 32:
		return errorf(invalidRequest, "code_challenge is no SHA-256 in base64url").hint("base64url of SHA-256 of code_verifier, without =")
	}
	return nil
}

func (s *Server) checkOpenID(form url.Values, _ *Client, f *flow) error {
	for _, p := range f.Prompt {
		switch p {
		case "none", "login", "consent", "select_account":
		default:
			return errorf(invalidRequest, "prompt is none of none, login, consent and select_account")
		}
	}
	if slices.Contains(f.Prompt, "none") && len(f.Prompt) > 1 {
		return errorf(invalidRequest, "prompt none goes with nothing else")
	}
	if text := form.Get("max_age"); text != "" {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return errorf(invalidRequest, "max_age is no number of seconds")
		}
		f.Since = f.Begun.Add(-time.Duration(n) * time.Second)
	}
	if slices.Contains(f.Prompt, "login") || slices.Contains(f.Prompt, "select_account") {
		f.Since = f.Begun
	}
	f.Hint = form.Get("login_hint")
	if len(f.Hint) > 100 {
		f.Hint = ""
	}
	return nil
}

// checkScope decides what may be granted at most.
func (s *Server) checkScope(form url.Values, c *Client, f *flow) error {
	if strings.TrimSpace(form.Get("scope")) == "" {
		return errorf(invalidScope, "scope is missing").hint("as in launch/patient openid fhirUser patient/*.rs")
	}
	if len(form.Get("scope")) > 16<<10 {
		return errorf(invalidScope, "scope is too long")
	}
	params := s.params()
	granted, left, why := s.narrow(form.Get("scope"), c, params, scope.Patient, scope.User)
	f.Asked, f.Cut, f.Params = form.Get("scope"), left, params.Record().Generation
	for _, word := range []string{"offline_access", "online_access"} {
		if granted.Has(word) && !c.may(grantRefresh) { // it means nothing then
			granted = granted.Without(word)
			f.Cut = append(f.Cut, word)
		}
	}
	if granted.Has("launch") && form.Get("launch") == "" { // nobody has launched it
		granted = granted.Without("launch")
		f.Cut = append(f.Cut, "launch")
	}
	if form.Get("launch") != "" && !granted.Has("launch") {
		return errorf(invalidScope, "an app that comes with launch needs the scope launch")
	}
	f.Scope = granted.Text()
	if f.Scope == "" {
		return errorf(invalidScope, "none of the scopes can be granted to this client").hint("%s", strings.Join(why, "; "))
	}
	return nil
}

// checkAudience holds the app to the FHIR server that it means: a token that was asked for one server must not be
// given to another that has put itself between. A login without data has none.
func (s *Server) checkAudience(form url.Values, _ *Client, f *flow) error {
	aud := form.Get("aud")
	if aud == "" {
		aud = form.Get("resource") // RFC 8707
	}
	set, _ := scope.Parse(f.Scope)
	if aud == "" && len(set.Data()) == 0 && !slices.ContainsFunc(set.Other(), func(o string) bool { return o == "launch" || strings.HasPrefix(o, "launch/") }) {
		return nil
	}
	if strings.TrimSuffix(aud, "/") != s.fhir {
		return errorf(invalidRequest, "aud is not the address of this FHIR server").hint("aud must be %s", s.fhir)
	}
	return nil
}

// takeLaunch takes what an EHR has put aside for this app.
func (s *Server) takeLaunch(ctx context.Context, id string, f *flow) error {
	if id == "" {
		return nil
	}
	t, ok, err := s.launches.take(ctx, digest(id))
	if err != nil {
		return err
	}
	if !ok || t.Client != f.Client {
		return errorf(invalidRequest, "launch is not valid, or was used before").hint("a launch is for one app, once, within %s", s.o.Life.Launch)
	}
	f.Ticket, f.Launch = &t, t.Context
	return nil
}

// refuse sends an app its error (RFC 6749 §4.1.2.1), with who says so (RFC 9207).
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, redirect, state string, err error) {
	e := oauth(err)
	s.report(r.Context(), r.URL.Path, e)
	see(w, s.refusal(redirect, state, e))
}

func (s *Server) refusal(redirect, state string, e *Error) string {
	return s.answer(redirect, state, url.Values{"error": {e.Code}, "error_description": {s.say(e)}})
}

// answer is the redirect URI with parameters; what the app has put there stays.
func (s *Server) answer(redirect, state string, p url.Values) string {
	if state != "" {
		p.Set("state", state)
	}
	p.Set("iss", s.o.Base)
	return withQuery(redirect, p)
}

// withQuery adds parameters to a URI and leaves what is there as it is.
func withQuery(uri string, p url.Values) string {
	if strings.Contains(uri, "?") {
		return uri + "&" + p.Encode()
	}
	return uri + "?" + p.Encode()
}

// issue makes the code of a finished flow.
func (s *Server) issue(ctx context.Context, f *flow, c *Client, v *Visitor, granted string) (string, error) {
	set, _ := scope.Parse(granted)
	g := Grant{ID: s.id(), Client: c.ID, User: v.User.Name, Subject: v.User.Subject, Scope: granted, Launch: f.Launch, Login: v.key,
		Online: set.Has("online_access"), Offline: set.Has("offline_access") || s.o.OnlineIsOffline && set.Has("online_access"), Nonce: f.Nonce, AuthTime: v.Login.At, Created: s.now(),
		Parameters: f.Params}
	if set.NeedsPatient() && g.Launch.Patient == "" {
		return "", errorf(accessDenied, "no patient was chosen")
	}
	form := url.Values{"response_type": {"code"}, "client_id": {c.ID}, "redirect_uri": {f.Redirect}, "state": {f.State}, "scope": {granted}}
	if f.Challenge != "" {
		form.Set("code_challenge", f.Challenge)
		form.Set("code_challenge_method", "S256")
	}
	ctx = context.WithValue(ctx, partKey{}, &asked{*c, f.Redirect})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url("authorize")+"?"+form.Encode(), nil)
	if err != nil {
		return "", err
	}
	ar, err := s.engine.NewAuthorizeRequest(ctx, req)
	if err != nil {
		return "", err
	}
	for _, word := range scopeWords(granted) {
		ar.GrantScope(word)
	}
	res, err := s.engine.NewAuthorizeResponse(ctx, ar, newSession(g))
	if err != nil {
		return "", err
	}
	if res.GetCode() == "" {
		return "", errors.New("the engine made no code")
	}
	return res.GetCode(), nil
}

// Ticket is what an EHR has put aside for an app: who may use it, for whom, and the context.
type Ticket struct {
	Client  string         `json:"client"`
	User    string         `json:"user,omitempty"` // "" is whoever signs in
	Context launch.Context `json:"context,omitzero"`
	Created time.Time      `json:"created"`
	// Of the sandbox only: the user is signed in without a password, consent is given without asking.
	SkipLogin   bool `json:"skipLogin,omitempty"`
	SkipConsent bool `json:"skipConsent,omitempty"`
}

// Launch puts a launch aside for an app and gives the launch parameter: opaque, for one use, within Life.Launch.
func (s *Server) Launch(ctx context.Context, t Ticket) (string, error) {
	if err := t.Context.Check(); err != nil {
		return "", err
	}
	if !s.o.Sandbox {
		t.SkipLogin, t.SkipConsent = false, false
	}
	id := s.secret()
	t.Created = s.now()
	_, err := s.launches.put(ctx, digest(id), t, 0, t.Created.Add(s.o.Life.Launch))
	return id, err
}
