package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/examples"
)

func TestParseRefuses(t *testing.T) {
	const p = `{"resourceType":"Patient",`
	for _, c := range []struct {
		name, in   string
		kind       Kind
		expression string
		says       string
	}{
		{"nothing", ``, KindInvalid, "", "unexpected end, at 1:1"},
		{"only space", " \n ", KindInvalid, "", "unexpected end, at 2:2"},
		{"cut off", p + `"active":`, KindInvalid, "Patient.active", "unexpected end, at 1:36"},
		{"cut off in a string", p + `"id":"a`, KindInvalid, "Patient.id", "unexpected end in a string"},
		{"cut off after a backslash", p + `"id":"a\`, KindInvalid, "Patient.id", "unexpected end in a string"},
		{"cut off in a key", p + `"id`, KindInvalid, "Patient", "unexpected end in a string"},
		{"no quotes", p + `id:"a"}`, KindInvalid, "Patient", "a key in double quotes was expected, at 1:27"},
		{"no colon", p + `"id" "a"}`, KindInvalid, "Patient.id", "a colon was expected"},
		{"no comma", p + `"id":"a" "active":true}`, KindInvalid, "Patient", "a comma or a closing brace"},
		{"no comma in an array", p + `"name":[{"text":"a"} {"text":"b"}]}`, KindInvalid, "Patient.name", "a comma or a closing bracket"},
		{"comma too many", p + `"id":"a",}`, KindInvalid, "Patient", "a key in double quotes"},
		{"comma too many in an array", p + `"name":[{"given":["a",]}]}`, KindInvalid, "Patient.name[0].given[1]", "a JSON value was expected"},
		{"comment", p + "/* */\"id\":\"a\"}", KindInvalid, "Patient", "a key in double quotes"},
		{"single quotes", p + `'id':"a"}`, KindInvalid, "Patient", "a key in double quotes"},
		{"second line", "{\"resourceType\":\"Patient\",\n  \"id\": x}", KindInvalid, "Patient.id", "at 2:9"},
		{"trailing comma", p + `"id":"a"},`, KindInvalid, "", "data after the end of the resource"},
		{"trailing object", p + `"id":"a"} {}`, KindInvalid, "", "data after the end"},
		{"trailing zero byte", p + "\"id\":\"a\"}\x00", KindInvalid, "", "data after the end"},
		{"byte order mark", "\ufeff" + p + `"id":"a"}`, KindInvalid, "", "byte order mark"},
		{"UTF-16", "{\x00\"\x00", KindInvalid, "", "a key in double quotes"},
		{"invalid UTF-8", p + "\"name\":[{\"text\":\"plain text, then \xff\"}]}", KindInvalid, "Patient.name[0].text", "invalid UTF-8, at 1:61"},
		{"overlong UTF-8", p + "\"id\":\"\xc0\xaf\"}", KindInvalid, "Patient.id", "invalid UTF-8"},
		{"surrogate in UTF-8", p + "\"id\":\"\xed\xa0\x80\"}", KindInvalid, "Patient.id", "invalid UTF-8"},
		{"invalid UTF-8 in a key", p + "\"i\xff\":\"a\"}", KindInvalid, "Patient", "invalid UTF-8"},
		{"invalid UTF-8 between values", p + "\xff\"id\":\"a\"}", KindInvalid, "Patient", "a key in double quotes"},
		{"lone high surrogate", p + `"name":[{"given":["a","\ud83d"]}]}`, KindInvalid, "Patient.name[0].given[1]", "lone surrogate"},
		{"lone low surrogate", p + `"id":"\ude00"}`, KindInvalid, "Patient.id", "lone surrogate"},
		{"surrogates the wrong way round", p + `"id":"\ude00\ud83d"}`, KindInvalid, "Patient.id", "lone surrogate"},
		{"surrogate and letter", p + `"id":"\ud83d\u0041"}`, KindInvalid, "Patient.id", "lone surrogate"},
		{"unknown escape", p + `"id":"\x41"}`, KindInvalid, "Patient.id", "malformed escape, at 1:33"},
		{"short escape", p + `"id":"\u00"}`, KindInvalid, "Patient.id", "malformed escape"},
		{"line feed in a string", p + "\"id\":\"a\nb\"}", KindInvalid, "Patient.id", "control character"},
		{"control character in a long string", p + "\"id\":\"0123456789\x01abcdefghij\"}", KindInvalid, "Patient.id", "control character must be escaped, at 1:43"},
		{"control character in a key", p + "\"i\td\":\"a\"}", KindInvalid, "Patient", "control character"},
		{"leading zero", p + `"multipleBirthInteger":01}`, KindInvalid, "Patient.multipleBirthInteger", "leading zeros"},
		{"negative leading zero", p + `"multipleBirthInteger":-01}`, KindInvalid, "Patient.multipleBirthInteger", "leading zeros"},
		{"plus", p + `"multipleBirthInteger":+1}`, KindInvalid, "Patient.multipleBirthInteger", "a JSON value was expected"},
		{"only minus", p + `"multipleBirthInteger":-}`, KindInvalid, "Patient.multipleBirthInteger", "malformed number"},
		{"no fraction", p + `"multipleBirthInteger":1.}`, KindInvalid, "Patient.multipleBirthInteger", "malformed number"},
		{"no whole part", p + `"multipleBirthInteger":.5}`, KindInvalid, "Patient.multipleBirthInteger", "a JSON value was expected"},
		{"no exponent", p + `"multipleBirthInteger":1e}`, KindInvalid, "Patient.multipleBirthInteger", "malformed number"},
		{"hexadecimal", p + `"multipleBirthInteger":0x1}`, KindInvalid, "Patient", "a comma or a closing brace"},
		{"NaN", p + `"multipleBirthInteger":NaN}`, KindInvalid, "Patient.multipleBirthInteger", "a JSON value was expected"},
		{"Infinity", p + `"multipleBirthInteger":-Infinity}`, KindInvalid, "Patient.multipleBirthInteger", "malformed number"},
		{"True", p + `"active":True}`, KindInvalid, "Patient.active", "a JSON value was expected"},
		{"truth", p + `"active":truth}`, KindInvalid, "Patient.active", "a JSON value was expected"},

		{"root array", `[{"resourceType":"Patient"}]`, KindStructure, "", "a resource is a JSON object"},
		{"root string", `"Patient"`, KindStructure, "", "a resource is a JSON object"},
		{"root null", `null`, KindStructure, "", "null is allowed only"},
		{"empty root", `{}`, KindStructure, "", "an object must not be empty"},
		{"no resourceType", `{"id":"a"}`, KindStructure, "resourceType", "resourceType is missing"},
		{"empty resourceType", `{"resourceType":""}`, KindStructure, "resourceType", "a string must not be empty"},
		{"number as resourceType", `{"resourceType":1}`, KindStructure, "resourceType", "not the name of a resource type"},
		{"path as resourceType", `{"resourceType":"Patient/1"}`, KindStructure, "resourceType", "not the name of a resource type"},
		{"lower case resourceType", `{"resourceType":"patient"}`, KindStructure, "resourceType", "not the name of a resource type"},
		{"wrong case of resourceType", `{"ResourceType":"Patient"}`, KindStructure, "resourceType", "resourceType is missing"},
		{"repeated key", p + `"contact":[{"name":{"text":"a","text":"b"}}]}`, KindStructure, "Patient.contact[0].name.text", `the key "text" is repeated`},
		{"repeated key by escape", p + `"id":"a","\u0069d":"b"}`, KindStructure, "Patient.id", `the key "id" is repeated`},
		{"repeated resourceType", p + `"resourceType":"Group"}`, KindStructure, "Patient.resourceType", "repeated"},
		{"repeated extension key", p + `"_active":{"id":"a"},"_active":{"id":"b"}}`, KindStructure, "Patient.active", `the key "_active" is repeated`},
		{"before resourceType", `{"name":[{"given":[""]}],"resourceType":"Patient"}`, KindStructure, "name[0].given[0]", "a string must not be empty"},
		{"empty object", p + `"maritalStatus":{ }}`, KindStructure, "Patient.maritalStatus", "an object must not be empty"},
		{"empty array", p + `"name":[ ]}`, KindStructure, "Patient.name", "an array must not be empty"},
		{"empty string", p + `"name":[{"text":"a"},{"text":""}]}`, KindStructure, "Patient.name[1].text", "a string must not be empty"},
		{"empty key", p + `"name":[{"":"a"}]}`, KindStructure, "Patient.name[0]", "a key must not be empty"},
		{"array in array", p + `"name":[[{"text":"a"}]]}`, KindStructure, "Patient.name[0]", "an array must not be in an array"},
		{"null", p + `"active":null}`, KindStructure, "Patient.active", "null is allowed only"},
		{"only nulls", p + `"name":[{"given":[null,null]}]}`, KindStructure, "Patient.name[0].given", "an array must not hold only null"},
		{"null beside objects", p + `"name":[{"text":"a"},null]}`, KindStructure, "Patient.name[1]", "null is allowed only"},
		{"null beside primitives in _x", p + `"name":[{"_given":["a",null]}]}`, KindStructure, "Patient.name[0].given[1]", "null is allowed only"},
		{"odd name", p + `"a b":[1,""]}`, KindStructure, "Patient.`a b`[1]", "a string must not be empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Parse([]byte(c.in), Limits{})
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, %v", r, err)
			}
			if e.Kind != c.kind || e.Expression != c.expression || !strings.Contains(e.Diagnostics, c.says) {
				t.Errorf("got  %s at %q: %s\nwant %s at %q: %s",
					e.Kind.Code(), e.Expression, e.Diagnostics, c.kind.Code(), c.expression, c.says)
			}
		})
	}
}

