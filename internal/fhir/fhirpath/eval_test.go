package fhirpath

import (
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
)

const patient = `{"resourceType":"Patient","id":"p1","active":true,
"meta":{"versionId":"1","profile":["http://a/p|1"]},
"extension":[{"url":"http://x/race","extension":[{"url":"code","valueCode":"r1"}]},{"url":"http://x/when","valueDateTime":"2020-01-02"}],
"contained":[{"resourceType":"Practitioner","id":"dr","name":[{"family":"Who"}]}],
"name":[{"use":"official","family":"Chalmers","given":["Peter","James"]},{"use":"usual","given":["Jim"]},
 {"use":"maiden","family":"Windsor","given":["Peter",null],"_given":[null,{"extension":[{"url":"http://x/masked","valueBoolean":true}]}]}],
"telecom":[{"system":"phone","value":"1","rank":1},{"system":"phone","value":"2","rank":2},{"system":"email","value":"a@b"}],
"gender":"male","birthDate":"1974-12-25","_birthDate":{"extension":[{"url":"http://x/time","valueDateTime":"1974-12-25T14:35:45-05:00"}]},
"deceasedBoolean":false,
"generalPractitioner":[{"reference":"#dr"},{"reference":"Practitioner/2"},{"reference":"http://other/fhir/Organization/3"},
 {"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","type":"Practitioner"},{"reference":"urn:uuid:0"},{"display":"?"}]}`

const observation = `{"resourceType":"Observation","id":"o1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8480-6"},{"code":"bp"}],"text":"BP"},
"subject":{"reference":"Patient/p1"},"valueQuantity":{"value":185.50,"unit":"lbs","system":"http://unitsofmeasure.org","code":"[lb_av]"},
"issued":"2013-04-03T15:30:10.000+01:00",
"component":[{"code":{"text":"a"},"valueQuantity":{"value":1,"unit":"mg","code":"mg"}},{"code":{"text":"b"},"valueString":"x"},{"code":{"text":"c"},"valueAge":{"value":3,"code":"a"}}]}`

const bundle = `{"resourceType":"Bundle","type":"document","entry":[{"fullUrl":"urn:1","resource":` + observation + `},{"fullUrl":"urn:2","resource":` + patient + `}]}`

var docs = map[string]string{"Patient": patient, "Observation": observation, "Bundle": bundle,
	"ConceptMap": `{"resourceType":"ConceptMap","url":"http://a","sourceCanonical":"http://c"}`}

