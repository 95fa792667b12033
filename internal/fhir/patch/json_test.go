package patch

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
	"pgregory.net/rapid"
)

func parse(t testing.TB, text string) *fhir.Resource {
	t.Helper()
	res, err := fhir.ParseValue([]byte(text), fhir.DefaultLimits)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return res
}

// jsonPatch applies a patch to any JSON value: the rules of FHIR JSON are for the end of Apply.
func jsonPatch(t testing.TB, text, patch string) (string, error) {
	t.Helper()
	p, err := JSON([]byte(patch), fhir.DefaultLimits)
	if err != nil {
		return "", err
	}
	d := document{res: parse(t, text)}
	for _, s := range p.steps {
		if err := d.read(); err != nil {
			return "", err
		}
		if err := s.apply(&d); err != nil {
			return "", err
		}
	}
	if err := d.read(); err != nil {
		return "", err
	}
	return string(d.res.Bytes), nil
}

// The examples of RFC 6902, appendix A, and what it says in §4.
func TestJSONPatch(t *testing.T) {
	for _, c := range []struct{ name, doc, patch, want string }{
		{"A.1 add a member", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{"foo":"bar","baz":"qux"}`},
		{"A.2 add an item", `{"foo":["bar","baz"]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{"foo":["bar","qux","baz"]}`},
		{"A.3 remove a member", `{"baz":"qux","foo":"bar"}`, `[{"op":"remove","path":"/baz"}]`, `{"foo":"bar"}`},
		{"A.4 remove an item", `{"foo":["bar","qux","baz"]}`, `[{"op":"remove","path":"/foo/1"}]`, `{"foo":["bar","baz"]}`},
		{"A.5 replace", `{"baz":"qux","foo":"bar"}`, `[{"op":"replace","path":"/baz","value":"boo"}]`, `{"baz":"boo","foo":"bar"}`},
		{"A.6 move a value", `{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`,
			`{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`},
		{"A.7 move an item", `{"foo":["all","grass","cows","eat"]}`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{"foo":["all","cows","eat","grass"]}`},
		{"A.8 test", `{"baz":"qux","foo":["a",2,"c"]}`, `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]`, `{"baz":"qux","foo":["a",2,"c"]}`},
		{"A.10 add an object", `{"foo":"bar"}`, `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`, `{"foo":"bar","child":{"grandchild":{}}}`},
		{"A.11 unknown members", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux","xyz":123}]`, `{"foo":"bar","baz":"qux"}`},
		{"A.14 escapes in pointers", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10}]`, `{"/":9,"~1":10}`},
		{"A.16 add an array", `{"foo":["bar"]}`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `{"foo":["bar",["abc","def"]]}`},
		{"add replaces a member", `{"a":1,"b":2}`, `[{"op":"add","path":"/a","value":null}]`, `{"a":null,"b":2}`},
		{"add at the end", `{"a":[1]}`, `[{"op":"add","path":"/a/1","value":2}]`, `{"a":[1,2]}`},
		{"add to nothing", `{"a":[],"b":{}}`, `[{"op":"add","path":"/a/0","value":1},{"op":"add","path":"/b/c","value":1}]`, `{"a":[1],"b":{"c":1}}`},
		{"add the whole", `{"a":1}`, `[{"op":"add","path":"","value":{"b":1}}]`, `{"b":1}`},
		{"replace the whole", `{"a":1}`, `[{"op":"replace","path":"","value":[]},{"op":"add","path":"/0","value":1}]`, `[1]`},
		{"replace an item", `[1,2,3]`, `[{"op":"replace","path":"/1","value":{"x":1}}]`, `[1,{"x":1},3]`},
		{"remove all", `{"a":1,"b":[1]}`, `[{"op":"remove","path":"/a"},{"op":"remove","path":"/b/0"},{"op":"remove","path":"/b"}]`, `{}`},
		{"copy", `{"a":{"b":[1]}}`, `[{"op":"copy","from":"/a","path":"/a/c"}]`, `{"a":{"b":[1],"c":{"b":[1]}}}`},
		{"move onto itself", `{"a":1}`, `[{"op":"move","from":"/a","path":"/a"}]`, `{"a":1}`},
		{"move over another", `{"a":1,"b":2}`, `[{"op":"move","from":"/a","path":"/b"}]`, `{"b":1}`},
		{"an empty key", `{"":1,"a":{"":2}}`, `[{"op":"replace","path":"/","value":3},{"op":"replace","path":"/a/","value":4}]`, `{"":3,"a":{"":4}}`},
		{"numbers by value", `{"a":1.50}`, `[{"op":"test","path":"/a","value":15e-1}]`, `{"a":1.50}`},
		{"members in any order", `{"a":{"x":1,"y":[true,null]}}`, `[{"op":"test","path":"/a","value":{"y":[true,null],"x":1.0}}]`, `{"a":{"x":1,"y":[true,null]}}`},
		{"escapes and blanks stay", `{ "a\u0062" : [ 1.50 , "\u00e9\/" ] , "c" : 1e2 }`, `[{"op":"add","path":"/d","value": [ 1.0 ] }]`,
			`{"a\u0062":[ 1.50 , "\u00e9\/" ],"c":1e2,"d":[ 1.0 ]}`},
		{"no operation", `{ "a" : 1 }`, `[]`, `{ "a" : 1 }`},
	} {
		if got, err := jsonPatch(t, c.doc, c.patch); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.name, got, err, c.want)
		}
	}
}

// What the last operation only tests, those before it have changed.
func TestJSONPatchTestsAtLast(t *testing.T) {
	p, err := JSON([]byte(`[{"op":"add","path":"/active","value":true},{"op":"test","path":"/active","value":true}]`), fhir.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.Apply(parse(t, `{"resourceType":"Patient"}`), fhir.DefaultLimits)
	if want := `{"resourceType":"Patient","active":true}`; err != nil || string(res.Bytes) != want {
		t.Errorf("%v, %s, want %s", err, res.Bytes, want)
	}
}

func TestJSONPatchRefused(t *testing.T) {
	const doc = `{"foo":["bar","baz"],"n":1,"s":"x","o":{"":1}}`
	for _, c := range []struct {
		patch string
		kind  fhir.Kind
		place string
	}{
		{`{"op":"add"}`, fhir.KindInvalid, "patch"},
		{`[1]`, fhir.KindInvalid, "patch[0]"},
		{`[{"path":"/a","value":1}]`, fhir.KindInvalid, "patch[0].op"},
		{`[{"op":"frob","path":"/a"}]`, fhir.KindInvalid, "patch[0].op"},
		{`[{"op":"test","path":"/n","value":1},{"op":"add","value":1}]`, fhir.KindInvalid, "patch[1].path"},
		{`[{"op":"add","path":1,"value":1}]`, fhir.KindInvalid, "patch[0].path"},
		{`[{"op":"add","path":"a","value":1}]`, fhir.KindInvalid, "patch[0].path"},
		{`[{"op":"add","path":"/a~2","value":1}]`, fhir.KindInvalid, "patch[0].path"},
		{`[{"op":"add","path":"/a~","value":1}]`, fhir.KindInvalid, "patch[0].path"},
		{`[{"op":"add","path":"/a"}]`, fhir.KindInvalid, "patch[0].value"},
		{`[{"op":"replace","path":"/n"}]`, fhir.KindInvalid, "patch[0].value"},
		{`[{"op":"move","path":"/a"}]`, fhir.KindInvalid, "patch[0].from"},
		{`[{"op":"copy","path":"/a","from":"b"}]`, fhir.KindInvalid, "patch[0].from"},
		{`[{"op":"move","path":"/o/x","from":"/o"}]`, fhir.KindInvalid, "patch[0].path"},
		{`[{"op":"remove","path":""}]`, fhir.KindInvalid, "patch[0].path"},
		{`[{"op":"add","op":"remove","path":"/n","value":1}]`, fhir.KindStructure, "patch[0].op"}, // A.13
		{`[`, fhir.KindInvalid, "patch[0]"},
		{`[{"op":"remove","path":"/none"}]`, fhir.KindProcessing, "patch[0].path"},
		{`[{"op":"remove","path":"/foo/2"}]`, fhir.KindProcessing, "patch[0].path"},
		{`[{"op":"remove","path":"/foo/-"}]`, fhir.KindProcessing, "patch[0].path"},
		{`[{"op":"replace","path":"/foo/01","value":1}]`, fhir.KindProcessing, "patch[0].path"},
		{`[{"op":"replace","path":"/foo/+1","value":1}]`, fhir.KindProcessing, "patch[0].path"},
		{`[{"op":"add","path":"/foo/3","value":1}]`, fhir.KindProcessing, "patch[0].path"},
		{`[{"op":"add","path":"/foo/99999999999999999999","value":1}]`, fhir.KindProcessing, "patch[0].path"},
		{`[{"op":"add","path":"/baz/bat","value":1}]`, fhir.KindProcessing, "patch[0].path"}, // A.12
		{`[{"op":"add","path":"/n/a","value":1}]`, fhir.KindProcessing, "patch[0].path"},
		{`[{"op":"add","path":"/s/0/x","value":1}]`, fhir.KindProcessing, "patch[0].path"},
		{`[{"op":"copy","path":"/a","from":"/none"}]`, fhir.KindProcessing, "patch[0].from"},
		{`[{"op":"test","path":"/none","value":null}]`, fhir.KindProcessing, "patch[0].path"},
		{`[{"op":"add","path":"/x","value":1},{"op":"test","path":"/n","value":"1"}]`, fhir.KindProcessing, "patch[1].value"}, // A.15
		{`[{"op":"test","path":"/foo","value":["bar"]}]`, fhir.KindProcessing, "patch[0].value"},
		{`[{"op":"test","path":"/o","value":{}}]`, fhir.KindProcessing, "patch[0].value"},
		{`[{"op":"test","path":"/o","value":{"":1,"a":1}}]`, fhir.KindProcessing, "patch[0].value"},
	} {
		got, err := jsonPatch(t, doc, c.patch)
		e, ok := err.(*fhir.Error)
		if !ok || e.Kind != c.kind || e.Expression != c.place {
			t.Errorf("%s: %s %v, want %s at %s", c.patch, got, err, c.kind.Code(), c.place)
		}
		if ok && (strings.Contains(e.Diagnostics, "bar") || strings.Contains(e.Diagnostics, "\x00")) {
			t.Errorf("%s: tells the content: %s", c.patch, e.Diagnostics)
		}
	}
}

// A patch is done whole or not at all, and the resource that it is applied to stays as it is.
func TestApply(t *testing.T) {
	const body = `{"resourceType":"Patient","id":"x","active":true}`
	res := parse(t, body)
	apply := func(patch string, l fhir.Limits) (*fhir.Resource, error) {
		p, err := JSON([]byte(patch), fhir.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		return p.Apply(res, l)
	}
	next, err := apply(`[{"op":"add","path":"/name","value":[]},{"op":"add","path":"/name/0","value":{"family":"Ş"}}]`, fhir.Limits{})
	if err != nil || string(next.Bytes) != `{"resourceType":"Patient","id":"x","active":true,"name":[{"family":"Ş"}]}` || next.Type != "Patient" || next.ID != "x" {
		t.Errorf("%+v %v", next, err)
	}
	if same, err := apply(`[]`, fhir.Limits{}); err != nil || same != res {
		t.Errorf("%v %v", same, err)
	}
	for patch, kind := range map[string]fhir.Kind{
		`[{"op":"add","path":"/name","value":[]}]`:                                        fhir.KindStructure,
		`[{"op":"add","path":"/name","value":null}]`:                                      fhir.KindStructure,
		`[{"op":"remove","path":"/resourceType"}]`:                                        fhir.KindStructure,
		`[{"op":"replace","path":"","value":1}]`:                                          fhir.KindStructure,
		`[{"op":"remove","path":"/active"},{"op":"test","path":"/active","value":false}]`: fhir.KindProcessing,
	} {
		if next, err := apply(patch, fhir.Limits{}); fhir.KindOf(err) != kind || next != nil {
			t.Errorf("%s: %v %v", patch, next, err)
		}
	}
	if string(res.Bytes) != body {
		t.Errorf("the resource is now %s", res.Bytes)
	}
	grow := `[{"op":"add","path":"/text","value":{"div":"` + strings.Repeat("x", 1000) + `"}}`
	for i := range 60 { // doubles each time
		grow += `,{"op":"copy","from":"/text","path":"/text/` + strconv.Itoa(i) + `"}`
	}
	for limits, kind := range map[fhir.Limits]fhir.Kind{
		{Bytes: 1 << 20}: fhir.KindTooLong,
		{Bytes: 1 << 40, Depth: 1 << 20, Nodes: 1 << 40}: fhir.KindTooCostly,
	} {
		if next, err := apply(grow+"]", limits); fhir.KindOf(err) != kind {
			t.Errorf("a patch that grows: %v %v", next, err)
		}
	}
	many := `[` + strings.Repeat(`{"op":"test","path":"/active","value":true},`, maxOperations)
	if _, err := JSON([]byte(many+`{"op":"test","path":"/active","value":true}]`), fhir.DefaultLimits); fhir.KindOf(err) != fhir.KindTooLong {
		t.Errorf("too many operations: %v", err)
	}
	if _, err := JSON([]byte(strings.TrimSuffix(many, ",")+`]`), fhir.DefaultLimits); err != nil {
		t.Errorf("as many as there may be: %v", err)
	}
}

// Any sequence of operations does what RFC 6902 says, compared with the same on decoded values, and leaves the text of
// what it does not touch.
func TestJSONPatchProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var value any
		json.Unmarshal([]byte(`{"a":[1.0,{"b":"x","c":[]},null],"d":{"e":{"f":"y"},"g":[[1],2]}}`), &value)
		text := `{"a":[1.0,{"b":"\u0078","c":[]},null],"d":{"e":{"f":"y"},"g":[[1],2]}}`
		tokens := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "0", "1", "2", "-", ""})
		pointers := rapid.Custom(func(t *rapid.T) string {
			var p string
			for _, token := range rapid.SliceOfN(tokens, 0, 4).Draw(t, "tokens") {
				p += "/" + token
			}
			return p
		})
		for range rapid.IntRange(1, 6).Draw(t, "operations") {
			op := rapid.SampledFrom([]string{"add", "add", "remove", "replace", "move", "copy", "test"}).Draw(t, "op")
			path, from := pointers.Draw(t, "path"), pointers.Draw(t, "from")
			new := rapid.SampledFrom([]string{`1`, `"z"`, `{"a":[]}`, `[1.50,{"b":null}]`, `null`}).Draw(t, "value")
			patch := `[{"op":"` + op + `","path":"` + path + `","from":"` + from + `","value":` + new + `}]`
			var decoded any
			json.Unmarshal([]byte(new), &decoded)
			want, ok := oracle(clone(value), op, path, from, decoded)
			p, err := JSON([]byte(patch), fhir.DefaultLimits)
			var got string
			if err == nil {
				var res *fhir.Resource
				if res, err = fhir.ParseValue([]byte(text), fhir.DefaultLimits); err != nil {
					t.Fatal(err)
				}
				d := document{res: res}
				if err = p.steps[0].apply(&d); err == nil {
					got = text
					if d.next != nil {
						got = string(d.next)
					} else if err = d.read(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if (err == nil) != ok {
				t.Fatalf("%s on %s: %s %v, the oracle says %v", patch, text, got, err, ok)
			}
			if !ok {
				continue
			}
			var have any
			if err := json.Unmarshal([]byte(got), &have); err != nil || !reflect.DeepEqual(have, want) {
				t.Fatalf("%s on %s: %s %v, want %v", patch, text, got, err, want)
			}
			if strings.Count(text, `\u0078`) == 1 && op == "add" && !strings.HasPrefix("/a/1/b", path) && strings.Count(got, `\u0078`) != 1 {
				t.Fatalf("%s on %s rewrote what it does not touch: %s", patch, text, got)
			}
			value, text = have, got
		}
	})
}

func clone(v any) (out any) {
	b, _ := json.Marshal(v)
	json.Unmarshal(b, &out)
	return out
}

// oracle applies an operation to decoded values.
func oracle(doc any, op, path, from string, value any) (any, bool) {
	get := func(p string) (any, bool) {
		at := doc
		for _, token := range split(p) {
			switch v := at.(type) {
			case map[string]any:
				next, ok := v[token]
				if !ok {
					return nil, false
				}
				at = next
			case []any:
				i, err := strconv.Atoi(token)
				if err != nil || i < 0 || i >= len(v) || strconv.Itoa(i) != token {
					return nil, false
				}
				at = v[i]
			default:
				return nil, false
			}
		}
		return at, true
	}
	var edit func(at any, tokens []string, f func(holder any, token string) (any, bool)) (any, bool)
	edit = func(at any, tokens []string, f func(any, string) (any, bool)) (any, bool) {
		if len(tokens) == 1 {
			return f(at, tokens[0])
		}
		switch v := at.(type) {
		case map[string]any:
			next, ok := v[tokens[0]]
			if ok {
				v[tokens[0]], ok = edit(next, tokens[1:], f)
			}
			return v, ok
		case []any:
			i, err := strconv.Atoi(tokens[0])
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			var ok bool
			v[i], ok = edit(v[i], tokens[1:], f)
			return v, ok
		}
		return nil, false
	}
	add := func(p string, value any) bool {
		if p == "" {
			doc = value
			return true
		}
		next, ok := edit(doc, split(p), func(holder any, token string) (any, bool) {
			switch v := holder.(type) {
			case map[string]any:
				v[token] = value
				return v, true
			case []any:
				i, err := strconv.Atoi(token)
				if token == "-" {
					i, err = len(v), nil
				}
				if err != nil || i < 0 || i > len(v) {
					return nil, false
				}
				return append(v[:i:i], append([]any{value}, v[i:]...)...), true
			}
			return nil, false
		})
		doc = next
		return ok
	}
	remove := func(p string) bool {
		if _, ok := get(p); !ok || p == "" {
			return false
		}
		doc, _ = edit(doc, split(p), func(holder any, token string) (any, bool) {
			switch v := holder.(type) {
			case map[string]any:
				delete(v, token)
				return v, true
			case []any:
				i, _ := strconv.Atoi(token)
				return append(v[:i:i], v[i+1:]...), true
			}
			return nil, false
		})
		return true
	}
	there, exists := get(path)
	switch op {
	case "add":
		return doc, add(path, value)
	case "remove":
		ok := remove(path)
		return doc, ok
	case "replace":
		if !exists {
			return nil, false
		}
		if path != "" {
			if holder, _ := get(path[:strings.LastIndexByte(path, '/')]); holder != nil {
				if list, ok := holder.([]any); ok {
					i, _ := strconv.Atoi(path[strings.LastIndexByte(path, '/')+1:])
					list[i] = value
					return doc, true
				}
			}
		}
		return doc, add(path, value)
	case "test":
		return doc, exists && reflect.DeepEqual(there, value)
	}
	moved, ok := get(from)
	moved = clone(moved)
	if !ok {
		return nil, false
	}
	if op == "move" {
		if from == "" || strings.HasPrefix(path, from+"/") {
			return nil, false
		}
		if from != path {
			remove(from)
		} else {
			return doc, true
		}
	}
	ok = add(path, moved)
	return doc, ok
}

func split(p string) []string {
	if p == "" {
		return nil
	}
	return strings.Split(p[1:], "/")
}

func BenchmarkJSONPatch(b *testing.B) {
	body := []byte(`{"resourceType":"Patient","id":"x",` + strings.Repeat(`"name":[{"family":"Smith","given":["Ann"]}],`, 1) + `"active":true}`)
	res := parse(b, string(body))
	patch := []byte(`[{"op":"test","path":"/active","value":true},{"op":"replace","path":"/active","value":false},{"op":"add","path":"/name/0/given/-","value":"Eve"}]`)
	b.ReportAllocs()
	for b.Loop() {
		p, err := JSON(bytes.Clone(patch), fhir.DefaultLimits)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Apply(res, fhir.DefaultLimits); err != nil {
			b.Fatal(err)
		}
	}
}
