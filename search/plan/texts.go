package plan

import (
	"unicode/utf8"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

// texts is _text and _content: the words of a resource say for one word of _content whether it is there; which text a
// word is in, and the order of several, is tested.
func (l lowering) texts(p *r4.SearchParameter, v *search.Value) (n Node, exact bool) {
	if p.Code == "_content" {
		return l.allWords(v), len(v.Words) == 1 && !l.index.NoWords
	}
	return and([]Node{l.allWords(v), missing(p.Num, false)}), false // few have a narrative
}

// words is what has all words of v, anywhere in its texts; without terms of words, what has a value of p.
func (l lowering) words(p *r4.SearchParameter, v *search.Value) Node {
	if l.index.NoWords {
		return missing(p.Num, false)
	}
	return l.allWords(v)
}

// allWords is what has all words of v anywhere in its texts; everything if words have no terms.
func (l lowering) allWords(v *search.Value) Node {
	if l.index.NoWords {
		return All{}
	}
	nodes := make([]Node, len(v.Words))
	for i, w := range v.Words {
		nodes[i] = Term(index.WordTerm(w))
		if v.Begins && i == len(v.Words)-1 {
			nodes[i] = Prefix(index.WordTerm(w))
		}
	}
	return and(nodes)
}

// contains: up to three characters begin the term of some place in the text; of longer ones each three in a row must be
// there. A text that is too long for that has the term "" instead.
func (l lowering) contains(p *r4.SearchParameter, v *search.Value) (n Node, exact bool) {
	if !index.Grams(p) {
		return missing(p.Num, false), false
	}
	gram := func(text string) index.Term { return index.Term{Num: p.Num, Form: index.FormGram, Text: text} }
	s := fhir.Fold(v.Text)
	switch long := Term(gram("")); utf8.RuneCountInString(s) {
	case 1, 2:
		n = or([]Node{Prefix(gram(s)), verify(long, keep(l.index, search.Param{P: p, Mod: search.ModContains, Any: []search.Value{*v}}))})
		return n, true
	case 3:
		n = or([]Node{Term(gram(s)), verify(long, keep(l.index, search.Param{P: p, Mod: search.ModContains, Any: []search.Value{*v}}))})
		return n, true
	default:
		var all []Node
		runes := []rune(s)
		for i := range len(runes) - 2 {
			all = append(all, Term(gram(string(runes[i:i+3]))))
		}
		return or([]Node{and(all), long}), false
	}
}
