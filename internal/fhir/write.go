package fhir

import (
	"bytes"
	"encoding/json"
)

// AppendJSON appends n as compact JSON, written anew from the tree: strings have only the escapes that JSON needs.
func (n *Node) AppendJSON(dst []byte) []byte {
	switch n.JSON {
	case Object, Array:
		open, end := byte('{'), byte('}')
		if n.JSON == Array {
			open, end = '[', ']'
		}
		dst = append(dst, open)
		for c := n.First; c != nil; c = c.Next {
			if c != n.First {
				dst = append(dst, ',')
			}
			if n.JSON == Object {
				dst = append(appendString(dst, c.Name), ':')
			}
			dst = c.AppendJSON(dst)
		}
		return append(dst, end)
	case String:
		return appendString(dst, n.Text)
	case Null:
		return append(dst, "null"...)
	}
	return append(dst, n.Text...)
}

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	run := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[run:i]...)
		run = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[run:]...), '"')
}

// Pretty is a JSON text with two blanks of indentation a level; all tokens stay as written.
func Pretty(b []byte) []byte {
	var out bytes.Buffer
	out.Grow(2 * len(b))
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return b
	}
	return out.Bytes()
}