func TestParseLimits(t *testing.T) {
	nested := func(depth int) []byte { // depth objects and arrays
		half := (depth - 1) / 2
		return []byte(`{"resourceType":"Patient","x":` + strings.Repeat(`[{"x":`, half) + `1` + strings.Repeat(`}]`, half) + `}`)
	}
	if _, err := Parse(nested(9), Limits{Depth: 9}); err != nil {
		t.Error(err)
	}
	_, err := Parse(nested(9), Limits{Depth: 8})
	if KindOf(err) != KindTooLong || err.(*Error).Expression != "Patient.x[0].x[0].x[0].x[0]" {
		t.Errorf("depth: %v", err)
	}
	if _, err := Parse(nested(101), Limits{}); KindOf(err) != KindTooLong {
		t.Errorf("default depth: %v", err)
	}
	if _, err := ParseValue(bytes.Repeat([]byte{'['}, 1<<20), Limits{}); KindOf(err) != KindTooLong {
		t.Errorf("brackets: %v", err)
	}
	body := []byte(`{"resourceType":"Patient","id":"1"}`)
	if _, err := Parse(body, Limits{Bytes: len(body)}); err != nil {
		t.Error(err)
	}
	if _, err := Parse(body, Limits{Bytes: len(body) - 1}); KindOf(err) != KindTooLong {
		t.Errorf("bytes: %v", err)
	}
	if _, err := Parse(body, Limits{Nodes: 3}); err != nil {
		t.Error(err)
	}
	if _, err := Parse(body, Limits{Nodes: 2}); KindOf(err) != KindTooLong {
		t.Errorf("nodes: %v", err)
	}
}

