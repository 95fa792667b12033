package r4

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestLookupParameter(t *testing.T) {
	for _, c := range []struct{ typ, code, want string }{
		{"Observation", "code", "Token Observation.code [CodeableConcept] single"},
		{"Observation", "patient", "Reference Observation.subject.where(resolve() is Patient) [Reference] single → Patient"},
		{"Observation", "category", "Token Observation.category [CodeableConcept]"},
		{"Observation", "value-quantity", "Quantity (Observation.value as Quantity) | (Observation.value as SampledData) [Quantity SampledData] single"},
		{"Observation", "date", "Date Observation.effective [Period Timing dateTime instant] single"},
		{"Patient", "birthdate", "Date Patient.birthDate [date] single"},
		{"Patient", "deceased", "Token Patient.deceased.exists() and Patient.deceased != false [boolean] single"},
		{"Patient", "phonetic", "String Patient.name [HumanName]"},
		{"Patient", "_id", "Token Resource.id [id] single"},
		{"Patient", "_text", "String  []"},
		{"Bundle", "_lastUpdated", "Date Resource.meta.lastUpdated [instant] single"},
		{"Bundle", "_text", ""},
		{"Bundle", "composition", "Reference Bundle.entry[0].resource [Resource] single → Composition"},
		{"InsurancePlan", "name", "String name | alias [string]"},
		{"Condition", "onset-date", "Date Condition.onset.as(dateTime) | Condition.onset.as(Period) [Period dateTime] single"},
		{"Location", "name", "String Location.name | Location.alias [string]"},
		{"", "_id", "Token Resource.id [id] single"},
		{"", "code", ""},
		{"Observation", "_list", ""},
		{"observation", "code", ""},
		{"Nothing", "_id", ""},
	} {
		if got := describe(Lookup(c.typ, c.code)); got != c.want {
			t.Errorf("%s?%s: %s, want %s", c.typ, c.code, got, c.want)
		}
	}
}

func describe(p *SearchParameter) string {
	if p == nil {
		return ""
	}
	name := []string{"", "Number", "Date", "String", "Token", "Reference", "Composite", "Quantity", "URI", "Special"}[p.Type]
	s := fmt.Sprint(name, " ", p.Expression, " ", p.Elements)
	if p.Single {
		s += " single"
	}
	if len(p.Targets) > 0 {
		s += " → " + strings.Join(p.Targets, " ")
	}
	return s
}

func TestParametersAreWellFormed(t *testing.T) {
	numbers := map[uint16]string{}
	urls := map[string]bool{}
	for i := range parameters {
		p := &parameters[i]
		urls[p.URL] = true
		if c, ok := numbers[p.Num]; p.Num == 0 || ok && c != p.Code {
			t.Errorf("%s %s: number %d is that of %s", p.Base, p.Code, p.Num, c)
		}
		numbers[p.Num] = p.Code
		if p.Base != "" && Lookup(p.Base, p.Code) != p {
			t.Errorf("%s %s is not found", p.Base, p.Code)
		}
		if (p.Expression == "") != slices.Contains([]string{"_text", "_content", "_query"}, p.Code) {
			t.Errorf("%s %s: expression %q", p.Base, p.Code, p.Expression)
		}
		// The definition of this one names no target, nor does its element.
		if p.Type == Reference && (len(p.Targets) == 0) != (p.Base == "RequestGroup" && p.Code == "instantiates-canonical") {
			t.Errorf("%s %s: targets %v", p.Base, p.Code, p.Targets)
		}
		for _, target := range p.Targets {
			if !IsResource(target) {
				t.Errorf("%s %s: target %s", p.Base, p.Code, target)
			}
		}
		if (p.Type == Composite) != (len(p.Components) > 1) {
			t.Errorf("%s %s: %d components", p.Base, p.Code, len(p.Components))
		}
		for _, c := range p.Components {
			if len(ByURL(c.Definition)) == 0 || c.Type == 0 {
				t.Errorf("%s %s: component %+v", p.Base, p.Code, c)
			}
		}
		for _, e := range p.Elements {
			if TypeOf(e) == nil {
				t.Errorf("%s %s: element type %s", p.Base, p.Code, e)
			}
		}
	}
	if len(urls) != 1375 {
		t.Errorf("%d search parameters, want 1,375", len(urls))
	}
	if n := len(ByURL("http://hl7.org/fhir/SearchParameter/clinical-patient")); n != 32 {
		t.Errorf("clinical-patient applies to %d types, want 32", n)
	}
	for _, typ := range Resources() {
		if !slices.IsSortedFunc(Params(typ), func(a, b *SearchParameter) int { return strings.Compare(a.Code, b.Code) }) {
			t.Errorf("%s: not sorted", typ)
		}
	}
}

