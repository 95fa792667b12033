package fhirpath

import "strings"

// testModel is a handful of FHIR's types; search/index tests with all of R4.
type testModel struct{}

var testTypes = map[string]struct {
	base   string
	fields string // name:type, name[x]:type|type
}{
	"Resource":              {"", "id:id meta:Meta"},
	"DomainResource":        {"Resource", "contained:Resource extension:Extension text:Narrative"},
	"Patient":               {"DomainResource", "active:boolean name:HumanName birthDate:date gender:code deceased[x]:boolean|dateTime telecom:ContactPoint generalPractitioner:Reference multipleBirth[x]:boolean|integer contact:Patient.contact"},
	"Patient.contact":       {"BackboneElement", "name:HumanName"},
	"Practitioner":          {"DomainResource", "name:HumanName"},
	"Organization":          {"DomainResource", "name:string"},
	"Observation":           {"DomainResource", "status:code code:CodeableConcept subject:Reference value[x]:Quantity|CodeableConcept|string|boolean|integer|Range|Period|dateTime component:Observation.component focus:Reference issued:instant"},
	"Observation.component": {"BackboneElement", "code:CodeableConcept value[x]:Quantity|CodeableConcept|string|Age"},
	"ConceptMap":            {"DomainResource", "source[x]:uri|canonical url:uri"},
	"Bundle":                {"Resource", "type:code entry:Bundle.entry"},
	"Bundle.entry":          {"BackboneElement", "fullUrl:uri resource:Resource"},
	"Element":               {"", "id:string extension:Extension"},
	"BackboneElement":       {"Element", "modifierExtension:Extension"},
	"Extension":             {"Element", "url:uri value[x]:string|dateTime|CodeableConcept|code|boolean"},
	"HumanName":             {"Element", "use:code family:string given:string period:Period"},
	"ContactPoint":          {"Element", "system:code value:string rank:positiveInt"},
	"Reference":             {"Element", "reference:string type:uri display:string identifier:Identifier"},
	"Identifier":            {"Element", "system:uri value:string"},
	"CodeableConcept":       {"Element", "coding:Coding text:string"},
	"Coding":                {"Element", "system:uri code:code display:string"},
	"Quantity":              {"Element", "value:decimal unit:string system:uri code:code"},
	"Age":                   {"Quantity", ""},
	"Range":                 {"Element", "low:Quantity high:Quantity"},
	"Period":                {"Element", "start:dateTime end:dateTime"},
	"Meta":                  {"Element", "versionId:id lastUpdated:instant profile:canonical tag:Coding"},
	"Narrative":             {"Element", "status:code div:xhtml"},
	"string":                {"Element", ""}, "code": {"string", ""}, "id": {"string", ""}, "uri": {"Element", ""}, "canonical": {"uri", ""},
	"boolean": {"Element", ""}, "integer": {"Element", ""}, "positiveInt": {"integer", ""}, "decimal": {"Element", ""},
	"date": {"Element", ""}, "dateTime": {"Element", ""}, "instant": {"Element", ""}, "xhtml": {"Element", ""},
}

func (m testModel) Fields(typ, name string) []Field {
	for typ != "" {
		for _, f := range strings.Fields(testTypes[typ].fields) {
			n, types, _ := strings.Cut(f, ":")
			n, choice := strings.CutSuffix(n, "[x]")
			var all []Field
			for _, t := range strings.Split(types, "|") {
				json := n
				if choice {
					json += strings.ToUpper(t[:1]) + t[1:]
				}
				if json == name && choice {
					return []Field{{json, t}}
				}
				all = append(all, Field{json, t})
			}
			if n == name {
				return all
			}
		}
		typ = testTypes[typ].base
	}
	return nil
}

func (testModel) IsA(typ, ancestor string) bool {
	for ; typ != ""; typ = testTypes[typ].base {
		if typ == ancestor {
			return true
		}
	}
	return false
}

func (testModel) Canonical(name string) string {
	for t := range testTypes {
		if strings.EqualFold(t, name) {
			return t
		}
	}
	return ""
}
