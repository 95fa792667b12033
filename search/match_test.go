package search_test

import (
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

func resource(t testing.TB, body string) *fhir.Resource {
	t.Helper()
	res, err := fhir.Parse([]byte(body), fhir.Limits{})
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return res
}

// parse is the condition of a search.
func parse(t testing.TB, typ, query string) search.Expr {
	t.Helper()
	q, err := search.Parse(typ, pairs(t, query), goldenOptions)
	if err != nil {
		t.Fatalf("%s?%s: %v", typ, query, err)
	}
	return q.Where
}

// TestMatch quotes search.md: under each resource, searches that find it (+) and that do not (-).
func TestMatch(t *testing.T) {
	for _, c := range []struct{ name, body, searches string }{
		{"date: the hour of a day", `{"resourceType":"Observation","effectiveDateTime":"2013-01-14T10:00:00Z"}`, `
			+date=2013-01-14   +date=2013   +date=eq2013-01-14T10:00:00Z   +date=2013-01-14T10:00Z   -date=2013-01-15
			-date=ne2013-01-14   +date=ne2013-01-15   +date=ne2013-01-14T10:01
			-date=gt2013-01-14   +date=gt2013-01-13   +date=gt2013-01-14T09:59:59Z   -date=gt2013-01-14T10:00:00Z
			-date=lt2013-01-14   +date=lt2013-01-15   -date=lt2013-01-14T10:00:00Z   +date=lt2013-01-14T10:00:01Z
			+date=ge2013-01-14   +date=le2013-01-14   +date=ge2013   -date=ge2014   -date=le2012
			+date=sa2013-01-13   -date=sa2013-01-14   +date=eb2013-01-15   -date=eb2013-01-14
			+date=2013-01-14T11:00:00%2B01:00   -date=2013-01-14T10:00:00%2B01:00`},
		{"date: ge and le of the year", `{"resourceType":"Observation","effectiveDateTime":"2020-03-01"}`, `
			+date=ge2020   +date=le2020   +date=2020   +date=2020-03   -date=2020-03-01T10:00:00Z
			+date=gt2020-02   -date=gt2020-03   +date=lt2020-04   -date=lt2020-03
			+date=gt2020-03-01T10:00Z   +date=lt2020-03-01T10:00Z   +date=ne2020-03-01T10:00Z`},
		{"date: a Period without an end", `{"resourceType":"Observation","effectivePeriod":{"start":"2019-05-01"}}`, `
			+date=ge2024   +date=gt2024   -date=lt2019   +date=lt2020   -date=2019   +date=ne2019   -date=le2019   +date=le2020
			+date=sa2019-04   -date=sa2019-05   -date=eb2030   +date=ap2024`},
		{"date: a Period without a start", `{"resourceType":"Observation","effectivePeriod":{"end":"2019-05-01"}}`, `
			+date=lt1900   +date=le1900   +date=gt2018   -date=gt2019-05-01   -date=ge2020   -date=2019   +date=eb2020   -date=sa1900`},
		{"date: a Period", `{"resourceType":"Observation","effectivePeriod":{"start":"2019-05-01","end":"2025-01-31"}}`, `
			+date=ge2024   +date=ge2024&date=le2024   -date=2024   -date=ge2026   -date=le2018   +date=ne2024   -date=le2019`},
		{"date: ap within a tenth of the distance from now", `{"resourceType":"Observation","effectiveDateTime":"2016-06-01"}`, `
			+date=ap2016-11-22   +date=ap2016   -date=ap2018   -date=ap2015-06-01T00:00:00Z&date=gt2016-06`},
		{"date: no value", `{"resourceType":"Observation"}`, `
			-date=ne2020   -date=ge1900   +date:missing=true   -date:missing=false`},
		{"date: of two values each may match", `{"resourceType":"Encounter","period":{"start":"2020-01-01","end":"2020-01-02"}}`, `
			+date=ge2020&date=le2020   +date=ne2021`},

		{"number", `{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":5.42}]}`, `
			+probability=5.4   -probability=5.40   +probability=5.42   +probability=5   +probability=5.420   -probability=ne5.4
			+probability=ne5.40   +probability=gt5.4   +probability=ge5.42   -probability=gt5.42   -probability=lt5.42
			+probability=le5.420   +probability=ap5   -probability=ap4   +probability=sa5.4   +probability=eb5.43`},
		{"number: the ends of what digits imply", `{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":5.45}]}`, `
			-probability=5.4   +probability=5.5   +probability=ne5.4`},
		{"number: exponents", `{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":99}]}`, `
			-probability=100   +probability=1e2   +probability=99`},
		{"number: a Range", `{"resourceType":"RiskAssessment","prediction":[{"probabilityRange":{"low":{"value":3},"high":{"value":5}}}]}`, `
			+probability=gt4   +probability=lt4   -probability=4   -probability=ge5.1   +probability=ap5.4   -probability=ap5.6`},
		{"quantity: a Range compares like a date", `{"resourceType":"Condition","onsetRange":{"low":{"value":3,"unit":"a"},"high":{"value":5,"unit":"a"}}}`, `
			+onset-age=gt4   +onset-age=lt4   -onset-age=4   +onset-age=ne4   -onset-age=ge5   +onset-age=le5   -onset-age=sa3   +onset-age=sa2
			+onset-age=eb6   -onset-age=eb5   +onset-age=ap5   -onset-age=ap6||a&onset-age=gt6`},
		{"quantity", `{"resourceType":"Observation","valueQuantity":{"value":5.4,"unit":"milligram","system":"http://unitsofmeasure.org","code":"mg"}}`, `
			+value-quantity=5.4   +value-quantity=5.4||mg   +value-quantity=5.4||milligram   -value-quantity=5.4||g
			+value-quantity=5.4|http://unitsofmeasure.org|mg
			-value-quantity=5.4|http://other|mg   +value-quantity=gt5.39||mg   -value-quantity=0.0054||g`},
		{"quantity: UCUM units convert exactly", `{"resourceType":"Observation","valueQuantity":{"value":0.0054,"unit":"g","system":"http://unitsofmeasure.org","code":"g"}}`, `
			+value-quantity=5.4|http://unitsofmeasure.org|mg   +value-quantity=5|http://unitsofmeasure.org|mg   -value-quantity=5.40|http://unitsofmeasure.org|kg
			+value-quantity=5.40|http://unitsofmeasure.org|mg   +value-quantity=5400|http://unitsofmeasure.org|ug   -value-quantity=5.41|http://unitsofmeasure.org|mg
			+value-quantity=5.4e-6|http://unitsofmeasure.org|kg   -value-quantity=5.4||mg   -value-quantity=5.4|http://other|mg
			+value-quantity=0.0054||g   +value-quantity=5.4e3|http://unitsofmeasure.org|ug{dose}   -value-quantity=5.4|http://unitsofmeasure.org|mL
			-value-quantity=gt5.4|http://unitsofmeasure.org|mg   +value-quantity=ge5.4|http://unitsofmeasure.org|mg   +value-quantity=gt5.399|http://unitsofmeasure.org|mg
			-value-quantity=lt5.4|http://unitsofmeasure.org|mg   +value-quantity=le5.4|http://unitsofmeasure.org|mg   +value-quantity=ne5.5|http://unitsofmeasure.org|mg
			-value-quantity=ne5.4|http://unitsofmeasure.org|mg   +value-quantity=ap5.9|http://unitsofmeasure.org|mg   -value-quantity=ap6.5|http://unitsofmeasure.org|mg
			+value-quantity=sa5.3|http://unitsofmeasure.org|mg   +value-quantity=eb5.5|http://unitsofmeasure.org|mg`},
		{"quantity: the ends of what digits imply, converted", `{"resourceType":"Observation","valueQuantity":{"value":5.45,"system":"http://unitsofmeasure.org","code":"mg"}}`, `
			-value-quantity=0.0054|http://unitsofmeasure.org|g   +value-quantity=0.0055|http://unitsofmeasure.org|g   +value-quantity=ne0.0054|http://unitsofmeasure.org|g`},
		{"quantity: temperature has another zero", `{"resourceType":"Observation","valueQuantity":{"value":37.0,"system":"http://unitsofmeasure.org","code":"Cel"}}`, `
			+value-quantity=98.6|http://unitsofmeasure.org|[degF]   -value-quantity=98.5|http://unitsofmeasure.org|[degF]
			+value-quantity=310.15|http://unitsofmeasure.org|K   +value-quantity=gt98|http://unitsofmeasure.org|[degF]   -value-quantity=gt98.6|http://unitsofmeasure.org|[degF]`},
		{"quantity: pH is compared as written", `{"resourceType":"Observation","valueQuantity":{"value":7.4,"system":"http://unitsofmeasure.org","code":"[pH]"}}`, `
			+value-quantity=7.4|http://unitsofmeasure.org|[pH]   -value-quantity=7.4|http://unitsofmeasure.org|1   +value-quantity=gt7||[pH]`},
		{"quantity: an open end, converted", `{"resourceType":"Observation","valueQuantity":{"value":5,"comparator":">","system":"http://unitsofmeasure.org","code":"g"}}`, `
			+value-quantity=gt100|http://unitsofmeasure.org|kg   +value-quantity=gt4999|http://unitsofmeasure.org|mg   -value-quantity=lt5000|http://unitsofmeasure.org|mg`},
		{"quantity: units inside a composite", `{"resourceType":"Observation","code":{"coding":[{"code":"w"}]},"valueQuantity":{"value":70,"system":"http://unitsofmeasure.org","code":"kg"}}`, `
			+code-value-quantity=w$70000|http://unitsofmeasure.org|g   -code-value-quantity=w$70|http://unitsofmeasure.org|g   +code-value-quantity=w$gt150|http://unitsofmeasure.org|[lb_av]`},
		{"quantity: a comparator is an open end", `{"resourceType":"Observation","valueQuantity":{"value":5,"comparator":">","unit":"mg"}}`, `
			+value-quantity=gt100   -value-quantity=5   -value-quantity=lt5   +value-quantity=ne5`},

		{"string", `{"resourceType":"Patient","name":[{"family":"Müller-Lüdenscheidt","given":["Ann Marie","José"]}],"address":[{"city":"Zürich"}]}`, `
			+name=mull   +name=MÜLLER   +name=jose   +name=ann+m   -name=marie   +name:contains=marie   +name:contains=LUDEN
			+family:exact=Müller-Lüdenscheidt   -family:exact=müller-lüdenscheidt   -family:exact=Müller   +address=zur   +address-city=Z
			+name=x,ann   -name=x,y   +name=ann&name=jose   -name=ann&name=x`},

		{"token", `{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"},{"code":"hr"}],"text":"Resting pulse"}}`, `
			+code=8867-4   +code=http://loinc.org|8867-4   -code=http://other|8867-4   -code=|8867-4   +code=|hr   +code=hr
			+code=http://loinc.org|   -code=http://other|   +code=x,hr
			-code:not=hr   +code:not=x   -code:not=x,hr   +code:not=x,y   +code:text=heart   +code:text=rate   +code:text=HEART+r   -code:text=eart
			+code:text=pulse`},
		{"token: value sets of R4", `{"resourceType":"Encounter","status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"type":[{"coding":[{"system":"http://snomed.info/sct","code":"1"},{"code":"x"}]}]}`, `
			+status:in=http://hl7.org/fhir/ValueSet/encounter-status   +status:in=http://hl7.org/fhir/ValueSet/encounter-status|4.0.1   -status:not-in=http://hl7.org/fhir/ValueSet/encounter-status
			-status:in=http://hl7.org/fhir/ValueSet/observation-status   +status:not-in=http://hl7.org/fhir/ValueSet/observation-status
			+class:in=http://terminology.hl7.org/ValueSet/v3-ActEncounterCode   -class:in=http://hl7.org/fhir/ValueSet/encounter-status,http://hl7.org/fhir/ValueSet/observation-status
			-class:not-in=http://hl7.org/fhir/ValueSet/encounter-status,http://terminology.hl7.org/ValueSet/v3-ActEncounterCode
			+special-arrangement:not-in=http://hl7.org/fhir/ValueSet/encounter-status   -special-arrangement:in=http://hl7.org/fhir/ValueSet/encounter-status`},
		{"token: a value set of whole systems", `{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"1-8"},{"code":"y"}]}}`, `
			+code:in=http://hl7.org/fhir/ValueSet/observation-codes   -code:not-in=http://hl7.org/fhir/ValueSet/observation-codes   -category:in=http://hl7.org/fhir/ValueSet/observation-codes`},
		{"token: hierarchies of R4", `{"resourceType":"Encounter","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"}}`, `
			+class:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|_ActEncounterCode   +class:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB
			-class:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|IMP   +class:above=http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB
			-class:above=http://terminology.hl7.org/CodeSystem/v3-ActCode|_ActEncounterCode   -class:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|absent`},
		{"token: the system of a binding has a hierarchy", `{"resourceType":"Observation","status":"corrected"}`, `
			+status:below=amended   -status=amended   -status:below=final   +status:above=corrected   +status:below=http://hl7.org/fhir/observation-status|amended`},
		{"token: media types", `{"resourceType":"DocumentReference","content":[{"attachment":{"contentType":"text/html; charset=UTF-8"}}]}`, `
			+contenttype:below=text   +contenttype:below=text/html   -contenttype:below=tex   -contenttype:below=text/htm   -contenttype=text/html   -contenttype:below=text/html;q
			+contenttype:above=text/html;%20charset=UTF-8;%20x=y   -contenttype:above=text/html   +contenttype:below=text/html;%20charset=UTF-8`},
		{"token: words of the text", `{"resourceType":"Observation","code":{"coding":[{"code":"x","display":"Heart rate (resting), adult"}],"text":"Größe"}}`, `
			+code:text=heart   +code:text=rate+rest   -code:text=heart+resting   +code:text=heart+rate+RESTING+ad   +code:text=grosse   -code:text=adult+x
			+code:text=(rate)   +code:text=heart-rate   -code:text=eart   +code:text=x,adult   -code:text=adult+grosse`},
		{"reference and string: words of the text", `{"resourceType":"Patient","generalPractitioner":[{"display":"Dr. Ann O'Neil"}],"name":[{"family":"de la Cruz"}]}`, `
			+general-practitioner:text=ann   +general-practitioner:text=o'neil   -general-practitioner:text=ann+dr   +family:text=cruz   +family:text=la+c   -family=cruz`},
		{"token: the type of an identifier", `{"resourceType":"Patient","identifier":[{"type":{"coding":[{"system":"http://t","code":"MR"},{"system":"http://u","code":"m|r"}],"text":"Record number"},"value":"12345"},{"type":{"coding":[{"system":"http://t","code":"SS"}]},"value":"7"}]}`, `
			+identifier:of-type=http://t|MR|12345   -identifier:of-type=http://t|MR|1234   -identifier:of-type=http://t|SS|12345   +identifier:of-type=http://u|m\|r|12345
			-identifier:of-type=http://u|m|12345   +identifier:of-type=x|y|z,http://t|SS|7   +identifier:text=record`},
		{"_text and _content", `{"resourceType":"Condition","text":{"status":"generated","div":"<div>Metastases of the <b>bone</b> marrow &amp; more</div>"},"code":{"text":"Liver disease"},"note":[{"text":"not and or"}]}`, `
			+_text=bone   -_text=liver   +_content=liver   +_content=bone   +_text=(bone+OR+liver)+and+metastases   -_text=(bone+and+liver)   +_content=bone+liver
			+_text="bone+marrow"   -_text="marrow+bone"   +_text=marrow+bone   +_text=bone+NOT+liver   -_text=bone+not+marrow   +_text=metasta*   -_text=metasta
			+_text=liver,bone   -_text=liver,lung   +_content="and"   -_text="and"   +_content="not+and"   +_text=not+(liver+or+lung)+bone   +_text=bone+%26+marrow
			-_content=final   +_text=BONE-MARROW   +_content="disease"   -_content="bone+liver"`},
		{"near", `{"resourceType":"Location","position":{"latitude":52.520008,"longitude":13.404954}}`, `
			+near=52.52|13.40   +near=52.52|13.40|1|km   -near=52.52|13.40|100|m   +near=52.3905|13.0645|28|km   -near=52.3905|13.0645|26|km
			+near=52.3905|13.0645|17|[mi_i]   -near=52.3905|13.0645|16|[mi_i]   +near=-52.520008|-166.595046|20016|km   -near=-52.520008|-166.595046|20010|km
			+near=90|0|4168|km   -near=90|0|4166|km   +near=52.520008|13.404954|0|m   +near=0|0|1|km,52.5|13.4|10|km`},
		{"near: across the line of dates", `{"resourceType":"Location","position":{"latitude":-17,"longitude":179.9}}`, `
			+near=-17|-179.9|22|km   -near=-17|-179.9|21|km   -near:missing=true`},
		{"near: no place", `{"resourceType":"Location","position":{"latitude":-17,"longitude":181}}`, `
			-near=-17|-179   +near:missing=true`},
		{"token: :not includes what has no value", `{"resourceType":"Observation","status":"final"}`, `
			+code:not=x   -code=x   +status:not=preliminary   -status:not=final`},
		{"token: codes with the system of their binding", `{"resourceType":"Patient","gender":"male","active":true,"telecom":[{"system":"phone","use":"home","value":"555"}]}`, `
			+gender=male   +gender=http://hl7.org/fhir/administrative-gender|male   -gender=http://other|male   -gender=Male
			+active=true   -active=false   +telecom=555   +telecom=home|555   +phone=555   -email=555`},
		{"token: identifiers", `{"resourceType":"Patient","identifier":[{"system":"http://mrn","value":"a,b|c"}]}`, `
			+identifier=http://mrn|a\,b\|c   +identifier=a\,b\|c   +identifier=http://mrn|   -identifier=a   -identifier=|a\,b\|c`},

		{"reference", `{"resourceType":"Observation","subject":{"reference":"Patient/1"}}`, `
			+subject=Patient/1   +subject=1   +subject:Patient=1   -subject:Group=1   +patient=1   +patient=Patient/1
			+subject=http://localhost/fhir/Patient/1   +subject=Patient/1/_history/3   -subject=http://other/fhir/Patient/1   -subject=Patient/2`},
		{"reference: our own base, versioned", `{"resourceType":"Observation","subject":{"reference":"http://localhost/fhir/Patient/1/_history/2"}}`, `
			+subject=Patient/1   +patient=1   +subject=http://localhost/fhir/Patient/1`},
		{"reference: another server never equals ours", `{"resourceType":"Observation","subject":{"reference":"http://other/fhir/Patient/1"}}`, `
			-subject=Patient/1   -subject=1   +subject=http://other/fhir/Patient/1`},
		{"reference: by identifier", `{"resourceType":"Observation","subject":{"identifier":{"system":"http://mrn","value":"7"}}}`, `
			+subject:identifier=http://mrn|7   +subject:identifier=7   +subject:identifier=http://mrn|   -subject:identifier=|7   -subject=7
			-subject:identifier=8`},
		{"reference: a canonical with a version", `{"resourceType":"PlanDefinition","action":[{"definitionCanonical":"http://a/b|1"}]}`, `
			+definition=http://a/b   +definition=http://a/b|1   -definition=http://a/b|2
			+definition:below=http://a/b   +definition:below=http://a/b|1   -definition:below=http://a/b|2   -definition:below=http://a`},
		{"reference: versions below a version", `{"resourceType":"QuestionnaireResponse","questionnaire":"http://a/b|1.2.3"}`, `
			+questionnaire:below=http://a/b|1   +questionnaire:below=http://a/b|1.2   +questionnaire:below=http://a/b|1.2.3   +questionnaire:below=http://a/b
			-questionnaire:below=http://a/b|1.   -questionnaire:below=http://a/b|1.20   -questionnaire:below=http://a/b|1.2.3.4   -questionnaire=http://a/b|1.2
			+questionnaire:below=http://a/b|7,http://a/b|1   -questionnaire:below=http://a/|1   -questionnaire:below=http://a`},
		{"reference: below, a canonical or a hierarchy", `{"resourceType":"ActivityDefinition","relatedArtifact":[{"type":"composed-of","resource":"http://a/b|1-draft"}]}`, `
			+composed-of:below=http://a/b|1   +composed-of:below=http://a/b   -composed-of:below=http://a/b|1.0   -composed-of:below=http://a/b|2`},

		{"uri", `{"resourceType":"ValueSet","url":"http://a/b/c"}`, `
			+url=http://a/b/c   -url=http://a/b   +url:below=http://a/b   +url:below=http://a/b/   -url:below=http://a/bb   -url:below=http://a/b/c/d
			+url:above=http://a/b/c/d   +url:above=http://a/b/c   -url:above=http://a/b`},
		{"uri: canonicals", `{"resourceType":"Observation","meta":{"profile":["http://p/1/2"]}}`, `
			+_profile:below=http://p/1   +_profile:below=http://p/1/2   -_profile:below=http://p/2   -_profile=http://p/1`},
		{"uri: a canonical with a version", `{"resourceType":"ValueSet","url":"http://a/b","version":"1.0"}`, `
			+url=http://a/b   +url=http://a/b|1.0   -url=http://a/b|1   -url=http://a/b|2   -url=http://a|1.0   -url=http://a/b\|1.0
			+url=http://x,http://a/b|1.0   +url=http://a/b|2,http://a/b|1.0   -url=http://a/b|   -url=|1.0`},

		{"composite: both in the same component", `{"resourceType":"Observation","code":{"coding":[{"code":"85354-9"}]},"component":[
			{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":120}},
			{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":80}}]}`, `
			+component-code-value-quantity=8480-6$120   -component-code-value-quantity=8480-6$80
			+component-code-value-quantity=http://loinc.org|8480-6$gt110   -component-code-value-quantity=8462-4$gt110
			+combo-code-value-quantity=8462-4$lt90   -code-value-quantity=8480-6$120
			+component-code-value-quantity=8480-6$1,8462-4$80`},
		{"composite: tokens", `{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"x"}]},"valueCodeableConcept":{"coding":[{"code":"y"}]}}`, `
			+code-value-concept=x$y   +code-value-concept=http://loinc.org|x$y   +code-value-concept=x$|y   -code-value-concept=x$x   -code-value-concept=|x$y`},

		{"parameters of every type", `{"resourceType":"Patient","id":"a","meta":{"lastUpdated":"2020-01-01T00:00:00Z","profile":["http://p|2"],"source":"http://s","tag":[{"code":"t"}],"security":[{"system":"http://x","code":"R"}]}}`, `
			+_id=a   +_id=b,a   -_id=b   +_id:not=b   -_id:not=a   +_lastUpdated=2020   -_lastUpdated=gt2020   +_profile=http://p|2   +_profile=http://p
			-_profile=http://q   +_tag=t   -_tag=u   +_security=http://x|R   +_source=http://s`},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := resource(t, c.body)
			w := search.World{Index: &index.Indexer{Base: goldenOptions.Base}}
			for _, s := range strings.Fields(c.searches) {
				want, query := s[0] == '+', s[1:]
				if got := search.Match(w, parse(t, res.Type, query), res); got != want {
					t.Errorf("%s: %v", query, got)
				}
			}
		})
	}
}

