package ui

import (
	"io"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/server/why"
)

// Why asks why an access token may see resources or not, and answers. Inputs: "token", "ref" (several, with blanks between
// them); of administrators also "client", "scope", "patient", "user", instead of a token.
type Why struct {
	auth.Frame
	Form          auth.Form
	Administrator bool
	Values        map[string]string // as typed before
	Errors        map[string]string // by input, in words; "" is about everything
	Answers       []why.Answer
}

type whyView struct {
	Why
	Faults []fault
	Fields []field
	Others []field // instead of a token
}

// RenderWhy writes the page.
func (p *Pages) RenderWhy(w io.Writer, page Why) error {
	v, e := page.Values, page.Errors
	view := whyView{Why: page, Faults: faults(e, "ref", "token", "client", "scope", "patient", "user")}
	view.Fields = []field{
		{Name: "ref", Label: "Resource", Value: v["ref"], Error: e["ref"], Required: true, Code: true, Hint: "As in Observation/9. Several have blanks between them."},
		{Name: "token", Label: "Access token", Value: v["token"], Error: e["token"], Required: !page.Administrator, Code: true, Rows: 4, Complete: "off",
			Hint: "The one that the app sends. It is not kept."},
	}
	if page.Administrator {
		view.Others = []field{
			{Name: "client", Label: "Client", Value: v["client"], Error: e["client"], Code: true, Hint: "Its id."},
			{Name: "scope", Label: "Scopes", Value: v["scope"], Error: e["scope"], Code: true, Hint: "As in patient/Observation.rs?category=laboratory."},
			{Name: "patient", Label: "Patient in context", Value: v["patient"], Error: e["patient"], Code: true, Hint: "The id."},
			{Name: "user", Label: "User", Value: v["user"], Error: e["user"], Code: true, Hint: "The name of the one whose policy bounds it."},
		}
	}
	return p.draw(w, "why", page.Frame, view, p.nav("/why")...)
}
