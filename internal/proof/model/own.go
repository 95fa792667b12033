package model

import "slices"

// Own is a search parameter beyond R4's that a world may define.
type Own struct {
	Definition string // the SearchParameter without what is the same of all
	Kind       string
	paths      []string
	types      []string
}

// Owns are those that tests define, by code.
var Owns = map[string]Own{
	"spoken": {`"type":"token","base":["Encounter","Observation","Patient"],"expression":"Encounter.language | Observation.language | Patient.language"`,
		"token", []string{"language"}, []string{"Encounter", "Observation", "Patient"}},
	"given-name": {`"type":"string","base":["Patient"],"expression":"Patient.name.given"`, "string", []string{"name.given"}, []string{"Patient"}},
	"born":       {`"type":"date","base":["Patient"],"expression":"Patient.birthDate"`, "date", []string{"birthDate"}, []string{"Patient"}},
	"amount":     {`"type":"quantity","base":["Observation"],"expression":"Observation.value as Quantity"`, "quantity", []string{"valueQuantity"}, []string{"Observation"}},
	"odds": {`"type":"number","base":["RiskAssessment"],"expression":"RiskAssessment.prediction.probability"`, "number",
		[]string{"prediction.probabilityDecimal", "prediction.probabilityRange"}, []string{"RiskAssessment"}},
	"watcher":    {`"type":"reference","base":["Observation"],"expression":"Observation.performer","target":["Patient","Practitioner"]`, "reference", []string{"performer"}, []string{"Observation"}},
	"taken-from": {`"type":"uri","base":["Observation","Patient"],"expression":"Observation.meta.source | Patient.meta.source"`, "uri", []string{"meta.source"}, []string{"Observation", "Patient"}},
	"coded-amount": {`"type":"composite","base":["Observation"],"expression":"Observation","component":[{"definition":"http://hl7.org/fhir/SearchParameter/clinical-code","expression":"code"},
		{"definition":"http://hl7.org/fhir/SearchParameter/Observation-value-quantity","expression":"value.as(Quantity)"}]`, "composite", []string{"", "code", "valueQuantity"}, []string{"Observation"}},
}

// all are the parameters of a type: those of every type, its own of R4, and those that the world defines.
func all(typ string, own []string) map[string]param {
	out := map[string]param{}
	for _, list := range []map[string]param{common, params[typ]} {
		for code, p := range list {
			out[code] = p
		}
	}
	for _, code := range own {
		if o := Owns[code]; slices.Contains(o.types, typ) {
			out[code] = param{o.Kind, "", o.paths}
		}
	}
	return out
}
