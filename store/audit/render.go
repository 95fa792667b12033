package audit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
)

// The code systems and profiles of the Basic Audit Log Patterns (IHE BALP 1.1).
const (
	dicom       = "http://dicom.nema.org/resources/ontology/DCM"
	hl7         = "http://terminology.hl7.org/CodeSystem/"
	balp        = "https://profiles.ihe.net/ITI/BALP/"
	restful     = "http://hl7.org/fhir/restful-interaction"
	jwtID       = "urn:ietf:params:oauth:jti:"
	source      = "110153"
	target      = "110152"
	application = "110150"
)

// The shape of an AuditEvent, as far as events need it.
type (
	resource struct {
		ResourceType string   `json:"resourceType"`
		ID           string   `json:"id"`
		Meta         meta     `json:"meta"`
		Type         coding   `json:"type"`
		Subtype      []coding `json:"subtype"`
		Action       string   `json:"action"`
		Period       *period  `json:"period,omitempty"`
		Recorded     string   `json:"recorded"`
		Outcome      string   `json:"outcome"`
		OutcomeDesc  string   `json:"outcomeDesc,omitempty"`
		Agent        []agent  `json:"agent"`
		Source       observer `json:"source"`
		Entity       []entity `json:"entity"`
	}
	meta struct {
		VersionID   string   `json:"versionId"`
		LastUpdated string   `json:"lastUpdated"`
		Profile     []string `json:"profile,omitempty"`
	}
	coding struct {
		System  string `json:"system,omitempty"`
		Code    string `json:"code"`
		Display string `json:"display,omitempty"`
	}
	concept struct {
		Coding []coding `json:"coding"`
	}
	period struct {
		Start string `json:"start"`
		End   string `json:"end"`
	}
	identifier struct {
		System string `json:"system,omitempty"`
		Value  string `json:"value"`
	}
	reference struct {
		Reference  string      `json:"reference,omitempty"`
		Identifier *identifier `json:"identifier,omitempty"`
		Display    string      `json:"display,omitempty"`
	}
	network struct {
		Address string `json:"address"`
		Type    string `json:"type"`
	}
	agent struct {
		Type      concept   `json:"type"`
		Who       reference `json:"who"`
		AltID     string    `json:"altId,omitempty"`
		Requestor bool      `json:"requestor"`
		Policy    []string  `json:"policy,omitempty"`
		Network   *network  `json:"network,omitempty"`
	}
	observer struct {
		Site     string    `json:"site"`
		Observer reference `json:"observer"`
		Type     []coding  `json:"type"`
	}
	entity struct {
		What   *reference `json:"what,omitempty"`
		Type   coding     `json:"type"`
		Role   *coding    `json:"role,omitempty"`
		Query  []byte     `json:"query,omitempty"` // base64 in JSON
		Detail []detail   `json:"detail,omitempty"`
	}
	detail struct {
		Type        string `json:"type"`
		ValueString string `json:"valueString"`
	}
)

// render writes the AuditEvent of an event (R4 auditevent.html). It refers to its patient and to no other: what else the
// record knows of others is told by name only, or not at all.
func (l *Log) render(e *event, id string) ([]byte, error) {
	k := formOf(e.act.Code)
	at := instant(e.At)
	r := resource{
		ResourceType: "AuditEvent", ID: id,
		Meta:     meta{VersionID: "1", LastUpdated: at},
		Type:     k.typ,
		Subtype:  []coding{k.subtype},
		Action:   k.action,
		Recorded: at,
		Outcome:  outcome(e.act.Status),
		Source:   observer{l.o.Site, reference{Display: "Firewarden"}, []coding{{hl7 + "security-source-type", "4", "Application Server"}}},
	}
	if strings.HasPrefix(e.act.Code, "$") {
		r.OutcomeDesc = e.act.Code + ": "
	}
	if e.Before > 0 {
		r.Period = &period{instant(e.At - e.Before), instant(e.At - e.Before)}
	}
	if r.Outcome != "0" {
		r.OutcomeDesc += strconv.Itoa(e.act.Status) + " " + http.StatusText(e.act.Status)
	} else {
		r.OutcomeDesc = strings.TrimSuffix(r.OutcomeDesc, ": ")
		if k.profile != "" {
			profile := k.profile
			if e.patient != "" {
				profile = "Patient" + profile
			}
			r.Meta.Profile = []string{balp + "StructureDefinition/IHE.BasicAudit." + profile}
		}
	}
	r.Agent = l.agents(e, &k)
	r.Entity = l.entities(e, &k)
	b, err := json.Marshal(&r)
	if err != nil {
		return nil, fmt.Errorf("render an AuditEvent: %w", err)
	}
	return b, nil
}

