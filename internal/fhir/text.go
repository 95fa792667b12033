package fhir

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// string reads the string at p.i, of the value or of a key in n.
func (p *parser) string(n *Node) (string, *Error) {
	start := p.i + 1
	i := start
	b := p.b
	var seen uint64 // all bytes, or-ed together: a high bit means that one may be outside ASCII
	escaped := false
	for {
		for i+8 <= len(b) { // eight bytes at once
			x := binary.LittleEndian.Uint64(b[i:])
			seen |= x
			if m := special(x); m != 0 {
				i += bits.TrailingZeros64(m) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			return "", p.syntax(n, i, "unexpected end in a string")
		}
		c := b[i]
		switch {
		case c == '"':
			p.i = i + 1
			text := p.s[start:i]
			if seen&eighth != 0 && !utf8.ValidString(text) {
				return "", p.syntax(n, start+invalid(text), "invalid UTF-8")
			}
			if escaped {
				return p.unescape(n, start, i)
			}
			return text, nil
		case c == '\\':
			escaped = true
			i += 2
		case c < ' ':
			return "", p.syntax(n, i, "a control character must be escaped")
		default:
			seen |= uint64(c)
			i++
		}
	}
}

const (
	ones   = 0x0101010101010101
	eighth = 0x8080808080808080
)

// special has the high bit of the first of eight bytes that is a quote, a backslash or a control character, and is 0
// if there is none. Bits of later bytes mean nothing.
func special(x uint64) uint64 {
	quote, back := x^(ones*'"'), x^(ones*'\\')
	return ((quote-ones)&^quote | (back-ones)&^back | (x-ones*' ')&^x) & eighth
}

func invalid(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return len(s)
}

// unescape is the text between start and end, which has escapes.
func (p *parser) unescape(n *Node, start, end int) (string, *Error) {
	out := make([]byte, 0, end-start)
	for i := start; i < end; {
		c := p.b[i]
		if c != '\\' {
			next := i + 1
			for next < end && p.b[next] != '\\' {
				next++
			}
			out = append(out, p.b[i:next]...)
			i = next
			continue
		}
		c = p.b[i+1]
		i += 2
		switch c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := hex4(p.b[i:end])
			if r < 0 {
				return "", p.syntax(n, i-2, "malformed escape")
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if i+1 < end && p.b[i] == '\\' && p.b[i+1] == 'u' {
					low = hex4(p.b[i+2 : end])
				}
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					return "", p.syntax(n, i-6, "lone surrogate")
				}
				i += 6
			}
			out = utf8.AppendRune(out, r)
		default:
			return "", p.syntax(n, i-2, "malformed escape")
		}
	}
	return unsafe.String(unsafe.SliceData(out), len(out)), nil
}

// hex4 is the value of the four hexadecimal digits that b starts with, -1 if it does not.
func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case isDigit(c):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
