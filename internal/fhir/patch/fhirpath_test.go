package patch_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/conformance/validate"
	"github.com/firewarden/firewarden/internal/examples"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/fhir/patch"
)

// op is one operation: its type, its path, and further parts as name, content.
func op(typ, path string, more ...string) string {
	b := fmt.Sprintf(`{"name":"operation","part":[{"name":"type","valueCode":"%s"},{"name":"path","valueString":%q}`, typ, path)
	for i := 0; i < len(more); i += 2 {
		b += `,{"name":"` + more[i] + `",` + more[i+1] + `}`
	}
	return b + `]}`
}

func text(s string) string { return `"valueString":"` + s + `"` }
func at(i int) string      { return fmt.Sprintf(`"valueInteger":%d`, i) }

func parameters(ops ...string) string {
	if len(ops) == 0 {
		return `{"resourceType":"Parameters"}`
	}
	return `{"resourceType":"Parameters","parameter":[` + strings.Join(ops, ",") + `]}`
}

func parse(t testing.TB, body string) *fhir.Resource {
	t.Helper()
	res, err := fhir.Parse([]byte(body), fhir.DefaultLimits)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return res
}

func apply(t testing.TB, body, params string) (*fhir.Resource, error) {
	t.Helper()
	res := parse(t, body)
	p, err := patch.FHIRPath(parse(t, params), res.Type, r4.Model{})
	if err != nil {
		return nil, err
	}
	return p.Apply(res, fhir.DefaultLimits)
}

const identifiers = `{"resourceType":"Patient","identifier":[{"value":"1"},{"value":"2"},{"value":"3"},{"value":"4"}]}`

func ordered(values string) string {
	var list []string
	for _, v := range strings.Split(values, "") {
		list = append(list, `{"value":"`+v+`"}`)
	}
	return `{"resourceType":"Patient","identifier":[` + strings.Join(list, ",") + `]}`
}

