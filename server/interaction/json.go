package interaction

import (
	"strconv"
	"unicode/utf8"

	"github.com/firewarden/firewarden/search/plan"
)

// appendString appends s as a JSON string; invalid UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				dst = append(dst, '\\', c)
			case c < ' ':
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			default:
				dst = append(dst, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return append(dst, '"')
}

func appendETag(dst []byte, version uint64) []byte {
	return append(strconv.AppendUint(append(dst, `W/"`...), version, 10), '"')
}

func (s *Service) appendLocation(dst []byte, r plan.Row) []byte {
	dst = append(s.appendInstance(dst, r), "/_history/"...)
	return strconv.AppendUint(dst, r.Version, 10)
}

func (s *Service) appendInstance(dst []byte, r plan.Row) []byte {
	dst = append(append(dst, s.Base...), '/')
	return append(append(append(dst, r.Type...), '/'), r.ID...)
}
