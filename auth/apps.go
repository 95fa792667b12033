package auth

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// presets fill the page on which apps are registered, by the name in its address.
var presets = []struct {
	key, name string
	values    map[string]string
}{
	{"inferno", "Inferno SMART STU2.2", map[string]string{"client_name": "Inferno", "token_endpoint_auth_method": authNone, "grant_types": grantCode,
		"launch_uri":    "https://inferno.healthit.gov/suites/custom/smart_stu2_2/launch",
		"redirect_uris": "https://inferno.healthit.gov/suites/custom/smart_stu2_2/redirect",
		"scope":         "launch launch/patient launch/encounter openid fhirUser offline_access online_access patient/*.cruds user/*.cruds"}},
	{"localhost", "JavaScript app on localhost:3000", map[string]string{"client_name": "My app", "token_endpoint_auth_method": authNone, "grant_types": grantCode,
		"launch_uri": "http://localhost:3000/launch", "redirect_uris": "http://localhost:3000/", "allowed_origins": "http://localhost:3000",
		"scope": "launch launch/patient openid fhirUser online_access patient/*.rs"}},
	{"postman", "Postman", map[string]string{"client_name": "Postman", "token_endpoint_auth_method": authBasic, "grant_types": grantCode,
		"redirect_uris": "https://oauth.pstmn.io/v1/callback", "scope": "launch/patient openid fhirUser offline_access patient/*.cruds user/*.cruds"}},
	{"backend", "Backend service", map[string]string{"client_name": "My service", "token_endpoint_auth_method": authKey, "grant_types": grantCredentials,
		"scope": "system/*.rs"}},
}

// newApp registers an app by a person: an administrator, in the sandbox whoever has signed in.
func (s *Server) newApp(w http.ResponseWriter, r *http.Request) {
	v, ok := s.member(w, r, "/auth/apps/new")
	if !ok {
		return
	}
	if !s.o.Sandbox && !v.User.Administrator {
		s.stop(w, r, errorf(accessDenied, "only an administrator registers apps here"))
		return
	}
	p := RegisterPage{Frame: s.frame(r, &v, nil), Errors: map[string]string{},
		Values: map[string]string{"token_endpoint_auth_method": authNone, "grant_types": grantCode, "scope": "launch/patient openid fhirUser patient/*.rs"}}
	if r.Method == http.MethodPost {
		form, err := s.posted(r, "apps")
		if err != nil {
			s.stop(w, r, err)
			return
		}
		if s.registerForm(w, r, v, url.Values(form), &p) {
			return
		}
	} else if form, err := readForm(r); err == nil {
		for _, known := range presets {
			if known.key == form.Get("preset") {
				p.Values = known.values
			}
		}
	}
	p.Form = Form{s.url("apps/new"), []Field{{"csrf", s.CSRF(w, r, "apps")}}}
	for _, known := range presets {
		p.Presets = append(p.Presets, Preset{known.name, s.url("apps/new") + "?preset=" + known.key})
	}
	s.show(w, r, http.StatusOK, p)
}

// registerForm registers the client of a form, or says in p what is wrong with it.
func (s *Server) registerForm(w http.ResponseWriter, r *http.Request, v Visitor, form url.Values, p *RegisterPage) (done bool) {
	p.Values = map[string]string{}
	for name := range form {
		p.Values[name] = form.Get(name)
	}
	lines := func(name string) []string { return strings.Fields(form.Get(name)) }
	c := Client{ID: s.id(), Created: s.now(), By: v.User.Name, Verified: v.User.Administrator, Metadata: Metadata{
		Name: form.Get("client_name"), AuthMethod: form.Get("token_endpoint_auth_method"), GrantTypes: lines("grant_types"),
		RedirectURIs: lines("redirect_uris"), Origins: lines("allowed_origins"), LaunchURI: form.Get("launch_uri"), LogoURI: form.Get("logo_uri"),
		JWKSURI: form.Get("jwks_uri"), Scope: strings.Join(lines("scope"), " "),
	}}
	if text := strings.TrimSpace(form.Get("jwks")); text != "" {
		if !json.Valid([]byte(text)) {
			p.Errors["jwks"] = "This is no JSON."
			return false
		}
		c.JWKS = json.RawMessage(text)
	}
	if strings.Contains(" "+c.Scope+" ", "line_access ") && c.may(grantCode) {
		c.GrantTypes = append(c.GrantTypes, grantRefresh)
	}
	if err := s.check(&c, false); err != nil {
		e := oauth(err)
		p.Errors[inputOf(e)] = sentence(strings.TrimSpace(e.Text + ": " + e.Hint))
		return false
	}
	secret, _ := s.credentials(&c)
	if _, err := s.clients.put(r.Context(), c.ID, c, 0, time.Time{}); err != nil {
		s.stop(w, r, err)
		return true
	}
	noteRegistered(r.Context(), "POST /auth/apps/new", &c)
	text, err := json.MarshalIndent(s.registered(&c, "", ""), "", "  ")
	if err != nil {
		s.stop(w, r, err)
		return true
	}
	s.show(w, r, http.StatusOK, RegisteredPage{Frame: p.Frame, Client: c.app(), Secret: secret, Metadata: string(text),
		Discover: s.fhir + "/.well-known/smart-configuration"})
	return true
}

// inputOf is the input that an error of the metadata is about, "" if it is about several.
func inputOf(e *Error) string {
	if e.Code == invalidRedirect {
		return "redirect_uris"
	}
	for _, name := range []string{"jwks_uri", "jwks", "allowed_origins", "launch_uri", "logo_uri", "grant_types", "token_endpoint_auth_method", "scope"} {
		if strings.Contains(e.Text, name) {
			return name
		}
	}
	return ""
}
