package index

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// text writes a value as the tables below do.
func text(v Value) string {
	switch v.Type {
	case r4.Token:
		s := v.System + "|" + v.Code
		if v.Text != "" {
			s += " " + v.Text
		}
		return s
	case r4.Reference:
		s := v.Ref.String()
		if s == "" {
			s = "nothing"
		}
		if v.Ref.Type != "" && v.Ref.URL != "" {
			s += " (" + v.Ref.Type + ")"
		}
		if v.Identifier != nil {
			s += " " + text(*v.Identifier)
		}
		return s
	case r4.Date:
		return moment(v.Time.Low) + ".." + moment(v.Time.High)
	case r4.Number, r4.Quantity:
		low, high := v.Low.String(), v.High.String()
		if v.LowOpen {
			low = "-"
		}
		if v.HighOpen {
			high = "-"
		}
		s := low
		if high != low {
			s += ".." + high
		}
		if v.Type == r4.Quantity {
			s += " " + v.System + "|" + v.Code + "|" + v.Text
		}
		return s
	case r4.Composite:
		var parts []string
		for _, p := range v.Parts {
			parts = append(parts, texts(p))
		}
		return strings.Join(parts, " $ ")
	}
	return v.Text
}

func texts(values []Value) string {
	var out []string
	for _, v := range values {
		out = append(out, text(v))
	}
	return strings.Join(out, "; ")
}

func moment(micro int64) string {
	switch micro {
	case fhir.MinTime, fhir.MaxTime:
		return "-"
	}
	return strings.TrimSuffix(strings.TrimSuffix(time.UnixMicro(micro).UTC().Format("2006-01-02T15:04:05.999999Z"), ":00Z"), "T00:00")
}

