package search_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

var worldTypes = []string{"Encounter", "Observation", "Patient", "Practitioner"}

func drawWorld(t *rapid.T) []*fhir.Resource {
	var world []*fhir.Resource
	for _, typ := range worldTypes {
		for i := range rapid.IntRange(0, 3).Draw(t, typ) {
			body := drawBody(t, typ, fmt.Sprintf("%d", i))
			res, err := fhir.Parse([]byte(body), fhir.Limits{})
			if err != nil {
				t.Fatalf("%v in %s", err, body)
			}
			world = append(world, res)
		}
	}
	return world
}

// drawBody writes a resource: each element is there or not, with one of a few values.
func drawBody(t *rapid.T, typ, id string) string {
	body := fmt.Sprintf(`{"resourceType":%q,"id":%q`, typ, id)
	some := func(element string, values ...string) {
		if v := rapid.SampledFrom(append(values, "")).Draw(t, element); v != "" {
			body += fmt.Sprintf(`,%q:%s`, element, v)
		}
	}
	patient := []string{`{"reference":"Patient/0"}`, `{"reference":"Patient/1"}`, `{"reference":"http://localhost/fhir/Patient/2/_history/1"}`,
		`{"reference":"http://other/Patient/0"}`, `{"reference":"#c"}`, `{"identifier":{"system":"http://mrn","value":"7"}}`}
	practitioners := []string{`[{"reference":"Practitioner/0"}]`, `[{"reference":"Practitioner/1"},{"reference":"Practitioner/2"}]`}
	some("meta", `{"lastUpdated":"2020-01-01T00:00:00Z","tag":[{"code":"t"}]}`, `{"lastUpdated":"2021-06-01T10:00:00.5Z"}`)
	switch typ {
	case "Patient":
		some("name", `[{"family":"Peters","given":["Ann"]}]`, `[{"family":"Péters"}]`, `[{"text":"Bo"},{"family":"Anders"}]`)
		some("gender", `"male"`, `"female"`)
		some("birthDate", `"1980"`, `"1980-05-17"`, `"2001-01-01"`)
		some("identifier", `[{"system":"http://mrn","value":"7"}]`, `[{"value":"7"},{"system":"http://x"}]`)
		some("generalPractitioner", practitioners...)
		some("link", `[{"other":{"reference":"Patient/0"},"type":"seealso"}]`)
	case "Practitioner":
		some("name", `[{"family":"Peters"}]`, `[{"family":"Doc"}]`)
	case "Encounter":
		some("subject", patient...)
		some("status", `"finished"`, `"planned"`)
		some("period", `{"start":"2019-05-01","end":"2021-02-01"}`, `{"start":"2020-02-02T10:00:00Z"}`, `{"end":"2019"}`)
		some("contained", `[{"resourceType":"Patient","id":"c","name":[{"family":"Peters"}]}]`)
	case "Observation":
		some("status", `"final"`)
		some("subject", patient...)
		some("performer", practitioners[0], `[{"reference":"Patient/1"}]`)
		some("focus", `[{"reference":"Patient/1"}]`)
		some("encounter", `{"reference":"Encounter/0"}`, `{"reference":"Encounter/1"}`)
		some("category", `[{"coding":[{"code":"lab"}]}]`, `[{"coding":[{"system":"http://c","code":"vital"}]},{"coding":[{"code":"lab"}]}]`)
		some("code", `{"coding":[{"system":"http://loinc.org","code":"x","display":"Heart rate"}]}`, `{"coding":[{"code":"y"}],"text":"rate of heart"}`)
		some("effectiveDateTime", `"2020"`, `"2020-02-02"`, `"2020-02-02T10:00:00Z"`, `"2021-03-01T00:00:00+02:00"`)
		some("valueQuantity", `{"value":5.42,"unit":"mg"}`, `{"value":5.4,"system":"http://unitsofmeasure.org","code":"mg"}`, `{"value":-3,"comparator":"<"}`)
		some("component", `[{"code":{"coding":[{"code":"s"}]},"valueQuantity":{"value":120}},{"code":{"coding":[{"code":"d"}]},"valueQuantity":{"value":80}}]`,
			`[{"code":{"coding":[{"code":"s"}]},"valueCodeableConcept":{"coding":[{"system":"http://c","code":"z"}]}}]`)
		some("contained", `[{"resourceType":"Patient","id":"c","gender":"male"}]`)
	}
	return body + "}"
}

