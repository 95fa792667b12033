package fhirpath

import (
	"strings"
	"unicode/utf8"

	"github.com/firewarden/firewarden/internal/fhir"
)

// token is one lexical element.
type token struct {
	kind tokenKind
	text string // identifiers and strings without quotes and escapes; dates without @; variables without % or $
	pos  int
}

type tokenKind uint8

const (
	tEnd     tokenKind = iota
	tName              // identifier or keyword
	tQuoted            // `delimited identifier`
	tString            // 'text'
	tNumber            // 1, 1.50
	tDate              // @2020, @2020-01-01T10:00
	tTime              // @T10:00
	tConst             // %resource, %`vs-x`, %'vs-x'
	tSpecial           // $this, $index, $total
	tSymbol            // operators and brackets
)

// lex splits an expression into tokens (FHIRPath N1, "Lexical Elements").
func lex(src string) ([]token, error) {
	var out []token
	for i := 0; i < len(src); {
		start, c := i, src[i]
		rest := src[i:]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case strings.HasPrefix(rest, "//"):
			if n := strings.IndexByte(rest, '\n'); n >= 0 {
				i += n
			} else {
				i = len(src)
			}
			continue
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest, "*/")
			if n < 0 {
				return nil, syntax(src, start, "comment without end")
			}
			i += n + 2
			continue
		case letter(c):
			i += name(rest)
			out = append(out, token{tName, src[start:i], start})
		case digit(c):
			i += digits(rest)
			if i+1 < len(src) && src[i] == '.' && digit(src[i+1]) {
				i += 1 + digits(src[i+1:])
			}
			out = append(out, token{tNumber, src[start:i], start})
		case c == '\'' || c == '`' || c == '"':
			text, n, ok := quoted(rest)
			if !ok {
				return nil, syntax(src, start, "string without end or with a wrong escape")
			}
			kind := tString
			if c != '\'' {
				kind = tQuoted
			}
			i += n
			out = append(out, token{kind, text, start})
		case c == '@':
			i++
			for i < len(src) && (digit(src[i]) || strings.IndexByte("-:TZ+", src[i]) >= 0 ||
				src[i] == '.' && i+1 < len(src) && digit(src[i+1])) {
				i++
			}
			text, kind := src[start+1:i], tDate
			if strings.HasPrefix(text, "T") {
				text, kind = text[1:], tTime
			}
			if text == "" || !digit(text[0]) {
				return nil, syntax(src, start, "malformed date or time")
			}
			out = append(out, token{kind, text, start})
		case c == '%' && len(rest) > 1 && (rest[1] == '`' || rest[1] == '\'' || rest[1] == '"'):
			text, n, ok := quoted(rest[1:])
			if !ok {
				return nil, syntax(src, start, "string without end or with a wrong escape")
			}
			i += 1 + n
			out = append(out, token{tConst, text, start})
		case (c == '%' || c == '$') && len(rest) > 1 && letter(rest[1]):
			i += 1 + name(rest[1:])
			kind := tConst
			if c == '$' {
				kind = tSpecial
			}
			out = append(out, token{kind, src[start+1 : i], start})
		default:
			n := 1
			if len(rest) > 1 {
				switch rest[:2] {
				case "<=", ">=", "!=", "!~":
					n = 2
				}
			}
			if n == 1 && strings.IndexByte("()[]{}.,|&=~<>+-*/", c) < 0 {
				return nil, syntax(src, start, "unexpected character")
			}
			i += n
			out = append(out, token{tSymbol, src[start:i], start})
		}
	}
	return append(out, token{tEnd, "", len(src)}), nil
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

func name(s string) int {
	i := 0
	for i < len(s) && (letter(s[i]) || digit(s[i])) {
		i++
	}
	return i
}

func digits(s string) int {
	i := 0
	for i < len(s) && digit(s[i]) {
		i++
	}
	return i
}

// quoted reads the text in quotes that s begins with, and how many bytes it takes.
func quoted(s string) (text string, n int, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); {
		switch c := s[i]; c {
		case s[0]:
			return b.String(), i + 1, true
		case '\\':
			if i+1 == len(s) {
				return "", 0, false
			}
			i += 2
			switch e := s[i-1]; e {
			case 'r':
				b.WriteByte('\r')
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case 'f':
				b.WriteByte('\f')
			case '\\', '/', '\'', '"', '`':
				b.WriteByte(e)
			case 'u':
				if i+4 > len(s) {
					return "", 0, false
				}
				var r rune
				for _, h := range []byte(s[i : i+4]) {
					v := strings.IndexByte("0123456789abcdef", h|0x20)
					if v < 0 {
						return "", 0, false
					}
					r = r<<4 | rune(v)
				}
				b.WriteString(string(utf8.AppendRune(nil, r)))
				i += 4
			default:
				return "", 0, false
			}
		default:
			b.WriteByte(c)
			i++
		}
	}
	return "", 0, false
}

func syntax(src string, pos int, why string) error {
	return fhir.Errorf(fhir.KindInvalid, "", "FHIRPath, character %d of %q: %s", pos+1, short(src), why)
}

func short(s string) string {
	if len(s) <= 120 {
		return s
	}
	return strings.ToValidUTF8(s[:120], "") + "…"
}
