package patch

import (
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// pointer is a JSON Pointer (RFC 6901), unescaped; empty is the whole document.
type pointer []string

// parsePointer reads a pointer; ok is false if it is malformed.
func parsePointer(s string) (p pointer, ok bool) {
	if s == "" {
		return nil, true
	}
	if s[0] != '/' {
		return nil, false
	}
	for token := range strings.SplitSeq(s[1:], "/") {
		if strings.Contains(token, "~") {
			if rest := strings.NewReplacer("~0", "", "~1", "").Replace(token); strings.Contains(rest, "~") {
				return nil, false
			}
			token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		}
		p = append(p, token)
	}
	return p, true
}

// within says whether p is below o.
func (p pointer) within(o pointer) bool {
	if len(p) <= len(o) {
		return false
	}
	for i := range o {
		if p[i] != o[i] {
			return false
		}
	}
	return true
}

// find is the value that p names; nil if there is none.
func (p pointer) find(n *fhir.Node) *fhir.Node {
	for _, token := range p {
		switch {
		case n == nil:
			return nil
		case n.JSON == fhir.Object:
			n = n.Get(token)
		case n.JSON == fhir.Array:
			i, ok := index(token)
			if !ok {
				return nil
			}
			for n = n.First; n != nil && n.Index < i; n = n.Next {
			}
		default:
			return nil
		}
	}
	return n
}

// index reads the index of an array: no sign, no leading zeros.
func index(token string) (int, bool) {
	if token == "" || token[0] == '0' && len(token) > 1 || token[0] == '+' || token[0] == '-' {
		return 0, false
	}
	i, err := strconv.Atoi(token)
	return i, err == nil
}
