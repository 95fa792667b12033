package main

import (
	"encoding/json"
	"testing"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/internal/config"
	"github.com/firewarden/firewarden/internal/fhir"
)

func TestDeclaredPolicies(t *testing.T) {
	path := file(t, "firewarden.yaml", "policies:\n  mine:\n    patients: Patient?general-practitioner={user}\n    letters: rs\n")
	c, err := config.Load(config.Input{File: path})
	if err != nil {
		t.Fatal(err)
	}
	roles, err := declaredPolicies(c.Policies)
	if err != nil {
		t.Fatal(err)
	}
	b, err := roles["mine"].For(fhir.Reference{Type: "Practitioner", ID: "1"})
	p, ok := b.(scope.Policy)
	rule, isRule := p.Patients.(scope.Rule)
	if err != nil || !ok || !isRule || rule.Query.Where.String() != "general-practitioner=Practitioner/1" || p.Letters.String() != "rs" {
		t.Errorf("%v %v", b, err)
	}
	for _, bad := range []string{`{"all":{"patients":"all"}}`, `{"x":{"patients":"some"}}`, `{"x":{"patient":"all"}}`, `{"x":{"patients":"all","letters":"sr"}}`, `[]`} {
		if _, err := declaredPolicies(json.RawMessage(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
