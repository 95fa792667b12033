package terminology

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	r4tables "github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// stored is a Source of the resources of a test, by type and url or url|version.
type stored map[string]string

func (s stored) ValueSet(url, version string) (*Definition, error) {
	return s.read("ValueSet", url, version)
}
func (s stored) CodeSystem(url, version string) (*Definition, error) {
	return s.read("CodeSystem", url, version)
}

func (s stored) read(typ, url, version string) (*Definition, error) {
	if version != "" {
		url += "|" + version
	}
	body, ok := s[typ+" "+url]
	if !ok {
		return nil, nil
	}
	if body == "fail" {
		return nil, errBroken
	}
	res, err := fhir.Parse([]byte(fmt.Sprintf(`{"resourceType":%q,"url":%q,%s}`, typ, url, body)), fhir.Limits{})
	if err != nil {
		return nil, err
	}
	return Read(res), nil
}

var errBroken = errors.New("the disk is gone")

// text writes a set.
func text(s *Set, err error) string {
	if err != nil {
		var f *fhir.Error
		if errors.As(err, &f) {
			return f.Kind.Code() + ": " + f.Diagnostics
		}
		return err.Error()
	}
	var out []string
	for _, c := range s.Codes() {
		out = append(out, c.System+"|"+c.Code)
	}
	for _, system := range s.Systems() {
		out = append(out, system+"|*")
	}
	return strings.Join(out, " ")
}

// animals: dog and cat are mammals, bat is a mammal and flies, as sparrow, a bird, does.
const animals = `"content":"complete","concept":[
	{"code":"mammal","concept":[{"code":"dog","property":[{"code":"legs","valueInteger":4},{"code":"kind","valueCoding":{"code":"pet"}}]},{"code":"cat","property":[{"code":"legs","valueInteger":4}]},{"code":"bat"}]},
	{"code":"bird","concept":[{"code":"sparrow"}]},
	{"code":"flier","property":[{"code":"child","valueCode":"sparrow"}]},
	{"code":"bat","property":[{"code":"parent","valueCode":"bird"}]},
	{"code":"fish","property":[{"code":"subsumedBy","valueCode":"swimmer"},{"code":"flag","valueBoolean":true}]},{"code":"swimmer"}]`

