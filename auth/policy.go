package auth

import (
	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/internal/fhir"
)

// builtIn are the policies that every server has, by name.
var builtIn = scope.BuiltIn()

// role is the policy of that name.
func (s *Server) role(name string) (scope.Role, bool) {
	if r, ok := builtIn[name]; ok {
		return r, true
	}
	r, ok := s.o.Policies[name]
	return r, ok
}

// bound is what the user's policy opens. Its rules are answered with each request.
func (s *Server) bound(u *User) scope.Bound {
	typ, id := u.person()
	role, _ := s.role(u.Policy) // of a policy that is gone nothing is open
	b, err := role.For(fhir.Reference{Type: typ, ID: id})
	if err != nil {
		s.o.Logger.Warn("a user's policy opens nothing", "user", u.Name, "policy", u.Policy, "reason", err.Error())
	}
	return b
}
