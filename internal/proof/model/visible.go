package model

import (
	"slices"
	"strings"
	"time"
)

// linking are the elements that make a resource a member of a Patient's compartment (R4 CompartmentDefinition patient).
var linking = map[string][]string{
	"Patient":           {},
	"Observation":       {"subject", "performer"},
	"Encounter":         {"subject"},
	"Condition":         {"subject", "asserter"},
	"Group":             {"member.entity"},
	"Provenance":        {"target"},
	"DocumentReference": {"subject", "author"},
	"DiagnosticReport":  {"subject"},
	"Composition":       {"subject", "author", "attester.party"},
	"RiskAssessment":    {"subject"},
	"List":              {"subject", "source"},
	"CareTeam":          {"subject", "participant.member"},
	"RelatedPerson":     {"patient"},
	"Schedule":          {"actor"},
	"AuditEvent":        {"agent.who", "entity.what"},
}

// membership are the elements that make a resource a member of a compartment; of its own resource none is needed.
var membership = map[string]map[string][]string{
	"Patient": linking,
	"Encounter": {"Encounter": {}, "Observation": {"encounter"}, "Condition": {"encounter"}, "DocumentReference": {"context.encounter"}, "DiagnosticReport": {"encounter"},
		"CareTeam": {"encounter"}},
	"Practitioner": {"Practitioner": {}, "Observation": {"performer"}, "Encounter": {"participant.individual"}, "Patient": {"generalPractitioner"}, "Condition": {"asserter"},
		"Group": {"member.entity"}, "Provenance": {"agent.who"}, "DocumentReference": {"subject", "author", "authenticator"}, "DiagnosticReport": {"performer"},
		"Schedule": {"actor"}, "AuditEvent": {"agent.who"}, "List": {"source"}, "CareTeam": {"participant.member"}, "RiskAssessment": {"performer"}},
	"RelatedPerson": {"RelatedPerson": {}, "Observation": {"performer"}, "Encounter": {"participant.individual"}, "Patient": {"link.other"}, "Condition": {"asserter"},
		"Provenance": {"agent.who"}, "DocumentReference": {"author"}, "Schedule": {"actor"}, "CareTeam": {"participant.member"}},
	"Device": {"Device": {}, "Observation": {"subject", "device"}, "Group": {"member.entity"}, "Provenance": {"agent.who"}, "DocumentReference": {"subject", "author"},
		"DiagnosticReport": {"subject"}, "Schedule": {"actor"}, "AuditEvent": {"agent.who"}, "List": {"subject", "source"}, "RiskAssessment": {"performer"}},
}

// members says which resources are in a compartment.
func (m *Model) members(typ, id string) func(*Version) bool {
	return func(v *Version) bool {
		if v.Type == typ && v.ID == id {
			return true
		}
		return m.refersTo(v, typ, id, membership[typ][v.Type]...)
	}
}

// about are the elements that say whom a resource outside of all compartments is about (access.md D7).
var about = map[string]string{"Device": "patient", "Task": "for"}

// shared are types that who is bound to patients may read.
var shared = strings.Fields("CodeSystem Location Organization Practitioner SearchParameter ValueSet")

// several are the types that speak of several patients by design (access.md D4).
var several = strings.Fields("AuditEvent Group Provenance Schedule")

// patients are the Patients in whose compartments a resource is.
func (m *Model) patients(v *Version) (ids []string) {
	if v.Type == "Patient" {
		return []string{v.ID}
	}
	for _, r := range m.references(v, linking[v.Type]...) {
		if r.typ == "Patient" && r.local() && !slices.Contains(ids, r.id) {
			ids = append(ids, r.id)
		}
	}
	return ids
}

// subjects are the Patients that a resource is about.
func (m *Model) subjects(v *Version) (ids []string) {
	for _, r := range m.references(v, about[v.Type]) {
		if r.typ == "Patient" && r.local() {
			ids = append(ids, r.id)
		}
	}
	return ids
}

// reached are the Patients that a resource refers to, wherever; doubt is: it may refer to a further one.
func (m *Model) reached(v *Version) (ids []string, doubt bool) {
	var walk func(x any)
	walk = func(x any) {
		switch x := x.(type) {
		case []any:
			for _, item := range x {
				walk(item)
			}
		case map[string]any:
			for _, r := range m.references(&Version{JSON: map[string]any{"contained": v.JSON["contained"], "x": x}}, "x") {
				switch {
				case r.typ != "Patient" || r.text == "" && x["identifier"] == nil:
				case !r.local():
					doubt = true
				case !slices.Contains(ids, r.id):
					ids = append(ids, r.id)
				}
			}
			for _, item := range x {
				walk(item)
			}
		}
	}
	walk(any(v.JSON))
	return ids, doubt
}

