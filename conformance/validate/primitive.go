package validate

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/firewarden/firewarden/internal/fhir"
)

// space is the white space of R4's patterns.
const space = " \t\n\v\f\r"

// maxString is the longest string that R4 permits, in characters (datatypes.html#string).
const maxString = 1 << 20

// What primitive finds; the messages of primitiveFault.
const (
	notBoolean = "must be true or false, without quotes"
	notNumber  = "must be a number, without quotes"
	notString  = "must be a string in double quotes"
)

// primitive checks the value of a primitive type (R4 datatypes.html#primitive) and says what is wrong with it.
func primitive(typ string, n *fhir.Node) (why string) {
	switch typ {
	case "boolean":
		if n.JSON != fhir.Bool {
			return notBoolean
		}
		return ""
	case "decimal", "integer", "positiveInt", "unsignedInt":
		if n.JSON != fhir.Number {
			return notNumber
		}
		return number(typ, n.Text)
	}
	if n.JSON != fhir.String {
		return notString
	}
	return text(typ, n.Text)
}

func number(typ, s string) string {
	if typ == "decimal" {
		if len(s) <= 18 && strings.IndexByte(s, 'e') < 0 && strings.IndexByte(s, 'E') < 0 {
			return ""
		}
		if _, err := fhir.ParseDecimal(s); err != nil {
			return "is out of range"
		}
		return ""
	}
	i, err := strconv.ParseInt(s, 10, 32) // JSON allows neither a plus nor leading zeros
	switch {
	case err != nil:
		return "is no 32-bit integer"
	case typ == "positiveInt" && i < 1:
		return "must be at least 1"
	case typ == "unsignedInt" && i < 0:
		return "must not be negative"
	}
	return ""
}

func text(typ, s string) string {
	ok, want := true, ""
	switch typ {
	case "string", "markdown":
		if len(s) > maxString && utf8.RuneCountInString(s) > maxString {
			return "is longer than 1,048,576 characters"
		}
	case "code":
		ok, want = isCode(s), "code (no white space at its ends, none doubled)"
	case "id":
		ok, want = fhir.ValidID(s), "id (1 to 64 of A-Z a-z 0-9 - .)"
	case "uri", "url", "canonical":
		ok, want = !strings.ContainsAny(s, space), "URI (no white space)"
	case "oid":
		ok, want = isOID(s), "OID (urn:oid:1.2.3)"
	case "uuid":
		ok, want = isUUID(s), "UUID (urn:uuid:c757873d-ec9a-4326-a141-556f43239520)"
	case "date":
		ok, want = fhir.ValidDate(s), "date (YYYY, YYYY-MM or YYYY-MM-DD)"
	case "dateTime":
		ok, want = fhir.ValidDateTime(s), "dateTime (YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz)"
	case "instant":
		ok, want = fhir.ValidInstant(s), "instant (YYYY-MM-DDThh:mm:ss.sss+zz:zz)"
	case "time":
		ok, want = fhir.ValidTime(s), "time (hh:mm:ss)"
	case "base64Binary":
		ok, want = isBase64(s), "base64"
	}
	if !ok {
		return "is no " + want
	}
	return ""
}

// primitiveFault reports what primitive found: a wrong kind of JSON is a matter of structure, the rest of value.
func (w *walk) primitiveFault(n *fhir.Node, why string) {
	switch why {
	case notBoolean, notNumber, notString:
		w.fault(fhir.KindStructure, n, "the value %s", why)
	default:
		w.fault(fhir.KindValue, n, "%q %s", short(n.Text), why)
	}
}

// isCode: [^\s]+(\s[^\s]+)*
func isCode(s string) bool {
	before := true // white space, or the start
	for i := range len(s) {
		here := s[i] == ' ' || s[i] >= '\t' && s[i] <= '\r'
		if here && before {
			return false
		}
		before = here
	}
	return !before
}

// isOID: urn:oid:[0-2](\.(0|[1-9][0-9]*))+
func isOID(s string) bool {
	s, ok := strings.CutPrefix(s, "urn:oid:")
	if !ok || len(s) < 3 || s[0] < '0' || s[0] > '2' {
		return false
	}
	for s = s[1:]; s != ""; {
		if s[0] != '.' {
			return false
		}
		n := 1
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		if n == 1 || n > 2 && s[1] == '0' {
			return false
		}
		s = s[n:]
	}
	return true
}

// isUUID: urn:uuid: and 8-4-4-4-12 hexadecimal digits. R4's pattern has small letters only, RFC 4122 tells readers to
// accept both.
func isUUID(s string) bool {
	s, ok := strings.CutPrefix(s, "urn:uuid:")
	if !ok || len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return false
			}
		}
	}
	return true
}

// isBase64: groups of four characters, white space anywhere, padding at the end.
func isBase64(s string) bool {
	count, padding := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			if padding > 0 {
				return false
			}
			count++
		case c == '=':
			padding++
			count++
		case c == ' ', c == '\t', c == '\r', c == '\n':
		default:
			return false
		}
	}
	return count > 0 && count%4 == 0 && padding <= 2
}
