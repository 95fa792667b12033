package index

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"pgregory.net/rapid"
)

var formNames = map[Form]string{
	FormCode: "code", FormSystemCode: "both", FormSystem: "system", FormNoSystem: "none", FormReference: "ref", FormID: "id",
	FormIdentifier: "ident", FormIdentCode: "identcode", FormCanonical: "canonical", FormURI: "uri", FormString: "string",
	FormPrefix: "prefix", FormExact: "exact", FormPresent: "present", FormIn: "in", FormOnly: "only", FormComposite: "composite", FormOfType: "of-type", FormWord: "word", FormGram: "gram",
}

// termsOf writes the terms of a number, without FormPresent where there are others.
func termsOf(e Entries, num uint16) string {
	var out []string
	for _, t := range e.Terms {
		if t.Num == num && t.Form != FormPresent {
			out = append(out, formNames[t.Form]+":"+t.Text)
		}
	}
	if out == nil && slices.ContainsFunc(e.Terms, func(t Term) bool { return t.Num == num && t.Form == FormPresent }) {
		return "present"
	}
	return strings.Join(out, " ")
}

func TestTerms(t *testing.T) {
	x := &Indexer{Base: "http://our/fhir"}
	for _, c := range []struct{ typ, body, param, want string }{
		{"Observation", `"code":{"coding":[{"system":"urn:l","code":"A"},{"code":"b"},{"system":"urn:x"}],"text":"c"}`, "code",
			"code:A code:b both:urn:l|A system:urn:l| system:urn:x| none:|b"},
		{"Observation", `"code":{"text":"c"}`, "code", "present"},
		{"Observation", `"status":"final"`, "code", ""},
		{"Patient", `"gender":"male"`, "gender", "code:male both:http://hl7.org/fhir/administrative-gender|male system:http://hl7.org/fhir/administrative-gender| none:|male"},
		{"Patient", `"name":[{"family":"Ångström"}]`, "family", "string:angstrom prefix:a prefix:an prefix:ang exact:Ångström gram:ang gram:gst gram:m gram:ngs gram:om gram:rom gram:str gram:tro"},
		{"Patient", `"name":[{"family":"Li"}]`, "family", "string:li prefix:l prefix:li exact:Li gram:i gram:li"},
		{"Patient", `"name":[{"family":"李明"}]`, "family", "string:李明 prefix:李 prefix:李明 exact:李明 gram:明 gram:李明"},
		{"Organization", `"name":"` + strings.Repeat("a", 257) + `"`, "name", "string:" + strings.Repeat("a", 257) + " prefix:a prefix:aa prefix:aaa exact:" + strings.Repeat("a", 257) + " gram:"},
		{"Observation", `"valueString":"ab"`, "value-string", "string:ab prefix:a prefix:ab exact:ab"},
		{"Patient", `"identifier":[{"type":{"coding":[{"system":"urn:t","code":"MR"},{"code":"x"}]},"system":"urn:s","value":"1|2"}]`, "identifier",
			"code:1|2 both:urn:s|1|2 system:urn:s| of-type:urn:t|MR|1|2"},
		{"Patient", `"identifier":[{"type":{"coding":[{"system":"urn:t","code":"MR"}]},"system":"urn:s"}]`, "identifier", "system:urn:s|"},
		{"Observation", `"text":{"div":"<div>Heart-rate, <b>72</b> &lt;b&gt;</div>"},"code":{"text":"Größe"},"note":[{"text":"Be *bold*"}],"subject":{"reference":"Patient/7","display":"Ann O'Neil"},"contained":[{"resourceType":"Patient","name":[{"family":"Inner"}]}],"status":"final","valueQuantity":{"unit":"mg","_unit":{"extension":[{"url":"urn:x","valueString":"deep"}]}}`, "_content",
			"word:72 word:ann word:b word:be word:bold word:deep word:grosse word:heart word:inner word:mg word:neil word:o word:rate"},
		{"Observation", `"text":{"div":"<div> <br/> </div>"}`, "_text", ""},
		{"Observation", `"text":{"div":"<div>x</div>"}`, "_text", "present"},
		{"Observation", `"subject":{"reference":"http://our/fhir/Patient/1/_history/2"}`, "patient", "ref:Patient/1 id:1"},
		{"Observation", `"subject":{"reference":"http://other/Patient/1"}`, "patient", "ref:http://other/Patient/1"},
		{"Observation", `"subject":{"reference":"#p"}`, "subject", "ref:#p"},
		{"Observation", `"subject":{"identifier":{"system":"urn:s","value":"1"}}`, "subject", "ident:urn:s|1 identcode:1"},
		{"Observation", `"subject":{"display":"who"}`, "subject", "present"},
		{"CarePlan", `"instantiatesCanonical":["http://p/1|2","http://p/2"]`, "instantiates-canonical", "ref:http://p/1|2 ref:http://p/2 canonical:http://p/1"},
		{"Patient", `"meta":{"profile":["http://p|1"]}`, "_profile", "uri:http://p uri:http://p|1"},
		{"Observation", `"effectiveDateTime":"2020"`, "date", "present"},
		{"Observation", `"code":{"coding":[{"system":"urn:l","code":"a"},{"code":"b"}]},"valueCodeableConcept":{"coding":[{"code":"v"}]}`, "code-value-concept",
			"composite:a$v composite:b$v composite:urn:l|a$v"},
		{"Observation", `"code":{"text":"a"},"valueCodeableConcept":{"coding":[{"code":"v"}]}`, "code-value-concept", "present"},
		{"Observation", `"code":{"coding":[{"code":"urn:l|a"},{"code":"b$c"},{"system":"x$","code":"d"}]},"valueCodeableConcept":{"coding":[{"code":"v"}]}`, "code-value-concept", "composite:d$v"},
		{"Observation", `"code":{"coding":[{"code":"b"}]},"valueQuantity":{"value":1}`, "code-value-quantity", "present"},
		{"DocumentReference", `"relatesTo":[{"code":"appends","target":{"reference":"DocumentReference/2"}}]`, "relationship",
			"composite:DocumentReference/2$appends composite:DocumentReference/2$http://hl7.org/fhir/document-relationship-type|appends"},
	} {
		res := parse(t, fmt.Sprintf(`{"resourceType":%q,%s}`, c.typ, c.body))
		if got := termsOf(x.Entries(res), r4.Lookup(c.typ, c.param).Num); got != c.want {
			t.Errorf("%s of %s: %s\n got %s\nwant %s", c.param, c.typ, c.body, got, c.want)
		}
	}
}