// TestMatchNodes are the expressions that no search parameter writes.
func TestMatchNodes(t *testing.T) {
	w := search.World{Index: &index.Indexer{}}
	p1 := fhir.Reference{Type: "Patient", ID: "1"}
	observation := resource(t, `{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/1"},"performer":[{"reference":"Patient/2"}],"focus":[{"reference":"Patient/3"}]}`)
	audit := resource(t, `{"resourceType":"AuditEvent","id":"e","agent":[{"who":{"reference":"Patient/1"}}]}`)
	patient := resource(t, `{"resourceType":"Patient","id":"1","link":[{"other":{"reference":"Patient/2"}}]}`)
	for _, c := range []struct {
		e    search.Expr
		res  *fhir.Resource
		want bool
	}{
		{search.All, patient, true},
		{search.None, patient, false},
		{search.And{}, patient, false},
		{search.Or{}, patient, false},
		{nil, patient, false},
		{search.Not{}, patient, false},
		{search.Not{X: search.None}, patient, true},
		{search.Type("Patient"), patient, true},
		{search.Type("Observation"), patient, false},
		{search.ID("1"), patient, true},
		{search.ID("2"), patient, false},
		{search.In{Compartment: p1}, observation, true},
		{search.In{Compartment: fhir.Reference{Type: "Patient", ID: "2"}}, observation, true}, // by performer
		{search.In{Compartment: fhir.Reference{Type: "Patient", ID: "3"}}, observation, false},
		{search.In{Compartment: p1}, patient, true},
		{search.In{Compartment: fhir.Reference{Type: "Patient", ID: "2"}}, patient, false}, // D5: a link widens nothing
		{search.Only{Compartment: p1}, audit, true},
		{search.Only{Compartment: p1}, observation, false},
		{search.Sole{Compartment: p1}, observation, false},
		{search.Sole{Compartment: p1}, audit, true},
	} {
		if got := search.Match(w, c.e, c.res); got != c.want {
			t.Errorf("%v of %s/%s: %v", c.e, c.res.Type, c.res.ID, got)
		}
	}
}

