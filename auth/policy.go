package auth

import (
	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/internal/fhir"
)

// policies are the built-in ones, by name.
var policies = scope.BuiltIn()

// bound is what the user's policy opens. Its rules are answered with each request.
func (s *Server) bound(u *User) scope.Bound {
	typ, id := u.person()
	b, err := policies[u.Policy].For(fhir.Reference{Type: typ, ID: id})
	if err != nil {
		s.o.Logger.Warn("a user's policy opens nothing", "user", u.Name, "policy", u.Policy, "reason", err.Error())
	}
	return b
}
