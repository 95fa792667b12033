package search

import (
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		s    string
		want []string
	}{
		{"", []string{""}},
		{"a", []string{"a"}},
		{"a,b,c", []string{"a", "b", "c"}},
		{",", []string{"", ""}},
		{`a\,b,c`, []string{`a\,b`, "c"}},
		{`a\\,b`, []string{`a\\`, "b"}},
		{`a\`, []string{`a\`}},
		{`a,\`, []string{"a", `\`}},
	} {
		if got := split(c.s, ','); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.s, got, c.want)
		}
	}
}

func TestUnescape(t *testing.T) {
	for s, want := range map[string]string{
		`a\,b\|c\$d\\e`: `a,b|c$d\e`, `a\b`: `a\b`, `a\`: `a\`, `\\,`: `\,`, "plain": "plain",
	} {
		if got := unescape(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"name", "birthdate", "gender", "given", "_count", "address-city"}
	for s, want := range map[string]string{
		"nmae": "name", "Name": "name", "birthdat": "birthdate", "birth-date": "birthdate", "givne": "given", "_cuont": "_count",
		"adress-city": "address-city", "xyz": "", "": "",
	} {
		if got := nearest(s, words); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"abc", "abc", 0}, {"abc", "ABC", 0}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"kitten", "sitting", 3}, {"ab", "cdefgh", 5}} {
		if got := distance(c.a, c.b, 5); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
