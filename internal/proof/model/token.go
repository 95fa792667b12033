package model

import (
	"net/url"
	"strings"
)

// Token is what a request brings: scopes, and the context in which they were granted.
type Token struct {
	Scopes  []Scope
	Patient string `json:",omitempty"` // id of the Patient in context
	// Policy bounds what a user may do: all, readonly, self, related, care-team, or doctor, whose Patients name the user as
	// their general practitioner. "" is: there is no user.
	Policy string `json:",omitempty"`
	User   string `json:",omitempty"` // the user's own resource
}

// Scope is one data scope.
type Scope struct {
	Level   string // patient, user, system
	Type    string // or *
	Letters string // of cruds; read, write or * of version 1
	Where   string `json:",omitempty"` // parameters, as in a URL
}

func (s Scope) String() string {
	text := s.Level + "/" + s.Type + "." + s.Letters
	if s.Where != "" {
		text += "?" + s.Where
	}
	return text
}

// String are the scopes as a client asks for them.
func (t Token) String() string {
	var list []string
	for _, s := range t.Scopes {
		list = append(list, s.String())
	}
	return strings.Join(list, " ")
}

// names says whether the scope is one for the letter on the type.
func (s Scope) names(letter byte, typ string) bool {
	letters := map[string]string{"read": "rs", "write": "cud", "*": "cruds"}[s.Letters]
	if letters == "" {
		letters = s.Letters
	}
	return (s.Type == "*" || s.Type == typ) && strings.IndexByte(letters, letter) >= 0
}

// Pairs are the parameters of a query.
func Pairs(query string) (out [][2]string) {
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		out = append(out, [2]string{name, value})
	}
	return out
}
