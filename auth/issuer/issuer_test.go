package issuer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/auth/keys"
)

// open makes an issuer of a server that answers as h does; change may alter its configuration.
func open(t *testing.T, h http.HandlerFunc, change func(*Config)) (*Issuer, *time.Time) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	now := time.Now()
	c := Config{Issuer: srv.URL, Tokens: &Tokens{Validate: ByIntrospection, ClientID: "us", Secret: "s", Scope: "patient/*.rs"}}
	if change != nil {
		change(&c)
	}
	i, err := New(c, Options{FHIR: "https://fhir.example/fhir", Reach: keys.Loopback, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return i, &now
}

func TestIdentity(t *testing.T) {
	i, _ := open(t, http.NotFound, func(c *Config) {
		c.Bases = []string{"https://ehr.example/r4"}
		c.Claims = Claims{Roles: Names{"realm_access.roles", "roles"}, Patient: Names{"launch.patient", "patient"}}
	})
	for text, want := range map[string]string{
		`{"scope":"patient/*.rs openid","fhirUser":"Practitioner/1","client_id":"a"}`:                               "patient/*.rs openid||Practitioner/1||a",
		`{"scp":["patient.all.read","user.Observation.rs","system.all.all"],"azp":"b"}`:                             "patient/*.read user/Observation.rs system/*.*||||b",
		`{"scp":"patient.read Files.Read.All"}`:                                                                     "patient.read Files.Read.All||||",
		`{"patient":"https://fhir.example/fhir/Patient/7","extension_fhirUser":"https://ehr.example/r4/Patient/7"}`: "|7|Patient/7||",
		`{"patient":"https://other.example/fhir/Patient/7","fhirUser":"https://other.example/r4/Patient/7"}`:        "||||",
		`{"patient":"Practitioner/7","fhirUser":"7"}`:                                                               "||||",
		`{"patient":7,"fhirUser":["x"],"scope":{"a":1},"roles":3}`:                                                  "||||",
		`{"launch":{"patient":"9"},"patient":"7","realm_access":{"roles":["x","y",3]}}`:                             "|9||x y|",
		`{"realm_access":"x","roles":"z"}`:                                                                          "|||z|",
		`{"realm_access.roles":["whole"],"realm_access":{"roles":["part"]}}`:                                        "|||whole|",
	} {
		claims, err := object([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		id := i.identity(claims)
		if got := strings.Join([]string{id.Scope, id.Patient, id.FHIRUser.String(), strings.Join(id.Roles, " "), id.Client}, "|"); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestIntrospection(t *testing.T) {
	var answer string
	asked := 0
	i, now := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/.well-known/openid-configuration" {
			fmt.Fprintf(w, `{"issuer":"http://%[1]s","introspection_endpoint":"http://%[1]s/introspect"}`, r.Host)
			return
		}
		asked++
		if id, secret, _ := r.BasicAuth(); id != "us" || secret != "s" || r.FormValue("token") != "t" {
			t.Errorf("asked by %s:%s about %s", id, secret, r.FormValue("token"))
		}
		fmt.Fprint(w, answer)
	}, nil)
	for _, tt := range []struct {
		answer string
		good   bool
	}{
		{`{"active":true,"scope":"patient/*.rs","aud":"https://fhir.example/fhir"}`, true},
		{`{"active":true,"scope":"patient/*.rs","aud":["x","https://fhir.example/fhir"],"iss":"` + i.Config.Issuer + `"}`, true},
		{`{"active":true,"scope":"patient/*.rs","aud":"https://fhir.example/fhir","exp":` + fmt.Sprint(now.Unix()-1) + `}`, false},
		{`{"active":true,"scope":"patient/*.rs","aud":"https://fhir.example/fhir","iss":"https://other.example"}`, false},
		{`{"active":true,"scope":"patient/*.rs","aud":"https://fhir.example/fhir","token_type":"mac"}`, false},
		{`{"active":true,"scope":"patient/*.rs","aud":"other"}`, false},
		{`{"active":true,"scope":"patient/*.rs"}`, false},
		{`{"active":true,"aud":"https://fhir.example/fhir"}`, false},
		{`{"active":"true","scope":"patient/*.rs","aud":"https://fhir.example/fhir"}`, false},
		{`{"active":false,"scope":"patient/*.rs","aud":"https://fhir.example/fhir"}`, false},
		{`{}`, false},
	} {
		answer = tt.answer
		id, until, err := i.Token(context.Background(), "t")
		if (err == nil) != tt.good || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", tt.answer, err)
		}
		if err == nil && (id.Scope != "patient/*.rs" || until.Sub(*now) != 5*time.Second || !id.Expires.After(until)) {
			t.Errorf("%s: %+v until %s", tt.answer, id, until)
		}
	}
	for _, broken := range []string{"", "[]", strings.Repeat(" ", 1<<20) + "{}"} {
		answer = broken
		if _, _, err := i.Token(context.Background(), "t"); err == nil || errors.Is(err, ErrInvalid) {
			t.Errorf("an answer of %d bytes: %v", len(broken), err)
		}
	}
	if asked != 14 {
		t.Errorf("asked %d times", asked)
	}
}

// What an issuer's document says is believed only if it is that issuer's; what is posted goes nowhere else.
func TestDiscovery(t *testing.T) {
	document := `{"issuer":"https://other.example","introspection_endpoint":"https://other.example/introspect"}`
	i, now := open(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "http://"+r.Host+"/elsewhere", http.StatusTemporaryRedirect)
		case "/elsewhere":
			t.Error("a token went elsewhere")
		default:
			fmt.Fprint(w, strings.ReplaceAll(document, "HOST", "http://"+r.Host))
		}
	}, nil)
	ask := func() error {
		_, _, err := i.Token(context.Background(), "t")
		return err
	}
	if err := ask(); err == nil || !strings.Contains(err.Error(), "another issuer") {
		t.Errorf("a document of another issuer: %v", err)
	}
	document = `{"issuer":"HOST"}`
	*now = now.Add(impatience)
	if err := ask(); !errors.Is(err, errSilent) {
		t.Errorf("no endpoint: %v", err)
	}
	for at, want := range map[string]string{"http://10.0.0.1/introspect": "https only", "https://10.0.0.1/introspect": "not a public one", "HOST/moved": "not sent on"} {
		document = `{"issuer":"HOST","introspection_endpoint":"` + at + `"}`
		*now = now.Add(fresh)
		if err := ask(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", at, err)
		}
	}
}

func TestTakes(t *testing.T) {
	jwt := func(iss string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+iss+`"}`)) + ".x"
	}
	asks, _ := open(t, http.NotFound, nil)
	reads, _ := open(t, http.NotFound, func(c *Config) { c.Tokens = &Tokens{Validate: ByKeys, Scope: "patient/*.rs"} })
	login, _ := open(t, http.NotFound, func(c *Config) { c.ID, c.Tokens, c.Login = "a", nil, &Login{ClientID: "x"} })
	for _, tt := range []struct {
		token string
		of    *Issuer
		want  bool
	}{
		{"opaque", asks, true}, {"opaque", reads, false}, {"opaque", login, false},
		{jwt(asks.Config.Issuer), asks, true}, {jwt(reads.Config.Issuer), reads, true}, {jwt(login.Config.Issuer), login, false},
		{jwt("https://other.example"), asks, false}, {jwt("https://other.example"), reads, false},
		{strings.Repeat("x", 20<<10), asks, false},
	} {
		if got := tt.of.Takes(tt.token); got != tt.want {
			t.Errorf("%.40s: %v", tt.token, got)
		}
	}
}
