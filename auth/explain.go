package auth

import (
	"context"
	"net/http"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search"
)

// Explanation says what an access token may see.
type Explanation struct {
	Active  bool              `json:"active"`
	Issuer  string            `json:"issuer,omitempty"` // of a token that is not ours
	Client  string            `json:"client,omitempty"`
	User    string            `json:"user,omitempty"`
	Patient string            `json:"patient,omitempty"`
	Expires int64             `json:"expires,omitempty"`
	Scopes  []ScopeText       `json:"scopes,omitempty"`
	Types   []TypeExplanation `json:"types,omitempty"` // those of which anything is granted
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
	caller, err := s.Bearer(ctx, token)
	if err == ErrToken {
		return Explanation{}, nil
	}
	if err != nil {
		return Explanation{}, err
	}
	e := Explanation{Active: true, Issuer: caller.Issuer, Client: caller.Client, User: caller.User, Patient: caller.Launch.Patient, Expires: caller.Expires}
	for _, word := range scopeWords(caller.Scopes.Text()) {
		e.Scopes = append(e.Scopes, ScopeText{word, s.describe("en", word)})
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