// show writes a collection as text: values as they are, elements by their place.
func show(items []Item) string {
	var out []string
	for _, it := range items {
		text, ok := it.Value()
		switch {
		case ok && it.Type == Quantity:
			text += " '" + it.Unit + "'"
		case ok:
		case it.Node != nil:
			text = it.Node.Path()
		case it.Ext != nil:
			text = "^" + it.Ext.Path()
		default:
			text = "<" + it.Type + ">"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func TestEval(t *testing.T) {
	now := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ typ, expr, want string }{
		// paths
		{"Patient", "Patient.name.given", "Peter, James, Jim, Peter, ^Patient.name[2].given[1]"},
		{"Patient", "name.given[1]", "James"},
		{"Patient", "name[1].given", "Jim"},
		{"Patient", "`name`.`family`", "Chalmers, Windsor"},
		{"Patient", "Resource.id", "p1"},
		{"Patient", "DomainResource.contained.name.family", "Who"},
		{"Patient", "Practitioner.name.given", ""},
		{"Patient", "Patient.name.family | Practitioner.name.given", "Chalmers, Windsor"},
		{"Patient", "contained.where(resourceType = 'x')", ""},
		{"Patient", "meta.profile", "http://a/p|1"},
		{"Patient", "contact.name", ""},
		// choices
		{"Patient", "deceased", "false"},
		{"Patient", "deceasedBoolean", "false"},
		{"Patient", "Patient.deceased.exists() and Patient.deceased != false", "false"},
		{"Observation", "value", "Observation.valueQuantity"},
		{"Observation", "Observation.value.value", "185.50"},
		{"Observation", "(Observation.value as Quantity).unit", "lbs"},
		{"Observation", "Observation.value as string", ""},
		{"Observation", "value.as(quantity).code", "[lb_av]"},
		{"Observation", "value.as(DateTime)", ""},
		{"Observation", "value.ofType(Quantity).value", "185.50"},
		{"Observation", "value is Quantity", "true"},
		{"Observation", "value.is(FHIR.Quantity)", "true"},
		{"Observation", "value is Period", "false"},
		{"Observation", "component.value", "Observation.component[0].valueQuantity, x, Observation.component[2].valueAge"},
		{"Observation", "component.value as Quantity", "Observation.component[0].valueQuantity"},
		{"Observation", "component.value.where($this is Quantity)", "Observation.component[0].valueQuantity, Observation.component[2].valueAge"},
		{"Observation", "component.value.ofType(Age)", "Observation.component[2].valueAge"},
		{"Observation", "(Observation.value as Quantity) | (Observation.value as Range)", "Observation.valueQuantity"},
		{"ConceptMap", "source as uri", ""},
		{"ConceptMap", "source as canonical", "http://c"},
		{"ConceptMap", "source is uri", "true"},
		// nested resources
		{"Bundle", "Bundle.entry[0].resource", "Bundle.entry[0].resource"},
		{"Bundle", "Bundle.entry[0].resource.status", "final"},
		{"Bundle", "Bundle.entry.resource.ofType(Patient).name.family", "Chalmers, Windsor"},
		{"Bundle", "entry.resource.where($this is Patient).id", "p1"},
		{"Bundle", "(entry[0].resource as Observation).value.unit", "lbs"},
		{"Bundle", "entry.resource.id", "o1, p1"},
		// where and references
		{"Patient", "telecom.where(system='phone').value", "1, 2"},
		{"Patient", "telecom.where(system = 'phone' and rank > 1).value", "2"},
		{"Patient", "telecom.where(value.startsWith('a')).system", "email"},
		{"Patient", "generalPractitioner.where(resolve() is Practitioner).reference", "#dr, Practitioner/2, urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
		{"Patient", "generalPractitioner.where(resolve() is Organization).reference", "http://other/fhir/Organization/3"},
		{"Patient", "generalPractitioner.resolve().name.family", "Who"},
		{"Patient", "generalPractitioner.resolve()", "Patient.contained[0], <Practitioner>, <Organization>, <Practitioner>"},
		{"Observation", "subject.where(resolve() is Patient)", "Observation.subject"},
		{"Observation", "subject.where(resolve() is DomainResource)", "Observation.subject"},
		{"Observation", "subject.where(resolve() is Practitioner)", ""},
		// extensions
		{"Patient", "extension('http://x/race').extension('code').value", "r1"},
		{"Patient", "extension.where(url='http://x/race').extension.value", "r1"},
		{"Patient", "extension('http://x/when').valueDateTime", "2020-01-02"},
		{"Patient", "extension('http://x/when').value as dateTime", "2020-01-02"},
		{"Patient", "birthDate.extension('http://x/time').value", "1974-12-25T14:35:45-05:00"},
		{"Patient", "birthDate.hasExtension('http://x/time')", "true"},
		{"Patient", "birthDate.hasExtension('http://x/other')", "false"},
		{"Patient", "name.given.where(extension('http://x/masked').exists()).count()", "1"},
		{"Patient", "name.given.hasValue()", "false"},
		{"Patient", "birthDate.hasValue()", "true"},
		// context
		{"Patient", "name.where(use = %resource.name[1].use).given", "Jim"},
		{"Patient", "name.select(given.first() & ' ' & family)", "Peter Chalmers, Jim , Peter Windsor"},
		{"Patient", "name.select(use.union(given))", "official, Peter, James, usual, Jim, maiden, Peter, ^Patient.name[2].given[1]"},
		{"Patient", "name.where($index = 1).use", "usual"},
		{"Patient", "telecom.rank.aggregate($this + $total, 0)", "3"},
		{"Patient", "%ucum & %context.id", "http://unitsofmeasure.orgp1"},
		{"Patient", "%`vs-x`", "http://hl7.org/fhir/ValueSet/x"},
		// existence
		{"Patient", "name.exists()", "true"},
		{"Patient", "name.exists(use = 'nickname')", "false"},
		{"Patient", "name.all(given.exists())", "true"},
		{"Patient", "name.all(family.exists())", "false"},
		{"Patient", "contact.empty()", "true"},
		{"Patient", "active.not()", "false"},
		{"Patient", "contact.not()", ""},
		{"Patient", "(true | false).allTrue()", "false"},
		{"Patient", "(true | false).anyFalse()", "true"},
		{"Patient", "telecom.system.distinct().count()", "2"},
		{"Patient", "telecom.system.isDistinct()", "false"},
		{"Patient", "name.first().given.subsetOf(name.given)", "true"},
		{"Patient", "name.given.supersetOf(name.last().given.first())", "true"},
		{"Patient", "name.children().count()", "10"},
		{"Patient", "descendants().where($this is Extension).url", "http://x/race, http://x/when, code, http://x/time, http://x/masked"},
		{"Patient", "repeat(extension).url", "http://x/race, http://x/when, code"},
		// parts
		{"Patient", "name.given.first()", "Peter"},
		{"Patient", "name.given.tail().first()", "James"},
		{"Patient", "name.use.last()", "maiden"},
		{"Patient", "name.use.skip(1)", "usual, maiden"},
		{"Patient", "name.use.take(2)", "official, usual"},
		{"Patient", "gender.single()", "male"},
		{"Patient", "name.family.intersect('Windsor')", "Windsor"},
		{"Patient", "name.family.exclude('Windsor')", "Chalmers"},
		{"Patient", "name.family.combine(name.family).count()", "4"},
		// logic
		{"Patient", "{} and false", "false"},
		{"Patient", "{} or true", "true"},
		{"Patient", "{} and true", ""},
		{"Patient", "true xor false", "true"},
		{"Patient", "false implies {}", "true"},
		{"Patient", "{} implies {}", ""},
		{"Patient", "iif(active, 'a', 'b')", "a"},
		{"Patient", "gender in ('male' | 'female')", "true"},
		{"Patient", "('male' | 'female') contains gender", "true"},
		// equality and order
		{"Patient", "1.0 = 1", "true"},
		{"Patient", "'a' != 'b'", "true"},
		{"Patient", "{} = 1", ""},
		{"Patient", "(1 | 2) = (1 | 2)", "true"},
		{"Patient", "'Ab  c' ~ 'aB C'", "true"},
		{"Patient", "1.05 ~ 1.1", "true"},
		{"Patient", "name[0] = name[0]", "true"},
		{"Patient", "name[0] = name[1]", "false"},
		{"Patient", "birthDate < @1980", "true"},
		{"Patient", "birthDate < @1974", ""},
		{"Patient", "birthDate = @1974-12-25", "true"},
		{"Patient", "birthDate = @1974-12", ""},
		{"Patient", "@2020-01-01T00:30:00+01:00 = @2019-12-31T23:30:00Z", "true"},
		{"Patient", "@T10:30 < @T10:31", "true"},
		{"Observation", "issued > @2013-04-03T14:30:09Z", "true"},
		{"Observation", "value > 100 '[lb_av]'", "true"},
		{"Observation", "value > 100 'kg'", ""},
		{"Observation", "value = 185.5 '[lb_av]'", "true"},
		{"Patient", "3 days = 3 'd'", "true"},
		// arithmetic and text
		{"Patient", "1 + 2 * 3 - -4", "11"},
		{"Patient", "7 div 2 + 7 mod 2", "4"},
		{"Patient", "1 / 4", "0.25"},
		{"Patient", "1 / 0", ""},
		{"Patient", "'a' + 'b'", "ab"},
		{"Patient", "'a' + {}", ""},
		{"Patient", "(-1.5).floor() | 1.5.ceiling() | (-3).abs()", "-2, 2, 3"},
		{"Patient", "'Hello'.substring(1, 3) | 'äö'.length().toString()", "ell, 2"},
		{"Patient", "'a,b'.split(',').join('-')", "a-b"},
		{"Patient", "'abc'.indexOf('c') | 'x'.upper() | 'X'.lower() | 'x'.replace('x', 'y')", "2, X, x, y"},
		{"Patient", "'ab1'.matches('^[a-z]+[0-9]$')", "true"},
		{"Patient", "'it''s'.length()", "error"},
		{"Patient", "'it\\'s \\u0041'", "it's A"},
		{"Patient", "'1'.toInteger() + 1", "2"},
		{"Patient", "'x'.toInteger()", ""},
		{"Patient", "'1.5'.convertsToDecimal()", "true"},
		{"Patient", "'2020-01-01T10:00'.toDate()", "2020-01-01"},
		{"Patient", "today() | now()", "2024-02-29, 2024-02-29T12:00:00.000Z"},
		{"Patient", "1 // one\n + /* two */ 2", "3"},
		// faults when evaluating
		{"Patient", "name.single()", "error"},
		{"Patient", "name.given + 'x'", "error"},
		{"Patient", "name < 1", "error"},
		{"Patient", "name.family.upper()", "error"},
	} {
		x, err := Compile(c.expr, c.typ, testModel{})
		if err != nil {
			if c.want != "error" {
				t.Errorf("%s: %v", c.expr, err)
			}
			continue
		}
		root := parseJSON(t, docs[c.typ])
		got, err := x.Eval(nil, Root(root), &Env{Now: now})
		text := show(got)
		if err != nil {
			text = "error"
		}
		if text != c.want {
			t.Errorf("%s: %s: %q, want %q (%v)", c.typ, c.expr, text, c.want, err)
		}
	}
}

func parseJSON(t testing.TB, text string) *fhir.Node {
	t.Helper()
	res, err := fhir.Parse([]byte(text), fhir.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return res.Root
}

func TestCompileErrors(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{"", "unexpected end"},
		{"name.", "unexpected end"},
		{"name..given", "unexpected ."},
		{"name.nothing", "HumanName has no element nothing"},
		{"nothing", "Patient has no element nothing"},
		{"name.frobnicate()", "not supported function frobnicate"},
		{"name.memberOf('x')", "not supported function memberOf"},
		{"name.where()", "wrong number of arguments"},
		{"name as Nonsense", "unknown type Nonsense"},
		{"name.ofType(1)", "takes the name of a type"},
		{"%nothing", "unknown constant"},
		{"$nothing", "unknown variable"},
		{"'abc", "string without end"},
		{"'\\x'", "wrong escape"},
		{"/* a", "comment without end"},
		{"a # b", "unexpected character"},
		{"@x", "malformed date"},
		{"(name", "expected )"},
		{"name[0", "expected ]"},
		{"name)", "unexpected )"},
		{strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200), "nested too deep"},
		{strings.Repeat("-", 200) + "1", "nested too deep"},
		{"1" + strings.Repeat("+1", 2000), "too many operators"},
		{"name" + strings.Repeat(".first()", 2000), "path too long"},
	} {
		_, err := Compile(c.expr, "Patient", testModel{})
		if err == nil || !strings.Contains(err.Error(), c.want) || fhir.KindOf(err) != fhir.KindInvalid {
			t.Errorf("%.60s: %v, want %s", c.expr, err, c.want)
		}
	}
}

// A hostile expression ends with too-costly, whatever it multiplies.
func TestLimits(t *testing.T) {
	root := parseJSON(t, patient)
	for _, expr := range []string{
		"descendants().select(%resource.descendants()).select(%resource.descendants())",
		"name.select(%resource.name).select(%resource.name).select(%resource.name).select(%resource.name).select(%resource.name).select(%resource.name).select(%resource.name).select(%resource.name).select(%resource.name).select(%resource.name).select(%resource.name).select(%resource.name)",
		"repeat('x' & $this)",
		"descendants().where(%resource.descendants().where(%resource.descendants().where(%resource.descendants().exists()).exists()).exists())",
	} {
		x, err := Compile(expr, "Patient", testModel{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Eval(nil, Root(root), &Env{Steps: 20_000}); fhir.KindOf(err) != fhir.KindTooCostly {
			t.Errorf("%s: %v", expr, err)
		}
	}
}

func TestTest(t *testing.T) {
	root := parseJSON(t, patient)
	for expr, want := range map[string]bool{
		"active": true, "deceased": false, "contact": false, "name.exists()": true, "gender = 'female'": false,
	} {
		x, err := Compile(expr, "Patient", testModel{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := x.Test(Root(root), nil); got != want || err != nil {
			t.Errorf("%s: %t, %v", expr, got, err)
		}
	}
}

func TestPaths(t *testing.T) {
	for _, c := range []struct {
		typ, expr string
		paths     int // -1: not only paths
		last      string
	}{
		{"Patient", "Patient.name.given", 1, "HumanName.given"},
		{"Patient", "Patient.name.family | Patient.name.given", 2, "HumanName.given"},
		{"Patient", "Patient.name | Practitioner.name", 1, "Patient.name"},
		{"Patient", "Patient", 1, "."},
		{"Patient", "telecom.where(system='phone').value", 1, "ContactPoint.value"},
		{"Patient", "telecom.where(rank=1).value", -1, ""},
		{"Patient", "generalPractitioner.where(resolve() is Practitioner)", 1, "Patient.generalPractitioner"},
		{"Patient", "extension('http://x').value", 1, "Extension.value"},
		{"Observation", "value.as(Quantity) | value.as(Range)", 2, "Observation.value"},
		{"Observation", "Observation | Observation.component", 2, "Observation.component"},
		{"Bundle", "Bundle.entry[0].resource", -1, ""},
		{"Bundle", "Bundle.entry.resource.id", -1, ""},
		{"Patient", "name.exists()", -1, ""},
	} {
		x, err := Compile(c.expr, c.typ, testModel{})
		if err != nil {
			t.Fatal(err)
		}
		paths, ok := x.Paths()
		if !ok {
			if c.paths != -1 {
				t.Errorf("%s: not only paths", c.expr)
			}
			continue
		}
		typ, name := paths[len(paths)-1].Last()
		if len(paths) != c.paths || typ+"."+name != c.last {
			t.Errorf("%s: %d paths, the last ends with %s.%s", c.expr, len(paths), typ, name)
		}
	}
}

type collected map[int][]string

func (f collected) Found(path int, it Item) { f[path] = append(f[path], show([]Item{it})) }

func TestSet(t *testing.T) {
	exprs := []string{"name.family", "name.given", "telecom.where(system='phone').value", "telecom.value", "Patient",
		"generalPractitioner.where(resolve() is Organization)", "extension('http://x/when').value", "birthDate", "contact.name.family"}
	var set Set
	for _, e := range exprs {
		x, err := Compile(e, "Patient", testModel{})
		if err != nil {
			t.Fatal(err)
		}
		paths, ok := x.Paths()
		if !ok || len(paths) != 1 {
			t.Fatalf("%s: %d paths", e, len(paths))
		}
		set.Add(paths[0])
	}
	root := parseJSON(t, patient)
	got := collected{}
	set.Walk(Root(root), root, got)
	for i, want := range []string{"Chalmers Windsor", "Peter James Jim Peter", "1 2", "1 2 a@b", "Patient",
		"Patient.generalPractitioner[2]", "2020-01-02", "1974-12-25", ""} {
		if s := strings.Join(got[i], " "); s != want {
			t.Errorf("%s: %s, want %s", exprs[i], s, want)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{"Patient.name.where(use='official').given.first()", "1 + (2 | 3)[0] & 'x\\u0041'", "@2020-01-01T10:00:00+01:00 <= today()", "%resource.descendants().repeat($this)"} {
		f.Add(s)
	}
	root := parseJSON(f, patient)
	f.Fuzz(func(t *testing.T, src string) {
		x, err := Compile(src, "Patient", testModel{})
		if err != nil {
			return
		}
		if _, err := x.Eval(nil, Root(root), &Env{Steps: 2000}); err != nil && fhir.KindOf(err) == fhir.KindException {
			t.Errorf("%s: %v", src, err)
		}
	})
}

func BenchmarkEval(b *testing.B) {
	root := parseJSON(b, patient)
	for _, expr := range []string{"Patient.name.given", "birthDate", "telecom.where(system='phone').value", "name.family | name.given", "name.where(use='official').given.first() = 'Peter'"} {
		b.Run(expr, func(b *testing.B) {
			x, err := Compile(expr, "Patient", testModel{})
			if err != nil {
				b.Fatal(err)
			}
			var out []Item
			b.ReportAllocs()
			for b.Loop() {
				if out, err = x.Eval(out[:0], Root(root), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile("Patient.telecom.where(system='phone').value", "Patient", testModel{}); err != nil {
			b.Fatal(err)
		}
	}
}
