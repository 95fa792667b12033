package interaction

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// pair is a reference parameter of a type that can hold a Patient, as the definitions of R4 have it.
type pair struct {
	typ, code string
	paths     []string // below the type, of each clause of its expression
	confers   bool     // membership of the Patient's compartment
}

// published reads the definitions of R4 of one kind: not what the generator made of them.
func published[T any](t *testing.T, kind string) (out []T) {
	t.Helper()
	f, err := os.Open("../../conformance/gen/definitions/" + kind + ".ndjson.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(z); ; {
		var one T
		switch err := d.Decode(&one); {
		case errors.Is(err, io.EOF):
			return out
		case err != nil:
			t.Fatal(err)
		}
		out = append(out, one)
	}
}

var whereEnd = regexp.MustCompile(`\.where\(.*\)$`)

// pairs are all that can hold a Patient. Those that select what a parameter that confers membership selects, too, are the
// same elements under another name and left out, as are canonicals, which hold no Patient.
func pairs(t *testing.T) []pair {
	t.Helper()
	linking := map[string][]string{}
	for _, d := range published[struct {
		Code     string
		Resource []struct {
			Code  string
			Param []string
		}
	}](t, "CompartmentDefinition") {
		for _, r := range d.Resource {
			if d.Code == "Patient" {
				linking[r.Code] = r.Param
			}
		}
	}
	var list []pair
	conferred := map[string]bool{}
	for _, d := range published[struct {
		Code, Type, Expression string
		Base, Target           []string
	}](t, "SearchParameter") {
		if d.Type != "reference" || !slices.Contains(d.Target, "Patient") || strings.Contains(d.Expression, ".relatedArtifact") {
			continue
		}
		for _, base := range d.Base {
			p := pair{typ: base, code: d.Code, confers: slices.Contains(linking[base], d.Code)}
			for clause := range strings.SplitSeq(d.Expression, "|") {
				path := whereEnd.ReplaceAllString(strings.TrimSpace(clause), "")
				if path, ours := strings.CutPrefix(path, base+"."); ours {
					p.paths = append(p.paths, path)
					conferred[base+"."+path] = conferred[base+"."+path] || p.confers
				}
			}
			list = append(list, p)
		}
	}
	list = slices.DeleteFunc(list, func(p pair) bool {
		return !p.confers && !slices.ContainsFunc(p.paths, func(path string) bool { return !conferred[p.typ+"."+path] })
	})
	return list
}

