package validate

import (
	"fmt"
	"strings"
	"unicode"
)

// xhtml is the namespace of a narrative's root.
const xhtml = "http://www.w3.org/1999/xhtml"

// maxAttributes bounds the attributes of an element: each is compared with those before it.
const maxAttributes = 50

// narrative checks the text of Narrative.div: well-formed XML, a div in the XHTML namespace, only the elements of
// HTML 4.0 chapters 7 to 11 and 15 (without 9.4), links and images, nothing that runs, some content (R4
// narrative.html, txt-1 and txt-2). It says what is wrong, "" if nothing is.
//
// Apps show this text in browsers, which read it as HTML: what XML and HTML read differently (CDATA, odd comments,
// processing instructions, a document type) is refused, or a script could hide in it.
func narrative(s string) string {
	x := xmlScan{s: s}
	x.space()
	if !strings.HasPrefix(x.s[x.i:], "<div") {
		return "must be a div element"
	}
	x.markup()
	for x.why == "" && len(x.open) > 0 && x.i < len(x.s) {
		if x.content(); x.why == "" && x.i < len(x.s) {
			x.markup()
		}
	}
	if x.why != "" {
		return x.why
	}
	if len(x.open) > 0 {
		return fmt.Sprintf("does not close <%s>", short(x.open[len(x.open)-1]))
	}
	if x.space(); x.i < len(x.s) {
		return "has something after its div"
	}
	if !x.visible {
		return "has no content (txt-2)"
	}
	return ""
}

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

// attributeRules refuses what runs: event handlers, links that are scripts.
func (x *xmlScan) attributeRules(element, key, value string) {
	lower := strings.ToLower(key)
	switch {
	case strings.HasPrefix(lower, "on"):
		x.fail("must not have the event attribute %s", short(key))
	case lower == "href" || lower == "src" || lower == "cite" || lower == "longdesc" || lower == "background" || lower == "usemap":
		scheme := schemeOf(value)
		if scheme == "javascript" || scheme == "vbscript" || scheme == "data" && (element != "img" || lower != "src") {
			x.fail("must not have a %s: link", scheme)
		}
	case strings.HasPrefix(lower, "xlink") || lower == "action" || lower == "formaction" || lower == "srcdoc" || lower == "srcset":
		x.fail("must not have the attribute %s", short(key))
	case lower == "style":
		if folded := strings.ToLower(plain(value)); strings.Contains(folded, "javascript:") || strings.Contains(folded, "expression(") {
			x.fail("must not have a script in a style")
		}
	}
}

// schemeOf is the scheme of a URL as a browser reads it: character references resolved, control characters and white
// space left out, small letters.
func schemeOf(value string) string {
	scheme, _, ok := strings.Cut(plain(value), ":")
	if !ok || len(scheme) > 20 {
		return ""
	}
	return strings.ToLower(scheme)
}

// plain resolves character references and drops control characters and white space. It reads no further than a
// scheme needs where there is nothing to resolve.
func plain(value string) string {
	if !strings.ContainsFunc(value, func(r rune) bool { return r == '&' || r <= ' ' }) {
		return value
	}
	var b strings.Builder
	for i := 0; i < len(value); {
		if value[i] == '&' {
			if end := strings.IndexByte(value[i:], ';'); end > 0 {
				if r, ok := reference(value[i+1 : i+end]); ok && r > ' ' {
					b.WriteRune(r)
				}
				i += end + 1
				continue
			}
		}
		if value[i] > ' ' {
			b.WriteByte(value[i])
		}
		i++
	}
	return b.String()
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

// permittedElement: HTML 4.0 chapters 7 to 11 without 9.4, 15 without deprecated elements, links, images and maps.
func permittedElement(name string) bool {
	switch name {
	case "a", "abbr", "acronym", "address", "area", "b", "bdo", "big", "blockquote", "br", "caption", "cite", "code",
		"col", "colgroup", "dd", "dfn", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img",
		"kbd", "li", "map", "ol", "p", "pre", "q", "samp", "small", "span", "strong", "sub", "sup", "table", "tbody",
		"td", "tfoot", "th", "thead", "tr", "tt", "ul", "var":
		return true
	}
	return false
}
