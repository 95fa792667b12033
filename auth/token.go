package auth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/firewarden/firewarden/auth/launch"
	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/conformance/parameters"
)

// tokenClaims are the claims of an access token (RFC 9068 §2.2): who, for whom, what; of a patient nothing but the id.
type tokenClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	Client   string   `json:"client_id"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	ID       string   `json:"jti"` // the grant's id, a dot, and what makes it unique
	Scope    string   `json:"scope"`
	AuthTime int64    `json:"auth_time,omitempty"`
	Patient  string   `json:"patient,omitempty"`
	Meeting  string   `json:"encounter,omitempty"`
}

// accessType is the typ of access tokens.
const accessType = "at+jwt"

// accessToken makes one, for scopes that the grant covers.
func (s *Server) accessToken(ctx context.Context, g Grant, scopes string, life time.Duration) (string, error) {
	now := s.now()
	c := tokenClaims{Issuer: s.o.Base, Subject: g.Subject, Audience: audience{s.fhir}, Client: g.Client, Issued: now.Unix(),
		Expires: now.Add(life).Unix(), ID: g.ID + "." + s.id(), Scope: scopes, Patient: g.Launch.Patient, Meeting: g.Launch.Encounter}
	if c.Subject == "" {
		c.Subject = g.Client
	}
	if !g.AuthTime.IsZero() {
		c.AuthTime = g.AuthTime.Unix()
	}
	return s.ring.Sign(ctx, "ES256", accessType, c)
}

// ends is when a grant is over that a token was just made for.
func (s *Server) ends(g *Grant, now time.Time) time.Time {
	last := now.Add(max(time.Hour, s.o.Life.Access)) // no access token lives longer
	switch {
	case g.Offline && s.o.Life.Refresh == 0:
		return time.Time{}
	case g.Offline:
		return later(last, now.Add(s.o.Life.Refresh))
	case g.Online:
		return later(last, g.AuthTime.Add(s.o.Life.Login))
	}
	return last
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// token is the token endpoint (RFC 6749 §3.2).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if !s.limits.token.take(addressOf(r)) {
		s.fail(w, r, errorf(slowDown, "too many requests: try again later"))
		return
	}
	claimed := s.claimedClient(r) // before the form is read
	if _, err := readForm(r); err != nil {
		s.fail(w, r, err)
		return
	}
	answer, err := s.exchange(r.Context(), r)
	if err != nil {
		s.noteRefused(r.Context(), claimed, r.PostForm.Get("grant_type"), oauth(err).status())
		s.fail(w, r, err)
		return
	}
	noStore(w)
	writeJSON(w, http.StatusOK, answer)
}

// exchange gives tokens for a code, a refresh token, or a client's own credentials.
func (s *Server) exchange(ctx context.Context, r *http.Request) (map[string]any, error) {
	form := r.PostForm
	needs := "grant_type"
	switch form.Get("grant_type") {
	case grantCode:
		needs = "code"
	case grantRefresh:
		needs = "refresh_token"
	case grantCredentials, "":
	default:
		return nil, errorf(unsupportedGrant, "this grant_type is not supported")
	}
	if form.Get(needs) == "" { // what has no value is missing (RFC 6749 §3.2)
		return nil, errorf(invalidRequest, "%s is missing", needs)
	}
	asked0, err := s.engine.NewAccessRequest(ctx, r, newSession(Grant{}))
	if err != nil {
		return nil, err
	}
	req := asked0.(*fosite.AccessRequest)
	c := &req.Client.(*asked).Client
	se := req.Session.(*session)
	switch form.Get("grant_type") {
	case grantCode:
		err = s.stillHolds(ctx, &se.grant, c)
	case grantRefresh:
		err = s.narrowRefresh(ctx, req, c, form.Get("scope"))
	case grantCredentials:
		err = s.grantBackend(req, c)
	}
	if err != nil {
		return nil, err
	}
	res, err := s.engine.NewAccessResponse(ctx, req)
	if errors.Is(err, fosite.ErrInvalidatedAuthorizeCode) {
		return nil, errorf(invalidGrant, "the code was used before")
	}
	if errors.Is(err, fosite.ErrInactiveToken) || errors.Is(err, fosite.ErrNotFound) {
		return nil, errorf(invalidGrant, "the refresh token is not valid any more")
	}
	if err != nil {
		return nil, err
	}
	s.noteToken(ctx, form.Get("grant_type"), &req.Session.(*session).grant, strings.Join(req.GrantedScope, " "), res.GetAccessToken())
	answer := res.ToMap()
	answer["token_type"] = "Bearer"
	answer["expires_in"] = int64(s.life(c, se.grant.Subject == "") / time.Second)
	if se.grant.Subject != "" {
		for name, v := range s.context(&se.grant) {
			answer[name] = v
		}
	}
	return answer, nil
}

// context are the launch parameters of a token answer.
func (s *Server) context(g *Grant) map[string]any {
	l := g.Launch
	if l.Patient != "" && l.NeedPatientBanner == nil { // nobody else shows whose data it is
		yes := true
		l.NeedPatientBanner = &yes
	}
	if l.StyleURL == "" {
		l.StyleURL = s.styleURL()
	}
	return l.Parameters()
}

// stillHolds says whether what a grant rests on is still so: its user, and, for online_access, the login.
func (s *Server) stillHolds(ctx context.Context, g *Grant, c *Client) error {
	if g.Client != c.ID {
		return errorf(invalidGrant, "it was given to another client")
	}
	u, _, ok, err := s.users.find(ctx, g.User)
	if err != nil {
		return err
	}
	if !ok || u.Subject != g.Subject {
		return errorf(invalidGrant, "it is not valid any more")
	}
	if g.Online && !g.Offline {
		if _, _, ok, err = s.logins.get(ctx, g.Login); err != nil {
			return err
		}
		if !ok {
			return errorf(invalidGrant, "it is not valid any more").hint("the user has signed out, and online_access ends with that")
		}
	}
	return nil
}

// narrowRefresh decides the scopes of a refreshed token: those of the grant, as far as the client's registration still
// covers them, or fewer if the client asks for fewer (RFC 6749 §6). The grant keeps all.
func (s *Server) narrowRefresh(ctx context.Context, req *fosite.AccessRequest, c *Client, want string) error {
	se := req.Session.(*session)
	if err := s.stillHolds(ctx, &se.grant, c); err != nil {
		return err
	}
	granted, _ := scope.Parse(se.grant.Scope)
	granted, refused := granted.Available(s.params(), se.grant.Parameters)
	if ceiling, bound := s.ceilingOf(c, &se.grant); bound {
		granted, _ = granted.Narrow(ceiling)
	}
	if want != "" {
		asked, refused := scope.Parse(want)
		narrowed, cut := asked.Narrow(granted)
		if len(refused) > 0 || len(cut) > 0 {
			return errorf(invalidScope, "a refresh cannot ask for what was not granted").hint("not granted: %s", strings.Join(cut, " "))
		}
		granted = narrowed
	}
	req.GrantedScope = scopeWords(granted.Text())
	if len(req.GrantedScope) == 0 {
		e := errorf(invalidScope, "nothing of what was granted is left")
		if len(refused) > 0 {
			e = e.hint("%s", refused.Error())
		}
		return e
	}
	return nil
}

// grantBackend decides the scopes of a backend service: system/ scopes within its registration (SMART App Launch,
// "Backend Services").
func (s *Server) grantBackend(req *fosite.AccessRequest, c *Client) error {
	if len(req.RequestedScope) == 0 {
		return errorf(invalidScope, "scope is missing").hint("as in system/Patient.rs")
	}
	params := s.params()
	granted, _, cut := s.narrow(strings.Join(req.RequestedScope, " "), c, params, scope.System)
	if len(granted.Data()) == 0 {
		return errorf(invalidScope, "none of the scopes can be granted to this client").hint("%s", strings.Join(cut, "; "))
	}
	req.GrantedScope = scopeWords(granted.Text())
	now := s.now()
	req.Session = newSession(Grant{ID: s.id(), Client: c.ID, Scope: granted.Text(), Created: now, Used: now, Ends: now.Add(s.life(c, true)),
		Parameters: params.Record().Generation})
	return nil
}

// narrow cuts a request to what the client may have at those levels; cut says why, for developers. Scopes that open no
// data and belong to people are not for backend services.
func (s *Server) narrow(want string, c *Client, params *parameters.Set, levels ...scope.Level) (granted scope.Set, left []string, cut []string) {
	asked, malformed := scope.Parse(want)
	asked, unavailable := asked.Available(params, params.Record().Generation)
	for _, r := range slices.Concat(malformed, unavailable) {
		cut = append(cut, r.Diagnostics)
	}
	people := slices.Contains(levels, scope.User)
	words := strings.Fields(want)
	keep, ceiling := scope.Of(), c.ceiling()
	for _, d := range asked.Data() {
		switch {
		case !slices.Contains(levels, d.Level):
			cut = append(cut, d.Text()+": not by this grant")
		case s.o.OldScopesOnly && !oldScope(d.Text()):
			cut = append(cut, d.Text()+": this server takes scopes of SMART v1 only")
		default:
			keep = keep.With(d.Text())
		}
	}
	for _, o := range asked.Other() {
		if o == allAuthorities && !s.o.AllAuthorities {
			cut = append(cut, o+": not on this server")
			continue
		}
		if people || !forPeople(o) {
			keep = keep.With(o)
			if word, ok := strings.CutPrefix(o, "launch/"); ok && ceiling.Has("launch/*") && launch.Type(word) != "" {
				ceiling = ceiling.With(o)
			}
		} else {
			cut = append(cut, o+": not for backend services")
		}
	}
	granted, beyond := keep.Narrow(ceiling)
	granted = whole(granted, keep, ceiling)
	for _, b := range beyond {
		cut = append(cut, b+": beyond the client's registration")
	}
	for _, word := range words {
		if !slices.Contains(strings.Fields(granted.Text()), word) {
			left = append(left, word)
		}
	}
	return granted, left, cut
}

// whole leaves out scopes whose constraint neither the request nor the registration has, but both together: what is
// laboratory and vital-signs at once is nothing that anybody has asked for.
func whole(granted scope.Set, of ...scope.Set) scope.Set {
	known := map[string]bool{"": true}
	for _, set := range of {
		for _, d := range set.Data() {
			known[constraintOf(d)] = true
		}
	}
	var out scope.Set
	for _, d := range granted.Data() {
		if known[constraintOf(d)] {
			out = out.With(d.Text())
		}
	}
	for _, o := range granted.Other() {
		out = out.With(o)
	}
	return out
}

func constraintOf(d scope.Scope) string {
	_, c, _ := strings.Cut(d.String(), "?")
	return c
}

// oldScope says whether a data scope is written as SMART v1 has it.
func oldScope(text string) bool {
	_, action, _ := strings.Cut(text, ".")
	return action == "read" || action == "write" || action == "*"
}

// forPeople says whether a scope means something only where a person has signed in.
func forPeople(other string) bool {
	switch other {
	case "openid", "fhirUser", "profile", "launch", "online_access", "offline_access":
		return true
	}
	return strings.HasPrefix(other, "launch/")
}
