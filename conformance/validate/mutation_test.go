package validate

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/examples"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Broken copies of the well-formed examples must all be refused, by Parse or by Structure: each kind of damage at
// several places of each example that has such a place.
func TestMutations(t *testing.T) {
	const places = 3
	applied := map[string]int{}
	known := faulty(t)
	for _, b := range examples.Sample(t) {
		var root map[string]any
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		if err := d.Decode(&root); err != nil {
			t.Fatal(err)
		}
		name, _ := root["resourceType"].(string)
		if known[name+"-"+str(root["id"])+".json"] != "" {
			continue
		}
		sites := collect(root, name)
		for _, kind := range slices.Sorted(maps.Keys(sites)) {
			list := sites[kind]
			step := len(list)/places + 1
			for i := 0; i < len(list); i += step {
				undo := list[i].damage()
				broken, err := json.Marshal(root)
				if err != nil {
					t.Fatal(err)
				}
				if accepted(broken) {
					t.Errorf("%s: %s at %s is accepted", name, kind, list[i].place)
				}
				undo()
				applied[kind]++
			}
		}
		if again, err := json.Marshal(root); err != nil || !accepted(again) {
			t.Fatalf("%s: not restored", name)
		}
	}
	for _, kind := range kinds {
		if applied[kind] == 0 {
			t.Errorf("%s was never applied", kind)
		}
	}
	if len(applied) != len(kinds) {
		t.Errorf("%d kinds were applied, %d are listed: %v", len(applied), len(kinds), applied)
	}
}

var kinds = []string{
	"array to scalar", "bad reference target", "bad value", "boolean as string", "code outside its set", "contained without id",
	"dangling contained", "duplicate contained", "element removed", "empty array", "empty object", "empty string", "extension with both",
	"extension without url", "extension without value", "integer as decimal", "nested contained", "null", "number as string",
	"object to string", "parallel arrays", "primitive to object", "scalar to array", "second choice", "string as number",
	"sibling of an object", "unknown element", "unknown type", "wrong case",
}

func accepted(b []byte) bool {
	res, err := fhir.Parse(b, fhir.DefaultLimits)
	return err == nil && len(Structure(res)) == 0
}

func str(v any) string {
	s, _ := v.(string)
	return s
}

// site is a place to damage; damage gives back how to undo it.
type site struct {
	place  string
	damage func() (undo func())
}

// sites are the places by kind of damage.
type sites map[string][]site

func collect(root map[string]any, typ string) sites {
	s := sites{}
	s.resource(root, typ, typ)
	return s
}

// add notes a damage that sets keys of an object; a nil value removes the key.
func (s sites) add(kind, place string, o map[string]any, changes map[string]any) {
	s[kind] = append(s[kind], site{place, func() func() {
		before := maps.Clone(o)
		for k, v := range changes {
			if v == nil {
				delete(o, k)
			} else {
				o[k] = v
			}
		}
		return func() {
			clear(o)
			maps.Copy(o, before)
		}
	}})
}

// null is JSON's null as a value to set.
var null = json.RawMessage("null")

func (s sites) resource(o map[string]any, typ, place string) {
	s.add("unknown type", place, o, map[string]any{"resourceType": typ + "s"})
	if list, ok := o["contained"].([]any); ok {
		first := list[0].(map[string]any)
		s.add("contained without id", place, first, map[string]any{"id": nil})
		s.add("nested contained", place, first, map[string]any{"contained": []any{map[string]any{"resourceType": "Patient", "id": "x"}}})
		s.add("duplicate contained", place, o, map[string]any{"contained": append(slices.Clone(list), first)})
	}
	s.object(o, r4.TypeOf(typ), place)
}

func (s sites) object(o map[string]any, t *r4.Type, place string) {
	s.add("unknown element", place, o, map[string]any{"colour": "red"})
	if t.Name == "Extension" {
		s.extension(o, place)
	}
	for i := range t.Elements {
		el := &t.Elements[i]
		present := 0
		for j := range el.Types {
			name := el.JSON(&el.Types[j])
			_, value := o[name]
			_, extra := o["_"+name]
			if !value && !extra {
				continue
			}
			present++
			if el.Min > 0 && !el.Choice {
				s.add("element removed", place+"."+name, o, map[string]any{name: nil, "_" + name: nil})
			}
			if el.Choice && len(el.Types) > 1 {
				other := el.JSON(&el.Types[(j+1)%len(el.Types)])
				s.add("second choice", place+"."+name, o, map[string]any{"_" + other: map[string]any{"id": "x"}})
			}
			if value {
				s.member(o, name, el, &el.Types[j], place+"."+name)
			}
		}
	}
}

