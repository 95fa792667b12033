package validate

import (
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Each row is a resource and its faults as "code at place: a part of the message"; none if it is well-formed. Where
// a resource has no resourceType it is a Patient.
func TestStructure(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	for _, c := range []struct {
		name, json string
		faults     []string
	}{
		{"nothing but the type", `{"resourceType":"Patient"}`, nil},
		{"an observation", observation, nil},

		{"unknown type", `{"resourceType":"Patent"}`, []string{`structure at Patent.resourceType: "Patent" is no resource type`}},
		{"abstract type", `{"resourceType":"DomainResource"}`, []string{`structure at DomainResource.resourceType: no resource type`}},
		{"unknown element", `{"colour":"red"}`, []string{`structure at Patient.colour: Patient has no element "colour"`}},
		{"unknown element, deep", `{"contact":[{"name":{"colour":"red"}}]}`, []string{`structure at Patient.contact[0].name.colour: HumanName has no element`}},
		{"resourceType inside a data type", `{"name":[{"resourceType":"HumanName"}]}`, []string{`structure at Patient.name[0].resourceType: no element`}},
		{"wrong case", `{"BirthDate":"2020"}`, []string{`structure at Patient.BirthDate: "BirthDate" is spelled "birthDate"`}},
		{"wrong case of an extension", `{"_BirthDate":{"id":"a"}}`, []string{`structure at Patient.BirthDate: "_BirthDate" is spelled "_birthDate"`}},

		{"scalar instead of array", `{"name":{"family":"A"}}`, []string{`structure at Patient.name: name must be an array`}},
		{"array instead of scalar", `{"gender":["male"]}`, []string{`structure at Patient.gender: gender must not be an array`}},
		{"string instead of object", `{"name":["Peter"]}`, []string{`structure at Patient.name[0]: name must be an object`}},
		{"object instead of string", `{"gender":{"value":"male"}}`, []string{`structure at Patient.gender: must be a string`}},
		{"boolean as string", `{"active":"true"}`, []string{`structure at Patient.active: must be true or false, without quotes`}},
		{"number as string", `{"multipleBirthInteger":"1"}`, []string{`structure at Patient.multipleBirthInteger: must be a number, without quotes`}},
		{"string as number", `{"birthDate":1970}`, []string{`structure at Patient.birthDate: must be a string`}},
		{"string as boolean", `{"name":[{"given":[true]}]}`, []string{`structure at Patient.name[0].given[0]: must be a string`}},

		{"required", `{"resourceType":"Observation","code":{"text":"a"}}`, []string{`required at Observation.status: Observation must have status`}},
		{"required, deep", `{"link":[{"type":"seealso"}]}`, []string{`required at Patient.link[0].other: Patient.link must have other`}},
		{"required choice", `{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{"reference":"Patient/1"}}`,
			[]string{`required at MedicationRequest.medication: must have medication[x]`}},
		{"required, by extension only", `{"resourceType":"Observation","code":{"text":"a"},"_status":{"extension":[{"url":"http://a","valueCode":"unknown"}]}}`, nil},
		{"two faults in document order", `{"colour":"red","active":"true"}`, []string{`structure at Patient.colour: no element`, `structure at Patient.active: without quotes`}},

		{"choice", `{"deceasedDateTime":"2020"}`, nil},
		{"choice, two values", `{"deceasedBoolean":true,"deceasedDateTime":"2020"}`, []string{`structure at Patient.deceasedDateTime: deceased[x] has two values`}},
		{"choice, extension of another", `{"deceasedBoolean":true,"_deceasedDateTime":{"id":"a"}}`, []string{`structure at Patient.deceasedDateTime: two values`}},
		{"choice, value and its extension", `{"deceasedBoolean":true,"_deceasedBoolean":{"id":"a"}}`, nil},
		{"choice, type that is not permitted", `{"deceasedString":"yes"}`, []string{`structure at Patient.deceasedString: deceased[x] is one of deceasedBoolean, deceasedDateTime`}},
		{"choice without type", `{"deceased":true}`, []string{`structure at Patient.deceased: deceased[x] is one of`}},

		{"extension of a primitive", `{"birthDate":"2020","_birthDate":{"id":"a","extension":[{"url":"http://a","valueTime":"10:00:00"}]}}`, nil},
		{"extension without a value", `{"_birthDate":{"extension":[{"url":"http://a","valueTime":"10:00:00"}]}}`, nil},
		{"extension of a primitive, other keys", `{"_birthDate":{"value":"2020"}}`, []string{`structure at Patient.birthDate.value: date has no element`}},
		{"extension of a primitive, string", `{"_birthDate":"2020"}`, []string{`structure at Patient.birthDate: _birthDate must be an object`}},
		{"extension of a primitive, array", `{"_birthDate":[{"id":"a"}]}`, []string{`structure at Patient.birthDate: _birthDate must be an object`}},
		{"underscore before an object", `{"_name":[{"id":"a"}]}`, []string{`structure at Patient.name: name is no primitive`}},
		{"underscore before nothing", `{"_colour":{"id":"a"}}`, []string{`structure at Patient.colour: no element "_colour"`}},
		{"parallel arrays", `{"name":[{"given":["a",null,"c"],"_given":[null,{"id":"b"},{"id":"c"}]}]}`, nil},
		{"parallel arrays, only extensions", `{"name":[{"_given":[{"id":"a"}]}]}`, nil},
		{"parallel arrays, lengths", `{"name":[{"given":["a","b"],"_given":[{"id":"a"}]}]}`, []string{`structure at Patient.name[0].given: _given and given must have the same number of items`}},
		{"parallel arrays, object", `{"name":[{"given":["a"],"_given":{"id":"a"}}]}`, []string{`structure at Patient.name[0].given: _given must be an array`}},
		{"parallel arrays, strings", `{"name":[{"given":["a"],"_given":["b"]}]}`, []string{`structure at Patient.name[0].given[0]: must be an object or null`}},
		{"null against null", `{"name":[{"given":["a",null],"_given":[{"id":"a"},null]}]}`, []string{`structure at Patient.name[0].given[1]: null needs an object at its place in _given`}},
		{"null against nothing", `{"name":[{"given":["a",null]}]}`, []string{`structure at Patient.name[0].given[1]: null needs an object`}},
		{"null in extensions alone", `{"name":[{"_given":[{"id":"a"},null]}]}`, []string{`structure at Patient.name[0].given[1]: null needs a value`}},

		{"date", `{"birthDate":"2020-13-01"}`, []string{`value at Patient.birthDate: "2020-13-01" is no date`}},
		{"date with time", `{"birthDate":"2020-01-01T00:00:00Z"}`, []string{`value at Patient.birthDate: is no date`}},
		{"dateTime without offset", `{"deceasedDateTime":"2020-01-01T00:00:00"}`, []string{`value at Patient.deceasedDateTime: is no dateTime`}},
		{"instant", `{"meta":{"lastUpdated":"2020-01-01"}}`, []string{`value at Patient.meta.lastUpdated: is no instant`}},
		{"time", `{"extension":[{"url":"http://a","valueTime":"24:00:00"}]}`, []string{`value at Patient.extension[0].valueTime: is no time`}},
		{"id", `{"id":"a b"}`, []string{`value at Patient.id: "a b" is no id`}},
		{"id, 65 characters", `{"id":"` + strings.Repeat("a", 65) + `"}`, []string{`value at Patient.id: is no id`}},
		{"uri", `{"implicitRules":"http://a b"}`, []string{`value at Patient.implicitRules: "http://a b" is no URI`}},
		{"oid", `{"extension":[{"url":"http://a","valueOid":"urn:oid:1.02"}]}`, []string{`value at Patient.extension[0].valueOid: is no OID`}},
		{"uuid", `{"extension":[{"url":"http://a","valueUuid":"c757873d-ec9a-4326-a141-556f43239520"}]}`, []string{`value at Patient.extension[0].valueUuid: is no UUID`}},
		{"code", `{"language":" en"}`, []string{`value at Patient.language: " en" is no code`}},
		{"base64", `{"photo":[{"data":"abc"}]}`, []string{`value at Patient.photo[0].data: is no base64`}},
		{"integer", `{"multipleBirthInteger":1.0}`, []string{`value at Patient.multipleBirthInteger: "1.0" is no 32-bit integer`}},
		{"integer out of range", `{"multipleBirthInteger":2147483648}`, []string{`value at Patient.multipleBirthInteger: is no 32-bit integer`}},
		{"positiveInt", `{"telecom":[{"rank":0}]}`, []string{`value at Patient.telecom[0].rank: "0" must be at least 1`}},
		{"unsignedInt", `{"photo":[{"size":-1}]}`, []string{`value at Patient.photo[0].size: "-1" must not be negative`}},
		{"decimal", `{"extension":[{"url":"http://a","valueDecimal":1e9999}]}`, []string{`value at Patient.extension[0].valueDecimal: is out of range`}},
		{"string too long", `{"name":[{"text":"` + long + `a"}]}`, []string{`value at Patient.name[0].text: is longer than 1,048,576`}},
		{"string just right", `{"name":[{"text":"` + long + `"}]}`, nil},

		{"code in a required set", `{"gender":"male"}`, nil},
		{"code not in a required set", `{"gender":"M"}`, []string{`code-invalid at Patient.gender: "M" is not in the required value set http://hl7.org/fhir/ValueSet/administrative-gender`}},
		{"concept not in a required set", condition(`{"coding":[{"system":"http://a","code":"active"}]}`), []string{`code-invalid at Condition.clinicalStatus: no coding is in the required value set`}},
		{"concept without system", condition(`{"coding":[{"code":"active"}]}`), []string{`code-invalid at Condition.clinicalStatus: no coding`}},
		{"concept with text only", condition(`{"text":"active"}`), []string{`code-invalid at Condition.clinicalStatus: no coding`}},
		{"concept with one of two", condition(`{"coding":[{"system":"http://a","code":"x"},{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}`), nil},
		{"concept with an extension only", condition(`{"extension":[{"url":"http://a","valueCode":"unknown"}]}`), nil},
		{"a set that is not enumerable", `{"photo":[{"contentType":"image/x-anything"}]}`, nil},

		{"reference", `{"managingOrganization":{"reference":"Organization/1"}}`, nil},
		{"reference, wrong target", `{"managingOrganization":{"reference":"Patient/1"}}`, []string{`value at Patient.managingOrganization.reference: a reference to Patient is not permitted here, only to Organization`}},
		{"reference, versioned wrong target", `{"managingOrganization":{"reference":"Patient/1/_history/2"}}`, []string{`value at Patient.managingOrganization.reference: not permitted`}},
		{"reference, absolute wrong target", `{"managingOrganization":{"reference":"http://a/fhir/Patient/1"}}`, []string{`value at Patient.managingOrganization.reference: not permitted`}},
		{"reference, conditional wrong target", `{"managingOrganization":{"reference":"Patient?identifier=1"}}`, []string{`value at Patient.managingOrganization.reference: not permitted`}},
		{"reference, unknown type", `{"managingOrganization":{"reference":"Organisation/1"}}`, []string{`value at Patient.managingOrganization.reference: "Organisation" is no resource type`}},
		{"reference by type and identifier", `{"managingOrganization":{"type":"Patient","identifier":{"value":"1"}}}`, []string{`value at Patient.managingOrganization: not permitted`}},
		{"reference, type says otherwise", `{"generalPractitioner":[{"type":"Practitioner","reference":"Organization/1"}]}`, []string{`value at Patient.generalPractitioner[0]: the reference is to Organization, its type says Practitioner`}},
		{"reference, urn", `{"managingOrganization":{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}}`, nil},
		{"reference, any target", `{"resourceType":"Observation","status":"final","code":{"text":"a"},"focus":[{"reference":"Slot/1"}]}`, nil},
		{"reference to contained", `{"contained":[{"resourceType":"Organization","id":"o","name":"A"}],"managingOrganization":{"reference":"#o"}}`, nil},
		{"reference to contained, wrong target", `{"contained":[{"resourceType":"Device","id":"o"}],"managingOrganization":{"reference":"#o"}}`, []string{`value at Patient.managingOrganization.reference: a reference to Device`}},
		{"reference to nothing contained", `{"managingOrganization":{"reference":"#o"}}`, []string{`invariant at Patient.managingOrganization.reference: there is no contained resource "#o"`}},
		{"reference to the container", `{"contained":[{"resourceType":"Condition","id":"c","subject":{"reference":"#"}}]}`, nil},

		{"extension", `{"extension":[{"url":"http://a","valueString":"b"}]}`, nil},
		{"extension without url", `{"extension":[{"valueString":"b"}]}`, []string{`required at Patient.extension[0].url: Extension must have url`}},
		{"extension without value", `{"extension":[{"url":"http://a"}]}`, []string{`invariant at Patient.extension[0]: must have a value or extensions`}},
		{"extension with value and extensions", `{"extension":[{"url":"http://a","valueString":"b","extension":[{"url":"c","valueString":"d"}]}]}`, []string{`invariant at Patient.extension[0]: not both`}},
		{"modifierExtension in a data type", `{"name":[{"modifierExtension":[{"url":"http://a","valueString":"b"}]}]}`, []string{`structure at Patient.name[0].modifierExtension: no element`}},

		{"contained without id", `{"contained":[{"resourceType":"Organization","name":"A"}]}`, []string{`required at Patient.contained[0].id: must have an id`}},
		{"contained with one id", `{"contained":[{"resourceType":"Organization","id":"o"},{"resourceType":"Device","id":"o"}]}`, []string{`invariant at Patient.contained[1].id: the id "o" is that of another`}},
		{"contained in contained", `{"contained":[{"resourceType":"Organization","id":"o","contained":[{"resourceType":"Device","id":"d"}]}]}`, []string{`invariant at Patient.contained[0].contained: must not contain others`}},
		{"contained without type", `{"contained":[{"id":"o"}]}`, []string{`required at Patient.contained[0].resourceType: must have a resourceType`}},
		{"contained with a fault", `{"contained":[{"resourceType":"Organization","id":"o","colour":"red"}]}`, []string{`structure at Patient.contained[0].colour: no element`}},

		{"period", `{"name":[{"period":{"start":"2020-01-02","end":"2020-01-01"}}]}`, []string{`invariant at Patient.name[0].period: the start is after the end`}},
		{"period, partial", `{"name":[{"period":{"start":"2020-03-05","end":"2020-03"}}]}`, nil},
		{"period, zones", `{"name":[{"period":{"start":"2020-01-02","end":"2020-01-01T23:00:00-05:00"}}]}`, nil},
		{"period, zones, too far", `{"name":[{"period":{"start":"2020-01-03","end":"2020-01-01T23:00:00-05:00"}}]}`, []string{`invariant at Patient.name[0].period: after`}},

		{"narrative", `{"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><script>alert(1)</script></div>"}}`, []string{`invariant at Patient.text.div: the narrative must not have the element <script>`}},
		{"profile that nobody knows", `{"meta":{"profile":["http://nobody/knows"]}}`, nil},
		{"bundle entry with a fault", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","active":"true"}}]}`, []string{`structure at Bundle.entry[0].resource.active: without quotes`}},
		{"bundle entry of an unknown type", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patent"}}]}`, []string{`structure at Bundle.entry[0].resource.resourceType: no resource type`}},
		{"bundle entry that is no resource", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":"Patient"}]}`, []string{`structure at Bundle.entry[0].resource: must be an object`}},
		{"contained of one entry is not that of another", `{"resourceType":"Bundle","type":"collection","entry":[` +
			`{"resource":{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o"}]}},` +
			`{"resource":{"resourceType":"Patient","managingOrganization":{"reference":"#o"}}}]}`, []string{`invariant at Bundle.entry[1].resource.managingOrganization.reference: no contained`}},
		{"parameters", `{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Patient","active":1}}]}`, []string{`structure at Parameters.parameter[0].resource.active: without quotes`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			json := c.json
			if !strings.HasPrefix(json, `{"resourceType"`) && json != observation {
				json = `{"resourceType":"Patient",` + json[1:]
			}
			compare(t, Structure(parse(t, json)), c.faults)
		})
	}
}

func condition(status string) string {
	return `{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":` + status + `}`
}

func compare(t *testing.T, got fhir.Errors, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d faults, want %d: %v", len(got), len(want), got)
	}
	for i, w := range want {
		place, message, _ := strings.Cut(w, ": ")
		if have := got[i].Kind.Code() + " at " + got[i].Expression; have != place {
			t.Errorf("%s, want %s", have, place)
		}
		if !strings.Contains(got[i].Diagnostics, message) {
			t.Errorf("%q does not say %q", got[i].Diagnostics, message)
		}
	}
}

// A Bundle's frame is checked without its entries' resources.
func TestFrame(t *testing.T) {
	bundle := parse(t, `{"resourceType":"Bundle","type":"nothing","entry":[{"resource":{"resourceType":"Patient","colour":"red"}},{"colour":"red"},{"resource":1}]}`)
	compare(t, Frame(bundle), []string{
		`code-invalid at Bundle.type: not in the required value set`,
		`structure at Bundle.entry[1].colour: no element`,
		`structure at Bundle.entry[2].resource: must be an object`,
	})
	compare(t, Frame(parse(t, `{"resourceType":"Patient","colour":"red"}`)), []string{`structure at Patient.colour: no element`})
}

// A nested resource that is checked on its own names places from its own root.
func TestSub(t *testing.T) {
	bundle := parse(t, `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","active":"true"}}]}`)
	entry := bundle.Root.Get("entry").First.Get("resource")
	compare(t, Structure(bundle.Sub(entry)), []string{`structure at Patient.active: without quotes`})
}

func TestFaultsAreBounded(t *testing.T) {
	json := `{"resourceType":"Patient","name":[` + strings.Repeat(`{"colour":1},`, 99) + `{"text":"a"}]}`
	if n := len(Structure(parse(t, json))); n != maxFaults {
		t.Errorf("%d faults", n)
	}
}

// A message repeats no more of a client's text than fits a line.
func TestMessagesAreShort(t *testing.T) {
	long := strings.Repeat("ä", 5000)
	for _, json := range []string{`{"resourceType":"Patient","` + long + `":1}`, `{"resourceType":"Patient","birthDate":"` + long + `"}`,
		`{"resourceType":"Patient","managingOrganization":{"reference":"#` + long + `"}}`} {
		for _, f := range Structure(parse(t, json)) {
			if len(f.Diagnostics) > 300 {
				t.Errorf("%d characters: %s", len(f.Diagnostics), f.Diagnostics)
			}
		}
	}
}
