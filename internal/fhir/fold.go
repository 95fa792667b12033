package fhir

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold is s as string search compares it (R4 search.html#string): without case and accents, with compatibility forms
// (ligatures, full width) made plain, runs of white space made one blank and the ends trimmed. Letters that have no
// accent to lose but a customary plain spelling get it: ß is ss, ø is o, ł is l. Marks that carry meaning of their own
// stay: vowel signs of Indic scripts and Thai, voicing marks of kana. Fold(Fold(s)) == Fold(s).
//
// It allocates nothing where s is ASCII and folded already.
func Fold(s string) string {
	folded := true
	blank := true // so that a leading one is found
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return foldUnicode(s)
		}
		if c-'A' <= 'Z'-'A' || c < ' ' || c == 0x7f || c == ' ' && blank {
			folded = false
		}
		blank = c == ' '
	}
	if folded && (!blank || s == "") {
		return s
	}
	var out strings.Builder
	out.Grow(len(s))
	space := false // a blank is due before the next letter
	for i := range len(s) {
		c := s[i]
		if isBlank(rune(c)) {
			space = out.Len() > 0
			continue
		}
		if c < ' ' || c == 0x7f {
			continue
		}
		if space {
			out.WriteByte(' ')
			space = false
		}
		if c-'A' <= 'Z'-'A' {
			c |= 0x20
		}
		out.WriteByte(c)
	}
	return out.String()
}

func foldUnicode(s string) string {
	if strings.ContainsFunc(s, ignorable) { // before decomposing, so that marks meet their letter
		s = strings.Map(func(r rune) rune {
			if ignorable(r) {
				return -1
			}
			return r
		}, s)
	}
	var out strings.Builder
	out.Grow(len(s))
	space := false // a blank is due before the next letter
	var buf [128]byte
	for rest := norm.NFKD.AppendString(buf[:0], s); len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		if accent(r) {
			continue
		}
		if isBlank(r) {
			space = out.Len() > 0
			continue
		}
		if space {
			out.WriteByte(' ')
			space = false
		}
		switch r = unicode.ToLower(r); r {
		case 'ß':
			out.WriteString("ss")
		case 'æ':
			out.WriteString("ae")
		case 'œ':
			out.WriteString("oe")
		case 'þ':
			out.WriteString("th")
		case 'ø':
			out.WriteByte('o')
		case 'ł':
			out.WriteByte('l')
		case 'đ', 'ð':
			out.WriteByte('d')
		case 'ħ':
			out.WriteByte('h')
		case 'ı':
			out.WriteByte('i')
		case 'ŧ':
			out.WriteByte('t')
		case 'ŋ':
			out.WriteByte('n')
		case 'ĸ':
			out.WriteByte('k')
		case 'ς':
			out.WriteRune('σ')
		case '‘', '’', 'ʼ', 'ʻ', '′':
			out.WriteByte('\'')
		case '‐', '‒', '–', '—', '−':
			out.WriteByte('-')
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// accent says whether r is a mark that search disregards: combining marks that all scripts share, but the voicing
// marks of kana, and the points of Hebrew.
func accent(r rune) bool {
	if r < 0x300 || !unicode.Is(unicode.Mn, r) {
		return false
	}
	return unicode.Is(unicode.Inherited, r) && r != 0x3099 && r != 0x309A || unicode.Is(unicode.Hebrew, r)
}

// ignorable says whether r is invisible: controls but white space, soft hyphens, joiners, direction marks.
func ignorable(r rune) bool {
	return (unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r)) && !isBlank(r)
}

func isBlank(r rune) bool { return unicode.IsSpace(r) }
