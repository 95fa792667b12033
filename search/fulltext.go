package search

import (
	"strings"
	"unicode"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// fulltext reads an expression of words, as _text and _content take it.
type fulltext struct {
	*parser
	sp    *r4.SearchParameter
	whole string
	rest  string
	token string // read ahead
	depth int
}

// maxDepth bounds parentheses.
const maxDepth = 50

// texts reads the value of _text or _content (R4 search.html#content): words, of which all must be there, with and, or,
// not and parentheses; "a phrase" in quotes; the beginning of a word with * behind it. Between commas any may be.
func (p *parser) texts(sp *r4.SearchParameter, value string) (Expr, *fhir.Error) {
	var any Or
	for _, s := range split(value, ',') {
		f := fulltext{parser: p, sp: sp, whole: s, rest: unescape(s)}
		x, err := f.or()
		if err == nil && f.next() != "" {
			err = f.wrong("has a parenthesis too many")
		}
		if err != nil {
			return nil, err
		}
		any = append(any, x)
	}
	return single(any, None), nil
}

// words reads a phrase: its words stand one behind the other in one text. begins says whether the last one may be the
// beginning of a longer one.
func (p *parser) words(v *Value, s string, begins bool) *fhir.Error {
	v.Begins = begins
	index.EachWord(fhir.Fold(s), func(w string) bool {
		v.Words = append(v.Words, w)
		return true
	})
	if len(v.Words) == 0 {
		return p.bad("%q has no word to find", shown(s))
	}
	return p.spend(len(v.Words) - 1)
}

func (f *fulltext) wrong(why string) *fhir.Error {
	return f.bad("%q %s; and, or and not are words of their own, in quotes they are searched", shown(f.whole), why)
}

// next is the next token without taking it: a parenthesis, a word, or a phrase with its quotes; "" at the end. Signs
// alone are left out.
func (f *fulltext) next() string {
	for f.token == "" {
		f.rest = strings.TrimLeftFunc(f.rest, unicode.IsSpace)
		if f.rest == "" {
			break
		}
		n := strings.IndexFunc(f.rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`()"`, r) })
		switch {
		case f.rest[0] == '"':
			if n = strings.IndexByte(f.rest[1:], '"'); n >= 0 {
				n += 2
			}
		case n == 0:
			f.token, f.rest = f.rest[:1], f.rest[1:]
			continue
		}
		if n < 0 {
			n = len(f.rest)
		}
		if token := f.rest[:n]; wordy(fhir.Fold(token)) {
			f.token = token
		}
		f.rest = f.rest[n:]
	}
	return f.token
}

// wordy says whether a folded text has a word.
func wordy(folded string) (ok bool) {
	index.EachWord(folded, func(string) bool {
		ok = true
		return false
	})
	return ok
}

func (f *fulltext) is(token string) bool { return strings.EqualFold(f.next(), token) }

// takes takes the next token if it is this one, in any case of letters.
func (f *fulltext) takes(token string) bool {
	ok := f.is(token)
	if ok {
		f.token = ""
	}
	return ok
}

func (f *fulltext) or() (Expr, *fhir.Error) {
	var any Or
	for {
		x, err := f.and()
		if err != nil {
			return nil, err
		}
		any = append(any, x)
		if !f.takes("or") {
			return single(any, None), nil
		}
	}
}

func (f *fulltext) and() (Expr, *fhir.Error) {
	var all And
	for {
		x, err := f.unary()
		if err != nil {
			return nil, err
		}
		all = append(all, x)
		if !f.takes("and") && (f.is("") || f.is(")") || f.is("or")) {
			return single(all, None), nil
		}
	}
}

func (f *fulltext) unary() (Expr, *fhir.Error) {
	if err := f.spend(1); err != nil {
		return nil, err
	}
	f.depth++
	defer func() { f.depth-- }()
	switch {
	case f.depth > maxDepth:
		return nil, f.wrong("goes too deep")
	case f.takes("not"):
		x, err := f.unary()
		return Not{x}, err
	case f.takes("("):
		x, err := f.or()
		if err == nil && !f.takes(")") {
			err = f.wrong("has a parenthesis that does not end")
		}
		return x, err
	case f.is("") || f.is(")") || f.is("and") || f.is("or"):
		return nil, f.wrong("lacks a word")
	}
	token := f.token
	f.token = ""
	v := Value{Raw: token}
	if err := f.words(&v, token, strings.HasSuffix(token, "*")); err != nil {
		return nil, err
	}
	return Param{P: f.sp, Any: []Value{v}}, nil
}
