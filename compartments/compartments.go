package compartments

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Own stands in the lists of parameters for the resource that a compartment is named after: Patient/1 is a member of
// the compartment Patient/1.
const Own = "{def}"

// own is Params of a compartment's own type.
var own = []string{Own}

// definition is one CompartmentDefinition.
type definition struct {
	compartment string
	members     []membership
}

// membership are the reference parameters that link a type to the compartment, as the definition lists them.
type membership struct {
	typ    string
	params []string
}

// Compartments are the types that have compartments, sorted.
func Compartments() []string {
	out := make([]string, len(definitions))
	for i := range definitions {
		out[i] = definitions[i].compartment
	}
	return out
}

// Params are the codes of the reference parameters that make a resource of the type a member of a compartment
// ("Patient", "Encounter", …): it is one if any of them refers to the compartment's resource. Nil if the type is
// outside. They are shared: do not change them.
//
// Of the compartment's own type only Own counts. R4 also nominates Patient.link; it is left out, for a link would let
// one patient's compartment show another patient.
func Params(compartment, typ string) []string {
	d := find(compartment)
	if d == nil {
		return nil
	}
	if typ == compartment {
		return own
	}
	i, ok := slices.BinarySearchFunc(d.members, typ, func(m membership, typ string) int { return strings.Compare(m.typ, typ) })
	if !ok {
		return nil
	}
	return d.members[i].params
}

func find(compartment string) *definition {
	for i := range definitions {
		if definitions[i].compartment == compartment {
			return &definitions[i]
		}
	}
	return nil
}

// Types are the types that can be members of the compartment, its own among them, sorted; nil if there is no such
// compartment.
func Types(compartment string) []string {
	d := find(compartment)
	if d == nil {
		return nil
	}
	var out []string
	for _, m := range d.members {
		out = append(out, m.typ)
	}
	if !slices.Contains(out, compartment) {
		out = append(out, compartment)
		slices.Sort(out)
	}
	return out
}

// References gives the references that the search parameter of that code selects in the resource at hand.
type References func(code string) []fhir.Reference

// Of are the compartments that a resource of that type and id is a member of, each once, sorted by type, then in the
// order of its references. Only local references count.
func Of(typ, id string, references References) []fhir.Reference {
	var out []fhir.Reference
	for i := range definitions {
		out = appendOf(out, definitions[i].compartment, typ, id, references)
	}
	return out
}

func appendOf(out []fhir.Reference, compartment, typ, id string, references References) []fhir.Reference {
	for _, code := range Params(compartment, typ) {
		if code == Own {
			if id != "" {
				out = append(out, fhir.Reference{Type: typ, ID: id})
			}
			continue
		}
		for _, r := range references(code) {
			r.Version = ""
			if r.Local() && r.Type == compartment && !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out
}

// Member says whether a resource is a member of the compartment of that one ("Patient/1").
func Member(compartment fhir.Reference, typ, id string, references References) bool {
	compartment.Version = ""
	return slices.Contains(appendOf(nil, compartment.Type, typ, id, references), compartment)
}

// PatientImplies is the code of the parameter whose match with a Patient proves that the resource is a member of that
// Patient's compartment, "" if the type has none: all elements that it selects are among those that link the type to
// the compartment. The generator compares the clauses of their expressions.
func PatientImplies(typ string) string {
	if _, ok := slices.BinarySearch(implied, typ); !ok {
		return ""
	}
	return "patient"
}