// only says whether P is the one Patient that a resource refers to; orNone: or there is none.
func (m *Model) only(v *Version, patient string, orNone bool) bool {
	ids, doubt := m.reached(v)
	return !doubt && (len(ids) == 1 && ids[0] == patient || orNone && len(ids) == 0)
}

// Panel are the Patients that the user's policy opens; everyone: it opens all.
func (m *Model) Panel(t Token) (ids []string, everyone bool) {
	user := m.reference(t.User)
	switch t.Policy {
	case "all", "readonly":
		return nil, true
	case "self":
		return []string{user.id}, false
	case "related":
		if v := m.Now(user.typ, user.id); v != nil && v.JSON["active"] != false {
			for _, r := range m.references(v, "patient") {
				if r.local() && m.Now(r.typ, r.id) != nil {
					ids = append(ids, r.id)
				}
			}
		}
		return ids, false
	}
	for _, p := range m.Current("Patient") {
		in := false
		switch t.Policy {
		case "doctor":
			in = m.refersTo(p, user.typ, user.id, "generalPractitioner")
		case "care-team":
			for _, team := range m.Current("CareTeam") {
				over := slices.Contains(strings.Fields("proposed suspended inactive entered-in-error"), text(team.JSON["status"]))
				in = in || !over && m.refersTo(team, user.typ, user.id, "participant.member") && m.refersTo(team, "Patient", p.ID, "subject")
			}
		}
		if in {
			ids = append(ids, p.ID)
		}
	}
	return ids, false
}

// refersTo says whether an element of v names the resource.
func (m *Model) refersTo(v *Version, typ, id string, paths ...string) bool {
	return slices.ContainsFunc(m.references(v, paths...), func(r reference) bool { return r.local() && r.typ == typ && r.id == id })
}

// access is a token at a moment: its panel is that of the beginning of a request.
type access struct {
	*Model
	Token
	panel    []string
	everyone bool
	now      time.Time       // of the request
	lenient  bool            // what is unknown is left out
	loose    bool            // what is linked is seen by every letter
	beside   map[string]bool // ids of the Binaries that the same request writes
}

func (m *Model) access(t Token) *access {
	a := &access{Model: m, Token: t}
	a.panel, a.everyone = m.Panel(t)
	return a
}

func writes(letter byte) bool { return letter == 'c' || letter == 'u' || letter == 'd' }

// open says whether who is bound to patients may do that to some resource of the type at all.
func open(letter byte, typ string) bool {
	switch {
	case typ == "Patient":
		return letter != 'c' && letter != 'd'
	case typ == "AuditEvent":
		return !writes(letter)
	case linking[typ] != nil, about[typ] != "":
		return true
	case typ == "Binary", slices.Contains(shared, typ):
		return !writes(letter)
	}
	return false
}

// bounds says whether the user's policy lets that be done to resources of the type.
func (a *access) bounds(letter byte, typ string) bool {
	switch {
	case a.Policy == "readonly" && writes(letter):
		return false
	case a.Policy == "" || a.everyone:
		return true
	}
	return open(letter, typ)
}

// reaches says whether a scope can reach a resource of the type.
func (a *access) reaches(s Scope, letter byte, typ string) bool {
	switch {
	case !s.names(letter, typ), !a.evaluable(s):
		return false
	case s.Level == "patient":
		return a.Patient != "" && open(letter, typ)
	case s.Level == "user":
		return a.Policy != "" && !(typ == "AuditEvent" && writes(letter))
	}
	return typ != "AuditEvent" || letter == 'c' || !writes(letter)
}

// evaluable says whether there are the parameters of a scope's constraint: one that cannot be evaluated grants nothing.
func (a *access) evaluable(s Scope) bool {
	return !slices.ContainsFunc(Pairs(s.Where), func(p [2]string) bool {
		code, _, _ := strings.Cut(p[0], ":")
		_, ok := a.lookup(s.Type, code)
		return !ok
	})
}

// granted says whether some scope opens the interaction on the type; without one the answer is 403.
func (a *access) granted(letter byte, typ string) bool {
	return a.bounds(letter, typ) && slices.ContainsFunc(a.Scopes, func(s Scope) bool { return a.reaches(s, letter, typ) })
}