// What R4 fhirpatch.html says, and how JSON writes it.
func TestFHIRPathPatch(t *testing.T) {
	const p = `{"resourceType":"Patient"`
	for _, c := range []struct {
		name, body string
		ops        []string
		want       string
	}{
		{"nothing", p + `,"birthDate":"1920-01-01"}`, nil, p + `,"birthDate":"1920-01-01"}`},
		{"replace a primitive", p + `,"birthDate":"1920-01-01","active":true}`, []string{op("replace", "Patient.birthDate", "value", `"valueDate":"1930-01-01"`)}, p + `,"birthDate":"1930-01-01","active":true}`},
		{"delete a primitive", p + `,"birthDate":"1920-01-01"}`, []string{op("delete", "Patient.birthDate")}, p + `}`},
		{"delete what is not there", p + `}`, []string{op("delete", "Patient.birthDate")}, p + `}`},
		{"add a primitive", p + `}`, []string{op("add", "Patient", "name", text("birthDate"), "value", `"valueDate":"1930-01-01"`)}, p + `,"birthDate":"1930-01-01"}`},
		{"a path without the type", p + `,"active":true}`, []string{op("replace", "active", "value", `"valueBoolean":false`)}, p + `,"active":false}`},
		{"replace below", p + `,"contact":[{"name":{"text":"a"},"gender":"male"}]}`, []string{op("replace", "Patient.contact[0].name.text", "value", text("b"))},
			p + `,"contact":[{"name":{"text":"b"},"gender":"male"}]}`},
		{"delete the last of an element", p + `,"contact":[{"name":{"text":"a"},"gender":"male"}]}`, []string{op("delete", "Patient.contact[0].name.text")}, p + `,"contact":[{"gender":"male"}]}`},
		{"delete the last of all above", p + `,"active":true,"contact":[{"name":{"text":"a"}}]}`, []string{op("delete", "Patient.contact[0].name.text")}, p + `,"active":true}`},
		{"add below", p + `,"contact":[{"name":{"text":"a"}}]}`, []string{op("add", "Patient.contact[0]", "name", text("gender"), "value", `"valueCode":"male"`)},
			p + `,"contact":[{"name":{"text":"a"},"gender":"male"}]}`},
		{"add a data type", p + `}`, []string{op("add", "Patient", "name", text("maritalStatus"), "value", `"valueCodeableConcept":{"text":"m"}`)}, p + `,"maritalStatus":{"text":"m"}}`},
		{"replace a data type", p + `,"maritalStatus":{"id":"1","text":"m"}}`, []string{op("replace", "Patient.maritalStatus", "value", `"valueCodeableConcept":{"id":"2","text":"n"}`)},
			p + `,"maritalStatus":{"id":"2","text":"n"}}`},
		{"delete a data type", p + `,"maritalStatus":{"text":"m"}}`, []string{op("delete", "Patient.maritalStatus")}, p + `}`},
		{"add parts", p + `}`, []string{op("add", "Patient", "name", text("contact"), "value",
			`"part":[{"name":"name","valueHumanName":{"text":"a"}},{"name":"telecom","valueContactPoint":{"value":"1"}},{"name":"telecom","valueContactPoint":{"value":"2"}}]`)},
			p + `,"contact":[{"name":{"text":"a"},"telecom":[{"value":"1"},{"value":"2"}]}]}`},
		{"delete an item", p + `,"contact":[{"name":{"text":"a"}}]}`, []string{op("delete", "Patient.contact[0]")}, p + `}`},
		{"parts in parts", p + `}`, []string{op("add", "Patient", "name", text("extension"), "value",
			`"part":[{"name":"url","valueUri":"http://x"},{"name":"extension","part":[{"name":"url","valueUri":"y"},{"name":"value","valueDecimal":1.50}]}]`)},
			p + `,"extension":[{"url":"http://x","extension":[{"url":"y","valueDecimal":1.50}]}]}`},
		{"operations see those before", p + `,"identifier":[{"value":"1"},{"value":"2"}]}`,
			[]string{op("replace", "Patient.identifier[0].value", "value", text("2")), op("delete", "Patient.identifier.where(value = '2')[1]"), op("add", "Patient.identifier[0]", "name", text("system"), "value", `"valueUri":"s"`)},
			p + `,"identifier":[{"value":"2","system":"s"}]}`},
		{"the last one finds nothing", p + `}`, []string{op("add", "Patient", "name", text("birthDate"), "value", `"valueDate":"1930-01-01"`), op("delete", "Patient.active")}, p + `,"birthDate":"1930-01-01"}`},
		{"add to a list", identifiers, []string{op("add", "Patient", "name", text("identifier"), "value", `"valueIdentifier":{"value":"5"}`)}, ordered("12345")},
		{"add the first", p + `}`, []string{op("add", "Patient", "name", text("identifier"), "value", `"valueIdentifier":{"value":"1"}`)}, ordered("1")},
		{"insert at the end", identifiers, []string{op("insert", "Patient.identifier", "index", at(4), "value", `"valueIdentifier":{"value":"5"}`)}, ordered("12345")},
		{"insert within", identifiers, []string{op("insert", "Patient.identifier", "index", at(1), "value", `"valueIdentifier":{"value":"5"}`)}, ordered("15234")},
		{"insert at the beginning", identifiers, []string{op("insert", "identifier", "index", at(0), "value", `"valueIdentifier":{"value":"5"}`)}, ordered("51234")},
		{"insert into nothing", p + `}`, []string{op("insert", "Patient.identifier", "index", at(0), "value", `"valueIdentifier":{"value":"1"}`)}, ordered("1")},
		{"delete from a list", identifiers, []string{op("delete", "Patient.identifier[1]"), op("delete", "Patient.identifier[2]")}, ordered("13")},
		{"move forth", identifiers, []string{op("move", "Patient.identifier", "source", at(3), "destination", at(1))}, ordered("1423")},
		{"move to the beginning", identifiers, []string{op("move", "Patient.identifier", "source", at(3), "destination", at(0))}, ordered("4123")},
		{"move back", identifiers, []string{op("move", "Patient.identifier", "source", at(0), "destination", at(3))}, ordered("2341")},
		{"move nowhere", identifiers, []string{op("move", "Patient.identifier", "source", at(2), "destination", at(2))}, identifiers},
		{"move several", identifiers, []string{op("move", "Patient.identifier", "source", at(1), "destination", at(0)), op("move", "Patient.identifier", "source", at(2), "destination", at(1))}, ordered("2314")},
		{"an element by its content", p + `,"name":[{"use":"usual","family":"A"},{"use":"official","family":"B"}]}`,
			[]string{op("replace", "Patient.name.where(use = 'official').family", "value", text("C"))}, p + `,"name":[{"use":"usual","family":"A"},{"use":"official","family":"C"}]}`},

		{"another type of a choice", `{"resourceType":"Observation","valueString":"a","status":"final"}`, []string{op("replace", "Observation.value", "value", `"valueQuantity":{"value":1.0}`)},
			`{"resourceType":"Observation","status":"final","valueQuantity":{"value":1.0}}`},
		{"the same type of a choice", `{"resourceType":"Observation","valueString":"a","status":"final"}`, []string{op("replace", "Observation.value", "value", text("b"))},
			`{"resourceType":"Observation","valueString":"b","status":"final"}`},
		{"add a choice", p + `}`, []string{op("add", "Patient", "name", text("deceased"), "value", `"valueBoolean":true`)}, p + `,"deceasedBoolean":true}`},
		{"delete a choice", p + `,"deceasedBoolean":true}`, []string{op("delete", "Patient.deceased")}, p + `}`},
		{"a date for a dateTime", p + `,"name":[{"period":{"start":"2020"}}]}`, []string{op("add", "Patient.name.period", "name", text("end"), "value", `"valueDate":"2021-12-01"`)},
			p + `,"name":[{"period":{"start":"2020","end":"2021-12-01"}}]}`},
		{"a string for xhtml", p + `,"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"}}`, []string{op("replace", "Patient.text.div", "value", text(`<div xmlns=\"http://www.w3.org/1999/xhtml\">b</div>`))},
			p + `,"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">b</div>"}}`},
		{"a Quantity for a Duration", `{"resourceType":"Encounter"}`, []string{op("add", "Encounter", "name", text("length"), "value", `"valueQuantity":{"value":1}`)}, `{"resourceType":"Encounter","length":{"value":1}}`},

		{"delete a primitive with extensions", p + `,"birthDate":"1920","_birthDate":{"id":"a"},"active":true}`, []string{op("delete", "Patient.birthDate")}, p + `,"active":true}`},
		{"delete one that has extensions only", p + `,"_birthDate":{"id":"a"},"active":true}`, []string{op("delete", "Patient.birthDate")}, p + `,"active":true}`},
		{"replace one with extensions", p + `,"birthDate":"1920","_birthDate":{"id":"a"}}`, []string{op("replace", "Patient.birthDate", "value", `"valueDate":"1930"`)}, p + `,"birthDate":"1930"}`},
		{"replace by one with extensions", p + `,"birthDate":"1920"}`, []string{op("replace", "Patient.birthDate", "value", `"valueDate":"1930","_valueDate":{"id":"b"}`)}, p + `,"birthDate":"1930","_birthDate":{"id":"b"}}`},
		{"delete from parallel lists", p + `,"name":[{"given":["a","b","c"],"_given":[null,{"id":"b"},{"id":"c"}]}]}`, []string{op("delete", "Patient.name.given[1]")}, p + `,"name":[{"given":["a","c"],"_given":[null,{"id":"c"}]}]}`},
		{"delete all extensions of a list", p + `,"name":[{"given":["a","b"],"_given":[null,{"id":"b"}]}]}`, []string{op("delete", "Patient.name.given[1]")}, p + `,"name":[{"given":["a"]}]}`},
		{"delete all values of a list", p + `,"name":[{"given":["a",null],"_given":[null,{"id":"b"}]}]}`, []string{op("delete", "Patient.name.given[0]")}, p + `,"name":[{"_given":[{"id":"b"}]}]}`},
		{"insert into parallel lists", p + `,"name":[{"given":["a","b"],"_given":[null,{"id":"b"}]}]}`, []string{op("insert", "Patient.name.given", "index", at(1), "value", text("x"))}, p + `,"name":[{"given":["a","x","b"],"_given":[null,null,{"id":"b"}]}]}`},
		{"insert one with extensions", p + `,"name":[{"given":["a"]}]}`, []string{op("insert", "Patient.name.given", "index", at(1), "value", `"_valueString":{"id":"x"}`)}, p + `,"name":[{"given":["a",null],"_given":[null,{"id":"x"}]}]}`},
		{"move in parallel lists", p + `,"name":[{"given":["a","b"],"_given":[null,{"id":"b"}]}]}`, []string{op("move", "Patient.name.given", "source", at(1), "destination", at(0))}, p + `,"name":[{"given":["b","a"],"_given":[{"id":"b"},null]}]}`},
		{"an extension of a primitive", p + `,"birthDate":"1920"}`, []string{op("add", "Patient.birthDate", "name", text("extension"), "value", `"part":[{"name":"url","valueUri":"http://x"},{"name":"value","valueCode":"c"}]`)},
			p + `,"birthDate":"1920","_birthDate":{"extension":[{"url":"http://x","valueCode":"c"}]}}`},
		{"one more extension of a primitive", p + `,"name":[{"given":["a","b"],"_given":[null,{"id":"b"}]}]}`, []string{op("add", "Patient.name.given[1]", "name", text("extension"), "value", `"part":[{"name":"url","valueUri":"x"}]`)},
			p + `,"name":[{"given":["a","b"],"_given":[null,{"id":"b","extension":[{"url":"x"}]}]}]}`},
		{"the first extension in a list", p + `,"name":[{"given":["a","b"],"_given":[null,{"id":"b"}]}]}`, []string{op("add", "Patient.name.given[0]", "name", text("id"), "value", text("a"))},
			p + `,"name":[{"given":["a","b"],"_given":[{"id":"a"},{"id":"b"}]}]}`},
		{"delete the extension of a primitive", p + `,"birthDate":"1920","_birthDate":{"extension":[{"url":"x"}]}}`, []string{op("delete", "Patient.birthDate.extension('x')")}, p + `,"birthDate":"1920"}`},
		{"delete the extension of one without a value", p + `,"active":true,"_birthDate":{"extension":[{"url":"x"}]}}`, []string{op("delete", "Patient.birthDate.extension")}, p + `,"active":true}`},
		{"change within the extension of a primitive", p + `,"_birthDate":{"extension":[{"url":"x","valueInteger":1}]}}`, []string{op("replace", "Patient.birthDate.extension.value", "value", text("y"))},
			p + `,"_birthDate":{"extension":[{"url":"x","valueString":"y"}]}}`},

		{"in a contained resource", `{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"p","active":true}],"subject":{"reference":"#p"}}`,
			[]string{op("replace", "Observation.subject.resolve().active", "value", `"valueBoolean":false`), op("add", "Observation.contained[0]", "name", text("gender"), "value", `"valueCode":"male"`)},
			`{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"p","active":false,"gender":"male"}],"subject":{"reference":"#p"}}`},
		{"a resource to contain", p + `}`, []string{op("add", "Patient", "name", text("contained"), "value", `"resource":{"resourceType":"Location","id":"l"}`)}, p + `,"contained":[{"resourceType":"Location","id":"l"}]}`},
		{"bytes stay", `{ "resourceType" : "Observation", "\u0069ssued":"2020-01-01T00:00:00Z", "valueQuantity":{ "value":1.50, "unit":"m\u0067" },  "status":"final" }`,
			[]string{op("replace", "Observation.value.unit", "value", text(`\u00b5g`))},
			`{ "resourceType" : "Observation", "\u0069ssued":"2020-01-01T00:00:00Z", "valueQuantity":{"value":1.50,"unit":"\u00b5g"},  "status":"final" }`},
	} {
		params := parameters(c.ops...)
		if faults := validate.Structure(parse(t, params)); len(faults) > 0 {
			t.Errorf("%s: the patch itself: %v", c.name, faults)
		}
		if got, err := apply(t, c.body, params); err != nil || string(got.Bytes) != c.want {
			text := ""
			if got != nil {
				text = string(got.Bytes)
			}
			t.Errorf("%s: %s %v\nwant %s", c.name, text, err, c.want)
		}
	}
}