// conditions are searches on each type.
var conditions = map[string][]string{
	"": {"_id=0", "_id=0,1", "_id:not=2", "_tag=t", "_tag:missing=true", "_lastUpdated=2020", "_lastUpdated=ge2020-06"},
	"Patient": {"name=pet", "name=peters", "name=ann,bo", "name:contains=der", "family:exact=Péters", "name:missing=true", "gender=male", "gender:not=male",
		"birthdate=1980", "birthdate=lt1990", "birthdate=ge1980-05-17", "birthdate=ne1980", "identifier=http://mrn|7", "identifier=|7", "identifier=http://x|",
		"general-practitioner=Practitioner/0", "general-practitioner.name=doc", "general-practitioner:Practitioner.name:missing=true", "link=Patient/0",
		"_has:Observation:patient:code=x", "_has:Observation:subject:code:not=x", "_has:Encounter:patient:status=finished", "_has:Observation:performer:_has:Observation:focus:code=x"},
	"Practitioner": {"name=doc", "name=peters", "_has:Patient:general-practitioner:name=pet", "_has:Patient:general-practitioner:_has:Observation:patient:code=x"},
	"Encounter": {"status=finished,planned", "status:not=planned", "date=2020", "date=ge2020", "date=le2019", "date=ne2020", "date=gt2019&date=lt2021", "date=sa2019", "date=eb2021",
		"subject:Patient.name=peters", "patient=0", "patient.name=peters", "subject:identifier=7", "subject:identifier=http://mrn|", "_has:Observation:encounter:code=y"},
	"Observation": {"code=x", "code=http://loinc.org|x", "code=|y", "code:text=heart", "code:not=x,y", "code:missing=true", "category=lab", "category=vital", "category=lab&category=vital",
		"category:not=lab", "date=2020", "date=2020-02-02", "date=gt2020-02-02", "date=ge2020-02&date=le2020-02", "date=ne2020", "date=lt2020-02-02T10:00:00Z",
		"date=ap2020-02-02", "date:missing=true", "value-quantity=5.4", "value-quantity=5.40", "value-quantity=gt5.4||mg", "value-quantity=5.4|http://unitsofmeasure.org|mg",
		"value-quantity=ne5", "value-quantity=lt0", "value-quantity=ge5.4", "value-quantity=sa5", "value-quantity=eb5.42", "value-quantity=ap-3", "value-quantity=ap5", "value-quantity=le5.4", "component-code-value-quantity=s$120", "component-code-value-quantity=s$80",
		"combo-code-value-quantity=y$gt5", "component-code-value-concept=s$z", "component-code-value-concept=s$http://c|z", "subject=Patient/0", "subject=0", "patient=1",
		"subject=http://other/Patient/0", "subject:identifier=http://mrn|7", "subject=Patient/2", "subject.name=peters", "subject:Patient.gender=male", "patient.name:missing=true",
		"patient.general-practitioner:Practitioner.name=doc", "encounter.subject:Patient.name=pet", "encounter._has:Observation:encounter:code=x", "performer=Patient/1", "focus=Patient/1",
		"performer:Patient._has:Observation:patient:code=x", "subject:missing=false"},
}

func drawCondition(t *rapid.T, typ string) search.Expr {
	query := rapid.SampledFrom(append(conditions[typ], conditions[""]...)).Draw(t, "condition")
	var list []search.Pair
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		list = append(list, search.Pair{Name: name, Value: value})
	}
	q, err := search.Parse(typ, list, goldenOptions)
	if err != nil {
		t.Fatal(err)
	}
	return q.Where
}

// drawQuery is what Parse could have made: a conjunction.
func drawQuery(t *rapid.T) search.Query {
	q := search.Query{Type: rapid.SampledFrom(worldTypes).Draw(t, "type")}
	var where search.And
	for range rapid.IntRange(1, 3).Draw(t, "conditions") {
		where = append(where, drawCondition(t, q.Type))
	}
	q.Where = where
	if rapid.Bool().Draw(t, "compartment") {
		q = q.Within(drawPatient(t))
	}
	return q
}