func TestParseManyKeys(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"resourceType":"Patient"`)
	for i := range 200_000 { // quadratic time would be minutes
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	r, err := Parse([]byte(b.String()+`}`), Limits{})
	if err != nil || r.Root.Get("k199999") == nil {
		t.Fatal(err)
	}
	for _, k := range []string{"resourceType", "k0", "k22", "k23", "k199999"} {
		_, err := Parse([]byte(b.String()+`,"`+k+`":1}`), Limits{})
		if KindOf(err) != KindStructure || err.(*Error).Expression != "Patient."+k {
			t.Errorf("%s: %v", k, err)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	r := mustParse(t, "\r\n{ \"resourceType\" :\t\"Patient\",\"id\":\"p\","+
		`"text":{"div":"a \"b\" \\ \/ \b\f\n\r\t \u00e9 \ud83d\ude00 é 😀"},"na\u006de":[{"given":["a",null],"_given":[null,{"id":"x"}]}],`+
		`"numbers":[0,-0,-1.50,1E5,2e-3,1.0e+2],"active":true,"deceasedBoolean":false} `+"\n")
	if r.Type != "Patient" || r.ID != "p" {
		t.Errorf("type %q, id %q", r.Type, r.ID)
	}
	if got, want := r.Root.Get("text").Str("div"), "a \"b\" \\ / \b\f\n\r\t é 😀 é 😀"; got != want {
		t.Errorf("div is %q, want %q", got, want)
	}
	var numbers []string
	r.Root.Get("numbers").Each(func(n *Node) {
		if n.JSON == Number {
			numbers = append(numbers, n.Text)
		}
	})
	if got := strings.Join(numbers, " "); got != "0 -0 -1.50 1E5 2e-3 1.0e+2" {
		t.Errorf("numbers are %s", got)
	}
	if a, d := r.Root.Get("active"), r.Root.Get("deceasedBoolean"); a.JSON != Bool || a.Text != "true" || d.Text != "false" {
		t.Errorf("booleans are %v, %v", a, d)
	}
	given := r.Root.Get("name").First.Get("_given")
	if given.First.JSON != Null || given.First.Next.Path() != "Patient.name[0].given[1]" {
		t.Errorf("extension is at %s", given.First.Next.Path())
	}
	if got := string(r.Raw(given)); got != `[null,{"id":"x"}]` {
		t.Errorf("raw is %s", got)
	}
	if r.Root.Get("nothing").Get("at").Get("all") != nil || r.Root.Get("nothing").Path() != "" {
		t.Error("a missing node must be nil")
	}
}

func TestParseValue(t *testing.T) {
	r, err := ParseValue([]byte(`[{"op":"add","path":"","value":[null,[],{},"",{"":1}]}]`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if v := r.Root.First.Get("value"); v.First.Next.Path() != "[0].value[1]" || r.Type != "" {
		t.Errorf("at %q, type %q", v.First.Next.Path(), r.Type)
	}
	for _, in := range []string{`[{"a":1,"a":2}]`, `[1,]`, `01`, ``, `"\ud800"`} {
		if _, err := ParseValue([]byte(in), Limits{}); err == nil {
			t.Errorf("%s was accepted", in)
		}
	}
}

func TestSub(t *testing.T) {
	b := mustParse(t, `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"a"}}, `+
		`{"resource":{ "resourceType":"Group","id":"b","member":[{"entity":{"reference":"urn:uuid:1"}}],"contained":[{"resourceType":"Location","id":"l"}]} }]}`)
	r := b.Sub(b.Root.Get("entry").First.Next.Get("resource"))
	if r.Type != "Group" || r.ID != "b" || !bytes.HasPrefix(r.Bytes, []byte(`{ "resourceType":"Group"`)) || !bytes.HasSuffix(r.Bytes, []byte(`}]}`)) {
		t.Fatalf("%s %s: %s", r.Type, r.ID, r.Bytes)
	}
	ref := r.Root.Get("member").First.Get("entity").Get("reference")
	if got := string(r.Raw(ref)); got != `"urn:uuid:1"` {
		t.Errorf("raw is %s", got)
	}
	if got := r.Path(ref); got != "Group.member[0].entity.reference" {
		t.Errorf("path is %s", got)
	}
	if got := ref.Path(); got != "Bundle.entry[1].resource.member[0].entity.reference" {
		t.Errorf("path in the Bundle is %s", got)
	}
	got := string(r.Stamp(Stamp{ID: "c", VersionID: "1", Edits: []Edit{{ref, "Patient/9"}}}))
	if want := `{"resourceType":"Group","id":"c","meta":{"versionId":"1"},"member":[{"entity":{"reference":"Patient/9"}}],` +
		`"contained":[{"resourceType":"Location","id":"l"}]}`; got != want {
		t.Errorf("stamped\n%s, want\n%s", got, want)
	}
	l := r.Sub(r.Root.Get("contained").First)
	if got := string(l.Compact()); got != `{"resourceType":"Location","id":"l"}` || l.Path(l.Root.Get("id")) != "Location.id" {
		t.Errorf("contained is %s", got)
	}
	if b.Sub(b.Root.Get("entry")) != nil || b.Sub(b.Root.Get("entry").First) != nil || b.Sub(nil) != nil {
		t.Error("what is no resource must be nil")
	}
}

func mustParse(t testing.TB, s string) *Resource {
	t.Helper()
	r, err := Parse([]byte(s), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// same compares a tree with the tokens of encoding/json, which read the same text.
func same(n *Node, d *json.Decoder) error {
	tok, err := d.Token()
	if err != nil {
		return err
	}
	differs := func() error { return fmt.Errorf("at %q: %v %q, not %v", n.Path(), n.JSON, n.Text, tok) }
	switch v := tok.(type) {
	case json.Delim:
		if v == '{' && n.JSON != Object || v == '[' && n.JSON != Array {
			return differs()
		}
		index := 0
		for c := n.First; c != nil; c = c.Next {
			if n.JSON == Object {
				if key, err := d.Token(); err != nil || key != c.Name {
					return fmt.Errorf("at %q: key %v, %v", c.Path(), key, err)
				}
			} else if c.Index != index {
				return fmt.Errorf("at %q: index %d, not %d", c.Path(), c.Index, index)
			}
			if c.Parent != n {
				return fmt.Errorf("at %q: wrong parent", c.Path())
			}
			if err := same(c, d); err != nil {
				return err
			}
			index++
		}
		if tok, err := d.Token(); err != nil || tok != json.Delim('}') && tok != json.Delim(']') {
			return differs()
		}
		return nil
	case string:
		if n.JSON != String || n.Text != v {
			return differs()
		}
	case json.Number:
		if n.JSON != Number || n.Text != v.String() {
			return differs()
		}
	case bool:
		if n.JSON != Bool || n.Text != fmt.Sprint(v) {
			return differs()
		}
	case nil:
		if n.JSON != Null || n.Text != "" {
			return differs()
		}
	}
	return nil
}

func FuzzParse(f *testing.F) {
	for _, b := range examples.Sample(f) {
		if len(b) < 2500 {
			f.Add(b)
		}
	}
	f.Add([]byte(`{"resourceType":"A\u0041","x":["\ud83d\ude00\"\\",-0.5e+10,true,null],"_x":[null,{"y":"é"}]}`))
	f.Add([]byte(" [{\"a\":[[],{},\"\"]},01, \"\x7f\xff\"] "))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.Clone(b)
		v, err := ParseValue(b, Limits{})
		r, strict := Parse(bytes.Clone(b), Limits{})
		if err != nil {
			if strict == nil {
				t.Fatalf("ParseValue refuses what Parse accepts: %v", err)
			}
			if KindOf(err) == KindException || err.Error() == "" {
				t.Fatalf("unclassified: %v", err)
			}
			return
		}
		if !json.Valid(in) {
			t.Fatalf("accepted what is not JSON: %q", in)
		}
		d := json.NewDecoder(bytes.NewReader(in))
		d.UseNumber()
		if err := same(v.Root, d); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Token(); err != io.EOF {
			t.Fatalf("more after the root: %v", err)
		}
		if got, want := v.Compact(), compacted(in); !bytes.Equal(got, want) {
			t.Fatalf("compact is %s, want %s", got, want)
		}
		if !json.Valid(v.Root.AppendJSON(nil)) {
			t.Fatalf("written anew is not JSON: %s", v.Root.AppendJSON(nil))
		}
		if strict == nil {
			out := r.Stamp(Stamp{ID: "i", VersionID: "v"})
			if s, err := Parse(out, Limits{Depth: 101, Nodes: 9 << 20}); err != nil || s.ID != "i" || s.Root.Get("meta").Str("versionId") != "v" {
				t.Fatalf("stamped %s: %v", out, err)
			}
		}
	})
}

func compacted(b []byte) []byte {
	var out bytes.Buffer
	if json.Compact(&out, b) != nil {
		return nil
	}
	return out.Bytes()
}
