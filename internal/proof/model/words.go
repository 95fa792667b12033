package model

import (
	"html"
	"slices"
	"strings"
	"unicode"
)

// says whether a resource has what _text or _content ask for, in its narrative or anywhere that people read (R4
// search.html#content): words and "phrases" with and, or, not and parentheses, all of them where nothing stands between;
// between commas any.
func (v *Version) says(name, wanted string) bool {
	var have []string
	if name == "_text" {
		for _, x := range v.at("text.div") {
			have = append(have, plain(text(x)))
		}
	} else {
		eachText(v.JSON, func(s string) { have = append(have, s) })
	}
	return slices.ContainsFunc(strings.Split(wanted, ","), func(wanted string) bool {
		e := expression{have: have, tokens: tokens(wanted)}
		return e.any()
	})
}

// tokens are the words, phrases and parentheses of an expression.
func tokens(s string) (out []string) {
	for i, part := range strings.Split(s, `"`) {
		if i%2 == 1 {
			out = append(out, `"`+part)
			continue
		}
		out = append(out, strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(part))...)
	}
	return out
}

type expression struct {
	have   []string // texts
	tokens []string
}

func (e *expression) next() string {
	if len(e.tokens) == 0 {
		return ""
	}
	return e.tokens[0]
}

func (e *expression) take() string {
	t := e.next()
	e.tokens = e.tokens[min(1, len(e.tokens)):]
	return t
}

func (e *expression) any() bool {
	ok := e.all()
	for e.next() == "or" {
		e.take()
		ok = e.all() || ok
	}
	return ok
}

func (e *expression) all() bool {
	ok := e.one()
	for e.next() != "" && e.next() != "or" && e.next() != ")" {
		if e.next() == "and" {
			e.take()
		}
		ok = e.one() && ok
	}
	return ok
}

func (e *expression) one() bool {
	switch t := e.take(); t {
	case "not":
		return !e.one()
	case "(":
		ok := e.any()
		e.take()
		return ok
	default:
		return slices.ContainsFunc(e.have, func(s string) bool { return phrase(s, strings.TrimPrefix(t, `"`)) })
	}
}

// phrase says whether words stand in a text, one behind the other; the last one with * is the beginning of one.
func phrase(s, wanted string) bool {
	wanted, begins := strings.CutSuffix(wanted, "*")
	words, asked := wordsOf(s), wordsOf(wanted)
	for ; len(asked) > 0 && len(words) >= len(asked); words = words[1:] {
		last := len(asked) - 1
		if slices.Equal(words[:last], asked[:last]) && (words[last] == asked[last] || begins && strings.HasPrefix(words[last], asked[last])) {
			return true
		}
	}
	return false
}

func wordsOf(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// plain is a narrative without its tags.
func plain(div string) string {
	_, div, _ = strings.Cut(div, ">")
	div, _, _ = strings.Cut(div, "<")
	return html.UnescapeString(div)
}

// read are the elements that people read, of those that tests write.
var read = []string{"family", "given", "name", "value", "text", "display", "unit", "description"}

// eachText gives the texts of a resource that people read.
func eachText(x any, f func(string)) {
	switch x := x.(type) {
	case []any:
		for _, item := range x {
			eachText(item, f)
		}
	case map[string]any:
		for name, item := range x {
			if name == "div" {
				f(plain(text(item)))
				continue
			}
			if slices.Contains(read, name) {
				for _, item := range values(item) { // of a list each
					if s, is := item.(string); is {
						f(s)
					}
				}
			}
			eachText(item, f)
		}
	}
}
