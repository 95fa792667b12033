package auth

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/auth/launch"
	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search"
)

// Explanation says what an access token may see.
type Explanation struct {
	Active   bool              `json:"active"`
	Claims   any               `json:"claims,omitempty"` // of a token of ours
	Issuer   string            `json:"issuer,omitempty"` // of a token that is not ours
	Client   string            `json:"client,omitempty"`
	User     string            `json:"user,omitempty"`
	FHIRUser string            `json:"fhirUser,omitempty"`
	Policy   string            `json:"policy,omitempty"` // the user's
	Patient  string            `json:"patient,omitempty"`
	Launch   *launch.Context   `json:"launch,omitempty"` // all that the app was launched with
	Expires  int64             `json:"expires,omitempty"`
	Scopes   []ScopeText       `json:"scopes,omitempty"`
	Cut      []string          `json:"cut,omitempty"`    // scopes of the token that its client is not registered for any more
	Faults   []string          `json:"faults,omitempty"` // what of it opens nothing now, and why
	Types    []TypeExplanation `json:"types,omitempty"`  // those of which anything is granted
	Nothing  []string          `json:"nothing,omitempty"`
}

// ScopeText is a scope with its words.
type ScopeText struct {
	Scope string `json:"scope"`
	Text  string `json:"text"`
}

// TypeExplanation is what a token opens of a type, a set for each letter that is granted.
type TypeExplanation struct {
	Type string            `json:"type"`
	Sets map[string]string `json:"sets"` // by letter: (and in:Patient/1 category=laboratory)
}

// Explain says what an access token may see.
func (s *Server) Explain(ctx context.Context, token string) (Explanation, error) {
	b, caller, err := s.bearerOf(ctx, token)
	if errors.Is(err, ErrToken) {
		return Explanation{}, nil
	}
	if err != nil {
		return Explanation{}, err
	}
	e := Explanation{Active: true, Issuer: caller.Issuer, Client: caller.Client, User: caller.User, Patient: caller.Launch.Patient, Expires: caller.Expires, Launch: &caller.Launch}
	if b.outside == nil {
		e.Claims = b.claims
	}
	if caller.User != "" {
		u, _, _, err := s.users.find(ctx, caller.User)
		if err != nil {
			return Explanation{}, err
		}
		e.FHIRUser, e.Policy = u.FHIRUser, u.Policy
	}
	words := scopeWords(caller.Scopes.Text())
	for _, word := range words {
		e.Scopes = append(e.Scopes, ScopeText{word, s.describe("en", word)})
	}
	for _, word := range scopeWords(b.claims.Scope) {
		if !slices.Contains(words, word) {
			e.Cut = append(e.Cut, word)
		}
	}
	if a, ok := caller.Access.(*scope.Access); ok {
		for _, fault := range a.Faults() {
			e.Faults = append(e.Faults, fault.Error())
		}
	}
	for _, typ := range r4.Resources() {
		t := TypeExplanation{typ, map[string]string{}}
		for i := search.Create; i <= search.Search; i++ {
			if x := caller.Access.Allowed(i, typ); x != search.None && r4.Searchable(typ) {
				t.Sets["cruds"[i:i+1]] = search.Simplify(x).String()
			}
		}
		if len(t.Sets) > 0 {
			e.Types = append(e.Types, t)
		} else if r4.Searchable(typ) {
			e.Nothing = append(e.Nothing, typ)
		}
	}
	return e, nil
}

func (s *Server) apiExplain(ctx context.Context, r *http.Request) (int, any, error) {
	var in struct {
		Token string `json:"token"`
	}
	if err := body(r, &in); err != nil {
		return 0, nil, err
	}
	e, err := s.Explain(ctx, strings.TrimSpace(in.Token))
	return http.StatusOK, e, err
}

// Whose names the access that an administrator asks about: of a token, of a grant by its id or by the jti of a token of
// it, or of a token that Mint would make.
type Whose struct {
	Token string `json:"token"`
	Grant string `json:"grant"`
	Mint
}

// errWhose is a question about nobody's access.
var errWhose = errorf(invalidRequest, "whose access? name a token, a grant, or a client with scopes")

// CallerOf finds on whose behalf a request would come, as Bearer does, without one. ErrToken and ErrAbsent are those that
// are not there any more.
func (s *Server) CallerOf(ctx context.Context, w Whose) (*Caller, error) {
	var g Grant
	switch {
	case w.Token != "":
		return s.Bearer(ctx, w.Token)
	case w.Grant != "":
		id, _, _ := strings.Cut(w.Grant, ".")
		var ok bool
		var err error
		if g, _, ok, err = s.grants.live(ctx, id); err != nil || !ok {
			return nil, cmp.Or(err, ErrAbsent)
		}
	case w.Client != "" || w.Scope != "":
		var err error
		if g, err = s.mintable(ctx, w.Mint); err != nil {
			return nil, err
		}
	default:
		return nil, errWhose
	}
	out := &compiled{params: s.params()}
	if err := s.compose(ctx, out, &g, g.Scope, g.Ends.Unix()); err != nil {
		if errors.Is(err, ErrToken) {
			err = ErrAbsent // its client or its user
		}
		return nil, err
	}
	return &out.caller, nil
}
