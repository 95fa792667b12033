package terminology

import (
	"fmt"
	"strings"
	"testing"
)

// A Cache reads a body once, another body of the same name anew, and holds no more than it may.
func TestCache(t *testing.T) {
	var c Cache
	set := func(code string) []byte {
		return []byte(`{"resourceType":"ValueSet","url":"urn:v","compose":{"include":[{"system":"urn:a","concept":[{"code":"` + code + `"}]}]}}`)
	}
	read := func(name string, body []byte) *Definition {
		d, err := c.Read(name, body)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := read("ValueSet/1", set("x"))
	if again := read("ValueSet/1", set("x")); again != first {
		t.Error("the same body is read twice")
	}
	if other := read("ValueSet/2", set("y")); other == first {
		t.Error("another resource gets the definition of the first")
	}
	changed := read("ValueSet/1", set("z"))
	var e Expander
	if got := text(e.Of(changed)); got != "urn:a|z" {
		t.Errorf("a changed body has %s", got)
	}
	if _, err := c.Read("ValueSet/1", []byte("{")); err == nil {
		t.Error("what is no JSON is read")
	}
	for i := range 40 {
		read(fmt.Sprintf("ValueSet/%d", i), set(strings.Repeat("x", 1<<20)))
		if c.bytes > maxKept {
			t.Fatalf("%d bytes are kept", c.bytes)
		}
		total := 0
		for _, k := range c.by {
			total += len(k.body)
		}
		if total != c.bytes {
			t.Fatalf("%d bytes are kept, %d are counted", total, c.bytes)
		}
	}
}
