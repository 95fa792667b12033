package server

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/server/ui"
	"github.com/firewarden/firewarden/store/audit"
)

// auditPagePath is where people read the audit log.
const auditPagePath = "/audit"

// auditPage is the size of a page, in events.
const auditPage = 50

// auditFilter is an input of the page; params are the search parameters that a value is, nil if the input has no such value.
type auditFilter struct {
	name   string
	params func(value string) []search.Pair
}

func auditFilters() []auditFilter {
	return []auditFilter{{"user", is("altid", "")}, {"client", is("agent:identifier", "")}, {"patient", is("entity", "Patient/")},
		{"interaction", interactionParams}, {"outcome", outcomeParams}, {"since", is("date", "ge")}, {"until", is("date", "le")}}
}

func is(param, prefix string) func(string) []search.Pair {
	return func(value string) []search.Pair { return []search.Pair{{Name: param, Value: prefix + value}} }
}

// interactions are what the page can be filtered by: those of FHIR that the server has, and the kinds of events beside them.
func interactions() []string {
	list := slices.DeleteFunc(claims(routes(false)), func(code string) bool { return code == "capabilities" })
	list = append(list, "operation")
	for _, k := range audit.Kinds {
		list = append(list, k.Code)
	}
	return list
}

func interactionParams(value string) []search.Pair {
	if !slices.Contains(interactions(), value) {
		return nil
	}
	typ, subtype := audit.Codes(value)
	return []search.Pair{{Name: "type", Value: typ}, {Name: "subtype", Value: subtype}}
}

// outcomes by the codes of AuditEvent.outcome.
var outcomes = []struct{ name, codes string }{{"allowed", "0"}, {"refused", "4"}, {"failed", "8,12"}}

func outcomeParams(value string) []search.Pair {
	for _, o := range outcomes {
		if o.name == value {
			return []search.Pair{{Name: "outcome", Value: o.codes}}
		}
	}
	return nil
}

// auditor is who reads the log on a page: an administrator all of it, a patient what is about the patient. Who has not
// signed in is sent to do so; then ok is false.
func (x *exchange) auditor(r *http.Request) (caller interaction.Caller, page ui.Audit, ok bool, err error) {
	v, in, err := x.s.o.Auth.Visitor(r)
	if err != nil {
		return caller, page, false, err
	}
	x.setBytes(hCacheControl, vNoStore)
	if !in {
		x.signIn(auditPagePath)
		return caller, page, false, nil
	}
	caller = interaction.Caller{Access: administrator{}, Grant: "audit page\n" + v.User.Name}
	page = ui.Audit{Path: strings.TrimSuffix(x.s.o.Service.Base, "/fhir") + auditPagePath, Values: map[string]string{}, Errors: map[string]string{},
		Interactions: interactions(), Frame: auth.Frame{Sandbox: x.s.o.Sandbox, User: cmp.Or(v.User.Display, v.User.Name)}}
	for _, o := range outcomes {
		page.Outcomes = append(page.Outcomes, o.name)
	}
	who := audit.Who{User: v.User.Name}
	if v.User.Administrator {
		page.Why = strings.TrimSuffix(page.Path, auditPagePath) + whyPagePath
	} else {
		patient := fhir.ParseReference(v.User.FHIRUser, "")
		if patient.Type != "Patient" {
			return caller, page, false, fhir.Errorf(fhir.KindForbidden, "", "administrators read the audit log, and patients what is about themselves")
		}
		const own = "patient/AuditEvent.rs" // what an app of the patient's would have
		set, _ := scope.Parse(own)
		caller.Access, page.Own = set.Access(scope.Context{Patient: patient.ID}), true
		who.Subject, who.Patient, who.Scope = patient.String(), patient.ID, own
	}
	x.trail.By(who)
	return caller, page, true, nil
}

// auditPage shows the log.
func (x *exchange) auditPage() error {
	r, err := x.request()
	if err != nil {
		return err
	}
	caller, page, ok, err := x.auditor(r)
	if !ok {
		return err
	}
	q := r.URL.Query()
	if format := q.Get("format"); format != "" {
		return x.auditFile(caller, q, format)
	}
	for _, f := range auditFilters() {
		page.Values[f.name] = q.Get(f.name)
	}
	events, next, err := x.events(caller, q, auditPage)
	switch {
	case err != nil && fhir.KindOf(err) != fhir.KindException:
		page.Errors[""] = fhir.DiagnosticsOf(err)
	case err != nil:
		return err
	default:
		page.Events = events
		to := func(name, value string) string {
			other := url.Values{name: {value}}
			for _, f := range auditFilters() {
				if v := q.Get(f.name); v != "" {
					other.Set(f.name, v)
				}
			}
			return page.Path + "?" + other.Encode()
		}
		if next != "" {
			page.Next = to("page", next)
		}
		page.Downloads = map[string]string{"CSV": to("format", "csv"), "NDJSON": to("format", "ndjson")}
	}
	return x.page(func(w io.Writer) error { return x.s.pages.ui.RenderAudit(w, page) })
}

