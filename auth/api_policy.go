package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/firewarden/firewarden/auth/scope"
)

// toldPolicy is a policy for administrators.
type toldPolicy struct {
	Name string `json:"name"`
	Policy
	BuiltIn bool `json:"builtIn,omitempty"`
}

func (s *Server) apiPolicies(ctx context.Context, _ *http.Request) (int, any, error) {
	var list []toldPolicy
	for _, name := range slices.Sorted(maps.Keys(builtIn)) {
		list = append(list, toldPolicy{Name: name, BuiltIn: true})
	}
	err := s.policies.each(ctx, "", func(name string, p Policy) bool {
		list = append(list, toldPolicy{Name: name, Policy: p})
		return true
	})
	return http.StatusOK, list, err
}

func (s *Server) apiPolicy(ctx context.Context, r *http.Request) (int, any, error) {
	name := r.PathValue("name")
	if _, ok := builtIn[name]; ok {
		return http.StatusOK, toldPolicy{Name: name, BuiltIn: true}, nil
	}
	p, _, ok, err := s.policies.get(ctx, name)
	if err != nil || !ok {
		return 0, nil, errors.Join(err, ErrAbsent)
	}
	return http.StatusOK, toldPolicy{Name: name, Policy: p}, nil
}

func (s *Server) apiPutPolicy(ctx context.Context, r *http.Request) (int, any, error) {
	var p Policy
	if err := body(r, &p); err != nil {
		return 0, nil, err
	}
	if role, err := scope.ParseRole(p.Patients, p.Letters); err == nil {
		params := s.params()
		if err := role.Since(params.Record().Generation).Fault(params); err != nil {
			return 0, nil, fmt.Errorf("policy %s: %w", r.PathValue("name"), err)
		}
	}
	if err := s.PutPolicy(ctx, r.PathValue("name"), p); err != nil {
		return 0, nil, err
	}
	return s.apiPolicy(ctx, r)
}

func (s *Server) apiRemovePolicy(ctx context.Context, r *http.Request) (int, any, error) {
	return 0, nil, s.RemovePolicy(ctx, r.PathValue("name"))
}