// Indexes on disk hold these numbers: a change of any of them is a change of the store's format.
func TestNumbersStay(t *testing.T) {
	for _, c := range []struct {
		typ, code string
		want      uint16
	}{{"Patient", "_content", 1}, {"Patient", "_id", 2}, {"Observation", "code", 73}, {"Observation", "date", 122},
		{"Observation", "patient", 274}, {"VisionPrescription", "prescriber", 294}, {"SearchParameter", "xpath", 0}} {
		p := Lookup(c.typ, c.code)
		if got := num(p); got != c.want {
			t.Errorf("%s %s has number %d, want %d", c.typ, c.code, got, c.want)
		}
	}
}

func num(p *SearchParameter) uint16 {
	if p == nil {
		return 0
	}
	return p.Num
}

func TestTypes(t *testing.T) {
	if n := len(Resources()); n != 146 {
		t.Errorf("%d concrete resource types, want 146", n)
	}
	searchable := 0
	for _, typ := range Resources() {
		if Searchable(typ) {
			searchable++
		}
	}
	if searchable != 145 || Searchable("Resource") || Searchable("Parameters") {
		t.Errorf("%d searchable types, want 145", searchable)
	}
	if !slices.IsSortedFunc(types[:], func(a, b Type) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("types are not sorted")
	}
	for i := range types {
		x := &types[i]
		if TypeOf(x.Name) != x {
			t.Errorf("%s is not found", x.Name)
		}
		if x.Base != "" && TypeOf(x.Base) == nil {
			t.Errorf("%s: base %s", x.Name, x.Base)
		}
		if len(x.Elements) > MaxElements {
			t.Errorf("%s has %d elements", x.Name, len(x.Elements))
		}
		for j := range x.Elements {
			e := &x.Elements[j]
			if (e.Min > 0) != (x.Required()>>j&1 == 1) {
				t.Errorf("%s.%s: required %b", x.Name, e.Name, x.Required())
			}
			if (e.Required == "") != (e.valueSet == 0) || e.valueSet > 0 && valueSets[e.valueSet-1].url != e.Required {
				t.Errorf("%s.%s: value set %s", x.Name, e.Name, e.Required)
			}
			for k := range e.Types {
				r := &e.Types[k]
				name := e.Name
				if e.Choice {
					name += strings.ToUpper(r.Code[:1]) + r.Code[1:]
				}
				el, ref := x.Lookup(name)
				if el != e || ref != r || r.Type().Name != r.Code {
					t.Errorf("%s.%s is not found", x.Name, name)
				}
			}
		}
	}
}