// holding is a resource with a reference at a path, and nothing else.
func holding(t *testing.T, typ, path, reference string) string {
	t.Helper()
	var value any = map[string]any{"reference": reference}
	names := strings.Split(path, ".")
	types := []string{typ}
	for _, name := range names[:len(names)-1] {
		types = append(types, element(t, types[len(types)-1], name).Types[0].Code)
	}
	for i, name := range slices.Backward(names) {
		if element(t, types[i], name).Max != 1 {
			value = []any{value}
		}
		value = map[string]any{name: value}
	}
	value.(map[string]any)["resourceType"] = typ
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func element(t *testing.T, typ, name string) *r4.Element {
	t.Helper()
	def := r4.TypeOf(typ)
	if def == nil || def.Field(name) == nil {
		t.Fatalf("%s has no element %s", typ, name)
	}
	return def.Field(name)
}

// Every reference parameter that can hold a Patient: the 100 that confer membership show the resource to who is bound to
// the Patient, the 56 others do not, but where the type's subject does (access.md D7) or where it has no patients.
func TestCompartmentPairs(t *testing.T) { each(t, testPairs) }

func testPairs(t *testing.T, r *rig) {
	subjects := strings.Fields("Contract.subject Device.patient GuidanceResponse.subject Task.for")
	r.Validation = ValidateOff
	r.put(patient("A"), patient("B"))
	all := r.root()
	a, b := as(t, "A", "patient/*.rs"), as(t, "B", "patient/*.rs")
	user := asUser(t, "", "user/*.rs", builtIn(t, "self", "Patient/A"))
	confers, others, asked := 0, 0, 0
	for _, p := range pairs(t) {
		if p.confers {
			confers++
		} else {
			others++
		}
		for i, path := range p.paths {
			id := fmt.Sprintf("%s-%d", p.code, i)
			if len(id) > 64 {
				t.Fatal(id)
			}
			member := p.confers && p.typ+"."+p.code != "Patient.link" // D5
			r.place(id, holding(t, p.typ, path, "Patient/A"))
			seen := member || slices.Contains(subjects, p.typ+"."+path) || p.typ == "ImplementationGuide"
			for _, c := range []struct {
				caller Caller
				want   bool
			}{{a, seen}, {user, seen}, {b, p.typ == "ImplementationGuide"}, {all, true}} {
				_, err := r.Read(ctx, c.caller, p.typ, id)
				found, serr := r.Search(ctx, c.caller, p.typ, []search.Pair{{Name: "_id", Value: id}}, SearchOptions{})
				if asked += 2; c.want != (err == nil) || c.want != (entriesOf(found) == 1) {
					t.Errorf("%s.%s by %s, %s: read %v, search %s %v; want it seen: %v", p.typ, path, p.code, c.caller.Grant, err, found.Bundle, serr, c.want)
				}
				if serr != nil && fhir.KindOf(serr) != fhir.KindForbidden || err != nil && fhir.KindOf(err) != fhir.KindForbidden && fhir.KindOf(err) != fhir.KindNotFound {
					t.Errorf("%s by %s: %v, %v", p.typ, p.code, err, serr)
				}
			}
			found, err := r.SearchCompartment(ctx, all, fhir.Reference{Type: "Patient", ID: "A"}, p.typ, []search.Pair{{Name: "_id", Value: id}}, SearchOptions{})
			if err == nil && (entriesOf(found) == 1) != member || err != nil && (member || fhir.KindOf(err) != fhir.KindNotSupported) {
				t.Errorf("%s by %s in the compartment: %s %v, want %v", p.typ, p.code, found.Bundle, err, member)
			}
		}
	}
	if confers != 100 || others != 56 {
		t.Errorf("%d parameters confer membership, %d do not", confers, others)
	}
	t.Logf("%d pairs of a type and a parameter that can hold a Patient, %d confer membership and %d do not: %d reads and searches", confers+others, confers, others, asked)
}

// The table of D7, written down again: what a type shows to who is bound to patients. A type that is in no list is denied.
func TestAllTypes(t *testing.T) { each(t, testAllTypes) }

func testAllTypes(t *testing.T, r *rig) {
	shown := strings.Fields(`Practitioner PractitionerRole Organization OrganizationAffiliation Location HealthcareService Endpoint InsurancePlan Medication MedicationKnowledge Substance
		ActivityDefinition CapabilityStatement CatalogEntry ChargeItemDefinition CodeSystem CompartmentDefinition ConceptMap DeviceDefinition EffectEvidenceSynthesis EventDefinition
		Evidence EvidenceVariable ExampleScenario GraphDefinition ImplementationGuide Library Measure MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication
		MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged MedicinalProductPharmaceutical
		MedicinalProductUndesirableEffect MessageDefinition NamingSystem ObservationDefinition OperationDefinition PlanDefinition Questionnaire ResearchDefinition
		ResearchElementDefinition ResearchStudy RiskEvidenceSynthesis SearchParameter SpecimenDefinition StructureDefinition StructureMap SubstanceNucleicAcid SubstancePolymer
		SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification TerminologyCapabilities TestReport TestScript ValueSet`)
	reached := strings.Fields("Device Task Contract GuidanceResponse Binary") // by a subject, or by a link
	for _, d := range published[struct {
		Code     string
		Resource []struct {
			Code  string
			Param []string
		}
	}](t, "CompartmentDefinition") {
		for _, m := range d.Resource {
			if d.Code == "Patient" && len(m.Param) > 0 {
				reached = append(reached, m.Code)
			}
		}
	}
	written := slices.DeleteFunc(slices.Clone(reached), func(typ string) bool { return typ == "Binary" || typ == "AuditEvent" })
	r.Validation = ValidateOff
	callers := []Caller{as(t, "A", "patient/*.cruds"), as(t, "A", "patient/*.*"), asUser(t, "", "user/*.cruds", builtIn(t, "self", "Patient/A"))}
	count := map[string]int{}
	for _, typ := range append(slices.Clone(r4.Resources()), "Resource", "DomainResource") { // all 148 of R4
		if !r4.Searchable(typ) {
			if _, err := r.Read(ctx, r.root(), typ, "x"); fhir.KindOf(err) != fhir.KindNotSupported {
				t.Errorf("%s: %v", typ, err)
			}
			count["no resource of a server"]++
			continue
		}
		r.place("x", `{"resourceType":"`+typ+`"}`)
		kind := "denied"
		switch {
		case slices.Contains(shown, typ):
			kind = "shown"
		case slices.Contains(reached, typ):
			kind = "reached"
		}
		count[kind]++
		for _, c := range callers {
			_, err := r.Read(ctx, c, typ, "x")
			want := map[string]string{"shown": "nothing", "reached": "not-found", "denied": "forbidden"}[kind]
			if got := kindOf(err); got != want {
				t.Errorf("%s reads %s: %s, want %s", c.Grant, typ, got, want)
			}
			found, err := r.Search(ctx, c, typ, []search.Pair{{Name: "_id", Value: "x"}}, SearchOptions{})
			if want = strings.Replace(want, "not-found", "nothing", 1); kindOf(err) != want || (entriesOf(found) == 1) != (kind == "shown") {
				t.Errorf("%s searches %s: %s %v, want %s", c.Grant, typ, found.Bundle, err, want)
			}
			_, err = r.Update(ctx, c, typ, "x", r.parse(`{"resourceType":"`+typ+`","id":"x"}`), WriteOptions{})
			want = "forbidden"
			if slices.Contains(written, typ) {
				want = "not-found"
			} else if typ == "AuditEvent" {
				want = "not-supported"
			}
			if got := kindOf(err); got != want {
				t.Errorf("%s updates %s: %s, want %s", c.Grant, typ, got, want)
			}
		}
	}
	t.Logf("%d types: %v, each asked by %d kinds of scopes", len(r4.Resources())+2, count, len(callers))
	if got := fmt.Sprint(count); got != "map[denied:12 no resource of a server:3 reached:71 shown:62]" {
		t.Error(got)
	}
}

// kindOf is the kind of an error; nothing for none.
func kindOf(err error) string {
	if err == nil {
		return "nothing"
	}
	return fhir.KindOf(err).Code()
}

// entriesOf is the number of entries of a Bundle, whose resources may lack what R4 requires.
func entriesOf(r Result) int { return strings.Count(string(r.Bundle), `"fullUrl"`) }

// place creates a resource under an id, also one that is never updated.
func (r *rig) place(id, body string) {
	r.t.Helper()
	r.NewID = func() string { return id }
	res := r.parse(body)
	if _, err := r.Create(ctx, r.root(), res.Type, res, CreateOptions{}); err != nil {
		r.t.Fatalf("%s: %v", body, err)
	}
}
