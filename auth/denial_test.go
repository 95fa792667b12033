package auth_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/internal/program"
)

// Why a token opens nothing is told to nobody but the log, with the request and, where it is known, the client and the user.
func TestDenialsAreLogged(t *testing.T) {
	var log program.Output
	w := open(t, func(o *auth.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	says := func(pattern string) { t.Helper(); log.Await(t, pattern) } // a line is written after the answer
	reads := func(token string, status int) {
		t.Helper()
		if got := w.reads(token, "Patient/a"); got != status {
			t.Errorf("%d, want %d", got, status)
		}
	}

	reads("nonsense", 401)
	says(`status=401 .*request=\w+ error=login client="" user="" reason=".*the access token is not valid: neither this server nor an issuer that it trusts has given it"`)

	token := w.mint("user/Observation.rs", "practitioner", "")
	reads(token, 403)
	says(`level=INFO .*status=403 .*client=sandbox-public user=practitioner reason="forbidden: the access has no scope for Patient.r"`)

	w.expect(w.call(adminKey, "PUT", "/api/policies/ward", `{"patients":"all"}`), 200, 204)
	w.expect(w.call(adminKey, "POST", "/api/users", `{"name":"nurse","fhirUser":"Practitioner/p","policy":"ward","password":"correct horse battery"}`), 200, 201, 204)
	token = w.mint("user/Patient.rs", "nurse", "")
	reads(token, 200)
	w.expect(w.call(adminKey, "DELETE", "/api/policies/ward", ""), 204)
	reads(token, 403)
	says(`level=WARN .*status=403 .*client=sandbox-public user=nurse reason=.* unavailable="the policy opens nothing: there is no policy \\\"ward\\\""`)

	w.expect(w.call(adminKey, "DELETE", "/api/users/nurse", ""), 204)
	reads(token, 401)
	says(`status=401 .*its (user is gone|grant has ended or was revoked)`)

	token = w.mint("user/Patient.rs", "practitioner", "")
	w.wait(2 * time.Hour)
	reads(token, 401)
	says(`status=401 .*it has expired`)
}