func TestRanges(t *testing.T) {
	x := &Indexer{}
	for _, c := range []struct{ typ, body, param, want string }{
		{"Observation", `"valueQuantity":{"value":5.40,"unit":"milligram","system":"urn:u","code":"mg"}`, "value-quantity", "[5.4,5.4] urn:u|mg[5.4,5.4] |mg[5.4,5.4] |milligram[5.4,5.4]"},
		{"Observation", `"valueQuantity":{"value":5.40,"unit":"mg","system":"http://unitsofmeasure.org","code":"kg"}`, "value-quantity", "[5.4,5.4] ucum:kg[5.4,5.4] |kg[5.4,5.4] |mg[5.4,5.4]"},
		{"Observation", `"valueQuantity":{"value":5.40,"unit":"g","system":"http://unitsofmeasure.org","code":"g"}`, "value-quantity", "[5.4,5.4] ucum:kg[0.0054,0.0054] |g[5.4,5.4]"},
		{"Observation", `"valueQuantity":{"value":5.40,"comparator":">","system":"http://unitsofmeasure.org","code":"g"}`, "value-quantity", "[5.4,max] ucum:kg[0.0054,max] |g[5.4,max]"},
		{"Observation", `"valueQuantity":{"value":5.40,"system":"http://unitsofmeasure.org","code":"[pH]"}`, "value-quantity", "[5.4,5.4] http://unitsofmeasure.org|[pH][5.4,5.4] |[pH][5.4,5.4]"},
		{"Observation", `"valueQuantity":{"value":5,"unit":"mg","code":"mg"}`, "value-quantity", "[5,5] |mg[5,5]"},
		{"Observation", `"valueQuantity":{"value":5,"comparator":"<"}`, "value-quantity", "[min,5]"},
		{"Observation", `"valueQuantity":{"value":5,"comparator":">"}`, "value-quantity", "[5,max]"},
		{"Observation", `"effectiveDateTime":"2020-01-01"`, "date", "[2020-01-01,2020-01-02]"},
		{"Observation", `"effectivePeriod":{"start":"2020-01-01"}`, "date", "[2020-01-01,max]"},
		{"Observation", `"effectivePeriod":{"end":"2020-01-01"}`, "date", "[min,2020-01-02]"},
		{"RiskAssessment", `"prediction":[{"probabilityDecimal":0.5},{"probabilityDecimal":0.50}]`, "probability", "[0.5,0.5]"},
		{"Location", `"position":{"latitude":5.4,"longitude":0.5}`, "near", "latitude[5.4,5.4] longitude[0.5,0.5]"},
		{"Location", `"position":{"latitude":91,"longitude":0.5}`, "near", ""},
		{"Location", `"position":{"latitude":5.4}`, "near", ""},
	} {
		names := map[Key]string{KeyMin: "min", KeyMax: "max"}
		for _, s := range []string{"5.4", "5", "0.5", "0.0054"} {
			d, err := fhir.ParseDecimal(s)
			if err != nil {
				t.Fatal(err)
			}
			names[Key(d.Key())] = s
		}
		for _, s := range []string{"2020-01-01", "2020-01-02"} {
			i, err := fhir.ParseDateTime(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			names[DateKey(i.Low)] = s
		}
		res := parse(t, fmt.Sprintf(`{"resourceType":%q,%s}`, c.typ, c.body))
		num := r4.Lookup(c.typ, c.param).Num
		var out []string
		for _, r := range x.Entries(res).Ranges {
			if r.Num == num {
				out = append(out, fmt.Sprintf("%s[%s,%s]", r.Unit, names[r.Low], names[r.High]))
			}
		}
		if got := strings.Join(out, " "); got != c.want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.param, c.body, got, c.want)
		}
	}
}