func TestExpansion(t *testing.T) {
	source := stored{
		"CodeSystem urn:a":   animals,
		"CodeSystem urn:a|2": `"content":"complete","concept":[{"code":"unicorn"}]`,
		"CodeSystem urn:f":   `"content":"fragment","concept":[{"code":"x","concept":[{"code":"y"}]}]`,
		"CodeSystem urn:s":   `"content":"supplement","concept":[{"code":"x"}]`,
		"CodeSystem urn:p":   `"content":"complete","hierarchyMeaning":"part-of","concept":[{"code":"x","concept":[{"code":"y"}]}]`,
		"ValueSet urn:pets":  `"compose":{"include":[{"system":"urn:a","concept":[{"code":"dog"},{"code":"cat"}]}]}`,
		"ValueSet urn:v|1":   `"compose":{"include":[{"system":"urn:z","concept":[{"code":"old"}]}]}`,
		"ValueSet urn:loop":  `"compose":{"include":[{"valueSet":["urn:loop"]}]}`,
		"ValueSet urn:fails": "fail",
		"CodeSystem urn:bad": "fail",
	}
	for _, c := range []struct{ body, want string }{
		{`"compose":{"include":[{"system":"urn:z","concept":[{"code":"q"},{"code":"p"}]}]}`, "urn:z|p urn:z|q"},
		{`"compose":{"include":[{"system":"urn:z"}]}`, "urn:z|*"},
		{`"compose":{"include":[{"system":"urn:a"}]}`, "urn:a|bat urn:a|bird urn:a|cat urn:a|dog urn:a|fish urn:a|flier urn:a|mammal urn:a|sparrow urn:a|swimmer"},
		{`"compose":{"include":[{"system":"urn:a","version":"2"}]}`, "urn:a|unicorn"},
		{`"compose":{"include":[{"system":"urn:a","version":"3"}]}`, "urn:a|*"},
		{`"compose":{"include":[{"system":"urn:f"}]}`, "urn:f|*"},
		{`"compose":{"include":[{"system":"urn:s"}]}`, "urn:s|*"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"concept","op":"is-a","value":"mammal"}]}]}`, "urn:a|bat urn:a|cat urn:a|dog urn:a|mammal"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"concept","op":"descendent-of","value":"bird"}]}]}`, "urn:a|sparrow"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"code","op":"is-not-a","value":"mammal"}]}]}`, "urn:a|bird urn:a|fish urn:a|flier urn:a|sparrow urn:a|swimmer"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"concept","op":"generalizes","value":"sparrow"}]}]}`, "urn:a|bird urn:a|flier urn:a|sparrow"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"legs","op":"=","value":"4"}]}]}`, "urn:a|cat urn:a|dog"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"kind","op":"=","value":"pet"}]}]}`, "urn:a|dog"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"flag","op":"exists","value":"true"}]}]}`, "urn:a|fish"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"legs","op":"exists","value":"false"},{"property":"concept","op":"is-a","value":"mammal"}]}]}`, "urn:a|bat urn:a|mammal"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"parent","op":"=","value":"swimmer"}]}]}`, "urn:a|fish"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"child","op":"=","value":"sparrow"}]}]}`, "urn:a|bird urn:a|flier"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"code","op":"in","value":"cat, dog,x"}]}]}`, "urn:a|cat urn:a|dog"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"concept","op":"not-in","value":"cat,dog"},{"property":"concept","op":"is-a","value":"mammal"}]}]}`, "urn:a|bat urn:a|mammal"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"code","op":"regex","value":".*b.*"}]}]}`, "urn:a|bat urn:a|bird"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"code","op":"regex","value":"b"}]}]}`, ""},
		{`"compose":{"include":[{"system":"urn:a","concept":[{"code":"dog"},{"code":"fish"}],"filter":[{"property":"concept","op":"is-a","value":"mammal"}]}]}`, "urn:a|dog"},
		{`"compose":{"include":[{"system":"urn:f","filter":[{"property":"concept","op":"is-a","value":"x"}]}]}`, "urn:f|x urn:f|y"},
		{`"compose":{"include":[{"system":"urn:p","filter":[{"property":"concept","op":"is-a","value":"x"}]}]}`, "urn:p|x"},
		{`"compose":{"include":[{"valueSet":["urn:pets"]}]}`, "urn:a|cat urn:a|dog"},
		{`"compose":{"include":[{"valueSet":["urn:v|1"]}]}`, "urn:z|old"},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"concept","op":"is-a","value":"dog"}],"valueSet":["urn:pets"]}]}`, "urn:a|dog"},
		{`"compose":{"include":[{"system":"urn:z","valueSet":["urn:v|1"]}]}`, "urn:z|old"},
		{`"compose":{"include":[{"system":"urn:z"},{"system":"urn:y","concept":[{"code":"1"}]},{"valueSet":["urn:pets"]}]}`, "urn:a|cat urn:a|dog urn:y|1 urn:z|*"},
		{`"compose":{"include":[{"valueSet":["urn:pets"]}],"exclude":[{"system":"urn:a","concept":[{"code":"cat"}]}]}`, "urn:a|dog"},
		{`"compose":{"include":[{"valueSet":["urn:pets"]},{"system":"urn:z"}],"exclude":[{"system":"urn:a"},{"system":"urn:z"}]}`, ""},
		{`"compose":{"include":[{"valueSet":["http://hl7.org/fhir/ValueSet/administrative-gender"]}],"exclude":[{"system":"http://hl7.org/fhir/administrative-gender","concept":[{"code":"unknown"},{"code":"other"}]}]}`,
			"http://hl7.org/fhir/administrative-gender|female http://hl7.org/fhir/administrative-gender|male"},
		{`"expansion":{"contains":[{"system":"urn:a","code":"dog"},{"abstract":true,"system":"urn:a","code":"mammal","contains":[{"system":"urn:a","code":"bat"}]}]}`, "urn:a|bat urn:a|dog"},
		{`"status":"active"`, ""},

		{`"compose":{"include":[{"system":"urn:z"}],"exclude":[{"system":"urn:z","concept":[{"code":"q"}]}]}`, `value: the value set "urn:test" excludes codes of a code system that is not known here`},
		{`"compose":{"include":[{"system":"urn:z","filter":[{"property":"concept","op":"is-a","value":"x"}]}]}`, `value: the codes of the code system "urn:z" are not known here`},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"concept","op":"is-a","value":"x"}]}]}`, `value: a filter is-a names the code "x", which its code system does not have`},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"legs","op":"is-a","value":"dog"}]}]}`, `value: a filter is-a works on the property concept, not on "legs"`},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"code","op":"regex","value":"("}]}]}`, `value: a filter has no regular expression: "("`},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"code","op":"regex","value":"` + strings.Repeat("a", 501) + `"}]}]}`, `value: a filter has a regular expression of more than 500 bytes`},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"code","op":"exists","value":"x"}]}]}`, `value: a filter exists is true or false, not "x"`},
		{`"compose":{"include":[{"system":"urn:a","filter":[{"property":"code","op":"like","value":"x"}]}]}`, `value: a filter has an unknown operator "like"`},
		{`"compose":{"include":[{"valueSet":["urn:none"]}]}`, `value: the value set "urn:none" is not known here`},
		{`"compose":{"include":[{"valueSet":["urn:v|2"]}]}`, `value: the value set "urn:v|2" is not known here`},
		{`"compose":{"include":[{"valueSet":["urn:loop"]}]}`, `value: the value set "urn:loop" includes itself, or too many others`},
		{`"compose":{"include":[{"valueSet":["urn:test"]}]}`, `value: the value set "urn:test" includes itself, or too many others`},
		{`"compose":{"include":[{"valueSet":["urn:fails"]}]}`, "the disk is gone"},
		{`"compose":{"include":[{"system":"urn:bad"}]}`, "the disk is gone"},
	} {
		source["ValueSet urn:test"] = c.body
		e := Expander{Source: source}
		if got := text(e.ValueSet("urn:test")); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.body, got, c.want)
		}
		res, err := source.ValueSet("urn:test", "")
		if err != nil {
			t.Fatal(err)
		}
		if got := text(e.Of(res)); got != c.want {
			t.Errorf("as a resource: %s\n got %s\nwant %s", c.body, got, c.want)
		}
	}
}