func (s sites) extension(o map[string]any, place string) {
	s.add("extension without url", place, o, map[string]any{"url": nil})
	without := map[string]any{"extension": nil}
	for k := range o {
		if strings.HasPrefix(strings.TrimPrefix(k, "_"), "value") {
			without[k] = nil
		}
	}
	s.add("extension without value", place, o, without)
	if _, ok := o["extension"]; ok {
		s.add("extension with both", place, o, map[string]any{"valueString": "x"})
	} else {
		s.add("extension with both", place, o, map[string]any{"extension": []any{map[string]any{"url": "x", "valueString": "y"}}})
	}
}

func (s sites) member(o map[string]any, name string, el *r4.Element, ref *r4.TypeRef, place string) {
	set := func(kind string, v any) { s.add(kind, place, o, map[string]any{name: v}) }
	value := o[name]
	set("null", null)
	set("empty array", []any{})
	set("empty object", map[string]any{})
	s.add("wrong case", place, o, map[string]any{name: nil, strings.ToUpper(name): value})

	items, isArray := value.([]any)
	if !isArray {
		set("scalar to array", []any{value})
		items = []any{value}
	} else {
		set("array to scalar", items[0])
	}
	// one is the value with its first item replaced.
	one := func(v any) any {
		if !isArray {
			return v
		}
		list := slices.Clone(items)
		list[0] = v
		return list
	}
	t := ref.Type()
	if t.Kind == r4.KindPrimitive {
		s.primitive(name, set, one, items[0], el, t)
		if isArray {
			s.add("parallel arrays", place, o, map[string]any{"_" + name: make([]any, len(items)+1)})
		}
		return
	}
	set("object to string", one("x"))
	s.add("sibling of an object", place, o, map[string]any{"_" + name: map[string]any{"id": "x"}})
	for i, item := range items {
		child := item.(map[string]any)
		switch {
		case t.Kind == r4.KindResource:
			s.resource(child, str(child["resourceType"]), place)
			continue
		case t.Name == "Reference" && i == 0:
			s.reference(child, ref.Targets, place)
		case t.Name == "CodeableConcept" && known(el):
			s.add("code outside its set", place, child, map[string]any{"coding": []any{map[string]any{"system": "http://x", "code": "y"}}})
		}
		s.object(child, t, place)
	}
}

func known(el *r4.Element) bool {
	_, known := el.Permits("", "")
	return known
}

func (s sites) reference(o map[string]any, targets []string, place string) {
	s.add("dangling contained", place, o, map[string]any{"reference": "#nothing-has-this-id"})
	if len(targets) > 0 {
		wrong := "Basic"
		if slices.Contains(targets, wrong) {
			wrong = "Linkage"
		}
		s.add("bad reference target", place, o, map[string]any{"reference": wrong + "/1", "type": nil})
	}
}

// bad are values that a primitive type refuses.
var bad = map[string]string{
	"code": " a", "id": "a b", "uri": "a b", "url": "a b", "canonical": "a b", "oid": "1.2", "uuid": "x", "date": "2020-13-01",
	"dateTime": "2020-01-01T10:00", "instant": "2020-01-01", "time": "25:00:00", "base64Binary": "a", "xhtml": "<script/>",
}

func (s sites) primitive(name string, set func(string, any), one func(any) any, value any, el *r4.Element, t *r4.Type) {
	set("primitive to object", one(map[string]any{"value": value}))
	switch v := value.(type) {
	case bool:
		set("boolean as string", one(map[bool]string{true: "true", false: "false"}[v]))
	case json.Number:
		set("number as string", one(v.String()))
		if t.Name != "decimal" {
			set("integer as decimal", one(json.Number("1.5")))
		}
	case string:
		set("string as number", one(json.Number("7")))
		set("empty string", one(""))
		if w, ok := bad[t.Name]; ok {
			set("bad value", one(w))
		}
		if known(el) {
			set("code outside its set", one("nonsense-code"))
		}
	}
}