// auditEventPage shows one event, as it is and as FHIR has it.
func (x *exchange) auditEventPage() error {
	r, err := x.request()
	if err != nil {
		return err
	}
	caller, page, ok, err := x.auditor(r)
	if !ok {
		return err
	}
	out, err := x.s.o.Service.Read(x.context(), caller, "AuditEvent", x.param("id"))
	if err != nil {
		return err
	}
	var event auditResource
	if err := json.Unmarshal(out.Row.Body, &event); err != nil {
		return fmt.Errorf("read an event: %w", err)
	}
	var text bytes.Buffer
	if err := json.Indent(&text, out.Row.Body, "", "  "); err != nil {
		return fmt.Errorf("read an event: %w", err)
	}
	return x.page(func(w io.Writer) error {
		return x.s.pages.ui.RenderAuditEvent(w, ui.OneAuditEvent{Audit: page, AuditEvent: event.told(), Text: text.String(), URL: x.s.o.Service.Base + "/AuditEvent/" + event.ID})
	})
}

// events are those that the caller may see of what the inputs ask for, the newest first; next is the page behind them.
func (x *exchange) events(c interaction.Caller, q url.Values, count int) (list []ui.AuditEvent, next string, err error) {
	params := []search.Pair{{Name: "_count", Value: fmt.Sprint(count)}}
	if page := q.Get("page"); page != "" {
		params = append(params, search.Pair{Name: "_page", Value: page})
	}
	for _, f := range auditFilters() {
		if v := strings.TrimSpace(q.Get(f.name)); v != "" {
			pairs := f.params(v)
			if pairs == nil {
				return nil, "", fhir.Errorf(fhir.KindValue, "", "there is no %s %q", f.name, v)
			}
			params = append(params, pairs...)
		}
	}
	out, err := x.s.o.Service.Search(x.context(), c, "AuditEvent", params, interaction.SearchOptions{})
	if err != nil {
		return nil, "", err
	}
	var b struct {
		Link  []struct{ Relation, URL string }
		Entry []struct{ Resource auditResource }
	}
	if err := json.Unmarshal(out.Bundle, &b); err != nil {
		return nil, "", fmt.Errorf("read events: %w", err)
	}
	for _, l := range b.Link {
		if u, err := url.Parse(l.URL); l.Relation == "next" && err == nil {
			next = u.Query().Get("_page")
		}
	}
	for i := range b.Entry {
		list = append(list, b.Entry[i].Resource.told())
	}
	return list, next, nil
}

// auditResource is what the page tells of an AuditEvent.
type auditResource struct {
	ID       string
	Recorded time.Time
	Type     struct{ Code string }
	Subtype  []struct{ Code string }
	Outcome  string
	Agent    []struct {
		AltID string
		Who   struct {
			Reference, Display string
			Identifier         struct{ Value string }
		}
		Network struct{ Address string }
	}
	Entity []struct {
		What   struct{ Reference string }
		Role   struct{ Code string }
		Query  []byte
		Detail []struct{ Type, ValueString string }
	}
}

func (r *auditResource) told() ui.AuditEvent {
	e := ui.AuditEvent{ID: r.ID, Time: r.Recorded, Outcome: "failed"}
	for _, o := range outcomes {
		if o.codes == r.Outcome {
			e.Outcome = o.name
		}
	}
	if len(r.Subtype) > 0 {
		e.Interaction = audit.CodeOf(r.Type.Code, r.Subtype[0].Code)
	}
	for i, a := range r.Agent {
		if i == 0 { // of events of the log the client
			e.Client, e.Address = a.Who.Identifier.Value, a.Network.Address
		}
		if a.AltID != "" {
			e.User = a.AltID
		}
	}
	for _, x := range r.Entity {
		switch x.Role.Code {
		case "1":
			e.Patient = strings.TrimPrefix(x.What.Reference, "Patient/")
		case "4":
			e.Resource, _, _ = strings.Cut(x.What.Reference, "/_history/")
		case "24":
			e.Query = string(x.Query)
			for _, d := range x.Detail {
				if d.Type == "count" {
					e.Count = d.ValueString
				}
			}
		}
	}
	return e
}
