package proof

import (
	"net/http"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// accessed draws a case about the audit log: others read, are refused and write, and the token asks who has looked. The
// worlds of a pair differ in what others have done, too.
func (d drawing) accessed(plain bool) *Case {
	c := &Case{Audit: true, Token: d.looker(d.token())}
	d.pool = append(d.pooled(c.Token), "AuditEvent", "AuditEvent")
	c.World = d.world(15)
	d.audit = true
	if d.oneIn(4) {
		c.Others = append(c.Others, d.looker(d.kin(c.Token)))
	}
	for range 1 + d.upTo(2) {
		c.Strangers = append(c.Strangers, d.stranger())
	}
	writes := !slices.ContainsFunc(append(c.Others, c.Token), func(t model.Token) bool { return follows(t) })
	for _, turn := range rapid.SliceOfN(rapid.Custom(func(t *rapid.T) (out []Request) {
		d := drawing{t, d.pool, granted(c.Token), nil, true}
		q := Request{}
		switch d.upTo(9) {
		case 0:
			return nil // as what fails shrinks
		case 1:
			return []Request{d.made()}
		case 2, 3, 4:
			return d.strange(c, plain)
		case 5:
			q = d.read(plain)
			if writes {
				switch d.upTo(3) {
				case 2:
					q = d.write()
				case 3:
					q = d.bundle(plain)
				}
			}
		default:
			q = d.asksWhoLooked(plain)
		}
		q.As = d.upTo(len(c.Others))
		q.Event = d.upTo(9) - 3
		if out = append(out, q); reads(q) && strings.Contains(q.Path+q.Body, "_count=") && d.oneIn(3) {
			out = append(out, d.strange(c, plain)...)
			out = append(out, Request{Method: http.MethodGet, As: d.upTo(len(c.Others)), Page: len(out)})
		}
		return out
	}), 12, 40).Draw(d.T, "turns") {
		c.Requests = append(c.Requests, turn...)
	}
	return c
}

// follows says whether what a policy opens follows the data: a token's own writes may change it.
func follows(t model.Token) bool {
	return slices.Contains([]string{"doctor", "care-team", "related"}, t.Policy)
}

// looker is a token that may ask for events, most often.
func (d drawing) looker(t model.Token) model.Token {
	s := model.Scope{Level: "patient", Type: "AuditEvent", Letters: d.one("rs", "rs", "rs", "r", "s")}
	switch {
	case d.oneIn(8):
		return t
	case t.Policy != "" && d.oneIn(2):
		s.Level = "user"
	case d.oneIn(4):
		s.Level, s.Where = "system", d.one(constraints["AuditEvent"]...)
	}
	if d.oneIn(4) {
		s.Where = d.one(append(slices.Clone(constraints["AuditEvent"]), "_id:not=1", "_tag=a")...)
	}
	t.Scopes = append(slices.Clone(t.Scopes), s)
	if d.oneIn(2) { // and sees what events are about
		t.Scopes = append(t.Scopes, model.Scope{Level: map[bool]string{true: "patient", false: "user"}[t.Policy == ""], Type: "*", Letters: "rs"})
	}
	if t.Policy == "" && d.oneIn(4) { // who asks is somebody, which the log says
		t.User = d.one("Patient/A", "Patient/B", "Practitioner/1")
	}
	return t
}

// stranger draws who reads what the tokens of the case may not see, or tries to.
func (d drawing) stranger() model.Token {
	t := model.Token{Scopes: []model.Scope{{Level: "system", Type: "*", Letters: "rs"}}}
	if d.oneIn(3) {
		t = d.token()
		for i := range t.Scopes {
			t.Scopes[i].Letters = d.one("rs", "rs", "r", "s")
		}
	}
	if t.Policy == "" {
		t.User = d.one("Practitioner/1", "Practitioner/2", "Patient/B", "Patient/A", "")
	}
	return t
}

// strange draws what a stranger asks for; of a pair of worlds perhaps in one of them only, or something else in the other.
func (d drawing) strange(c *Case, plain bool) (out []Request) {
	d.liked = nil
	q := d.strangely(plain)
	q.As = maker - 1 - d.upTo(len(c.Strangers)-1)
	out = append(out, q)
	if plain {
		return out
	}
	switch d.upTo(3) {
	case 1:
		out[0].In = 1
	case 2:
		out[0].In = 2
	case 3:
		other := d.strangely(plain)
		out[0].In, other.As, other.In = 1, q.As, 2
		out = append(out, other)
	}
	return out
}

// strangely draws a read, or a write that is refused.
func (d drawing) strangely(plain bool) (q Request) {
	switch typ := d.typ(); d.upTo(7) {
	case 0, 1:
		q = Request{Method: http.MethodGet, Path: "/" + typ + "/" + d.id(typ)}
	case 2:
		q = Request{Method: http.MethodGet, Path: "/" + typ}
	case 3:
		q = Request{Method: http.MethodGet, Path: d.one("/Observation", "/Encounter", "/Condition") + "?" + d.one("patient=", "subject=Patient/", "patient:Patient=") + d.one("A", "B", "C", "B,C", "A,C")}
	case 4:
		q = d.write()
	default:
		q = d.read(plain)
	}
	q.Event = d.upTo(9) - 3
	return q
}

// asksWhoLooked draws a request about events of the log.
func (d drawing) asksWhoLooked(plain bool) Request {
	r := Request{Method: http.MethodGet}
	with := func(path string, pairs [][2]string) {
		if r.Path = path; len(pairs) > 0 {
			r.Path += "?" + joined(pairs)
		}
	}
	other := d.typ()
	if along := d.along(0, "AuditEvent"); d.oneIn(2) {
		other = pick(d, along)[2]
	}
	switch d.upTo(15) {
	case 0:
		with("/AuditEvent/"+anEvent, nil)
	case 1:
		with("/AuditEvent/"+anEvent+"/_history"+d.one("", "", "/1", "/2", "?_count=1", "?_count=0"), nil)
	case 2:
		with("/AuditEvent/_history", nil)
	case 3:
		with("/Patient/"+d.id("Patient")+"/AuditEvent", d.query("AuditEvent", plain))
	case 4:
		with("", append(d.systemQuery(plain), [2]string{"_type", "AuditEvent," + d.typ()}))
	case 5:
		with("/"+other, append(d.query(other, plain), [2]string{d.one("_revinclude", "_revinclude:iterate"), d.one("AuditEvent:entity", "AuditEvent:agent", "AuditEvent:patient", "AuditEvent:*")}))
	case 6, 7:
		name, value := d.condition("AuditEvent", 1)
		with("/"+other, [][2]string{{"_has:AuditEvent:" + d.one("entity", "entity", "agent", "patient") + ":" + name, value}})
	case 8:
		r = Request{Method: http.MethodPost, Path: "/AuditEvent/_search", Body: joined(d.query("AuditEvent", plain)), Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}
	case 9:
		r.Method = d.one(http.MethodPut, http.MethodDelete, http.MethodHead)
		with("/AuditEvent/"+anEvent, nil)
		if r.Method == http.MethodPut {
			r.Header, r.Body = map[string]string{"Content-Type": fhirJSON}, string(d.resource("AuditEvent", anEvent))
		}
	case 10:
		with("/AuditEvent", [][2]string{{"_count", d.one("1", "2", "5")}})
	default:
		with("/AuditEvent", d.query("AuditEvent", plain))
	}
	return r
}

// told draws a value that an event may have for a parameter.
func (d drawing) told(code string) string {
	switch code {
	case "action":
		return d.one("C", "R", "U", "D", "E", "R", "E")
	case "outcome":
		return d.one("0", "4", "0", "8")
	case "type":
		return d.one("rest", "rest", "http://terminology.hl7.org/CodeSystem/audit-event-type|rest", "object")
	case "subtype":
		return d.one("", "", "http://hl7.org/fhir/restful-interaction|") + d.one("read", "vread", "search-type", "search-system", "create", "update", "delete", "patch", "history-instance", "batch")
	case "altid":
		return d.one("maker", "one", "two", "Practitioner/1", "Patient/A", "Patient/B")
	case "entity-type":
		return d.one("1", "2", "XrequestId", "http://terminology.hl7.org/CodeSystem/audit-entity-type|1")
	case "entity-role":
		return d.one("1", "4", "24")
	case "policy":
		return "urn:ietf:params:oauth:jti:" + d.one("grant.A", "grant.2", "grant.")
	case "site":
		return "https://firewarden.test/fhir"
	case "address":
		return d.one("0", "0.0.0.0", "1", "pipe")
	case "agent-name", "entity-name":
		return d.one("Ab", "b")
	case "date", "_lastUpdated":
		return d.one("", "ge", "lt", "gt", "le", "ne") + d.one("2026-01-01T00:00:", "2026-02-01T00:00:") + d.one("01", "03", "06", "12", "20", "30") + "Z"
	}
	return d.one("a", "b")
}
