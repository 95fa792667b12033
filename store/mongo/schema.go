package mongo

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search/index"
)

// schema is what the terms, ranges and keys of one type are called.
type schema struct {
	typ    string
	params map[uint16]*r4.SearchParameter
	main   *r4.SearchParameter // main date; nil if there is none
	member map[uint16]bool     // references to a Patient by it make the resource a member of that compartment
}

func newSchema(typ string, params []*r4.SearchParameter) *schema {
	s := &schema{typ: typ, params: map[uint16]*r4.SearchParameter{}, member: map[uint16]bool{}}
	s.main = r4.Lookup(typ, r4.MainDate(typ))
	for _, p := range params {
		s.params[p.Num] = p
		links := p.Code == compartments.PatientImplies(typ) || slices.Contains(compartments.Params("Patient", typ), p.Code)
		if p.Type == r4.Reference && !parameters.IsOwn(p) && links {
			s.member[p.Num] = true
		}
	}
	return s
}

// dated says whether the order key of a document tells where the main date begins: in all but the odd documents (keyOdd).
func (s *schema) dated() bool { return s.main != nil && s.main.Single }

var idNum = r4.Lookup("", "_id").Num

// name is the name of a parameter in documents. Own ones have their number in it, which is never given again: what an
// earlier one of the same code has left is not theirs.
func (s *schema) name(num uint16) string {
	switch num {
	case index.NumIn:
		return "_in"
	case index.NumOnly:
		return "_only"
	case index.NumLink:
		return "_link"
	case index.NumContained:
		return "_contained"
	case index.NumShared:
		return "_shared"
	}
	p := s.params[num]
	switch {
	case p == nil:
		return "#" + strconv.Itoa(int(num))
	case parameters.IsOwn(p):
		return p.Code + "#" + strconv.Itoa(int(num))
	}
	return p.Code
}

// tags stand between the name of a parameter and the text of a term. Codes of parameters have none of these signs.
var tags = [...]string{
	index.FormCode: ":code=", index.FormSystemCode: "|", index.FormSystem: ":system=", index.FormNoSystem: ":none=",
	index.FormReference: ":ref=", index.FormID: ":id=", index.FormIdentifier: ":identifier=", index.FormIdentCode: ":value=",
	index.FormCanonical: ":canonical=", index.FormURI: ":uri=", index.FormString: ":text=", index.FormPrefix: "^",
	index.FormExact: ":exact=", index.FormPresent: ":present=", index.FormIn: "=", index.FormOnly: "=",
	index.FormComposite: ":composite=", index.FormOfType: ":of-type=", index.FormGram: "~",
}

// plainForms are the forms that "name=text" stands for.
var plainForms = map[r4.ParamType]index.Form{
	r4.Token: index.FormCode, r4.Reference: index.FormReference, r4.URI: index.FormURI, r4.String: index.FormString,
	r4.Composite: index.FormComposite,
}

// head is what the words of a parameter and form begin with.
func (s *schema) head(num uint16, f index.Form) string {
	tag := ":?="
	if int(f) < len(tags) {
		tag = tags[f]
	}
	if p := s.params[num]; p != nil && plainForms[p.Type] == f || num == index.NumLink || num == index.NumContained || num == index.NumShared {
		tag = "="
	}
	return s.name(num) + tag
}

// word is a term as documents have it: "category=vital-signs", "category|http://…|vital-signs", "subject=Patient/1". A word
// of the text is itself.
func (s *schema) word(t index.Term) string {
	if t.Form == index.FormWord {
		return t.Text
	}
	return s.head(t.Num, t.Form) + t.Text
}

// textual says whether terms of a form are in fieldTexts.
func textual(f index.Form) bool { return f == index.FormWord || f == index.FormGram }

// home is the field that terms of a form are in.
func home(f index.Form) string {
	if textual(f) {
		return fieldTexts
	}
	return fieldTerms
}

// behind is the key of a word within the compartment of a patient ("Patient/1"). Words have no blank before the first
// "=", "|" or "^", so that nothing else looks like it.
func behind(patient, word string) string { return patient + " " + word }

// Keys of documents of a dated type whose main date is not one interval of a day at most: a range of dates looks them
// up apart.
const (
	keyWide = ">1d" // one that is wider
	keyOdd  = ">1"  // several: the body has several types of a choice
)

// day is the most that a date that is not wide spans, in microseconds.
const day = int64(24 * 60 * 60 * 1_000_000)

// broad is what the name of a parameter has behind it in an element of fieldRanges whose ends are apart: those of a
// number differ, those of a date by more than a day. Of all others a bound of one end is a bound of the other one too.
const broad = "~"

// keyShape begins the key of documents by the parameters that they have.
const keyShape = "shape="

// short is the number of characters that FormPrefix has at most.
const short = 3

// above is the least text that is greater than every text with the prefix; "" if there is none.
func above(prefix string) string {
	for prefix != "" {
		r, n := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-n]
		switch {
		case r == utf8.MaxRune:
			continue
		case r == 0xD7FF: // surrogates are no characters
			r = 0xDFFF
		}
		return prefix + string(r+1)
	}
	return ""
}

// codes are the codes that "system|code" may mean: a bar may be in either part.
func codes(text string) []string {
	var out []string
	for i := range len(text) {
		if text[i] == '|' && i+1 < len(text) {
			out = append(out, text[i+1:])
		}
	}
	return out
}

// manyTargets is from how many target types on a reference is listed by its bare id too.
const manyTargets = 12

// targets are the types that a bare id means, if they are few.
func (s *schema) targets(num uint16) []string {
	p := s.params[num]
	if p == nil || len(p.Targets) > manyTargets {
		return nil
	}
	return p.Targets
}

// patient says whether a reference by the parameter is a membership of the patient's compartment.
func (s *schema) patient(num uint16, text string) bool {
	return s.member[num] && strings.HasPrefix(text, "Patient/")
}
