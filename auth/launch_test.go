package auth_test

import (
	"slices"
	"testing"
)

func TestS1_01_StandaloneLaunch(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	// A practitioner chooses from all, a patient is the one.
	for _, user := range []string{"practitioner", "patient"} {
		answer := a.run(user, "launch/patient openid fhirUser patient/*.rs")
		if answer["patient"] != "a" || answer["token_type"] != "Bearer" || answer["scope"] == nil || answer["expires_in"] != 3600.0 {
			t.Errorf("%s: %v", user, answer)
		}
		token := str(answer, "access_token")
		if got := w.finds(token, "Observation"); len(got) != 3 || slices.ContainsFunc(got, func(id string) bool { return id[0] != 'a' }) {
			t.Errorf("%s finds %v", user, got)
		}
		if status := w.reads(token, "Patient/b"); status != 404 {
			t.Errorf("%s reads Patient/b: %d", user, status)
		}
	}
}