func TestFHIRPathPatchRefused(t *testing.T) {
	const body = `{"resourceType":"Patient","active":true,"birthDate":"1920","deceasedBoolean":false,"name":[{"family":"secret","given":["a"]},{"family":"B"}],"identifier":[{"value":"1"}]}`
	boolean := `"valueBoolean":true`
	for _, c := range []struct {
		params string
		kind   fhir.Kind
		place  string
	}{
		{`{"resourceType":"Patient"}`, fhir.KindInvalid, "resourceType"},
		{`{"resourceType":"Parameters","parameter":[{"name":"x"}]}`, fhir.KindInvalid, "Parameters.parameter[0]"},
		{parameters(op("delete", "Patient.active"), `{"name":"operation"}`), fhir.KindInvalid, "Parameters.parameter[1]"},
		{`{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"}]}]}`, fhir.KindInvalid, "Parameters.parameter[0]"},
		{`{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueInteger":1}]}]}`, fhir.KindInvalid, "Parameters.parameter[0].part[0]"},
		{parameters(op("upsert", "Patient.active")), fhir.KindInvalid, "Parameters.parameter[0].part[0]"},
		{parameters(op("delete", "Patient.active", "path", text("x"))), fhir.KindInvalid, "Parameters.parameter[0].part[2]"},
		{parameters(op("delete", "Patient.active", "value", boolean)), fhir.KindInvalid, "Parameters.parameter[0].part[2]"},
		{parameters(op("replace", "Patient.active")), fhir.KindInvalid, "Parameters.parameter[0]"},
		{parameters(op("add", "Patient", "value", boolean)), fhir.KindInvalid, "Parameters.parameter[0]"},
		{parameters(op("insert", "Patient.identifier", "index", text("1"), "value", `"valueIdentifier":{"value":"2"}`)), fhir.KindInvalid, "Parameters.parameter[0].part[2]"},
		{parameters(op("move", "Patient.name", "source", at(-1), "destination", at(0))), fhir.KindInvalid, "Parameters.parameter[0].part[2]"},
		{parameters(op("move", "Patient.name", "source", at(0), "destination", `"valueDecimal":1.5`)), fhir.KindInvalid, "Parameters.parameter[0].part[3]"},
		{parameters(op("move", "Patient.name[0]", "source", at(0), "destination", at(0))), fhir.KindInvalid, "Parameters.parameter[0].part[1]"},
		{parameters(op("delete", "Patient.nmae")), fhir.KindInvalid, "Parameters.parameter[0].part[1]"},
		{parameters(op("delete", "Patient..name")), fhir.KindInvalid, "Parameters.parameter[0].part[1]"},
		{parameters(op("delete", "Observation.status")), fhir.KindInvalid, "Parameters.parameter[0].part[1]"},
		{parameters(op("delete", "Patient")), fhir.KindInvalid, "Parameters.parameter[0].part[1]"},
		{parameters(op("replace", "Patient", "value", `"resource":{"resourceType":"Patient"}`)), fhir.KindInvalid, "Parameters.parameter[0].part[1]"},
		{parameters(op("delete", "Patient.birthDate.toString()")), fhir.KindInvalid, "Parameters.parameter[0].part[1]"},
		{parameters(op("delete", "'x'")), fhir.KindInvalid, "Parameters.parameter[0].part[1]"},
		{parameters(op("add", "Patient", "name", text("nmae"), "value", boolean)), fhir.KindInvalid, "Parameters.parameter[0].part[2]"},
		{parameters(op("add", "Patient", "name", text("resourceType"), "value", text("Group"))), fhir.KindInvalid, "Parameters.parameter[0].part[2]"},
		{parameters(op("add", "Patient", "name", text("gender"), "value", boolean)), fhir.KindInvalid, "Parameters.parameter[0].part[3]"},
		{parameters(op("add", "Patient", "name", text("maritalStatus"), "value", text("m"))), fhir.KindInvalid, "Parameters.parameter[0].part[3]"},
		{parameters(op("add", "Patient", "name", text("multipleBirth"), "value", text("1"))), fhir.KindInvalid, "Parameters.parameter[0].part[3]"},
		{parameters(op("add", "Patient", "name", text("gender"), "value", `"resource":{"resourceType":"Patient"}`)), fhir.KindInvalid, "Parameters.parameter[0].part[3]"},
		{parameters(op("add", "Patient", "name", text("gender"), "value", `"part":[{"name":"x","valueBoolean":true}]`)), fhir.KindInvalid, "Parameters.parameter[0].part[3]"},
		{parameters(op("add", "Patient", "name", text("contact"), "value", `"part":[{"name":"x","valueBoolean":true}]`)), fhir.KindInvalid, "Parameters.parameter[0].part[3].part[0]"},
		{parameters(op("add", "Patient", "name", text("contact"), "value", `"part":[{"name":"gender","valueCode":"male"},{"name":"gender","valueCode":"male"}]`)), fhir.KindInvalid, "Parameters.parameter[0].part[3].part[1]"},
		{parameters(op("add", "Patient", "name", text("contact"), "value", `"id":"x"`)), fhir.KindInvalid, "Parameters.parameter[0].part[3]"},
		{parameters(op("insert", "Patient.birthDate", "index", at(0), "value", `"valueDate":"1930"`)), fhir.KindInvalid, "Parameters.parameter[0].part[1]"},
		{parameters(op("insert", "Patient.nmae", "index", at(0), "value", boolean)), fhir.KindInvalid, "Parameters.parameter[0].part[1]"},

		{parameters(op("add", "Patient", "name", text("birthDate"), "value", `"valueDate":"1930"`)), fhir.KindProcessing, "Parameters.parameter[0].part[2]"},
		{parameters(op("add", "Patient", "name", text("deceased"), "value", `"valueDateTime":"1930"`)), fhir.KindProcessing, "Parameters.parameter[0].part[2]"},
		{parameters(op("add", "Patient.identifier.where(value = '1').period", "name", text("end"), "value", `"valueDate":"2021"`)), fhir.KindProcessing, "Parameters.parameter[0].part[1]"},
		{parameters(op("replace", "Patient.gender", "value", `"valueCode":"male"`)), fhir.KindProcessing, "Parameters.parameter[0].part[1]"},
		{parameters(op("replace", "Patient.name.family", "value", text("x"))), fhir.KindProcessing, "Parameters.parameter[0].part[1]"},
		{parameters(op("delete", "Patient.name")), fhir.KindProcessing, "Parameters.parameter[0].part[1]"},
		{parameters(op("delete", "Patient.active"), op("delete", "Patient.name.family | Patient.name.given")), fhir.KindProcessing, "Parameters.parameter[1].part[1]"},
		{parameters(op("insert", "Patient.name.given", "index", at(0), "value", text("x"))), fhir.KindProcessing, "Parameters.parameter[0].part[1]"},
		{parameters(op("insert", "Patient.identifier", "index", at(2), "value", `"valueIdentifier":{"value":"2"}`)), fhir.KindProcessing, "Parameters.parameter[0].part[2]"},
		{parameters(op("move", "Patient.name", "source", at(2), "destination", at(0))), fhir.KindProcessing, "Parameters.parameter[0].part[2]"},
		{parameters(op("move", "Patient.name", "source", at(0), "destination", at(2))), fhir.KindProcessing, "Parameters.parameter[0].part[3]"},
		{parameters(op("move", "Patient.address", "source", at(0), "destination", at(0))), fhir.KindProcessing, "Parameters.parameter[0].part[2]"},
		{parameters(op("delete", "Patient.name.where(given + 1 = 2)")), fhir.KindProcessing, "Parameters.parameter[0].part[1]"},
		{parameters(op("delete", "Patient.descendants().select(%resource.descendants()).select(%resource.descendants()).select(%resource.descendants()).select(%resource.descendants()).select(%resource.descendants())")), fhir.KindTooCostly, "Parameters.parameter[0].part[1]"},
	} {
		got, err := apply(t, body, c.params)
		e, ok := err.(*fhir.Error)
		if !ok || e.Kind != c.kind || e.Expression != c.place {
			t.Errorf("%s: %v %v, want %s at %s", c.params, got, err, c.kind.Code(), c.place)
		}
		if ok && (e.Diagnostics == "" || strings.Contains(e.Diagnostics, "secret")) {
			t.Errorf("%s: %q", c.params, e.Diagnostics)
		}
	}
	if _, err := apply(t, body, parameters(strings.Split(strings.Repeat(op("delete", "Patient.link")+"\n", 1001), "\n")[:1001]...)); fhir.KindOf(err) != fhir.KindTooLong {
		t.Errorf("too many operations: %v", err)
	}
}