// allowed says whether a live version is in reach of the letter. Below a height linked types count.
func (a *access) allowed(letter byte, v *Version, below int) bool {
	if !a.bounds(letter, v.Type) || a.Policy != "" && !a.everyone && !a.ofPanel(letter, v, below) {
		return false
	}
	return slices.ContainsFunc(a.Scopes, func(s Scope) bool {
		if !a.reaches(s, letter, v.Type) {
			return false
		}
		switch s.Level {
		case "patient":
			if !a.ofPatient(letter, v, below) {
				return false
			}
		case "user":
			if v.Type == "Binary" && letter != 'c' && !a.linked(v, below) {
				return false
			}
		}
		return a.satisfies(v, s.Where)
	})
}

func (a *access) ofPanel(letter byte, v *Version, below int) bool {
	in := func(id string) bool { return slices.Contains(a.panel, id) }
	switch {
	case slices.ContainsFunc(a.patients(v), in), slices.ContainsFunc(a.subjects(v), in), slices.Contains(shared, v.Type):
		return true
	case v.Type == "Provenance", v.Type == "Binary":
		return !writes(letter) && a.linked(v, below)
	}
	return false
}

func (a *access) ofPatient(letter byte, v *Version, below int) bool {
	switch {
	case slices.Contains(a.patients(v), a.Patient):
		if !slices.Contains(several, v.Type) || a.only(v, a.Patient, false) {
			return true
		}
	case slices.Contains(a.subjects(v), a.Patient), slices.Contains(shared, v.Type):
		return true
	}
	switch v.Type {
	case "Binary":
		return !writes(letter) && a.linked(v, below)
	case "Provenance":
		return !writes(letter) && a.only(v, a.Patient, true) && a.linked(v, below)
	}
	return false
}

// heights order the linked types: what is linked is not seen through what stands as high or higher.
var heights = map[string]int{"Binary": 1, "Provenance": 2}

const everyHeight = 3

// linked is visibility through other resources (access.md D4 and D8).
func (a *access) linked(v *Version, below int) bool {
	h := heights[v.Type]
	if h >= below {
		return false
	}
	switch v.Type {
	case "Binary":
		if v.JSON["securityContext"] != nil {
			return a.each(a.references(v, "securityContext"), h)
		}
		if last := a.Last("Binary", v.ID); last != nil && v.Number < last.Number {
			if now := a.live(last); now != nil && now != v && now.JSON["securityContext"] != nil {
				return false // it is seen by that now: who may attach it for this does not see what it was without
			}
		}
		for typ, path := range attaching {
			for _, d := range a.Current(typ) {
				if a.refersTo(d, "Binary", v.ID, path) && a.seen(d, h) {
					return true
				}
			}
		}
	case "Provenance":
		targets := a.references(v, "target")
		return !slices.ContainsFunc(targets, func(r reference) bool { return r.typ == "Patient" }) && a.each(targets, h)
	}
	return false
}

// each says whether there are references and all of them name something visible.
func (a *access) each(refs []reference, below int) bool {
	return len(refs) > 0 && !slices.ContainsFunc(refs, func(r reference) bool {
		v := a.Now(r.typ, r.id)
		return !r.local() || v == nil || !a.seen(v, below)
	})
}

func (a *access) seen(v *Version, below int) bool {
	if a.loose && (a.allowed('c', v, below) || a.allowed('u', v, below) || a.allowed('d', v, below)) {
		return true
	}
	return a.allowed('r', v, below) || a.allowed('s', v, below)
}

// visible says whether a version, and the current one, are in reach of the letter; a deletion counts as what it deleted.
func (a *access) visible(letter byte, v *Version) bool {
	for _, v := range []*Version{v, a.Last(v.Type, v.ID)} {
		if live := a.live(v); live == nil || !a.allowed(letter, live, everyHeight) {
			return false
		}
	}
	return true
}

// Reaches says whether a token sees a resource by any letter.
func (m *Model) Reaches(t Token, v *Version) bool {
	a := m.access(t)
	return slices.ContainsFunc([]byte("cruds"), func(letter byte) bool { return a.allowed(letter, v, everyHeight) })
}

// Touches are the versions that a token reaches by any letter, or can make so: by a write that brings into reach of r
// what links them.
func (m *Model) Touches(t Token) (touched []*Version) {
	a := m.access(t)
	a.loose = true
	for _, v := range m.log {
		if slices.ContainsFunc([]byte("cruds"), func(letter byte) bool { return a.visible(letter, v) }) {
			touched = append(touched, v)
		}
	}
	return touched
}
