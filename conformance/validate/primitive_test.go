package validate

import (
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Values of each primitive type, as JSON, that R4's patterns and ranges permit and refuse.
func TestPrimitive(t *testing.T) {
	for _, c := range []struct {
		typ       string
		good, bad []string
	}{
		{"boolean", []string{"true", "false"}, []string{`"true"`, "1", "{}"}},
		{"integer", []string{"0", "-1", "-0", "2147483647", "-2147483648"}, []string{`"1"`, "1.0", "1e3", "2147483648", "-2147483649", "true"}},
		{"unsignedInt", []string{"0", "2147483647"}, []string{"-1", "2147483648", "0.5"}},
		{"positiveInt", []string{"1", "2147483647"}, []string{"0", "-1"}},
		{"decimal", []string{"0", "-1.50", "1E-22", "1e10", "0.000000000000000000001", "123456789012345678901234567890.5"}, []string{`"1.5"`, "1e9999", "1e-9999"}},
		{"string", []string{`"a"`, `" a\nb\t"`, `" "`, `"ü"`}, []string{"1", "true", "{}"}},
		{"markdown", []string{`"# a\n\nb"`}, []string{"1"}},
		{"code", []string{`"a"`, `"a b"`, `"a b c"`, `"ä"`}, []string{`" a"`, `"a "`, `"a  b"`, `" "`, `"a\tb "`, "1"}},
		{"id", []string{`"a"`, `"A-1.b"`}, []string{`"a_b"`, `"a b"`, `"a/b"`, `"ä"`}},
		{"uri", []string{`"http://a/b?c=d#e"`, `"urn:oid:1.2"`, `"urn:uuid:x"`, `"a"`, `"Patient/1"`}, []string{`"a b"`, `"http://a\n"`, "1"}},
		{"url", []string{`"http://a/b"`}, []string{`" http://a"`}},
		{"canonical", []string{`"http://a/b|1.0"`, `"#a"`}, []string{`"http://a b"`}},
		{"oid", []string{`"urn:oid:1.2.840"`, `"urn:oid:0.0"`, `"urn:oid:2.16.840.1.113883"`}, []string{`"1.2.3"`, `"urn:oid:3.1"`, `"urn:oid:1"`, `"urn:oid:1.02"`, `"urn:oid:1..2"`, `"urn:oid:1.2."`, `"urn:oid:1x2"`}},
		{"uuid", []string{`"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"`}, []string{`"c757873d-ec9a-4326-a141-556f43239520"`, `"urn:uuid:c757873dec9a4326a141556f43239520"`, `"urn:uuid:g757873d-ec9a-4326-a141-556f43239520"`, `"urn:uuid:c757873d-ec9a-4326-a141-556f432395200"`}},
		{"date", []string{`"2020"`, `"2020-02"`, `"2020-02-29"`, `"0001"`}, []string{`"2019-02-29"`, `"2020-1"`, `"2020-13"`, `"20"`, `"0000"`, `"2020-01-01T10:00:00Z"`, `"01/02/2020"`}},
		{"dateTime", []string{`"2020"`, `"2020-02-29T23:59:59Z"`, `"2020-02-29T23:59:60.123+14:00"`}, []string{`"2020-02-29T23:59Z"`, `"2020-02-29T23:59:59"`, `"2020-02-29T24:00:00Z"`, `"2020-02-29 23:59:59Z"`, `"2020-02-29T23:59:59+15:00"`}},
		{"instant", []string{`"2020-02-29T23:59:59.999-05:00"`}, []string{`"2020"`, `"2020-02-29T23:59:59"`, `"2020-02-29"`}},
		{"time", []string{`"23:59:59"`, `"00:00:00.001"`}, []string{`"24:00:00"`, `"10:00"`, `"10:00:00Z"`}},
		{"base64Binary", []string{`"YWJj"`, `"YWI="`, `"YQ=="`, `"YW\r\nJj YWI="`}, []string{`"YWJ"`, `"Y==="`, `"YQ==YQ=="`, `"YW_j"`, `" "`, `"YQ"`}},
		{"xhtml", []string{`"<div/>"`}, []string{"1"}}, // the text is checked with its Narrative
	} {
		if x := r4.TypeOf(c.typ); x == nil || x.Kind != r4.KindPrimitive {
			t.Errorf("%s is no primitive type", c.typ)
		}
		for _, v := range c.good {
			if why := primitive(c.typ, value(t, v)); why != "" {
				t.Errorf("%s %s %s", c.typ, v, why)
			}
		}
		for _, v := range c.bad {
			if primitive(c.typ, value(t, v)) == "" {
				t.Errorf("%s %s is accepted", c.typ, v)
			}
		}
	}
}

func value(t *testing.T, json string) *fhir.Node {
	t.Helper()
	res, err := fhir.ParseValue([]byte(`{"v":`+json+`}`), fhir.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	return res.Root.Get("v")
}
