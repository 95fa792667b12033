package server

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
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

// Where the audit log is read by people, and by scripts of administrators.
const (
	auditPagePath = "/audit"
	auditMount    = apiPrefix + "audit"
)

// Sizes of a page and of a download, in events.
const (
	auditPage = 50
	auditFile = 10_000
)

// auditFilters are the inputs of the page, by the search parameter that each is.
var auditFilters = []struct{ name, param, prefix string }{
	{"user", "altid", ""}, {"client", "agent:identifier", ""}, {"patient", "entity", "Patient/"}, {"since", "date", "ge"}, {"until", "date", "le"}}

// apiAudit answers administrators' scripts with events: format is json, ndjson or csv.
func (x *exchange) apiAudit() error {
	r, err := x.request()
	if err != nil {
		return err
	}
	x.setBytes(hCacheControl, vNoStore)
	if !x.isAdministrator(r) {
		return errLogin()
	}
	q := r.URL.Query()
	return x.auditFile(interaction.Caller{Access: administrator{}, Grant: "administrator"}, q, cmp.Or(q.Get("format"), "json"))
}

// auditPage shows the log to administrators, and to a patient what is about the patient.
func (x *exchange) auditPage() error {
	r, err := x.request()
	if err != nil {
		return err
	}
	v, in, err := x.s.o.Auth.Visitor(r)
	if err != nil {
		return err
	}
	x.setBytes(hCacheControl, vNoStore)
	if !in {
		x.signIn(auditPagePath)
		return nil
	}
	caller := interaction.Caller{Access: administrator{}, Grant: "audit page\n" + v.User.Name}
	page := ui.Audit{Path: strings.TrimSuffix(x.s.o.Service.Base, "/fhir") + auditPagePath, Values: map[string]string{}, Errors: map[string]string{},
		Frame: auth.Frame{Sandbox: x.s.o.Sandbox, User: cmp.Or(v.User.Display, v.User.Name)}}
	who := audit.Who{User: v.User.Name}
	if !v.User.Administrator {
		patient := fhir.ParseReference(v.User.FHIRUser, "")
		if patient.Type != "Patient" {
			return fhir.Errorf(fhir.KindForbidden, "", "administrators read the audit log, and patients what is about themselves")
		}
		const own = "patient/AuditEvent.s" // what an app of the patient's would have
		set, _ := scope.Parse(own)
		caller.Access, page.Own = set.Access(scope.Context{Patient: patient.ID}), true
		who.Subject, who.Patient, who.Scope = patient.String(), patient.ID, own
	} else {
		page.Why = strings.TrimSuffix(page.Path, auditPagePath) + whyPagePath
	}
	x.trail.By(who)
	q := r.URL.Query()
	if format := q.Get("format"); format != "" {
		return x.auditFile(caller, q, format)
	}
	for _, f := range auditFilters {
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
			for _, f := range auditFilters {
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
	var b bytes.Buffer
	if err := x.s.pages.ui.RenderAudit(&b, page); err != nil {
		return err
	}
	x.ofPage()
	x.res.Header.SetContentTypeBytes(vHTML)
	x.res.SetBodyRaw(b.Bytes())
	return nil
}

// events are those that the caller may see of what the inputs ask for, the newest first; next is the page behind them.
func (x *exchange) events(c interaction.Caller, q url.Values, count int) (list []ui.AuditEvent, next string, err error) {
	params := []search.Pair{{Name: "_count", Value: fmt.Sprint(count)}}
	if page := q.Get("page"); page != "" {
		params = append(params, search.Pair{Name: "_page", Value: page})
	}
	for _, f := range auditFilters {
		if v := strings.TrimSpace(q.Get(f.name)); v != "" {
			params = append(params, search.Pair{Name: f.param, Value: f.prefix + v})
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

// auditFile answers with as many events as a file holds; X-Next-Page says where the next one goes on.
func (x *exchange) auditFile(c interaction.Caller, q url.Values, format string) error {
	if format != "json" && format != "ndjson" && format != "csv" {
		return fhir.Errorf(fhir.KindInvalid, "", "format is json, ndjson or csv")
	}
	var all []ui.AuditEvent
	for next := q.Get("page"); ; {
		q.Set("page", next)
		list, after, err := x.events(c, q, 1000)
		if err != nil {
			return err
		}
		if all, next = append(all, list...), after; next == "" || len(all) >= auditFile {
			if next != "" {
				x.res.Header.Set("X-Next-Page", next)
			}
			break
		}
	}
	var b bytes.Buffer
	media := "application/json"
	switch e := json.NewEncoder(&b); format {
	case "json":
		if err := e.Encode(map[string]any{"events": append([]ui.AuditEvent{}, all...)}); err != nil {
			return err
		}
	case "ndjson":
		media = "application/x-ndjson"
		for i := range all {
			if err := e.Encode(&all[i]); err != nil {
				return err
			}
		}
	case "csv":
		media = "text/csv; charset=utf-8"
		w := csv.NewWriter(&b)
		w.Write([]string{"id", "time", "user", "client", "address", "interaction", "resource", "patient", "query", "outcome", "count"})
		for _, e := range all {
			w.Write([]string{e.ID, e.Time.UTC().Format(time.RFC3339Nano), cell(e.User), cell(e.Client), e.Address, e.Interaction, e.Resource, e.Patient, cell(e.Query), e.Outcome, e.Count})
		}
		w.Flush()
	}
	if format != "json" {
		x.res.Header.Set("Content-Disposition", `attachment; filename="audit.`+format+`"`)
	}
	x.res.Header.SetContentType(media)
	x.res.SetBodyRaw(b.Bytes())
	return nil
}

// cell keeps a spreadsheet from taking what somebody has typed for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// auditResource is what the page tells of an AuditEvent.
type auditResource struct {
	ID       string
	Recorded time.Time
	Subtype  []struct{ Code, Display string }
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
	switch r.Outcome {
	case "0":
		e.Outcome = "allowed"
	case "4":
		e.Outcome = "refused"
	}
	if len(r.Subtype) > 0 {
		e.Interaction = cmp.Or(r.Subtype[0].Display, r.Subtype[0].Code)
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
