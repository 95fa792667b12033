package index

import (
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/ucum"
)

// TermsOf are the terms of one value of a parameter, in no order, perhaps repeated. FormPresent is among them; what
// compartments and links add is not.
func TermsOf(p *r4.SearchParameter, v *Value) []Term {
	var b builder
	b.terms(p, v)
	return b.out.Terms
}

// builder collects entries.
type builder struct {
	out   Entries
	text  []byte           // room for texts that are put together; what was given out never moves
	shown []fhir.Reference // by Shows of the type
}

func (b *builder) add(num uint16, f Form, text string) {
	b.out.Terms = append(b.out.Terms, Term{num, f, text})
}

// room makes space for n bytes of text.
func (b *builder) room(n int) {
	if cap(b.text)-len(b.text) < n {
		b.text = make([]byte, 0, max(n, 512))
	}
}

// join is a+sep+c.
func (b *builder) join(a string, sep byte, c string) string {
	b.room(len(a) + 1 + len(c))
	from := len(b.text)
	b.text = append(append(append(b.text, a...), sep), c...)
	return b.cut(from)
}

// cut is the text since from. It is a view: b.text only ever grows behind it.
func (b *builder) cut(from int) string {
	t := b.text[from:len(b.text):len(b.text)]
	return unsafe.String(unsafe.SliceData(t), len(t))
}

func (b *builder) terms(p *r4.SearchParameter, v *Value) {
	if IsText(p) {
		EachWord(b.fold(v.Text), func(w string) bool {
			b.out.Terms = append(b.out.Terms, WordTerm(w))
			return true
		})
	}
	if p == contentParam {
		return
	}
	b.add(p.Num, FormPresent, "")
	if p == textParam {
		return
	}
	switch p.Type {
	case r4.Token:
		code := v.Code
		if !p.CaseSensitive {
			code = fhir.Fold(code)
		}
		b.token(p.Num, v.System, code)
		for _, t := range v.Types {
			if code != "" {
				b.ofType(p.Num, t, code)
			}
		}
	case r4.String:
		b.string(p.Num, v.Text, Grams(p))
	case r4.Reference:
		b.reference(p.Num, v.Ref)
		if id := v.Identifier; id != nil {
			if id.Code != "" {
				b.add(p.Num, FormIdentCode, id.Code)
			}
			b.add(p.Num, FormIdentifier, b.join(id.System, '|', id.Code))
		}
	case r4.URI:
		b.add(p.Num, FormURI, v.Text)
	case r4.Composite:
		b.composite(p, v)
	}
}

func (b *builder) token(num uint16, system, code string) {
	switch {
	case system == "" && code == "": // only a text
	case system == "":
		b.add(num, FormCode, code)
		b.add(num, FormNoSystem, b.join("", '|', code))
	default:
		both := b.join(system, '|', code)
		b.add(num, FormSystem, both[:len(system)+1])
		if code != "" {
			b.add(num, FormCode, code)
			b.add(num, FormSystemCode, both)
		}
	}
}

// ofType is the term of an identifier's value with a type.
func (b *builder) ofType(num uint16, t Coding, value string) {
	if t.System == "" || t.Code == "" {
		return // nobody can ask for it
	}
	b.room(len(t.System) + len(t.Code) + len(value) + 2)
	from := len(b.text)
	b.text = append(append(append(append(append(b.text, t.System...), '|'), t.Code...), '|'), value...)
	b.add(num, FormOfType, b.cut(from))
}

// gramTypes are the types with FormGram terms: directories and people, whose texts are names and addresses, short and
// few beside all the clinical data.
var gramTypes = []string{"HealthcareService", "Location", "Organization", "Patient", "Person", "Practitioner", "RelatedPerson"}

// Grams says whether p has FormGram terms.
func Grams(p *r4.SearchParameter) bool {
	return p.Type == r4.String && slices.Contains(gramTypes, p.Base)
}

// maxGrams bounds the bytes of a text that has FormGram terms; a longer one has the term "" only.
const maxGrams = 256

// grams adds the FormGram terms of a folded text: one for each place in it, so that what begins with a search of up to
// three characters is what contains it.
func (b *builder) grams(num uint16, folded string) {
	if len(folded) > maxGrams {
		b.add(num, FormGram, "")
		return
	}
	for i := range folded {
		end := i
		for n := 0; n < 3 && end < len(folded); n++ {
			_, size := utf8.DecodeRuneInString(folded[end:])
			end += size
		}
		b.add(num, FormGram, folded[i:end])
	}
}

func (b *builder) string(num uint16, text string, grams bool) {
	folded := fhir.Fold(text)
	b.add(num, FormExact, text)
	b.add(num, FormString, folded)
	for i, n := 0, 0; i < len(folded) && n < 3; n++ {
		_, size := utf8.DecodeRuneInString(folded[i:])
		i += size
		b.add(num, FormPrefix, folded[:i])
	}
	if grams {
		b.grams(num, folded)
	}
}