// Of every example each element can be deleted by its path, which leaves FHIR JSON; and replaced by what it is, by its
// pointer, which leaves every byte.
func TestEveryElementOfTheExamples(t *testing.T) {
	resources, elements := 0, 0
	for _, b := range examples.Sample(t) {
		body := string(b)
		if len(body) > 10_000 {
			continue
		}
		res := parse(t, body)
		if res.Type == "Parameters" {
			continue
		}
		resources++
		var walk func(n *fhir.Node, pointer string)
		walk = func(n *fhir.Node, pointer string) {
			for c := n.First; c != nil; c = c.Next {
				to := pointer + "/" + c.Name
				if n.JSON == fhir.Array {
					to = fmt.Sprint(pointer, "/", c.Index)
				}
				p, err := patch.JSON(fmt.Appendf(nil, `[{"op":"replace","path":%q,"value":%s}]`, to, res.Raw(c)), fhir.DefaultLimits)
				if err == nil {
					res, err := p.Apply(res, fhir.DefaultLimits)
					if err == nil && string(res.Bytes) != body {
						t.Errorf("%s/%s: replacing %s by itself gives %s", res.Type, res.ID, to, res.Bytes)
					}
				}
				if err != nil {
					t.Errorf("%s/%s: replace %s: %v", res.Type, res.ID, to, err)
				}
				if path := res.Path(c); c.JSON != fhir.Array && c.JSON != fhir.Null && c.Name != "resourceType" && !strings.Contains(to, "/_") {
					elements++
					if next, err := apply(t, body, parameters(op("delete", path))); err != nil || len(next.Bytes) >= len(body) {
						t.Errorf("%s/%s: delete %s: %v", res.Type, res.ID, path, err)
					}
				}
				if c.JSON == fhir.Array || strings.Count(to, "/") < 4 {
					walk(c, to)
				}
			}
		}
		walk(res.Root, "")
	}
	if elements < 500 {
		t.Errorf("%d elements of %d resources", elements, resources)
	}
}

func BenchmarkFHIRPathPatch(b *testing.B) {
	res := parse(b, `{"resourceType":"Patient","id":"x","name":[{"family":"Smith","given":["Ann"]}],"active":true}`)
	params := parse(b, parameters(op("replace", "Patient.active", "value", `"valueBoolean":false`), op("add", "Patient.name[0]", "name", text("given"), "value", text("Eve"))))
	b.ReportAllocs()
	for b.Loop() {
		p, err := patch.FHIRPath(params, "Patient", r4.Model{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Apply(res, fhir.DefaultLimits); err != nil {
			b.Fatal(err)
		}
	}
}
