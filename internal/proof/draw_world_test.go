package proof

import (
	"maps"
	"math/bits"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// drawing draws from small pools, so that things meet.
type drawing struct {
	*rapid.T
	pool  []string // the types of the world at hand, some of them more often
	liked []string // those of them that the token opens; nil: all
	own   []string // the search parameters that the world defines
	audit bool     // it is about the audit log, too
}

// upTo draws 0 to n, all of them as often; rapid's own numbers are small. It shrinks to 0.
func (d drawing) upTo(n int) int {
	return rapid.Custom(func(t *rapid.T) int {
		x := 0
		for range bits.Len(uint(n)) + 3 {
			x <<= 1
			if rapid.Bool().Draw(t, "bit") {
				x++
			}
		}
		return x % (n + 1)
	}).Draw(d.T, "number")
}

func pick[E any](d drawing, of []E) E { return of[d.upTo(len(of)-1)] }

func (d drawing) one(of ...string) string { return pick(d, of) }

// oneIn is true once in n; it shrinks to false.
func (d drawing) oneIn(n int) bool { return d.upTo(n-1) == n-1 }

// types are those of a world, some of them more often.
var types = strings.Fields(`Observation Observation Observation Observation Encounter Encounter Patient Patient Condition Group Provenance Provenance
	DocumentReference DocumentReference Binary Binary DiagnosticReport Schedule AuditEvent List CareTeam RelatedPerson Device Task Organization Practitioner Location Location RiskAssessment RiskAssessment ValueSet ValueSet CodeSystem Slot`)

func (d drawing) typ() string {
	switch d.upTo(11) {
	case 0, 1:
	case 11:
		return pick(d, types)
	default:
		if len(d.liked) > 0 {
			return pick(d, d.liked)
		}
	}
	if len(d.pool) > 0 {
		return pick(d, d.pool)
	}
	return pick(d, types)
}

// written draws the type of what is written: definitions stay as they are.
func (d drawing) written() string {
	if typ := d.typ(); typ != "SearchParameter" {
		return typ
	}
	return "Observation"
}

// codes are the parameters of a type and their kinds.
func (d drawing) codes(typ string) map[string]string { return model.Codes(typ, d.own...) }

// constraint draws one of a type: by R4's parameters or by one of the world's own, which once in a while is not there.
func (d drawing) constraint(typ string) string {
	for _, code := range slices.Sorted(maps.Keys(owned)) {
		if own := owned[code]; own[0] == typ && (slices.Contains(d.own, code) && d.oneIn(3) || d.oneIn(20)) {
			return own[1]
		}
	}
	return d.one(append(slices.Clone(constraints["*"]), constraints[typ]...)...)
}

// owned are constraints by own parameters, with their type.
var owned = map[string][2]string{"spoken": {"Observation", "spoken=en"}, "given-name": {"Patient", "given-name=amy"}, "born": {"Patient", "born=ge2021"}, "amount": {"Observation", "amount=gt5"},
	"odds": {"RiskAssessment", "odds=ge0.5"}, "watcher": {"Observation", "watcher=Practitioner/1"}, "taken-from": {"Observation", "taken-from:below=http://p"}}

// pooled draws the types of a world, those that the token asks for or that its policy looks at among them: few, so that
// what is referred to is there.
func (d drawing) pooled(t model.Token) []string {
	pool := []string{"Patient", "Observation", "Observation"}
	for _, s := range t.Scopes {
		if s.Type != "*" {
			pool = append(pool, s.Type)
		}
	}
	switch t.Policy {
	case "doctor":
		pool = append(pool, "Practitioner")
	case "care-team":
		pool = append(pool, "Practitioner", "CareTeam")
	case "related":
		pool = append(pool, "RelatedPerson")
	}
	if len(d.own) > 0 {
		pool = append(pool, "SearchParameter")
		for _, code := range d.own {
			if code == "odds" {
				pool = append(pool, "RiskAssessment")
			}
		}
	}
	switch d.upTo(6) {
	case 3:
		pool = append(pool, "RiskAssessment", "RiskAssessment", "Location")
	case 4:
		pool = append(pool, "ValueSet", "ValueSet", "ValueSet", "CodeSystem")
	case 5:
		pool = append(pool, "Binary", "Binary", "DocumentReference", "DocumentReference", "Provenance", "Provenance")
	}
	for range 2 {
		pool = append(pool, pick(d, types))
	}
	for _, e := range edges { // one more type that refers to one of these, or is referred to
		if slices.Contains(pool, e[0]) != slices.Contains(pool, e[2]) && d.oneIn(8) {
			return append(pool, e[0], e[2])
		}
	}
	return pool
}

// known are those of the types that are in the world, if some are.
func (d drawing) known(types []string) []string {
	in := slices.DeleteFunc(slices.Clone(types), func(typ string) bool { return !slices.Contains(d.pool, typ) })
	if len(in) == 0 || d.oneIn(8) {
		return types
	}
	return in
}

// id is that of an instance. The Patients are A, B and C; every other type has 1, 2, 3.
func (d drawing) id(typ string) string {
	switch {
	case typ == "Patient":
		return d.one("A", "A", "A", "B", "C")
	case typ == "AuditEvent" && d.audit && !d.oneIn(4):
		return anEvent
	}
	return d.one("1", "1", "2", "3")
}

// world draws the writes of a world, as many at least and twice as many at most.
func (d drawing) world(least int) []Op {
	op := rapid.Custom(func(t *rapid.T) Op {
		d := drawing{T: t, pool: d.pool}
		typ := d.written()
		o := Op{Type: typ, ID: d.id(typ), Skip: d.upTo(9) == 0}
		if !d.oneIn(10) {
			o.Body = d.resource(o.Type, o.ID)
		}
		return o
	})
	ops := rapid.SliceOfN(op, least, 2*least).Draw(d.T, "world")
	return slices.DeleteFunc(ops, func(o Op) bool { return o.Skip }) // as what fails shrinks
}

// constraints are what granular scopes ask, by type; those of every type are under *.
var constraints = map[string][]string{
	"*":                 {"_tag=a", "_security=b", "_id=1,A", "_id:not=2", "_tag:not=a", "_profile=http://p/1", "_profile:below=http://p/1", "_source:below=http://p", "_security=http://s|a"},
	"Observation":       {"category=a", "category=b", "category=http://s|a", "category=a,b", "status=final", "category:not=c", "code=a&category=a", "subject=Patient/A", "encounter:missing=true", "date=ge2021", "value-quantity=gt5|http://unitsofmeasure.org|g", "code:text=alpha"},
	"Encounter":         {"class=a", "class=b,c", "part-of:missing=true"},
	"Condition":         {"category=a", "category:missing=true"},
	"Patient":           {"active=true", "family=Ab", "family:exact=Ab", "name:contains=b", "gender:missing=true"},
	"DocumentReference": {"category=a", "category:missing=false"},
	"Organization":      {"active=true"},
	"ValueSet":          {"status=active"},
	"CodeSystem":        {"status=active"},
	"Task":              {"status=completed"},
	"List":              {"code=a"},
	"RiskAssessment":    {"probability=ge0.5", "probability=lt0.52"},
	"AuditEvent":        {"action=R", "outcome=0", "outcome:not=0", "subtype=read", "subtype:not=read,update", "agent=Practitioner/1", "patient=Patient/A", "entity=Observation/1", "type=rest", "altid=one", "date=lt2026-01-15"},
}

// letters in the order of SMART, by bits.
func letters(bits int) string {
	var out []byte
	for i := range 5 {
		if bits>>i&1 == 1 {
			out = append(out, "cruds"[i])
		}
	}
	return string(out)
}

// token draws scopes and their context.
func (d drawing) token() model.Token {
	t := model.Token{Patient: d.one("A", "A", "A", "A", "A", "A", "A", "B", "B", "")}
	switch d.upTo(9) {
	case 3:
		t.Policy = "all"
	case 4:
		t.Policy = "readonly"
	case 5:
		t.Policy, t.User = "self", "Patient/"+d.id("Patient")
	case 6:
		t.Policy, t.User = "care-team", "Practitioner/"+d.id("Practitioner")
	case 7, 8:
		t.Policy, t.User = "doctor", "Practitioner/"+d.id("Practitioner")
	case 9:
		t.Policy, t.User = "related", "RelatedPerson/"+d.id("RelatedPerson")
	}
	levels := strings.Fields("patient patient patient patient system system user")
	if t.Policy != "" {
		levels = strings.Fields("user user user user patient system")
	}
	scope := rapid.Custom(func(r *rapid.T) model.Scope {
		d := drawing{T: r, own: d.own}
		s := model.Scope{Level: d.one(levels...), Type: "*"}
		if d.oneIn(2) {
			s.Type = pick(d, types)
		}
		switch d.upTo(9) {
		case 0, 1:
			s.Letters = "rs"
		case 2, 4, 5, 6, 7:
			s.Letters = "cruds"
		case 3:
			s.Letters = d.one("read", "write", "*")
			return s
		default:
			s.Letters = letters(1 + d.upTo(30))
		}
		if d.oneIn(3) || s.Level == "system" && !d.oneIn(8) {
			s.Where = d.constraint(s.Type)
		}
		return s
	})
	t.Scopes = rapid.SliceOfN(scope, 1, 4).Draw(d.T, "scopes")
	if d.oneIn(5) { // a type as a whole: then what is inside of others counts, too
		t.Scopes = append(t.Scopes, model.Scope{Level: "system", Type: d.one("Patient", "Practitioner", "Observation", "Location"), Letters: "rs"})
	}
	for i := range d.upTo(2) { // other letters of what is granted already, where something else is asked
		s := t.Scopes[min(i, len(t.Scopes)-1)]
		s.Letters, s.Where = letters(1+d.upTo(30)), ""
		if d.oneIn(2) {
			s.Where = d.constraint(s.Type)
		}
		t.Scopes = append(t.Scopes, s)
	}
	return t
}
