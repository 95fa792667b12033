package search_test

import (
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

func filtered(t testing.TB, typ, filter string) (search.Expr, error) {
	t.Helper()
	q, err := search.Parse(typ, []search.Pair{{Name: "_filter", Value: filter}}, goldenOptions)
	return q.Where, err
}

// TestFilterMatch: under each resource, filters that find it (+) and that do not (-), a line each.
func TestFilterMatch(t *testing.T) {
	for _, c := range []struct{ name, body, filters string }{
		{"string", `{"resourceType":"Patient","name":[{"family":"Müller","given":["Peter James"]}],"gender":"male","active":true,"birthDate":"1974-12-25"}`, `
			+ family eq "MULLER"
			- family eq "Mull"
			+ family sw "mull"
			+ family ew "ller"
			- family ew "mul"
			+ name co "ter j"
			- name co "x"
			+ name ne "muller"
			- family ne "müller"
			- phonetic ne "x" and given eq "x"
			+ family gt "mulle"
			- family gt "muller"
			+ family ge muller
			+ family lt n
			+ family le "Müller"
			+ family pr true
			- family pr false
			+ address pr false
			+ given eq "Peter James"
			+ given eq "peter \u006aames"`},
		{"token", `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1-8"},{"code":"y"}],"text":"Text"},"category":[{"text":"only"}]}`, `
			+ code eq http://loinc.org|1-8
			+ code eq loinc|1-8
			- code eq snomed|1-8
			+ code eq 1-8
			+ code ne 1-8
			+ code ne loinc|1-8
			- status ne final
			- status ne http://hl7.org/fhir/observation-status|final
			- status ne |final
			+ status ne http://hl7.org/fhir/observation-status|amended
			- category ne x
			+ code in http://hl7.org/fhir/ValueSet/observation-codes
			- code ni http://hl7.org/fhir/ValueSet/observation-codes
			+ category ni http://hl7.org/fhir/ValueSet/observation-codes
			+ status ss final
			+ status sb final
			- status ss amended
			+ status eq "final" and code eq "loinc|1-8"`},
		{"number and quantity", `{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":5.4}]}`, `
			+ probability eq 5.4
			- probability eq 5.40001
			+ probability gt 5.3
			- probability lt 5.4
			+ probability ge 5.4
			+ probability le 5.4
			+ probability sa 5
			+ probability eb 6
			+ probability ap 5.2
			- probability ne 5.4
			+ probability co 5.42
			+ probability co 5.35
			- probability co 5.45`},
		{"quantity", `{"resourceType":"Observation","valueQuantity":{"value":0.0054,"system":"http://unitsofmeasure.org","code":"g"},"code":{"coding":[{"system":"http://loinc.org","code":"x"}]}}`, `
			+ value-quantity eq 5.4|http://unitsofmeasure.org|mg
			+ value-quantity gt 5.3|ucum|mg
			- value-quantity gt 5.4|ucum|mg
			+ value-quantity eq 0.0054||g
			+ code-value-quantity eq loinc|x$5.4|ucum|mg and code eq x or code eq never
			+ code-value-quantity eq http://loinc.org|x$gt5.3|http://unitsofmeasure.org|mg
			- code-value-quantity ne http://loinc.org|x$gt5.3|http://unitsofmeasure.org|mg
			+ code-value-quantity ne http://loinc.org|y$gt5.3|http://unitsofmeasure.org|mg
			+ code-value-quantity[code eq loinc|x].value-quantity gt 5.3|ucum|mg
			- code-value-quantity[code eq loinc|y].value-quantity gt 5.3|ucum|mg
			+ code-value-quantity[value-quantity gt 5.3|ucum|mg].code eq x`},
		{"date", `{"resourceType":"Observation","effectivePeriod":{"start":"2020-03-01","end":"2020-05-31"},"code":{"text":"bone (old) [x]"}}`, `
			+ date eq 2020
			- date eq 2020-04
			+ date co 2020-04
			- date co 2020
			+ date po 2020-05-31T10:00:00Z
			- date po 2020-06
			+ date po 2019-01-01 or date po 2020-03
			+ date ge 2020-04
			- date ge 2020-05
			+ date sa 2020-02
			+ date eb 2020-06
			- date gt 2020-06-01
			+ date lt 2020-03-02
			+ date ne 2020-04
			- date ap 2022`},
		{"logic", `{"resourceType":"Patient","gender":"male","active":true,"name":[{"given":["Ann (x] y"]}]}`, `
			+ gender eq male and active eq true
			- gender eq female and active eq true
			+ gender eq female or active eq true
			- gender eq female or active eq true and gender eq other
			+ gender eq female or (active eq true and gender eq male)
			+ gender eq male or active eq false and gender eq male
			- (gender eq male or active eq true) and gender eq female
			+ not (gender eq female)
			- not (gender eq male)
			+ not(gender eq female)and(active eq true)
			+ not (not (gender eq male))
			+ (((gender eq male)))
			+ GENDER eq male or gender EQ male
			+ given eq "Ann (x] y"
			+ (given co "(x]")
			+ given eq ann or gender eq male`},
		{"uri", `{"resourceType":"ValueSet","url":"http://a/b","meta":{"profile":["http://p|1"]},"name":"not"}`, `
			+ url eq http://a/b
			- url ne http://a/b
			+ url ne http://a
			+ _profile eq http://p
			- _profile ne http://p
			- _profile ne http://p|1
			+ _profile ne http://p|2
			+ name eq not`},
		{"reference", `{"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/1"}}`, `
			+ subject re Patient/1
			+ subject re http://localhost/fhir/Patient/1
			- subject re Patient/2
			+ patient pr true
			+ id eq o1
			+ _id eq o1
			- id ne o1
			+ encounter pr false`},
		{"texts and places", `{"resourceType":"Location","name":"bone","position":{"latitude":1,"longitude":2}}`, `
			+ _content co "bone and not liver"
			- _content co "liver, bone skull"
			+ near eq 1|2|1|km
			- near eq 1|3|1|km`},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := resource(t, c.body)
			w := search.World{Index: &index.Indexer{Base: goldenOptions.Base}}
			for line := range strings.Lines(strings.TrimSpace(c.filters)) {
				line = strings.TrimSpace(line)
				filter := strings.Replace(line[2:], "GENDER", "gender", 1)
				e, err := filtered(t, res.Type, filter)
				if err != nil {
					t.Errorf("%s: %v", filter, err)
					continue
				}
				if got, want := search.Match(w, e, res), line[0] == '+'; got != want {
					t.Errorf("%s: %v: %s", filter, got, e)
				}
			}
		})
	}
}