func TestSubsumption(t *testing.T) {
	e := Expander{Source: stored{"CodeSystem urn:a": animals, "CodeSystem http://snomed.info/sct": `"content":"fragment","concept":[{"code":"1","concept":[{"code":"2"}]}]`}}
	const route = "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration"
	for _, c := range []struct {
		system, code string
		below, above string
	}{
		{"urn:a", "mammal", "urn:a|bat urn:a|cat urn:a|dog urn:a|mammal", "urn:a|mammal"},
		{"urn:a", "sparrow", "urn:a|sparrow", "urn:a|bird urn:a|flier urn:a|sparrow"},
		{"urn:a", "absent", "urn:a|absent", "urn:a|absent"},
		{"urn:z", "x", `value: the code system "urn:z" is not known here`, `value: the code system "urn:z" is not known here`},
		{"http://snomed.info/sct", "1", "http://snomed.info/sct|1 http://snomed.info/sct|2", "http://snomed.info/sct|1"},
		// GARGLE has two parents in R4: a nested one, and by the property child.
		{route, "GARGLE", route + "|GARGLE", route + "|GARGLE " + route + "|_OromucosalRoute " + route + "|_RouteByMethod " + route + "|_RouteBySite"},
	} {
		if got := text(e.Below(c.system, c.code)); got != c.below {
			t.Errorf("below %s|%s: %s, want %s", c.system, c.code, got, c.below)
		}
		if got := text(e.Above(c.system, c.code)); got != c.above {
			t.Errorf("above %s|%s: %s, want %s", c.system, c.code, got, c.above)
		}
	}
}

// TestR4 expands all value sets of R4. What its tables of required bindings hold is another reading of the same
// definitions: both agree.
func TestR4(t *testing.T) {
	r4.once.Do(unpack)
	var e Expander
	count := map[string]int{}
	for k := range r4.text {
		if k.typ != "ValueSet" {
			count["systems"]++
			continue
		}
		s, err := e.ValueSet(k.url)
		if err != nil {
			count["open"]++
			continue
		}
		if len(s.Systems()) > 0 {
			count["of systems"]++
		}
		count["expanded"]++
		for _, c := range s.Codes() {
			if ok, known := r4tables.InValueSet(k.url, c.System, c.Code); known && !ok {
				t.Errorf("%s: %v is not in the table of required bindings", k.url, c)
			} else if known {
				count["compared"]++
			}
		}
	}
	want := map[string]int{"systems": 1062, "expanded": 1259, "open": 57, "of systems": 44, "compared": 2066}
	if fmt.Sprint(count) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", count, want)
	}
	for _, c := range []struct {
		canonical string
		codes     int
	}{
		{"http://hl7.org/fhir/ValueSet/administrative-gender", 4},
		{"http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1", 4},
		{"http://hl7.org/fhir/ValueSet/observation-status", 8},
	} {
		s, err := e.ValueSet(c.canonical)
		if err != nil || len(s.Codes()) != c.codes {
			t.Errorf("%s: %s, want %d codes", c.canonical, text(s, err), c.codes)
		}
	}
	if got := text(e.ValueSet("http://hl7.org/fhir/ValueSet/administrative-gender|3.0")); !strings.Contains(got, "not known here") {
		t.Errorf("another version: %s", got)
	}
	if got := text(e.ValueSet("http://hl7.org/fhir/ValueSet/observation-codes")); got != "http://loinc.org|*" {
		t.Errorf("a system as a whole: %s", got)
	}
}