func TestElement(t *testing.T) {
	for _, c := range []struct{ typ, json, name, elementType string }{
		{"Observation", "valueQuantity", "value", "Quantity"},
		{"Observation", "value", "", ""},
		{"Observation", "valueInstant", "", ""},
		{"Observation", "status", "status", "code"},
		{"Observation", "Status", "", ""},
		{"Observation", "id", "id", "id"},
		{"Observation", "component", "component", "Observation.component"},
		{"Observation.component", "referenceRange", "referenceRange", "Observation.referenceRange"},
		{"Observation.component", "modifierExtension", "modifierExtension", "Extension"},
		{"Observation.component", "id", "id", "string"},
		{"Extension", "url", "url", "uri"},
		{"Extension", "valueDosage", "value", "Dosage"},
		{"Bundle.entry", "resource", "resource", "Resource"},
		{"Bundle.entry", "link", "link", "Bundle.link"},
		{"Narrative", "div", "div", "xhtml"},
		{"string", "extension", "extension", "Extension"},
		{"string", "value", "", ""},
		{"Timing.repeat", "boundsPeriod", "bounds", "Period"},
	} {
		el, typ, ok := TypeOf(c.typ).Element(c.json)
		name := ""
		if ok {
			name = el.Name
		}
		if name != c.name || typ != c.elementType {
			t.Errorf("%s.%s: %q of type %q, want %q of type %q", c.typ, c.json, name, typ, c.name, c.elementType)
		}
	}
	subject := TypeOf("Observation").Field("subject")
	if got := strings.Join(subject.Types[0].Targets, " "); got != "Device Group Location Patient" || !subject.Summary {
		t.Errorf("Observation.subject: targets %s, summary %t", got, subject.Summary)
	}
	if e := TypeOf("Observation").Field("status"); e.Min != 1 || e.Max != 1 || e.Required != "http://hl7.org/fhir/ValueSet/observation-status" {
		t.Errorf("Observation.status: %+v", e)
	}
	if e := TypeOf("Observation").Field("category"); e.Max != -1 {
		t.Errorf("Observation.category: %+v", e)
	}
}

func TestInValueSet(t *testing.T) {
	const base = "http://hl7.org/fhir/ValueSet/"
	for _, c := range []struct {
		url, system, code string
		ok, known         bool
	}{
		{base + "observation-status", "", "final", true, true},
		{base + "observation-status", "", "Final", false, true},
		{base + "observation-status", "http://hl7.org/fhir/observation-status", "final", true, true},
		{base + "observation-status", "http://example.org", "final", false, true},
		{base + "condition-clinical", "http://terminology.hl7.org/CodeSystem/condition-clinical", "recurrence", true, true},
		{base + "resource-types", "", "Patient", true, true},
		{base + "observation-codes", "http://loinc.org", "8480-6", false, false}, // required by no element
		{base + "mimetypes", "", "text/plain", false, false},
		{base + "nothing", "", "x", false, false},
	} {
		if ok, known := InValueSet(c.url, c.system, c.code); ok != c.ok || known != c.known {
			t.Errorf("%s in %s: %t, %t", c.code, c.url, ok, known)
		}
	}
	for i := range valueSets {
		v := &valueSets[i]
		if slices.Contains(NotEnumerable, v.url) == (len(v.systems) > 0) {
			t.Errorf("%s: %d systems", v.url, len(v.systems))
		}
		for _, s := range v.systems {
			if len(s.codes) == 0 || !slices.IsSorted(s.codes) {
				t.Errorf("%s: codes of %s", v.url, s.system)
			}
		}
	}
	if len(valueSets) != 224 || len(NotEnumerable) != 4 {
		t.Errorf("%d value sets, %d not enumerable", len(valueSets), len(NotEnumerable))
	}
}

func TestMainDate(t *testing.T) {
	for typ, code := range mainDates {
		if p := Lookup(typ, code); p == nil || p.Type != Date {
			t.Errorf("%s: %s is no date parameter", typ, code)
		}
	}
	without := []string{"Patient", "Person", "RelatedPerson", "Medication", "Substance"} // birth, death and expiry only
	for _, typ := range Resources() {
		hasDate := slices.ContainsFunc(Params(typ), func(p *SearchParameter) bool { return p.Type == Date && p.Base != "" })
		if want := hasDate && !slices.Contains(without, typ); want != (MainDate(typ) != "") {
			t.Errorf("%s: main date %q", typ, MainDate(typ))
		}
	}
}

func BenchmarkLookupElement(b *testing.B) {
	t := TypeOf("Observation")
	b.ReportAllocs()
	for b.Loop() {
		if _, ref := t.Lookup("valueQuantity"); ref == nil {
			b.Fatal("not found")
		}
	}
}

func BenchmarkTypeOf(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if TypeOf("Observation") == nil {
			b.Fatal("not found")
		}
	}
}

func BenchmarkLookupParameter(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if Lookup("Observation", "code") == nil {
			b.Fatal("not found")
		}
	}
}