func (b *builder) reference(num uint16, r fhir.Reference) {
	switch {
	case r.URL != "":
		b.add(num, FormReference, r.URL)
		if url, _, ok := strings.Cut(r.URL, "|"); ok && url != "" {
			b.add(num, FormCanonical, url)
		}
	case r.Fragment != "":
		b.add(num, FormReference, b.join("", '#', r.Fragment))
	case r.ID != "":
		b.add(num, FormID, r.ID)
		if r.Type != "" {
			b.add(num, FormReference, b.join(r.Type, '/', r.ID))
		}
	}
}

// maxComposite bounds the terms of one composite value: a hostile resource could ask for the square of its size. Beyond
// it there are none.
const maxComposite = 4096

// composite adds the terms of a composite value, if all its parts are tokens or references.
func (b *builder) composite(p *r4.SearchParameter, v *Value) {
	var texts [maxParts][]string
	if len(p.Components) > maxParts || len(p.Components) != len(v.Parts) {
		return
	}
	for i, c := range p.Components {
		if c.Type != r4.Token && c.Type != r4.Reference {
			return
		}
		for j := range v.Parts[i] {
			texts[i] = b.part(texts[i], &v.Parts[i][j])
		}
	}
	b.combine(p.Num, texts[:len(p.Components)])
}

// combine adds a term for every combination of the texts of each part.
func (b *builder) combine(num uint16, texts [][]string) {
	total := 1
	for _, list := range texts {
		if total *= len(list); total == 0 || total > maxComposite {
			return
		}
	}
	var at [maxParts]int
	for range total {
		size := len(texts)
		for i, list := range texts {
			size += len(list[at[i]])
		}
		b.room(size)
		from := len(b.text)
		for i, list := range texts {
			if i > 0 {
				b.text = append(b.text, '$')
			}
			b.text = append(b.text, list[at[i]]...)
		}
		b.add(num, FormComposite, b.cut(from))
		for i := range texts {
			if at[i]++; at[i] < len(texts[i]) {
				break
			}
			at[i] = 0
		}
	}
}

// part appends the texts of one value of a component: "code" and "system|code" of a token, the reference itself. A text
// in which "$" or "|" could mean two things is left out: such values are found by verifying.
func (b *builder) part(list []string, v *Value) []string {
	switch r := v.Ref; {
	case v.Type == r4.Reference && r.URL == "" && r.Fragment == "":
		if r.Type != "" && r.ID != "" {
			list = append(list, b.join(r.Type, '/', r.ID))
		}
	case v.Type == r4.Reference:
		if text := r.String(); !strings.Contains(text, "$") {
			list = append(list, text)
		}
	case v.Type == r4.Token && v.Code != "" && !strings.ContainsAny(v.Code, "$|"):
		list = append(list, v.Code)
		if v.System != "" && !strings.Contains(v.System, "$") {
			list = append(list, b.join(v.System, '|', v.Code))
		}
	}
	return list
}

// ranges adds the ranges of a date, number or quantity.
func (b *builder) ranges(num uint16, v *Value) {
	r := Range{Num: num, Low: KeyMin, High: KeyMax}
	switch v.Type {
	case r4.Date:
		r.Low, r.High = b.date(v.Time.Low), b.date(v.Time.High)
	case r4.Number, r4.Quantity:
		r.Low, r.High = b.ends(*v)
	case r4.Special:
		latitude, longitude := b.decimal(v.Low), b.decimal(v.High)
		b.out.Ranges = append(b.out.Ranges, Range{num, UnitLatitude, latitude, latitude}, Range{num, UnitLongitude, longitude, longitude})
		return
	default:
		return
	}
	b.out.Ranges = append(b.out.Ranges, r)
	if v.Type != r4.Quantity {
		return
	}
	unit := func(u string) {
		r.Unit = u
		b.out.Ranges = append(b.out.Ranges, r)
	}
	if v.Text != "" && v.Text != v.Code {
		unit(b.join("", '|', v.Text))
	}
	if v.Code == "" {
		return
	}
	both := b.join(v.System, '|', v.Code)
	unit(both[len(v.System):])
	if v.System == "" {
		return
	}
	if u := v.Unit(); u != nil {
		r.Low, r.High = b.ends(v.In(u))
		both = CanonicalUnit(u)
	}
	unit(both)
}

// CanonicalUnit is the Range.Unit of a canonical unit.
func CanonicalUnit(u *ucum.Unit) string { return "ucum:" + u.Canonical() }

// ends are the keys of the ends of a number.
func (b *builder) ends(v Value) (low, high Key) {
	low, high = KeyMin, KeyMax
	if !v.LowOpen {
		low = b.decimal(v.Low)
	}
	if !v.HighOpen {
		high = low
		if v.LowOpen || v.High.Cmp(v.Low) != 0 {
			high = b.decimal(v.High)
		}
	}
	return low, high
}

func (b *builder) date(micro int64) Key {
	switch micro {
	case fhir.MinTime:
		return KeyMin
	case fhir.MaxTime:
		return KeyMax
	}
	b.room(8)
	from := len(b.text)
	b.text = appendDate(b.text, micro)
	return Key(b.cut(from))
}

func (b *builder) decimal(d fhir.Decimal) Key {
	var space [40]byte
	key := d.AppendKey(space[:0])
	b.room(len(key))
	from := len(b.text)
	b.text = append(b.text, key...)
	return Key(b.cut(from))
}