// TestMatchJoins: chains and _has against a world.
func TestMatchJoins(t *testing.T) {
	world := []*fhir.Resource{
		resource(t, `{"resourceType":"Patient","id":"1","name":[{"family":"Peters"}],"generalPractitioner":[{"reference":"Practitioner/d"}]}`),
		resource(t, `{"resourceType":"Patient","id":"2","name":[{"family":"Meier"}]}`),
		resource(t, `{"resourceType":"Practitioner","id":"d","name":[{"family":"Doc"}]}`),
		resource(t, `{"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/1"},"code":{"coding":[{"code":"x"}]}}`),
		resource(t, `{"resourceType":"Observation","id":"o2","subject":{"reference":"Patient/2/_history/1"},"code":{"coding":[{"code":"y"}]}}`),
		resource(t, `{"resourceType":"Observation","id":"o3","subject":{"reference":"Patient/gone"}}`),
		resource(t, `{"resourceType":"Observation","id":"o4","contained":[{"resourceType":"Patient","id":"p","name":[{"family":"Peters"}]}],"subject":{"reference":"#p"}}`),
		resource(t, `{"resourceType":"Observation","id":"o5","subject":{"reference":"http://other/Patient/1"}}`),
	}
	w := worldOf(world)
	for _, c := range []struct{ typ, query, want string }{
		{"Observation", "subject:Patient.name=peters", "o1 o4"},
		{"Observation", "subject.name=peters", "o1 o4"},
		{"Observation", "patient.name=meier", "o2"},
		{"Observation", "subject:Patient.name:missing=false", "o1 o2 o4"},
		{"Observation", "subject:Patient._id:not=1", "o2 o4"},
		{"Observation", "subject:Patient.general-practitioner:Practitioner.name=doc", "o1"},
		{"Observation", "subject:Patient.general-practitioner.name=doc", "o1"},
		{"Patient", "_has:Observation:patient:code=x", "1"},
		{"Patient", "_has:Observation:patient:code:not=x", "2"},
		{"Patient", "_has:Observation:subject:code:missing=true", ""},
		{"Practitioner", "_has:Patient:general-practitioner:name=peters", "d"},
		{"Practitioner", "_has:Patient:general-practitioner:_has:Observation:patient:code=x", "d"},
		{"Observation", "patient._has:Observation:patient:code=x", "o1"},
	} {
		var got []string
		for _, res := range world {
			if res.Type == c.typ && search.Match(w, parse(t, c.typ, c.query), res) {
				got = append(got, res.ID)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s?%s: %v, want %s", c.typ, c.query, got, c.want)
		}
	}
}

// worldOf has these resources, each the current version.
func worldOf(list []*fhir.Resource) search.World {
	return search.World{
		Index: &index.Indexer{Base: goldenOptions.Base},
		Each: func(typ string, f func(*fhir.Resource) bool) {
			for _, res := range list {
				if res.Type == typ && !f(res) {
					return
				}
			}
		},
	}
}
