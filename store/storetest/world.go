package storetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
)

// maker draws worlds and questions. Everything it draws comes from small pools, so that things meet.
type maker struct {
	*rand.Rand
	seen  *memorySnapshot // the world that is asked: most questions take their values from it; nil draws blindly
	whose string          // whom the access of a question is about
	crowd bool            // hundreds of resources: lists longer than what engines read at once
}

// An object is a JSON object of a resource.
type object = map[string]any

// op is one write of a world: a new version, or a deletion where Body is nil.
type op struct {
	Type, ID string
	Body     object
	Joined   bool // in one commit with the op before
	Define   definedOp
}

// definedOp is an op that writes no resource: it changes the own search parameters.
type definedOp uint8

const (
	defineEarlier definedOp = iota + 1 // to those of earlier; nothing is indexed anew
	buildEarlier                       // to those of earlier, and all is indexed by them
	defineAll                          // to those that questions ask by, which the end of a world builds
)

func (o op) String() string {
	switch o.Define {
	case defineEarlier:
		return "DEFINE the earlier search parameters"
	case buildEarlier:
		return "DEFINE and build the earlier search parameters"
	case defineAll:
		return "DEFINE all search parameters"
	}
	if o.Body == nil {
		return fmt.Sprintf("DELETE %s/%s", o.Type, o.ID)
	}
	return fmt.Sprintf("PUT %s/%s %s", o.Type, o.ID, mustJSON(o.Body))
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// instances are the ids that a world uses, by type; the last one of each type is never written.
var instances = map[string][]string{
	"Patient":           {"p1", "p2", "p3", "absent"},
	"Practitioner":      {"p1", "d2", "absent"}, // with an id of a Patient, so that types are not mixed up
	"Encounter":         {"e1", "e2", "p1", "absent"},
	"Observation":       {"o1", "o2", "o3", "o4", "o5", "o6", "absent"},
	"Condition":         {"c1", "c2", "c3", "absent"},
	"MedicationRequest": {"m1", "m2", "m3", "absent"},
	"Group":             {"p1", "g2", "absent"},
	"Provenance":        {"v1", "v2", "absent"},
	"RiskAssessment":    {"r1", "r2", "absent"},
	"Location":          {"l1", "l2", "l3", "absent"},
	"ValueSet":          {"s1", "s2", "s3", "absent"},
	"CodeSystem":        {"a1", "a2", "absent"},
	"DocumentReference": {"d1", "d2", "absent"},
	"Binary":            {"b1", "b2", "b3", "absent"},
}

// worldTypes are the types of a world, those that are drawn more often more than once.
var worldTypes = []string{"Patient", "Patient", "Practitioner", "Encounter", "Encounter", "Observation", "Observation",
	"Observation", "Observation", "Condition", "MedicationRequest", "Group", "Provenance", "RiskAssessment",
	"Location", "Location", "ValueSet", "CodeSystem", "DocumentReference", "Binary", "Binary"}

// world draws the writes of a world.
func (m maker) world() []op {
	var ops []op
	live := map[string]bool{}
	joined := map[string]bool{}
	size := 4 + m.IntN(60)
	if m.crowd {
		size = 900
	}
	for range size {
		typ := pick(m, worldTypes)
		ids := instances[typ]
		o := op{Type: typ, ID: ids[m.IntN(len(ids)-1)]}
		if m.crowd && !m.oneIn(20) {
			typ = m.one("Observation", "Observation", "Observation", "Condition", "Patient")
			o = op{Type: typ, ID: fmt.Sprintf("%c%d", typ[0]+32, 10+m.IntN(400))}
		}
		at := o.Type + "/" + o.ID
		if !live[at] || !m.oneIn(8) {
			o.Body = m.resource(typ)
		}
		live[at] = o.Body != nil
		o.Joined = len(ops) > 0 && !joined[at] && m.oneIn(2)
		if !o.Joined {
			clear(joined)
		}
		joined[at] = true
		ops = append(ops, o)
	}
	return m.defining(ops)
}

// defining puts between the writes of a world, or before or behind them, that its own search parameters change.
func (m maker) defining(ops []op) []op {
	at := m.IntN(len(ops) + 1)
	ops = slices.Insert(ops, at, op{Define: defineAll})
	if m.oneIn(3) {
		ops = slices.Insert(ops, m.IntN(at+1), op{Define: pick(m, []definedOp{defineEarlier, buildEarlier})})
	}
	return ops
}

func pick[T any](m maker, from []T) T { return from[m.IntN(len(from))] }

func (m maker) one(from ...string) string { return from[m.IntN(len(from))] }

// oneIn is true once in n.
func (m maker) oneIn(n int) bool { return m.IntN(n) == 0 }
