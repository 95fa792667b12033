package validate

import (
	"fmt"
	"strings"
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
