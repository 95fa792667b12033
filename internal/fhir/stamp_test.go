package fhir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestStamp(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 5_999_999, time.FixedZone("", 3600))
	full := Stamp{ID: "9", VersionID: "2", LastUpdated: at}
	const meta = `"meta":{"versionId":"2","lastUpdated":"2026-11-22T08:00:00.005Z"`
	for _, c := range []struct {
		name     string
		in, keep string // keep: meta of the version before
		stamp    Stamp
		want     string
	}{
		{"nothing to set", `{ "resourceType":"Patient" , "active":true }`, "", Stamp{}, `{"resourceType":"Patient","active":true}`},
		{"nothing there", `{"resourceType":"Patient","active":true}`, "", full, `{"resourceType":"Patient","id":"9",` + meta + `},"active":true}`},
		{"nothing else", `{"resourceType":"Patient"}`, "", full, `{"resourceType":"Patient","id":"9",` + meta + `}}`},
		{"id there", `{"resourceType":"Patient","id":"1","active":true}`, "", full, `{"resourceType":"Patient","id":"9",` + meta + `},"active":true}`},
		{"id before", `{"id":"1","resourceType":"Patient"}`, "", full, `{"id":"9",` + meta + `},"resourceType":"Patient"}`},
		{"resourceType last", `{"active":true,"resourceType":"Patient"}`, "", full, `{"active":true,"resourceType":"Patient","id":"9",` + meta + `}}`},
		{"id no string", `{"resourceType":"Patient","id":{"a":1}}`, "", full, `{"resourceType":"Patient","id":"9",` + meta + `}}`},
		{"only id", `{"resourceType":"Patient","active":true}`, "", Stamp{ID: "9"}, `{"resourceType":"Patient","id":"9","active":true}`},
		{"both in meta", `{"resourceType":"Patient","meta":{"source":"#1","lastUpdated":"2000-01-01T00:00:00Z","versionId":"1"},"id":"1"}`, "", full,
			`{"resourceType":"Patient","meta":{"source":"#1","lastUpdated":"2026-11-22T08:00:00.005Z","versionId":"2"},"id":"9"}`},
		{"one in meta", `{"resourceType":"Patient","id":"9","meta":{"lastUpdated":"2000-01-01T00:00:00Z"}}`, "", full,
			`{"resourceType":"Patient","id":"9","meta":{"versionId":"2","lastUpdated":"2026-11-22T08:00:00.005Z"}}`},
		{"neither in meta", `{"resourceType":"Patient","id":"9","meta":{ "tag" : [ {"code":"a\/b \u0041"} ] } }`, "", full,
			`{"resourceType":"Patient","id":"9",` + meta + `,"tag":[{"code":"a\/b \u0041"}]}}`},
		{"meta no object", `{"resourceType":"Patient","id":"9","meta":[1,2]}`, "", full, `{"resourceType":"Patient","id":"9",` + meta + `}}`},
		{"numbers and escapes", `{"resourceType":"Patient","x":[1.50,-0, 1E+2,1.0e-7],"y":" \" \\ \u00e9 \/ {[,:]} "}`, "", Stamp{},
			`{"resourceType":"Patient","x":[1.50,-0,1E+2,1.0e-7],"y":" \" \\ \u00e9 \/ {[,:]} "}`},
		{"keep without meta", `{"resourceType":"Patient","id":"9"}`, `{"versionId":"1","source":"#1","profile":["http://p"],"tag":[{"system":"s","code":"a"}]}`, full,
			`{"resourceType":"Patient","id":"9",` + meta + `,"profile":["http://p"],"tag":[{"system":"s","code":"a"}]}}`},
		{"keep only", `{"resourceType":"Patient","id":"9"}`, `{"security":[{"code":"R"}]}`, Stamp{}, `{"resourceType":"Patient","id":"9","meta":{"security":[{"code":"R"}]}}`},
		{"keep nothing", `{"resourceType":"Patient","id":"9"}`, `{"versionId":"1"}`, Stamp{}, `{"resourceType":"Patient","id":"9"}`},
		{"keep what is missing", `{"resourceType":"Patient","id":"9","meta":{"tag":[ {"system":"s","code":"b","display":"new"} ],"profile":[ "http://p" ]}}`,
			`{"profile":["http://q","http://p"],"security":[{"system":"s","code":"R"},{"code":"\"V\""}],"tag":[{"system":"s","code":"b","display":"old"},{"system":"other","code":"b"},{"code":"b"}]}`, full,
			`{"resourceType":"Patient","id":"9",` + meta + `,"tag":[{"system":"s","code":"b","display":"new"},{"system":"other","code":"b"},{"code":"b"}],` +
				`"profile":["http://p","http://q"],"security":[{"system":"s","code":"R"},{"code":"\"V\""}]}}`},
		{"keep beside extensions", `{"resourceType":"Patient","id":"9","meta":{"profile":["http://p"],"_profile":[{"id":"x"}]}}`, `{"profile":["http://q","http://r"]}`, Stamp{},
			`{"resourceType":"Patient","id":"9","meta":{"profile":["http://p","http://q","http://r"],"_profile":[{"id":"x"},null,null]}}`},
		{"keep malformed", `{"resourceType":"Patient","id":"9","meta":{"tag":"x"}}`, `{"tag":[{"code":"b"}]}`, Stamp{},
			`{"resourceType":"Patient","id":"9","meta":{"tag":"x"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := mustParse(t, c.in)
			if c.keep != "" {
				old, err := ParseValue([]byte(c.keep), Limits{})
				if err != nil {
					t.Fatal(err)
				}
				c.stamp.Keep = old.Root
			}
			got := string(r.Stamp(c.stamp))
			if got != c.want {
				t.Errorf("got\n%s, want\n%s", got, c.want)
			}
			if string(r.Bytes) != c.in {
				t.Error("the sender's bytes were changed")
			}
			if again := string(mustParse(t, got).Stamp(c.stamp)); again != got {
				t.Errorf("stamped twice:\n%s, once:\n%s", again, got)
			}
		})
	}
}

func TestEdit(t *testing.T) {
	r := mustParse(t, `{"resourceType":"Group", "id":"old","member":[{"entity":{"reference":"urn:uuid:1"}},{"entity":{"reference":"urn:uuid:2"}}],"url":"u"}`)
	reference := func(n *Node) *Node { return n.Get("entity").Get("reference") }
	first := r.Root.Get("member").First
	edits := []Edit{ // in any order
		{r.Root.Get("url"), "a \"quoted\" \\ \n\t\r\x01 é"},
		{reference(first.Next), "Patient/2"},
		{reference(first), "Patient/1"},
		{r.Root.Get("id"), "edited"},
	}
	const rest = `"member":[{"entity":{"reference":"Patient/1"}},{"entity":{"reference":"Patient/2"}}],"url":"a \"quoted\" \\ \n\t\r\u0001 é"}`
	if got, want := string(r.Edit(edits)), `{"resourceType":"Group","id":"edited",`+rest; got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	if got, want := string(r.Stamp(Stamp{ID: "new", Edits: edits})), `{"resourceType":"Group","id":"new",`+rest; got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	other := mustParse(t, `{"resourceType":"Group","contained":[{"resourceType":"Patient","id":"1"},{"resourceType":"Patient","id":"2"}]}`)
	sub := other.Sub(other.Root.Get("contained").First)
	if got := string(sub.Edit([]Edit{{other.Root.Get("contained").First.Next.Get("id"), "x"}})); got != `{"resourceType":"Patient","id":"1"}` {
		t.Errorf("an edit outside the resource was applied: %s", got)
	}
}

func TestPretty(t *testing.T) {
	got := string(Pretty([]byte(`{"resourceType":"Patient","x":[1.50,"\u00e9 <&"]}`)))
	if want := "{\n  \"resourceType\": \"Patient\",\n  \"x\": [\n    1.50,\n    \"\\u00e9 <&\"\n  ]\n}"; got != want {
		t.Errorf("got %s", got)
	}
}

// TestStampProperties: a stamped resource has what was stamped, and the edited texts; all else is as encoding/json
// reads the input, in the same order; stamping again changes nothing.
func TestStampProperties(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab\"\\/\n é😀\u2028<:,{}[]")), 1, 12, -1)
	quoted := rapid.Custom(func(t *rapid.T) string {
		b, _ := json.Marshal(text.Draw(t, "text"))
		if rapid.Bool().Draw(t, "slash") {
			b = bytes.ReplaceAll(b, []byte("/"), []byte(`\/`))
		}
		return string(b)
	})
	var value func(depth int) *rapid.Generator[string]
	value = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			if depth == 0 {
				return rapid.OneOf(quoted, rapid.SampledFrom([]string{"1.50", "-0", "1E+2", "true", "false"})).Draw(t, "leaf")
			}
			n := rapid.IntRange(1, 3).Draw(t, "members")
			var members []string
			for i := range n {
				members = append(members, fmt.Sprintf(`"k%d":%s`, i, value(depth-1).Draw(t, "value")))
			}
			if o := "{" + strings.Join(members, ",") + "}"; rapid.Bool().Draw(t, "object") {
				return o
			} else {
				return "[" + o + "," + o + "]"
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		members := []string{`"resourceType":"Patient"`}
		if rapid.Bool().Draw(t, "has id") {
			members = append(members, `"id":`+quoted.Draw(t, "id"))
		}
		if rapid.Bool().Draw(t, "has meta") {
			members = append(members, `"meta":{`+strings.Join(rapid.Permutation([]string{
				`"versionId":"1"`, `"lastUpdated":"2000"`, `"tag":[{"code":"c"}]`, `"x":` + value(1).Draw(t, "x")}).Draw(t, "meta")[:rapid.IntRange(1, 4).Draw(t, "parts")], ",")+"}")
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "others") {
			members = append(members, fmt.Sprintf(`"e%d":%s`, i, value(rapid.IntRange(0, 2).Draw(t, "depth")).Draw(t, "value")))
		}
		in := []byte("{" + strings.Join(rapid.Permutation(members).Draw(t, "order"), ",") + "}")
		compact := in
		if rapid.Bool().Draw(t, "spaced") {
			in = Pretty(in)
		}
		r, err := Parse(in, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		s := Stamp{ID: "new", VersionID: "2", LastUpdated: time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "time"))}
		var walk func(*Node)
		walk = func(n *Node) {
			if n.JSON == String && strings.HasPrefix(n.Name, "k") && rapid.Bool().Draw(t, "edit") {
				s.Edits = append(s.Edits, Edit{n, text.Draw(t, "new text")})
			}
			for c := n.First; c != nil; c = c.Next {
				walk(c)
			}
		}
		walk(r.Root)
		out := r.Stamp(s)

		got, err := Parse(bytes.Clone(out), Limits{})
		if err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		meta := got.Root.Get("meta")
		if got.ID != "new" || meta.Str("versionId") != "2" || meta.Str("lastUpdated") != Instant(s.LastUpdated) {
			t.Fatalf("not stamped: %s", out)
		}
		var undo []Edit
		for _, e := range s.Edits {
			n := got.at(r.Path(e.Node))
			if n == nil || n.Text != e.Text {
				t.Fatalf("%s was not edited: %s", e.Node.Path(), out)
			}
			undo = append(undo, Edit{n, e.Node.Text})
		}
		was, now := compact, out
		if len(undo) > 0 { // edits lose escapes
			undone, err := Parse(got.Edit(undo), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			was, now = r.Root.AppendJSON(nil), undone.Root.AppendJSON(nil)
		}
		a, _, _ := without(t, was)
		b, _, _ := without(t, now)
		if !bytes.Equal(a, b) {
			t.Fatalf("the rest is\n%s, was\n%s", b, a)
		}
		s.Edits = nil
		if again := got.Stamp(s); !bytes.Equal(again, out) {
			t.Fatalf("stamped twice\n%s, once\n%s", again, out)
		}
	})
}

// at finds a node by its path.
func (r *Resource) at(path string) (found *Node) {
	var walk func(*Node)
	walk = func(n *Node) {
		if r.Path(n) == path {
			found = n
		}
		for c := n.First; c != nil; c = c.Next {
			walk(c)
		}
	}
	walk(r.Root)
	return found
}