// TestFilterChains: paths, filters in brackets, _has.
func TestFilterChains(t *testing.T) {
	world := []*fhir.Resource{
		resource(t, `{"resourceType":"Patient","id":"1","name":[{"family":"Peters"}],"gender":"male","generalPractitioner":[{"reference":"Practitioner/d"}]}`),
		resource(t, `{"resourceType":"Patient","id":"2","name":[{"family":"Peters"}],"gender":"female"}`),
		resource(t, `{"resourceType":"Practitioner","id":"d","name":[{"family":"Doc"}]}`),
		resource(t, `{"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/1"},"code":{"coding":[{"code":"x"}]}}`),
		resource(t, `{"resourceType":"Observation","id":"o2","subject":{"reference":"Patient/2"},"code":{"coding":[{"code":"y"}]}}`),
		resource(t, `{"resourceType":"Observation","id":"o3"}`),
	}
	w := worldOf(world)
	for _, c := range []struct{ typ, filter, want string }{
		{"Observation", `patient.name co "eter"`, "o1 o2"},
		{"Observation", `subject.name co "eter" and code eq x`, "o1"},
		{"Observation", `subject:Patient.gender eq female`, "o2"},
		{"Observation", `patient[gender eq male].name sw pet`, "o1"},
		{"Observation", `patient[gender eq male and name eq nobody].name sw pet`, ""},
		{"Observation", `patient[gender eq male or gender eq female].general-practitioner.name eq doc`, "o1"},
		{"Observation", `patient.general-practitioner pr true`, "o1"},
		{"Observation", `patient.general-practitioner pr false`, "o2 o3"},
		{"Observation", `patient.gender ni http://hl7.org/fhir/ValueSet/administrative-gender`, "o3"},
		{"Observation", `subject.id eq 2`, "o2"},
		{"Patient", `_has:Observation:patient:code eq x`, "1"},
		{"Patient", `family eq peters and not (_has:Observation:patient:code eq x)`, "2"},
		{"Patient", `_has:Observation:patient:code pr false`, ""},
		{"Practitioner", `_has:Patient:general-practitioner:gender eq male`, "d"},
	} {
		e, err := filtered(t, c.typ, c.filter)
		if err != nil {
			t.Errorf("%s: %v", c.filter, err)
			continue
		}
		var got []string
		for _, res := range world {
			if res.Type == c.typ && search.Match(w, e, res) {
				got = append(got, res.ID)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s: %s", c.filter, got, c.want, e)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	for _, c := range []struct{ typ, filter, want string }{
		{"Patient", ``, "ends where there should be a search parameter"},
		{"Patient", `name`, "a blank and an operation"},
		{"Patient", `name eq`, "a blank and a value"},
		{"Patient", `name eq `, "a value"},
		{"Patient", `name is x`, `the operation "is" does not fit name, a string: eq ne co sw ew gt lt ge le pr`},
		{"Patient", `name contains x`, "a blank and an operation"},
		{"Patient", `name eq "x`, "a JSON string"},
		{"Patient", `name eq "\q"`, "a JSON string"},
		{"Patient", `name eq x y`, "and, or, or the end"},
		{"Patient", `name eq x and`, "a search parameter"},
		{"Patient", `(name eq x`, ")"},
		{"Patient", `name eq x)`, "and, or, or the end"},
		{"Patient", `not name eq x`, "a blank and an operation"},
		{"Patient", `nam eq x`, `unknown search parameter "nam" of Patient; did you mean "name"?`},
		{"Patient", `name eq " "`, "a string of blanks"},
		{"Patient", `name.family eq x`, "name of Patient is no reference"},
		{"Patient", `name[family eq x] eq y`, "a . and a search parameter behind ]"},
		{"Patient", `name[family eq x.y eq z`, "]"},
		{"Patient", `birthdate eq x`, `"x" is no date`},
		{"Patient", `birthdate sw 2020`, "does not fit birthdate, a date"},
		{"Patient", `gender co ma`, `does not fit gender, a token: eq ne in ni ss sb pr`},
		{"Patient", `identifier in urn:x`, "does not fit identifier"},
		{"Patient", `name pr maybe`, "pr is true or false"},
		{"Patient", `name:exact eq x`, "a filter has operations instead of modifiers"},
		{"Observation", `patient eq Patient/1`, `does not fit patient, a reference: re pr`},
		{"Observation", `patient re urn`, ""},
		{"Observation", `patient re Patent/1`, `"Patent" is no resource type; did you mean "Patient"?`},
		{"Observation", `subject:Practitioner.name eq x`, "never refers to Practitioner"},
		{"Observation", `code-value-quantity[code eq x].x gt 1`, "has no two components"},
		{"Observation", `code-value-quantity[code eq x and code eq y].value-quantity gt 1`, "a filter on the composite"},
		{"Observation", `code-value-quantity[code ne x].value-quantity gt 1`, "does not work inside of a composite"},
		{"Observation", `code-value-quantity gt 1`, "does not fit code-value-quantity, a composite: eq ne pr"},
		{"Observation", `value-quantity eq 1|2`, "a quantity is number"},
		{"Patient", `_has:Observation:patient eq x`, "reverse chaining in a filter is"},
		{"Patient", `_has:Obs:patient:code eq x`, `"Obs" is no resource type`},
		{"Patient", strings.Repeat("(", 60) + "name eq x" + strings.Repeat(")", 60), "the filter goes too deep"},
		{"Patient", strings.Repeat("name eq x or ", 600) + "name eq x", "more than 1000 values and steps"},
	} {
		_, err := filtered(t, c.typ, c.filter)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.filter, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "at http._filter: ") {
			t.Errorf("%s: %v, want %s", c.filter, err, c.want)
		}
	}
	for _, name := range []string{"subject._filter", "_has:Observation:patient:_filter", "_filter:exact"} {
		if _, err := search.Parse("Observation", []search.Pair{{Name: name, Value: "code eq x"}}, goldenOptions); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{`name co "pet"`, `given eq "peter" and birthdate ge 2014-10-10`, `(not (general-practitioner[name eq x].name pr true))`, `_has:Observation:patient:code eq loinc|1`} {
		f.Add(s)
	}
	res := resource(f, `{"resourceType":"Patient","name":[{"family":"Peters"}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		e, err := filtered(t, "Patient", s)
		if err != nil {
			return
		}
		if simple := search.Simplify(e); !search.Open(e) && search.Match(search.World{}, e, res) != search.Match(search.World{}, simple, res) {
			t.Errorf("%q: %s and %s differ", s, e, simple)
		}
	})
}