func drawPatient(t *rapid.T) fhir.Reference {
	return fhir.Reference{Type: "Patient", ID: rapid.SampledFrom([]string{"0", "1"}).Draw(t, "patient")}
}

// drawPanel is a panel of none, some or very many Patients: those are tested one by one.
func drawPanel(t *rapid.T) search.Panel {
	ids := rapid.SliceOfN(rapid.SampledFrom([]string{"0", "1", "2"}), 0, 3).Draw(t, "panel")
	if len(ids) > 0 && rapid.IntRange(0, 3).Draw(t, "many") == 0 {
		ids = append(ids, crowd...)
	}
	return search.NewPanel(ids)
}

// crowd are the ids of more Patients than a plan has terms for.
var crowd = func() (ids []string) {
	for i := range 1200 {
		ids = append(ids, fmt.Sprintf("crowd%d", i))
	}
	return ids
}()

// drawExpr is any expression, also such that no query makes.
func drawExpr(t *rapid.T, typ string, depth int) search.Expr {
	kinds := 12
	if depth == 0 {
		kinds = 8
	}
	list := func() []search.Expr {
		var out []search.Expr
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			out = append(out, drawExpr(t, typ, depth-1))
		}
		return out
	}
	switch rapid.IntRange(0, kinds).Draw(t, "kind") {
	case 0:
		return search.Const(rapid.Bool().Draw(t, "const"))
	case 1:
		return search.Type(rapid.SampledFrom(worldTypes).Draw(t, "is"))
	case 2:
		return search.ID(rapid.SampledFrom([]string{"0", "1", "2"}).Draw(t, "id"))
	case 3:
		c := drawPatient(t)
		c.Type = rapid.SampledFrom([]string{"Patient", "Patient", "Encounter"}).Draw(t, "of") // of an id that a panel has, too
		return search.In{Compartment: c}
	case 4:
		return search.Only{Compartment: drawPatient(t)}
	case 5:
		return search.InAny{Panel: drawPanel(t)}
	case 9:
		return search.And(list())
	case 10:
		return search.Or(list())
	case 11:
		return search.Not{X: drawExpr(t, typ, depth-1)}
	case 12:
		switch typ {
		case "Patient":
			return search.Has{Source: "Observation", P: r4.Lookup("Observation", "patient"), X: drawExpr(t, "Observation", depth-1)}
		case "Practitioner":
			return search.Has{Source: "Patient", P: r4.Lookup("Patient", "general-practitioner"), X: drawExpr(t, "Patient", depth-1)}
		}
		return search.Chain{P: r4.Lookup(typ, "subject"), Target: "Patient", X: drawExpr(t, "Patient", depth-1), Contained: rapid.Bool().Draw(t, "contained")}
	}
	return drawCondition(t, typ)
}

// drawn is an Access with a set for each type, the same for every letter.
type drawn map[string]search.Expr

func (d drawn) Allowed(_ search.Interaction, typ string) search.Expr { return d[typ] }

// drawAccess never has a chain or _has: what a caller sees may not depend on what others see.
func drawAccess(t *rapid.T) drawn {
	local := func(typ string) search.Expr {
		e := drawCondition(t, typ)
		if search.Joins(e) {
			return search.None
		}
		return e
	}
	d := drawn{}
	for _, typ := range worldTypes {
		in := search.In{Compartment: drawPatient(t)}
		switch rapid.IntRange(0, 9).Draw(t, "access") {
		case 0:
			d[typ] = search.None
		case 1:
			d[typ] = in
		case 2:
			d[typ] = search.And{in, local(typ)}
		case 3:
			d[typ] = search.Or{search.And{in, local(typ)}, search.And{in, local(typ)}}
		case 4:
			d[typ] = local(typ)
		case 5:
			d[typ] = search.And{in, search.Only{Compartment: in.Compartment}}
		case 6:
			d[typ] = search.InAny{Panel: drawPanel(t)}
		case 7:
			panel := search.InAny{Panel: drawPanel(t)}
			d[typ] = search.Or{search.And{panel, local(typ)}, search.And{panel, in}}
		default:
			d[typ] = search.All
		}
	}
	return d
}