func (l *Log) agents(e *event, k *form) []agent {
	w := &e.Who
	client := agent{Type: concept{[]coding{k.client}}, Who: reference{Identifier: &identifier{"", w.Client}}, Requestor: w.User == ""}
	if w.Client == "" {
		client.Who = reference{Display: "unknown"}
	}
	if e.Address != "" {
		client.Network = &network{e.Address, "2"}
	}
	server := agent{Type: concept{[]coding{k.server}}, Who: reference{Display: l.o.Site}, Network: &network{l.o.Site, "5"}}
	agents := []agent{client, server}
	token := []string(nil)
	if w.Token != "" {
		token = []string{jwtID + w.Token}
	}
	if w.User == "" && w.Subject == "" {
		agents[0].Policy = token
		return agents
	}
	user := agent{Type: concept{[]coding{{balp + "CodeSystem/UserAgentTypes", "UserOauthAgent", "User OAuth Agent participant"}}},
		AltID: w.User, Requestor: true, Policy: token}
	user.Who.Identifier = &identifier{w.Issuer, w.User}
	if w.User == "" {
		user.Who.Identifier = nil
	}
	if id, is := patient(w.Subject); !is || e.patient == "" && (e.act.Type != "Patient" || e.act.ID == id) || e.patient == id {
		user.Who.Reference = w.Subject
	}
	return append(agents, user)
}

func (l *Log) entities(e *event, k *form) []entity {
	system := coding{hl7 + "audit-entity-type", "2", "System Object"}
	role := func(code, display string) *coding { return &coding{hl7 + "object-role", code, display} }
	request := entity{Type: coding{System: balp + "CodeSystem/BasicAuditEntityType", Code: "XrequestId"}}
	if e.Request != "" {
		request.What = &reference{Identifier: &identifier{"", e.Request}}
	}
	if e.Who.Scope != "" {
		request.Detail = append(request.Detail, detail{"scope", e.Who.Scope})
	}
	if id := e.Who.Patient; id != "" && (id == e.patient || e.patient == "" && e.act.Type != "Patient") {
		request.Detail = append(request.Detail, detail{"launch", "Patient/" + id})
	}
	out := []entity{request}
	if e.patient != "" {
		out = append(out, entity{What: &reference{Reference: "Patient/" + e.patient},
			Type: coding{hl7 + "audit-entity-type", "1", "Person"}, Role: role("1", "Patient")})
	}
	if e.act.ID != "" && fhir.ValidID(e.act.ID) {
		what := e.act.Type + "/" + e.act.ID
		if e.act.Version > 0 {
			what += "/_history/" + strconv.FormatUint(e.act.Version, 10)
		}
		out = append(out, entity{What: &reference{Reference: what}, Type: system, Role: role("4", "Domain Resource")})
	}
	q := entity{Type: system, Role: role("24", "Query"), Query: []byte(e.act.Query)}
	if k.rest() || e.act.Count > 0 {
		q.Detail = []detail{{"count", strconv.Itoa(e.act.Count)}}
	}
	switch {
	case !e.whole:
	case k.rest() && (e.act.Query != "" || e.act.ID == ""):
		q.Query = []byte(e.act.Type + "?" + e.act.Query)
		out = append(out, q)
	case !k.rest() && e.act.Query != "":
		out = append(out, q)
	}
	return out
}

// outcome is the code of audit-event-outcome for a status.
func outcome(status int) string {
	switch {
	case status < 400:
		return "0"
	case status < 500:
		return "4"
	}
	return "8"
}

func instant(micro int64) string { return fhir.Instant(time.UnixMicro(micro)) }
