package ui

import (
	"io"
	"time"

	"github.com/firewarden/firewarden/auth"
)

// Audit shows the audit log: to administrators all of it, to a patient who has looked at the patient. Inputs of
// administrators: "user", "client", "patient", "interaction", "outcome", "since", "until"; of patients the last four.
type Audit struct {
	auth.Frame
	Path   string // of the page itself; that of an event is below it, by its id
	Own    bool   // of the patient who has signed in
	Values map[string]string
	Errors map[string]string // by input, in words; "" is about everything
	Events []AuditEvent

	Interactions, Outcomes []string          // that there are to choose from
	Why                    string            // path of the page that explains, where "ref" names a resource; "" for patients
	Next                   string            // URL of the next page, "" if there is none
	Downloads              map[string]string // URLs by format: CSV, NDJSON
}

// AuditEvent is an event in words; its JSON and its CSV have these members.
type AuditEvent struct {
	ID          string    `json:"id"`
	Time        time.Time `json:"time"`
	User        string    `json:"user,omitempty"`
	Client      string    `json:"client,omitempty"`
	Address     string    `json:"address,omitempty"`
	Interaction string    `json:"interaction"`
	Resource    string    `json:"resource,omitempty"`
	Patient     string    `json:"patient,omitempty"`
	Query       string    `json:"query,omitempty"`
	Outcome     string    `json:"outcome"` // allowed, refused, failed
	Count       string    `json:"count,omitempty"`
}

// OneAuditEvent shows an event.
type OneAuditEvent struct {
	Audit
	AuditEvent
	Text string // the resource
	URL  string // of it
}

type auditView struct {
	Audit
	Faults []fault
	Fields []field
}

// RenderAudit writes the page.
func (p *Pages) RenderAudit(w io.Writer, page Audit) error {
	v, e := page.Values, page.Errors
	view := auditView{Audit: page, Faults: faults(e, "user", "client", "patient", "interaction", "outcome", "since", "until")}
	if !page.Own {
		view.Fields = []field{
			{Name: "user", Label: "User", Value: v["user"], Error: e["user"], Code: true},
			{Name: "client", Label: "App", Value: v["client"], Error: e["client"], Code: true, Hint: "Its id."},
			{Name: "patient", Label: "Patient", Value: v["patient"], Error: e["patient"], Code: true, Hint: "The id."},
		}
	}
	view.Fields = append(view.Fields,
		field{Name: "interaction", Label: "Interaction", Options: choices(page.Interactions, v["interaction"]), Error: e["interaction"]},
		field{Name: "outcome", Label: "Outcome", Options: choices(page.Outcomes, v["outcome"]), Error: e["outcome"]},
		field{Name: "since", Label: "Since", Value: v["since"], Error: e["since"], Hint: "As in 2026-11-22."},
		field{Name: "until", Label: "Until", Value: v["until"], Error: e["until"], Hint: "As in 2026-11-22."})
	return p.draw(w, "audit", page.Frame, view, p.nav("/audit")...)
}

// choices are those of a list of which one may be chosen, or none.
func choices(list []string, chosen string) []option {
	out := []option{{Text: "any"}}
	for _, value := range list {
		out = append(out, option{Value: value, Text: value, Checked: value == chosen})
	}
	return out
}

// RenderAuditEvent writes the page of an event.
func (p *Pages) RenderAuditEvent(w io.Writer, page OneAuditEvent) error {
	return p.draw(w, "auditevent", page.Frame, page, p.nav("/audit")...)
}
