package server

import (
	"bytes"
	"cmp"
	"net/http"
	"strings"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/server/ui"
	"github.com/firewarden/firewarden/store/audit"
)

// whyPagePath is the page on which people ask for explanations.
const whyPagePath = "/why"

// whyPage asks and answers on a page what why does for programs: administrators who have signed in, and in a sandbox
// whoever pastes an access token.
func (x *exchange) whyPage() error {
	r, err := x.request()
	if err != nil {
		return err
	}
	v, in, err := x.s.o.Auth.Visitor(r)
	if err != nil {
		return err
	}
	page := ui.Why{Frame: auth.Frame{Sandbox: x.s.o.Sandbox}, Administrator: in && v.User.Administrator, Values: map[string]string{}, Errors: map[string]string{}}
	if in {
		page.User = cmp.Or(v.User.Display, v.User.Name)
		x.by(audit.Who{User: v.User.Name})
	}
	x.setBytes(hCacheControl, vNoStore)
	if !page.Administrator && !page.Sandbox {
		if in {
			return fhir.Errorf(fhir.KindForbidden, "", "only administrators ask why")
		}
		x.signIn(whyPagePath)
		return nil
	}
	x.hand(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page.Form = auth.Form{Action: strings.TrimSuffix(x.s.o.Service.Base, "/fhir") + whyPagePath, Hidden: []auth.Field{{Name: "csrf", Value: x.s.o.Auth.CSRF(w, r, "why")}}}
		if r.Method == http.MethodPost {
			err = x.askWhy(r, &page)
		} else {
			page.Values["ref"] = r.URL.Query().Get("ref")
		}
		var b bytes.Buffer
		if err == nil {
			err = x.s.pages.ui.RenderWhy(&b, page)
		}
		w.Header().Set("Content-Type", string(vHTML))
		w.Write(b.Bytes())
	}), r)
	x.ofPage()
	return err
}

// askWhy answers the form. What is wrong with it becomes an error of the page; an error is the server's own fault.
func (x *exchange) askWhy(r *http.Request, page *ui.Why) error {
	if err := r.ParseForm(); err != nil {
		page.Errors[""] = "The form cannot be read."
		return nil
	}
	f := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	for _, name := range []string{"ref", "token", "client", "scope", "patient", "user"} {
		page.Values[name] = f(name)
	}
	if !x.s.o.Auth.CheckCSRF(r, "why", f("csrf")) {
		page.Errors[""] = "This form is not valid any more: send it again."
		return nil
	}
	whose := auth.Whose{Token: f("token")}
	if page.Administrator {
		whose.Mint = auth.Mint{Client: f("client"), Scope: f("scope"), Patient: f("patient"), User: f("user")}
	} else if whose.Token == "" {
		page.Errors["token"] = "A token is needed."
		return nil
	}
	caller, err := x.s.o.Auth.CallerOf(r.Context(), whose)
	if err != nil {
		page.Errors[""] = fhir.DiagnosticsOf(notTheirs(err))
		return nil
	}
	if !page.Administrator {
		x.by(caller.Who())
	}
	answer, err := x.s.explain(r, caller, strings.Fields(f("ref")))
	switch {
	case fhir.KindOf(err) == fhir.KindException && err != nil:
		return err
	case err != nil:
		page.Errors["ref"] = fhir.DiagnosticsOf(err)
	}
	page.Answers = answer.Answers
	return nil
}
