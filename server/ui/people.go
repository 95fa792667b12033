package ui

import (
	"net/url"
	"strings"

	"github.com/firewarden/firewarden/auth"
)

// Login.
type login struct {
	auth.LoginPage
	Faults []fault
	Fields []field
}

func loginView(page auth.LoginPage) login {
	about := ""
	if page.Error != "" {
		about = "faults"
	}
	return login{page, one(page.Error), []field{
		{Name: "name", Label: "User name", Value: page.Name, Complete: "username", Required: true, Code: true, Also: about},
		{Name: "password", Label: "Password", Type: "password", Complete: "current-password", Required: true, Also: about},
	}}
}

// The set-up of the first administrator.
type setup struct {
	auth.SetupPage
	Faults []fault
	Fields []field
}

func setupView(page auth.SetupPage) setup {
	v, e := page.Values, page.Errors
	return setup{page, faults(e, "name", "display", "password", "again"), []field{
		{Name: "name", Label: "User name", Value: v["name"], Error: e["name"], Complete: "username", Required: true, Code: true,
			Hint: "What you type to sign in."},
		{Name: "display", Label: "Your name", Value: v["display"], Error: e["display"], Complete: "name", Hint: "What others see."},
		{Name: "password", Label: "Password", Type: "password", Error: e["password"], Complete: "new-password", Required: true,
			Hint: "A few words that belong together only for you make a good one."},
		{Name: "again", Label: "Password again", Type: "password", Error: e["again"], Complete: "new-password", Required: true},
	}}
}

// App registration.
type register struct {
	auth.RegisterPage
	Faults []fault
	Kind   radios
	Proof  radios
	Fields []field
}

func registerView(page auth.RegisterPage) register {
	v, e := page.Values, page.Errors
	r := register{RegisterPage: page}
	r.Kind = choose(v, e, radios{Name: "grant_types", Label: "What kind of app is it?", Options: []option{
		{Value: "authorization_code", Text: "An app that people use", Hint: "They sign in, choose a patient and allow what it may do."},
		{Value: "client_credentials", Text: "A backend service", Hint: "It runs without people, under system/ scopes, and signs with a key."},
	}})
	r.Proof = choose(v, e, radios{Name: "token_endpoint_auth_method", Label: "How does it prove who it is?", Options: []option{
		{Value: "none", Text: "Not at all (public)", Hint: "A browser or a phone cannot keep a secret: PKCE protects it."},
		{Value: "client_secret_basic", Text: "By a secret (confidential)", Hint: "A web server keeps it. You are shown it once."},
		{Value: "private_key_jwt", Text: "By a key (confidential)", Hint: "The app signs with RS384 or ES384; this server knows its public keys."},
	}})
	text := func(name, label, hint string) field {
		return field{Name: name, Label: label, Hint: hint, Value: v[name], Error: e[name]}
	}
	line := func(name, label, hint string) field {
		f := text(name, label, hint)
		f.Type, f.Code = "url", true
		return f
	}
	area := func(name, label, hint string, rows int) field {
		f := text(name, label, hint)
		f.Rows, f.Code = rows, true
		return f
	}
	name := text("client_name", "Name", "What people read when they are asked to allow it.")
	name.Required = true
	r.Fields = []field{
		name,
		area("redirect_uris", "Redirect URIs", "One a line, compared letter by letter: https, or http on this machine. A backend service has none.", 3),
		line("launch_uri", "Launch URL", "Where an EHR opens the app; it gets iss and launch. Leave it empty if the app starts by itself only."),
		area("scope", "Scopes", "The most that it will ever get, divided by blanks: launch/patient patient/Observation.rs openid fhirUser", 3),
		line("logo_uri", "Logo", "A picture, as a URL."),
		area("allowed_origins", "Origins", "From which its pages call this server, one a line, as https://app.example.org. Those of its redirect URIs are known.", 2),
		line("jwks_uri", "Address of its keys (JWKS URL)", "For an app that proves itself by a key: either this or the keys themselves."),
		area("jwks", "Its keys (JWKS)", `As JSON: {"keys": […]}. Public keys only.`, 4),
	}
	r.Faults = faults(e, "grant_types", "token_endpoint_auth_method", "client_name", "redirect_uris", "launch_uri", "scope",
		"logo_uri", "allowed_origins", "jwks_uri", "jwks")
	for i, f := range r.Faults {
		if f.Field == r.Kind.Name || f.Field == r.Proof.Name {
			r.Faults[i].Field += "-1" // the first of the radios
		}
	}
	return r
}

// choose ticks the value; the first one if there is none.
func choose(values, errors map[string]string, r radios) radios {
	r.Error = errors[r.Name]
	ticked := 0
	for i, o := range r.Options {
		if o.Value == values[r.Name] {
			ticked = i
		}
	}
	r.Options[ticked].Checked = true
	return r
}

// A new client, with what to paste.
type registered struct {
	auth.RegisteredPage
	Monogram string
	Snippets []snippet
}

type snippet struct{ Name, Text string }

func registeredView(page auth.RegisteredPage) registered {
	r := registered{RegisteredPage: page, Monogram: monogram(page.Client)}
	if page.Discover == "" {
		return r
	}
	base := strings.TrimSuffix(page.Discover, "/.well-known/smart-configuration")
	r.Snippets = []snippet{
		{"curl", "curl " + page.Discover},
		{"JavaScript, with the SMART client library", "FHIR.oauth2.authorize({\n  iss: " + quote(base) + ",\n  clientId: " + quote(page.Client.ID) +
			",\n  scope: \"launch/patient patient/Observation.rs openid fhirUser\",\n  redirectUri: \"./\"\n})"},
	}
	if page.Secret != "" {
		r.Snippets = append(r.Snippets, snippet{"curl, as a backend that has a code",
			"curl -u " + shell(url.QueryEscape(page.Client.ID)+":SECRET") + " -d grant_type=authorization_code -d code=… -d redirect_uri=… -d code_verifier=… TOKEN_ENDPOINT"})
	}
	return r
}

// quote is a string of JavaScript.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// shell is a word of a shell.
func shell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