func TestValues(t *testing.T) {
	x := &Indexer{Base: "http://our/fhir"}
	for _, c := range []struct{ typ, body, param, want string }{
		// token
		{"Observation", `"code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"},{"code":"HR"},{"system":"http://x"}],"text":"Pulse"}`,
			"code", "http://loinc.org|8867-4 Heart rate; |HR; http://x|; | Pulse"},
		{"Observation", `"code":{"text":"Pulse"}`, "code", "| Pulse"},
		{"Observation", `"code":{"extension":[{"url":"http://x","valueCode":"y"}]}`, "code", ""},
		{"Observation", `"valueCodeableConcept":{"coding":[{"code":"a"}]}`, "value-concept", "|a"},
		{"Observation", `"valueString":"a"`, "value-concept", ""},
		{"Observation", `"status":"final"`, "status", "|final; http://hl7.org/fhir/observation-status|final"},
		{"Patient", `"gender":"male"`, "gender", "|male; http://hl7.org/fhir/administrative-gender|male"},
		{"Patient", `"active":true`, "active", "|true"},
		{"Patient", `"active":true`, "deceased", "|false"},
		{"Patient", `"deceasedBoolean":false`, "deceased", "|false"},
		{"Patient", `"deceasedBoolean":true`, "deceased", "|true"},
		{"Patient", `"deceasedDateTime":"2020"`, "deceased", "|true"},
		{"Patient", `"identifier":[{"system":"urn:s","value":"1","type":{"text":"MRN"}},{"value":"2"},{"system":"urn:t"},{"use":"official"}]`,
			"identifier", "urn:s|1 MRN; |2; urn:t|"},
		{"Patient", `"telecom":[{"system":"phone","value":"555","use":"home"},{"system":"email","value":"a@b"},{"system":"phone"}]`,
			"telecom", "|555; home|555; |a@b"},
		{"Patient", `"telecom":[{"system":"phone","value":"555","use":"home"},{"system":"email","value":"a@b"}]`, "email", "|a@b"},
		{"Patient", `"address":[{"use":"home","city":"Ulm"}]`, "address-use", "|home; http://hl7.org/fhir/address-use|home"},
		{"Patient", `"meta":{"tag":[{"system":"http://t","code":"x"}]}`, "_tag", "http://t|x"},
		{"Patient", `"id":"a.b"`, "_id", "|a.b"},
		{"Patient", `"language":"en"`, "language", ""},
		{"ValueSet", `"version":"1.0"`, "version", "|1.0"},
		{"MessageHeader", `"eventUri":"http://e"`, "event", "|http://e"},
		// string
		{"Patient", `"name":[{"use":"usual","text":"Dr. Ann Å","family":"Å","given":["Ann","B."],"prefix":["Dr."],"period":{"start":"2020"}},{"given":["Annie"]}]`,
			"name", "Dr. Ann Å; Å; Ann; B.; Dr.; Annie"},
		{"Patient", `"name":[{"given":["Ann",null],"_given":[null,{"extension":[{"url":"http://x","valueCode":"y"}]}]}]`, "given", "Ann"},
		{"Patient", `"address":[{"use":"home","line":["1 Main St","Flat 2"],"city":"Ulm","postalCode":"89073"}]`, "address", "1 Main St; Flat 2; Ulm; 89073"},
		{"Patient", `"address":[{"city":"Ulm"}]`, "address-city", "Ulm"},
		{"Observation", `"valueCodeableConcept":{"text":"none"}`, "value-string", "none"},
		{"Observation", `"valueString":"some"`, "value-string", "some"},
		{"ValueSet", `"description":"*long*"`, "description", "*long*"},
		// reference
		{"Observation", `"subject":{"reference":"Patient/1/_history/2","display":"P"}`, "subject", "Patient/1"},
		{"Observation", `"subject":{"reference":"http://our/fhir/Patient/1"}`, "patient", "Patient/1"},
		{"Observation", `"subject":{"reference":"http://other/fhir/Patient/1"}`, "patient", "http://other/fhir/Patient/1 (Patient)"},
		{"Observation", `"subject":{"reference":"Group/1"}`, "patient", ""},
		{"Observation", `"subject":{"reference":"1","type":"Patient"}`, "patient", "Patient/1"},
		{"Observation", `"subject":{"reference":"#p"},"contained":[{"resourceType":"Patient","id":"p"}]`, "patient", "#p"},
		{"Observation", `"subject":{"reference":"#p"},"contained":[{"resourceType":"Group","id":"p"}]`, "patient", ""},
		{"Observation", `"subject":{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}`, "subject", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
		{"Observation", `"subject":{"identifier":{"system":"urn:s","value":"1"}}`, "subject", "nothing urn:s|1"},
		{"Observation", `"subject":{"type":"Patient","identifier":{"value":"1"}}`, "patient", "nothing |1"},
		{"Observation", `"subject":{"display":"P"}`, "subject", "nothing"},
		{"CarePlan", `"instantiatesCanonical":["http://p/PlanDefinition/1|2.0","#x"]`, "instantiates-canonical", "http://p/PlanDefinition/1|2.0; #x"},
		{"ConceptMap", `"sourceCanonical":"http://v"`, "source-uri", ""},
		{"ConceptMap", `"sourceUri":"http://v"`, "source-uri", "http://v"},
		{"Bundle", `"type":"document","entry":[{"resource":{"resourceType":"Composition","id":"c"}},{"resource":{"resourceType":"Patient","id":"p"}}]`, "composition", "Composition/c"},
		{"Bundle", `"type":"document","entry":[{"resource":{"resourceType":"Composition","id":"c"}}]`, "message", ""},
		// date
		{"Patient", `"birthDate":"1974-12-25"`, "birthdate", "1974-12-25..1974-12-26"},
		{"Patient", `"birthDate":"1974"`, "birthdate", "1974-01-01..1975-01-01"},
		{"Patient", `"birthDate":"nonsense"`, "birthdate", ""},
		{"Observation", `"effectiveDateTime":"2020-01-01T10:00:00+01:00"`, "date", "2020-01-01T09:00..2020-01-01T09:00:01Z"},
		{"Observation", `"effectiveInstant":"2020-01-01T10:00:00.125Z"`, "date", "2020-01-01T10:00:00.125Z..2020-01-01T10:00:00.126Z"},
		{"Observation", `"effectivePeriod":{"start":"2020-01"}`, "date", "2020-01-01..-"},
		{"Observation", `"effectivePeriod":{"end":"2020-01"}`, "date", "-..2020-02-01"},
		{"Observation", `"effectivePeriod":{"start":"2020-01-05","end":"2020"}`, "date", "2020-01-05..2021-01-01"},
		{"Observation", `"effectivePeriod":{"start":"2021","end":"2020"}`, "date", ""},
		{"Observation", `"effectivePeriod":{"id":"x"}`, "date", ""},
		{"Observation", `"effectiveTiming":{"event":["2020-03-01","2020-01-01"]}`, "date", "2020-01-01..2020-03-02"},
		{"Observation", `"effectiveTiming":{"repeat":{"boundsPeriod":{"start":"2020-01-01"}}}`, "date", "2020-01-01..-"},
		{"Observation", `"effectiveTiming":{"code":{"text":"daily"}}`, "date", ""},
		{"Procedure", `"performedAge":{"value":3}`, "date", ""},
		{"Goal", `"startCodeableConcept":{"text":"soon"}`, "start-date", ""},
		{"Patient", `"meta":{"lastUpdated":"2020-01-01T10:00:00.120Z"}`, "_lastUpdated", "2020-01-01T10:00:00.12Z..2020-01-01T10:00:00.121Z"},
		// number
		{"RiskAssessment", `"prediction":[{"probabilityDecimal":0.50},{"probabilityRange":{"low":{"value":0.1}}},{"probabilityRange":{"high":{"value":0.9}}}]`,
			"probability", "0.50; 0.1..-; -..0.9"},
		{"MolecularSequence", `"referenceSeq":{"windowStart":5}`, "window-start", "5"},
		// quantity
		{"Observation", `"valueQuantity":{"value":5.40,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}`, "value-quantity", "5.40 http://unitsofmeasure.org|mg|mg"},
		{"Observation", `"valueQuantity":{"value":5,"comparator":"<"}`, "value-quantity", "-..5 ||"},
		{"Observation", `"valueQuantity":{"value":5,"comparator":">="}`, "value-quantity", "5..- ||"},
		{"Observation", `"valueQuantity":{"unit":"mg"}`, "value-quantity", ""},
		{"Observation", `"valueSampledData":{"origin":{"value":1},"period":1,"dimensions":1}`, "value-quantity", ""},
		{"Invoice", `"totalNet":{"value":12.50,"currency":"EUR"}`, "totalnet", "12.50 urn:iso:std:iso:4217|EUR|"},
		{"Condition", `"onsetRange":{"low":{"value":1,"unit":"a"},"high":{"value":3,"unit":"a"}}`, "onset-age", "1..3 ||a"},
		{"Condition", `"onsetAge":{"value":52,"code":"a","system":"http://unitsofmeasure.org","unit":"years"}`, "onset-age", "52 http://unitsofmeasure.org|a|years"},
		{"Encounter", `"length":{"value":56,"unit":"minutes"}`, "length", "56 ||minutes"},
		// uri
		{"ValueSet", `"url":"http://v/1"`, "url", "http://v/1"},
		{"Patient", `"meta":{"profile":["http://p|1","http://q"]}`, "_profile", "http://p|1; http://p; http://q"},
		{"Patient", `"meta":{"source":"urn:s#1"}`, "_source", "urn:s#1"},
		// composite
		{"Observation", `"code":{"coding":[{"code":"a"}]},"valueQuantity":{"value":1}`, "code-value-quantity", "|a $ 1 ||"},
		{"Observation", `"code":{"coding":[{"code":"a"}]},"valueString":"x"`, "code-value-quantity", ""},
		{"Observation", `"code":{"coding":[{"code":"a"}]},"valueDateTime":"2020"`, "code-value-date", "|a $ 2020-01-01..2021-01-01"},
		{"Observation", `"code":{"text":"panel"},"component":[{"code":{"text":"c"},"valueQuantity":{"value":1}},{"code":{"text":"d"}},{"code":{"text":"e"},"valueQuantity":{"value":2}}]`,
			"component-code-value-quantity", "| c $ 1 ||; | e $ 2 ||"},
		{"Observation", `"code":{"text":"panel"},"valueQuantity":{"value":0},"component":[{"code":{"text":"c"},"valueQuantity":{"value":1}}]`,
			"combo-code-value-quantity", "| panel $ 0 ||; | c $ 1 ||"},
		{"DocumentReference", `"relatesTo":[{"code":"appends","target":{"reference":"DocumentReference/2"}}]`, "relationship",
			"DocumentReference/2 $ |appends; http://hl7.org/fhir/document-relationship-type|appends"},
		{"MolecularSequence", `"referenceSeq":{"chromosome":{"coding":[{"code":"7"}]}},"variant":[{"start":1,"end":2},{"start":3}]`, "chromosome-variant-coordinate", "|7 $ 1 $ 2"},
		{"Group", `"characteristic":[{"code":{"text":"a"},"valueBoolean":true,"exclude":false}]`, "characteristic-value", "| a $ |true"},
		{"ValueSet", `"useContext":[{"code":{"code":"age"},"valueRange":{"low":{"value":1}}}]`, "context-type-quantity", "|age $ 1..- ||"},
		// shapes that structural validation refuses, and that are stored where it is off
		{"Patient", `"name":"x","gender":{"a":"b"},"birthDate":1974`, "name", ""},
		{"Patient", `"gender":{"a":"b"}`, "gender", ""},
		{"Observation", `"code":"x"`, "code", ""},
		{"Observation", `"subject":"Patient/1"`, "subject", "nothing"},
		{"Observation", `"effectivePeriod":"2020"`, "date", ""},
	} {
		res := parse(t, fmt.Sprintf(`{"resourceType":%q,%s}`, c.typ, c.body))
		p := r4.Lookup(c.typ, c.param)
		if p == nil {
			t.Errorf("no parameter %s of %s", c.param, c.typ)
			continue
		}
		if got := texts(x.Values(p, res)); got != c.want {
			t.Errorf("%s of %s: %s\n got %q\nwant %q", c.param, c.typ, c.body, got, c.want)
		}
		checkEntries(t, x, c.body, res, x.Entries(res), valuesOf(x, res))
	}
	if v := x.Values(r4.Lookup("Observation", "code"), parse(t, `{"resourceType":"Patient","id":"1"}`)); v != nil {
		t.Errorf("a parameter of another type: %v", v)
	}
	if v := x.Values(nil, parse(t, `{"resourceType":"Patient","id":"1"}`)); v != nil {
		t.Errorf("no parameter: %v", v)
	}
}
