package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/store"
)

// Policy is what users may see, as administrators write it and scope.ParseRole reads it: all, none, or a search for
// Patients in which {user} is the user's own resource; letters are those of a scope, "" is all.
type Policy struct {
	Patients string `json:"patients"`
	Letters  string `json:"letters,omitempty"`
	// Params is the generation of the server's own search parameters with which it was written: by one that has been
	// changed since it opens nothing. PutPolicy sets it.
	Params uint64 `json:"params,omitempty"`
}

// builtIn are the policies that every server has, by name.
var builtIn = scope.BuiltIn()

// policies are those that administrators have written. A change of one counts with the next request.
type policies struct {
	table[Policy]

	mu   sync.Mutex
	read map[string]readPolicy // as they were read last, by name
}

type readPolicy struct {
	version uint64
	role    scope.Role
	err     error // it cannot be evaluated
}

// find gives the policy of that name, built in or written, with the version of its record; ok is false if there is
// none. One that cannot be evaluated, as a record of another version of this program may be, has an err of its own.
func (t *policies) find(ctx context.Context, name string) (p readPolicy, ok bool, err error) {
	if role, ok := builtIn[name]; ok {
		return readPolicy{role: role}, true, nil
	}
	if name == "" {
		return p, false, nil
	}
	written, version, ok, err := t.get(ctx, name)
	if err != nil || !ok {
		return p, false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if p, ok = t.read[name]; !ok || p.version != version {
		p.version = version
		p.role, p.err = scope.ParseRole(written.Patients, written.Letters)
		p.role = p.role.Since(written.Params)
		if t.read == nil {
			t.read = map[string]readPolicy{}
		}
		t.read[name] = p
	}
	return p, true, nil
}

// PutPolicy writes a policy, for all who have it. One that is malformed is refused; one by a search parameter that the
// server does not have, or is indexing, opens nothing until it has.
func (s *Server) PutPolicy(ctx context.Context, name string, p Policy) error {
	if _, taken := builtIn[name]; taken {
		return fmt.Errorf("policy %s: it is built in, choose another name", name)
	}
	if name == "" || len(name) > 100 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }) {
		return fmt.Errorf("%q is no name of a policy", name)
	}
	role, err := scope.ParseRole(p.Patients, p.Letters)
	if err != nil {
		return fmt.Errorf("policy %s: %w", name, err)
	}
	params := s.params()
	p.Params = params.Record().Generation
	if err := role.Since(p.Params).Fault(params); err != nil { // it may be there later
		s.o.Logger.Warn("a policy opens nothing", "policy", name, "reason", err.Error())
	}
	if old, _, ok, err := s.policies.get(ctx, name); err != nil || ok && s.policies.same(old, p) {
		return err
	}
	if _, err = s.policies.put(ctx, name, p, store.AnyVersion, time.Time{}); err == nil {
		noteChange(ctx, "PUT /api/policies/"+url.PathEscape(name), "", "patients", p.Patients, "letters", p.Letters)
	}
	return err
}

// RemovePolicy removes a policy. Who has it sees nothing from then on.
func (s *Server) RemovePolicy(ctx context.Context, name string) error {
	if _, _, ok, err := s.policies.get(ctx, name); err != nil || !ok {
		return errors.Join(err, fmt.Errorf("policy %s: %w", name, ErrAbsent))
	}
	return s.policies.remove(ctx, name, store.AnyVersion)
}

// bound is what a policy opens to who is that resource, and the version of the policy's record. Of a policy that is not
// there nothing is open, of one that cannot be evaluated neither. Its rules are answered with each request.
func (s *Server) bound(ctx context.Context, policy string, who fhir.Reference) (scope.Bound, uint64, error) {
	p, there, err := s.policies.find(ctx, policy)
	if err != nil {
		return nil, 0, fmt.Errorf("find a policy: %w", err)
	}
	switch b, why := p.role.For(who); {
	case !there:
		return scope.Unavailable{Why: fmt.Errorf("there is no policy %q", policy)}, 0, nil
	case p.err != nil:
		return scope.Unavailable{Why: fmt.Errorf("policy %s: %w", policy, p.err)}, p.version, nil
	case why != nil:
		return scope.Unavailable{Why: fmt.Errorf("policy %s of a %s: %w", policy, cmp.Or(who.Type, "user who is no resource"), why)}, p.version, nil
	default:
		return b, p.version, nil
	}
}

// pickable is what the user may choose from: all that the user may see.
func (s *Server) pickable(ctx context.Context, u *User) (search.Access, error) {
	b, _, err := s.bound(ctx, u.Policy, u.reference())
	if err != nil {
		return nil, err
	}
	set, _ := scope.Parse("user/*.rs")
	return set.Access(scope.Context{User: b, Params: s.params()}), nil
}