func TestCompartments(t *testing.T) {
	x := &Indexer{Base: "http://our/fhir"}
	for _, c := range []struct{ body, in, patients, only string }{
		{`{"resourceType":"Patient","id":"1","link":[{"other":{"reference":"Patient/2"}}]}`, "in:Patient/1", "Patient/1", "only:Patient/2"},
		{`{"resourceType":"Observation","subject":{"reference":"Patient/1"},"performer":[{"reference":"Practitioner/2"},{"reference":"Patient/1/_history/3"}],"encounter":{"reference":"Encounter/4"},"device":{"reference":"Device/5"}}`,
			"in:Device/5 in:Encounter/4 in:Patient/1 in:Practitioner/2", "Patient/1", "only:Patient/1"},
		{`{"resourceType":"Observation","subject":{"reference":"Patient/1"},"focus":[{"reference":"Patient/2"}]}`, "in:Patient/1", "Patient/1", ""},
		{`{"resourceType":"Observation","subject":{"reference":"http://our/fhir/Patient/1"},"focus":[{"reference":"Patient/1"}]}`, "in:Patient/1", "Patient/1", "only:Patient/1"},
		{`{"resourceType":"Observation","subject":{"reference":"http://other/fhir/Patient/1"}}`, "", "", ""},
		{`{"resourceType":"Observation","subject":{"reference":"Patient/1"},"focus":[{"reference":"http://other/fhir/Patient/1"}]}`, "in:Patient/1", "Patient/1", ""},
		{`{"resourceType":"Observation","subject":{"reference":"Patient/1"},"focus":[{"type":"Patient","identifier":{"value":"2"}}]}`, "in:Patient/1", "Patient/1", ""},
		{`{"resourceType":"Observation","subject":{"reference":"Patient/1"},"focus":[{"reference":"#p"}],"contained":[{"resourceType":"Patient","id":"p"}]}`, "in:Patient/1", "Patient/1", ""},
		{`{"resourceType":"Observation","subject":{"reference":"Patient/1"},"contained":[{"resourceType":"Provenance","id":"p","target":[{"reference":"Patient/2"}]}]}`, "in:Patient/1", "Patient/1", ""},
		{`{"resourceType":"Observation","subject":{"reference":"Patient/1"},"extension":[{"url":"http://x","valueReference":{"reference":"Patient/2"}}]}`, "in:Patient/1", "Patient/1", ""},
		{`{"resourceType":"Observation","subject":{"reference":"1","type":"Patient"}}`, "in:Patient/1", "Patient/1", "only:Patient/1"},
		{`{"resourceType":"Group","member":[{"entity":{"reference":"Patient/1"}},{"entity":{"reference":"Patient/2"}}]}`, "in:Patient/1 in:Patient/2", "Patient/1 Patient/2", ""},
		{`{"resourceType":"Organization","id":"1"}`, "", "", ""},
	} {
		e := x.Entries(parse(t, c.body))
		if got := termsOf(e, NumIn); got != c.in {
			t.Errorf("%s: in %s, want %s", c.body, got, c.in)
		}
		if got := strings.Join(e.Compartments, " "); got != c.patients {
			t.Errorf("%s: patients %s, want %s", c.body, got, c.patients)
		}
		if got := termsOf(e, NumOnly); got != c.only {
			t.Errorf("%s: only %s, want %s", c.body, got, c.only)
		}
	}
}

