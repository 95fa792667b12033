package validate

import (
	"fmt"
	"strings"
	"unicode"
)

// xmlScan reads the subset of XML that a narrative may use.
type xmlScan struct {
	s       string
	i       int
	open    []string // names of the elements that are open
	visible bool     // text or an image was seen
	why     string   // the first fault
}

func (x *xmlScan) fail(format string, args ...any) {
	if x.why == "" {
		x.why = fmt.Sprintf(format, args...)
	}
}

func (x *xmlScan) space() {
	for x.i < len(x.s) && isSpace(x.s[x.i]) {
		x.i++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// content reads text up to the next markup.
func (x *xmlScan) content() {
	end := strings.IndexByte(x.s[x.i:], '<')
	if end < 0 {
		end = len(x.s) - x.i
	}
	text := x.s[x.i : x.i+end]
	x.i += end
	x.entities(text)
	if strings.Contains(text, "]]>") {
		x.fail("has ]]> in its text")
	}
	if !x.visible {
		x.visible = strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsSpace(r) })
	}
}

// markup reads a tag or a comment.
func (x *xmlScan) markup() {
	rest := x.s[x.i:]
	switch {
	case strings.HasPrefix(rest, "<!--"):
		body := rest[4:]
		end := strings.Index(body, "--")
		if end < 0 || !strings.HasPrefix(body[end:], "-->") || strings.HasPrefix(body, ">") || strings.HasPrefix(body, "->") {
			x.fail("has a malformed comment")
			return
		}
		x.i += 4 + end + 3
	case strings.HasPrefix(rest, "<!"), strings.HasPrefix(rest, "<?"):
		x.fail("must not have <%c", rest[1])
	case strings.HasPrefix(rest, "</"):
		x.i += 2
		name := x.name()
		x.space()
		if n := len(x.open); n == 0 || x.open[n-1] != name || !x.skip('>') {
			x.fail("is not well-formed at </%s>", short(name))
			return
		}
		x.open = x.open[:len(x.open)-1]
	default:
		x.i++
		x.start()
	}
}

// start reads a start tag after its "<".
func (x *xmlScan) start() {
	name := x.name()
	if !permittedElement(name) {
		x.fail("must not have the element <%s> (txt-1)", short(name))
		return
	}
	root := len(x.open) == 0
	namespace := ""
	first := x.i
	for count := 0; ; count++ {
		if count > maxAttributes {
			x.fail("has too many attributes in <%s>", name)
			return
		}
		before := x.i
		x.space()
		if x.i == len(x.s) {
			x.fail("does not end <%s>", name)
			return
		}
		if c := x.s[x.i]; c == '>' || c == '/' {
			break
		}
		if x.i == before {
			x.fail("is not well-formed in <%s>", name)
			return
		}
		key, value, ok := x.attribute()
		if !ok {
			x.fail("is not well-formed in <%s>", name)
			return
		}
		if key == "xmlns" {
			namespace = value
			if value != xhtml {
				x.fail("must be in the namespace %s", xhtml)
			}
		}
		x.attributeRules(name, key, value)
		if repeated(x.s[first:before], key) {
			x.fail("repeats the attribute %s in <%s>", short(key), name)
		}
		if x.why != "" {
			return
		}
	}
	if root && namespace == "" {
		x.fail("must be in the namespace %s", xhtml)
		return
	}
	closed := x.skip('/')
	if !x.skip('>') {
		x.fail("is not well-formed in <%s>", name)
		return
	}
	x.visible = x.visible || name == "img"
	if !closed {
		x.open = append(x.open, name)
	} else if root {
		x.fail("has no content (txt-2)")
	}
}

// attribute reads key="value".
func (x *xmlScan) attribute() (key, value string, ok bool) {
	key = x.name()
	x.space()
	if key == "" || !x.skip('=') {
		return "", "", false
	}
	x.space()
	if x.i == len(x.s) || x.s[x.i] != '"' && x.s[x.i] != '\'' {
		return "", "", false
	}
	quote := x.s[x.i]
	end := strings.IndexByte(x.s[x.i+1:], quote)
	if end < 0 {
		return "", "", false
	}
	value = x.s[x.i+1 : x.i+1+end]
	x.i += end + 2
	x.entities(value)
	return key, value, strings.IndexByte(value, '<') < 0
}

// repeated says whether an earlier part of a start tag has the attribute.
func repeated(earlier, key string) bool {
	y := xmlScan{s: earlier}
	for {
		y.space()
		if y.i == len(y.s) {
			return false
		}
		k, _, ok := y.attribute()
		if !ok || k == key {
			return ok
		}
	}
}

// entities checks the references in a text: the five of XML, and characters by number.
func (x *xmlScan) entities(text string) {
	for {
		i := strings.IndexByte(text, '&')
		if i < 0 {
			return
		}
		end := strings.IndexByte(text[i:], ';')
		if end < 0 {
			x.fail("has an & that must be written &amp;")
			return
		}
		if _, ok := reference(text[i+1 : i+end]); !ok {
			x.fail("has the reference &%s;, which XML does not know", short(text[i+1:i+end]))
			return
		}
		text = text[i+end+1:]
	}
}

// reference is the character of an entity (lt) or a number (#160, #xA0).
func reference(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, ok := strings.CutPrefix(name, "#")
	if !ok {
		return 0, false
	}
	base := rune(10)
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	if digits == "" || len(digits) > 8 {
		return 0, false
	}
	var r rune
	for i := range len(digits) {
		d := digit(digits[i])
		if d >= base || r > unicode.MaxRune/16 {
			return 0, false
		}
		r = r*base + d
	}
	return r, r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= unicode.MaxRune && (r < 0xD800 || r > 0xDFFF)
}

// digit is the value of a digit of base up to 16, 99 for anything else.
func digit(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10
	}
	return 99
}

// name reads the name of an element or attribute.
func (x *xmlScan) name() string {
	from := x.i
	for x.i < len(x.s) {
		c := x.s[x.i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || x.i > from && (c >= '0' && c <= '9' || c == '-' || c == '.' || c == ':') || c == '_' {
			x.i++
			continue
		}
		break
	}
	return x.s[from:x.i]
}

// skip reads c if it is next.
func (x *xmlScan) skip(c byte) bool {
	if x.i < len(x.s) && x.s[x.i] == c {
		x.i++
		return true
	}
	return false
}
