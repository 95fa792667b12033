package auth

import (
	"context"
	"fmt"
	"slices"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// policy is what users may see, below whatever is granted (access.md §2).
type policy struct {
	patients patients
	letters  scope.Letters
}

// patients is a rule that yields the patients of a panel.
type patients uint8

const (
	noPatients      patients = iota
	allPatients              // every patient, and what belongs to none
	ownPatient               // the user who is a Patient
	relatedPatients          // those that the user is a RelatedPerson of
)

// policies are the built-in ones, by name.
var policies = map[string]policy{
	"all":      {allPatients, scope.All},
	"readonly": {allPatients, reads},
	"self":     {ownPatient, scope.All},
	"related":  {relatedPatients, scope.All},
	// Care teams need panels that are searches; until those are there, the policy opens nothing.
	"care-team": {noPatients, scope.All},
}

const reads = scope.Letters(1<<search.Read | 1<<search.Search)

// panel is what the user's policy opens now: rules that read data are read again for every request.
func (s *Server) panel(ctx context.Context, u *User) (*scope.Policy, error) {
	p := policies[u.Policy]
	out := &scope.Policy{All: p.patients == allPatients, Letters: p.letters}
	var err error
	switch p.patients {
	case ownPatient, relatedPatients:
		out.Patients, err = s.patientsOf(ctx, u, p.patients == relatedPatients)
	}
	if err != nil {
		return nil, fmt.Errorf("evaluate policy %s: %w", u.Policy, err)
	}
	return out, nil
}

// patientsOf are the patients that the person is, or is related to.
func (s *Server) patientsOf(ctx context.Context, u *User, related bool) (ids []string, err error) {
	add := func(n *fhir.Node) {
		ref := fhir.ParseReference(n.Str("reference"), s.fhir)
		if ref.Local() && ref.Type == "Patient" && !slices.Contains(ids, ref.ID) {
			ids = append(ids, ref.ID)
		}
	}
	typ, id := u.person()
	switch {
	case typ == "Patient" && !related:
		return []string{id}, nil
	case typ == "RelatedPerson" && related, typ == "Person":
		res, ok, err := s.chart.read(ctx, directory, typ, id)
		if err != nil || !ok {
			return nil, err
		}
		if typ == "RelatedPerson" {
			if a := res.Root.Get("active"); a == nil || a.Text != "false" {
				add(res.Root.Get("patient"))
			}
			return ids, nil
		}
		res.Root.Get("link").Each(func(l *fhir.Node) { add(l.Get("target")) })
	}
	return ids, nil
}

// ownAccess is the authority under which policies read the resource that a user is: those types, and nothing else.
type ownAccess struct{}

var directory search.Access = ownAccess{}

// Allowed implements search.Access.
func (ownAccess) Allowed(i search.Interaction, typ string) search.Expr {
	switch typ {
	case "Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Person":
		if i == search.Read {
			return search.All
		}
	}
	return search.None
}