func TestLinks(t *testing.T) {
	x := &Indexer{Base: "http://our/fhir"}
	for _, c := range []struct{ body, want string }{
		{`{"resourceType":"DocumentReference","content":[{"attachment":{"url":"Binary/1"}},{"attachment":{"url":"http://our/fhir/Binary/2"}},{"attachment":{"url":"http://other/fhir/Binary/3"}},{"attachment":{"url":"Patient/4"}}]}`,
			"ref:Binary/1 ref:Binary/2"},
		{`{"resourceType":"Media","content":{"url":"Binary/1/_history/2"}}`, "ref:Binary/1"},
		{`{"resourceType":"DiagnosticReport","presentedForm":[{"url":"Binary/1"}]}`, "ref:Binary/1"},
		{`{"resourceType":"Binary","securityContext":{"reference":"Patient/1"}}`, "ref:Patient/1"},
		{`{"resourceType":"Binary","securityContext":{"identifier":{"value":"1"}}}`, "present"},
		{`{"resourceType":"Communication","payload":[{"contentAttachment":{"url":"Binary/1"}}]}`, ""},
	} {
		if got := termsOf(x.Entries(parse(t, c.body)), NumLink); got != c.want {
			t.Errorf("%s: %s, want %s", c.body, got, c.want)
		}
	}
}

func TestOrder(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`{"resourceType":"Observation","effectiveDateTime":"2020-05-01"}`, "2020-05-01"},
		{`{"resourceType":"Observation","effectivePeriod":{"start":"2019","end":"2025"}}`, "2019-01-01"},
		{`{"resourceType":"Observation","effectivePeriod":{"end":"2025"}}`, "-"},
		{`{"resourceType":"Observation","issued":"2020-05-01T00:00:00Z"}`, "-"},
		{`{"resourceType":"PractitionerRole","period":{"start":"2020-05-01"}}`, "2020-05-01"},
		{`{"resourceType":"Immunization","occurrenceString":"long ago"}`, "-"},
		{`{"resourceType":"Organization","meta":{"lastUpdated":"2020-05-01T00:00:00Z"}}`, "-"},
		{`{"resourceType":"Appointment","start":"2020-05-01T00:00:00Z"}`, "2020-05-01"},
	} {
		if got := moment((&Indexer{}).Entries(parse(t, c.body)).Order); got != c.want {
			t.Errorf("%s: %s, want %s", c.body, got, c.want)
		}
	}
}