// What R4 defines wins over what a Source has, but for code systems that R4 only names.
func TestPrecedence(t *testing.T) {
	e := Expander{Source: stored{
		"ValueSet http://hl7.org/fhir/ValueSet/administrative-gender":   `"compose":{"include":[{"system":"urn:z"}]}`,
		"CodeSystem http://hl7.org/fhir/administrative-gender":          `"content":"complete","concept":[{"code":"x"}]`,
		"ValueSet http://hl7.org/fhir/ValueSet/administrative-gender|9": `"compose":{"include":[{"system":"urn:z"}]}`,
		"CodeSystem http://snomed.info/sct":                             `"content":"complete","concept":[{"code":"404684003","concept":[{"code":"7"}]},{"code":"8"}]`,
	}}
	if got := text(e.ValueSet("http://hl7.org/fhir/ValueSet/administrative-gender")); strings.Contains(got, "urn:z") {
		t.Error(got)
	}
	if got := text(e.ValueSet("http://hl7.org/fhir/ValueSet/administrative-gender|9")); got != "urn:z|*" {
		t.Error(got)
	}
	if got := text(e.Below("http://hl7.org/fhir/administrative-gender", "x")); got != "http://hl7.org/fhir/administrative-gender|x" {
		t.Error(got)
	}
	const findings = "http://hl7.org/fhir/ValueSet/clinical-findings" // is-a 404684003 in SNOMED CT
	if got := text(e.ValueSet(findings)); got != "http://snomed.info/sct|404684003 http://snomed.info/sct|7" {
		t.Error(got)
	}
	var bare Expander
	if got := text(bare.ValueSet(findings)); got != `value: the codes of the code system "http://snomed.info/sct" are not known here` {
		t.Error(got)
	}
}

func TestLimits(t *testing.T) {
	var codes []string
	for i := range 60 {
		codes = append(codes, fmt.Sprintf(`{"code":"c%d"}`, i))
	}
	list := strings.Join(codes, ",")
	source := stored{
		"CodeSystem urn:a": `"content":"complete","concept":[` + list + `]`,
		"ValueSet urn:a":   `"compose":{"include":[{"system":"urn:b","concept":[` + list + `]}]}`,
		"ValueSet urn:b":   `"compose":{"include":[{"system":"urn:a"}]}`,
		"ValueSet urn:c":   `"expansion":{"contains":[` + list + `]}`,
		"ValueSet urn:d":   `"compose":{"include":[{"system":"urn:a","filter":[{"property":"code","op":"exists","value":"true"}]}]}`,
	}
	for i := range 30 {
		source[fmt.Sprintf("ValueSet urn:n%d", i)] = fmt.Sprintf(`"compose":{"include":[{"valueSet":["urn:n%d"]}]}`, i+1)
	}
	e := Expander{Source: source, Max: 50}
	for _, url := range []string{"urn:a", "urn:c", "urn:d"} {
		if got := text(e.ValueSet(url)); !strings.HasPrefix(got, "too-costly: ") {
			t.Errorf("%s: %s", url, got)
		}
	}
	if got := text(e.ValueSet("urn:b")); got != "urn:a|*" {
		t.Errorf("a code system that is too large to name its codes: %s", got)
	}
	if got := text(e.ValueSet("urn:n0")); !strings.Contains(got, "too many others") {
		t.Errorf("nested: %s", got)
	}
	if len(e.within) != 0 {
		t.Errorf("still inside of %q", e.within)
	}
}

func TestNilSetIsEmpty(t *testing.T) {
	var s *Set
	if s.Has("urn:a", "x") {
		t.Error("it has a code")
	}
	full := newSet()
	full.systems["urn:a"] = true
	if !full.Has("urn:a", "anything") || full.Has("", "anything") || !slices.Equal(full.Systems(), []string{"urn:a"}) {
		t.Error("a system as a whole")
	}
}
