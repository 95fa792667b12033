package index

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// EachWord calls f for the words of a folded text (fhir.Fold) in their order until f returns false: runs of letters and
// digits with their marks.
func EachWord(folded string, f func(word string) bool) {
	from := -1
	for i, r := range folded {
		inside := r >= 'a' && r <= 'z' || r >= '0' && r <= '9' ||
			r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r))
		switch {
		case inside && from < 0:
			from = i
		case !inside && from >= 0:
			if !f(folded[from:i]) {
				return
			}
			from = -1
		}
	}
	if from >= 0 {
		f(folded[from:])
	}
}

// The parameters of whole texts (R4 search.html#content), which have no expression.
var (
	textParam    = r4.Lookup("", "_text")
	contentParam = r4.Lookup("", "_content")
)

// IsText says whether p is _text or _content, whose values are all texts of the narrative or of the resource.
func IsText(p *r4.SearchParameter) bool { return p == textParam || p == contentParam }

// WordTerm is the term of a word that stands in some text of a resource, whatever element that is.
func WordTerm(word string) Term { return Term{contentParam.Num, FormWord, word} }

// textValues are the values of _text or _content.
func textValues(p *r4.SearchParameter, res *fhir.Resource) []Value {
	var out []Value
	add := func(text string) {
		if strings.TrimSpace(text) != "" {
			out = append(out, Value{Type: r4.String, Text: text})
		}
	}
	if p == textParam {
		add(narrative(res.Root))
	} else {
		eachText(res.Root, r4.TypeOf(res.Type), add)
	}
	return out
}

// allWords adds the words of all texts of a resource.
func (b *builder) allWords(res *fhir.Resource) {
	eachText(res.Root, r4.TypeOf(res.Type), func(text string) {
		EachWord(b.fold(text), func(w string) bool {
			b.out.Terms = append(b.out.Terms, WordTerm(w))
			return true
		})
	})
}

// fold is fhir.Fold as far as words show it; for ASCII it takes no memory of its own.
func (b *builder) fold(text string) string {
	folded := true
	for i := range len(text) {
		c := text[i]
		if c >= utf8.RuneSelf || c < ' ' || c == 0x7f {
			return fhir.Fold(text)
		}
		folded = folded && c-'A' > 'Z'-'A'
	}
	if folded {
		return text // but for blanks
	}
	b.room(len(text))
	from := len(b.text)
	for i := range len(text) {
		c := text[i]
		if c-'A' <= 'Z'-'A' {
			c |= 0x20
		}
		b.text = append(b.text, c)
	}
	return b.cut(from)
}

// narrative is the text of a resource's narrative.
func narrative(res *fhir.Node) string { return plain(res.Get("text").Str("div")) }

// eachText calls f for each text of a resource, or of a part of it of type t, that people read: string, markdown and
// narrative, also inside extensions and contained resources. Codes, ids, references, URLs, dates and data are none.
func eachText(n *fhir.Node, t *r4.Type, f func(text string)) {
	if t == nil {
		return
	}
	for c := n.First; c != nil; c = c.Next {
		name, extended := strings.CutPrefix(c.Name, "_") // the extensions of a primitive
		_, ref := t.Lookup(name)
		if ref == nil || ref.Code == "string" && name == "reference" && t.Name == "Reference" {
			continue
		}
		c.Each(func(item *fhir.Node) {
			inner := ref.Type()
			switch {
			case item.JSON == fhir.Object && extended:
				eachText(item, r4.TypeOf("Element"), f)
			case item.JSON == fhir.Object && inner.Kind == r4.KindResource:
				eachText(item, r4.TypeOf(item.Str("resourceType")), f)
			case item.JSON == fhir.Object && inner.Kind != r4.KindPrimitive:
				eachText(item, inner, f)
			case item.JSON == fhir.String && (ref.Code == "string" || ref.Code == "markdown"):
				f(item.Text)
			case item.JSON == fhir.String && ref.Code == "xhtml":
				f(plain(item.Text))
			}
		})
	}
}

// plain is XHTML without its tags.
func plain(div string) string {
	if div == "" {
		return ""
	}
	var b strings.Builder
	b.Grow(len(div))
	for {
		text, rest, more := strings.Cut(div, "<")
		b.WriteString(text)
		if !more {
			break
		}
		b.WriteByte(' ')
		if _, div, more = strings.Cut(rest, ">"); !more {
			break
		}
	}
	return html.UnescapeString(b.String())
}