func TestSortKey(t *testing.T) {
	x := &Indexer{}
	date := func(s string) Key {
		i, err := fhir.ParseDateTime(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		return DateKey(i.Low)
	}
	number := func(s string) Key {
		d, err := fhir.ParseDecimal(s)
		if err != nil {
			t.Fatal(err)
		}
		return Key(d.Key())
	}
	for _, c := range []struct {
		typ, body, param string
		up, down         Key
	}{
		{"Patient", `"name":[{"family":"Öz"},{"family":"Abel"}]`, "family", "abel", "oz"},
		{"Patient", `"active":true`, "family", "", ""},
		{"Patient", `"gender":"male"`, "gender", "male", "male"},
		{"Observation", `"code":{"text":"only text"}`, "code", "", ""},
		{"Observation", `"code":{"coding":[{"code":"b"},{"code":"a"},{"system":"urn:x"}]}`, "code", "a", "b"},
		{"Observation", `"effectivePeriod":{"start":"2019","end":"2020"}`, "date", date("2019"), date("2019")},
		{"Observation", `"effectivePeriod":{"end":"2020"}`, "date", KeyMin, KeyMin},
		{"RiskAssessment", `"prediction":[{"probabilityDecimal":10},{"probabilityDecimal":9}]`, "probability", number("9"), number("10")},
		{"Observation", `"subject":{"reference":"Patient/1"}`, "subject", "Patient/1", "Patient/1"},
		{"Observation", `"subject":{"display":"who"}`, "subject", "", ""},
		{"ValueSet", `"url":"http://v"`, "url", "http://v", "http://v"},
		{"Observation", `"code":{"text":"a"},"valueQuantity":{"value":1}`, "code-value-quantity", "", ""},
	} {
		res := parse(t, fmt.Sprintf(`{"resourceType":%q,%s}`, c.typ, c.body))
		p := r4.Lookup(c.typ, c.param)
		up, okUp := x.SortKey(p, res, false)
		down, okDown := x.SortKey(p, res, true)
		if up != c.up || down != c.down || okUp != (c.up != "") || okDown != (c.down != "") {
			t.Errorf("%s by %s: %q up, %q down", c.body, c.param, up, down)
		}
	}
}

// DateKey keeps the order of moments, between KeyMin and KeyMax.
func TestDateKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		if (a < b) != (DateKey(a) < DateKey(b)) || (a == b) != (DateKey(a) == DateKey(b)) {
			t.Fatalf("%d %d: %x %x", a, b, DateKey(a), DateKey(b))
		}
		if k := DateKey(a); k < KeyMin || k > KeyMax {
			t.Fatalf("%d: %x", a, k)
		}
	})
}

// arrange is sort and compact.
func TestArrange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Term {
			return Term{rapid.Uint16Range(0, 5).Draw(t, "num"), Form(rapid.IntRange(1, 3).Draw(t, "form")), rapid.StringOfN(rapid.RuneFrom([]rune("ab")), 0, 2, -1).Draw(t, "text")}
		}), 0, 300).Draw(t, "list")
		want := slices.Clone(list)
		slices.SortFunc(want, compareTerms)
		want = slices.Compact(want)
		got := arrange(list, func(t *Term) uint32 { return uint32(t.Num)<<8 | uint32(t.Form) }, compareTerms)
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

// An Indexer may be used by several goroutines, from the first call on.
func TestConcurrent(t *testing.T) {
	x := &Indexer{}
	res := parse(t, observation)
	want := x.Entries(res)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, typ := range r4.Resources() {
				sub := *res
				sub.Type = typ // compiles programs that nobody has used yet
				x.Entries(&sub)
				for _, p := range r4.Params(typ)[:3] {
					x.Values(p, &sub)
				}
			}
			if got := x.Entries(res); !slices.Equal(got.Terms, want.Terms) {
				t.Errorf("%v, want %v", got.Terms, want.Terms)
			}
		})
	}
	wg.Wait()
}

// A hostile resource cannot ask for the square of its size in composite terms.
func TestCompositeBound(t *testing.T) {
	codings := func(n int) string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf(`{"system":"urn:s","code":"c%d"}`, i))
		}
		return strings.Join(out, ",")
	}
	e := (&Indexer{}).Entries(parse(t, fmt.Sprintf(`{"resourceType":"Observation","code":{"coding":[%s]},"valueCodeableConcept":{"coding":[%[1]s]}}`, codings(500))))
	if got := termsOf(e, r4.Lookup("Observation", "code-value-concept").Num); got != "present" {
		t.Errorf("%.100s", got)
	}
	if len(e.Terms) > 10_000 {
		t.Errorf("%d terms", len(e.Terms))
	}
}
