package interaction

import (
	"fmt"
	"strings"
	"testing"
)

// Every pair counts, in its order: a condition that loses one is a wider one.
func TestPairs(t *testing.T) {
	for query, want := range map[string]string{
		"":                "[]",
		"a=1&b=2&a=3":     "[{a 1} {b 2} {a 3}]",
		"&a=1&&b=2&":      "[{a 1} {b 2}]",
		"a&b=":            "[{a } {b }]",
		"%61+b=%C3%A9+x":  "[{a b é x}]",
		"a=1&b=%ff":       `the percent-encoding of "b=%ff" is broken`,
		"a=1&%ff=2":       `the percent-encoding of "%ff=2" is broken`,
		"%zz=1&a=1":       `the percent-encoding of "%zz=1" is broken`,
		"a=1&patient=%z1": `the percent-encoding of "patient=%z1" is broken`,
	} {
		pairs, err := Pairs(query)
		got := fmt.Sprint(pairs)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// A condition asks for something, by what the caller may search by; what is wrong with it is said.
func TestConditionIsRead(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ scopes, query, want string }{
		{"system/Patient.s", "name=a", "name=a"},
		{"system/Patient.s", "?name=a&_count=3", "name=a"},
		{"system/Patient.r", "name=a", "no scope for Patient.s"},
		{"system/Patient.s", "name=%zz", `the percent-encoding of "name=%zz" is broken`},
		{"system/Patient.s", "nmae=a", `unknown search parameter "nmae"`},
		{"system/Patient.s", "name=a&_contained=true", "a condition is on the resource itself"},
		{"system/Patient.s", "_count=3", `the condition "_count=3" names no search parameter`},
	} {
		when, err := r.condition(as(t, "", c.scopes), "Patient", c.query)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = when.query.Where.String()
		}
		if !strings.Contains(got, c.want) || err == nil && got != c.want {
			t.Errorf("%s by %s: %s, want %s", c.query, c.scopes, got, c.want)
		}
	}
}

// A version is named as R4 writes it, and as some clients do.
func TestParseETag(t *testing.T) {
	for tag, want := range map[string]string{`W/"3"`: "3", `w/"3"`: "3", `"3"`: "3", "3": "3", `W/3`: "3", "": "", "W/": "", `"`: "", `"34`: "", `34"`: "", `""`: "", `W/"x"`: "", `X/"3"`: "", `W/"-1"`: ""} {
		got := ""
		if version, ok := parseETag(tag); ok {
			got = fmt.Sprint(version)
		}
		if got != want {
			t.Errorf("%s is version %q, want %q", tag, got, want)
		}
	}
}
