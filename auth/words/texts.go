package words

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/firewarden/firewarden/auth/scope"
)

// Texts are the words for scopes by language, a BCP 47 tag in lower case. "de" serves "de-AT" where "de-at" says
// nothing else, and English, with what is said here for "en" or without, serves all other languages.
type Texts map[string]Language

// Language is what is said in one language. Patterns hold names in braces that are replaced. A language other than
// English that says more than Scopes needs Sentences for all levels.
type Language struct {
	// Scopes are whole sentences for single scopes, by the scope as scope.Scope.String writes it, or by the name of one
	// that opens no data: launch/patient, openid, __mine. They win over whatever is composed.
	Scopes map[string]string `json:"scopes,omitempty"`

	// Sentences are patterns with {verbs}, {type} and {only}, by level: "patient", "user", "system", "shared" (patient/
	// scopes on types that all patients share, as Practitioner), and "patient/*", "user/*", "system/*" for all types.
	Sentences map[string]string `json:"sentences,omitempty"`
	Verbs     map[string]string `json:"verbs,omitempty"` // by letter: "r": "read"
	Types     map[string]string `json:"types,omitempty"` // plural, as within a sentence: "DocumentReference": "documents"
	About     map[string]string `json:"about,omitempty"` // what a type holds, a phrase; may be missing
	And       string            `json:"and,omitempty"`   // between the last two of a list
	Or        string            `json:"or,omitempty"`

	Only       string            `json:"only,omitempty"`       // ", only {terms}"
	Modifiers  map[string]string `json:"modifiers,omitempty"`  // {name} {values}, by ":not", "string:exact", "string", ""
	Parameters map[string]string `json:"parameters,omitempty"` // names of search parameters: "_lastUpdated": "last change"
	Values     map[string]string `json:"values,omitempty"`     // of tokens, by "system|code" or "code"
	Systems    map[string]string `json:"systems,omitempty"`    // names of code systems by URL
	Prefixes   map[string]string `json:"prefixes,omitempty"`   // {value}, by "date ge", "number ge"
	Codes      map[string]string `json:"codes,omitempty"`      // "{code} ({system})", by what a token has: "both", "any", "none"
	Unknown    string            `json:"unknown,omitempty"`    // {scope} that nothing is known of
	Context    string            `json:"context,omitempty"`    // launch/{type}, of a type without a sentence of its own
	Events     map[string]string `json:"events,omitempty"`     // fhircast/{event}.read and .write, by the last part; "all" is the event *
}

// levels are the keys of Language.Sentences.
var levels = []string{"patient", "shared", "user", "system", "patient/*", "user/*", "system/*"}

// Read reads Texts as JSON, an object of languages. Scopes may be written as clients write them (patient/*.read); what
// is no scope, an unknown member and a language that lacks sentences are errors: a text that nobody would ever see is
// a mistake.
func Read(r io.Reader) (Texts, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var t Texts
	if err := d.Decode(&t); err != nil {
		return nil, fmt.Errorf("read texts of scopes: %w", err)
	}
	for _, tag := range slices.Sorted(maps.Keys(t)) {
		l := t[tag]
		own := make(map[string]string, len(l.Scopes))
		for _, key := range slices.Sorted(maps.Keys(l.Scopes)) {
			set, refused := scope.Parse(key)
			switch {
			case len(refused) > 0:
				return nil, fmt.Errorf("texts of scopes, %s: %s", tag, refused[0].Diagnostics)
			case len(set.Data())+len(set.Other()) != 1:
				return nil, fmt.Errorf("texts of scopes, %s: %q is not one scope", tag, key)
			}
			own[set.String()] = l.Scopes[key]
		}
		l.Scopes = own
		if low := strings.ToLower(tag); low != tag {
			delete(t, tag)
			tag = low
		}
		t[tag] = l
		for _, level := range levels {
			if tag != "en" && !strings.HasPrefix(tag, "en-") && l.composes() && t.find(tag, func(l *Language) string { return l.Sentences[level] }) == "" {
				return nil, fmt.Errorf("texts of scopes, %s: sentences has no %q", tag, level)
			}
		}
	}
	return t, nil
}

// composes says whether l has more than sentences for single scopes.
func (l *Language) composes() bool {
	return len(l.Sentences)+len(l.Verbs)+len(l.Types)+len(l.Parameters)+len(l.Values)+len(l.Modifiers) > 0
}

// find is the first text that is not empty of the tables for a tag, English not among them.
func (t Texts) find(tag string, of func(*Language) string) string {
	for tag != "" {
		if l, ok := t[tag]; ok {
			if text := of(&l); text != "" {
				return text
			}
		}
		i := strings.LastIndexByte(tag, '-')
		tag = tag[:max(i, 0)]
	}
	return ""
}

// speaker says things in one language.
type speaker struct {
	texts Texts
	tag   string // "" is English only
	in    string // what its sentences are in
}

// speakers are those who may be asked, in order: the language, then English.
func (t Texts) speakers(lang string) []speaker {
	tag := strings.ToLower(lang)
	english := speaker{t, "en", "en"}
	if tag == "en" || strings.HasPrefix(tag, "en-") {
		english.tag = tag
		return []speaker{english}
	}
	return []speaker{{t, tag, lang}, english}
}

// say is a text of the speaker's tables, of the built-in English ones where those have none.
func (s speaker) say(of func(*Language) string) string {
	if text := s.texts.find(s.tag, of); text != "" {
		return text
	}
	return of(&english)
}

// composes says whether the speaker has patterns of its language.
func (s speaker) composes() bool {
	return s.in == "en" || s.texts.find(s.tag, func(l *Language) string { return l.Sentences["patient"] }) != ""
}

// own is a text of the speaker's language, "" if it has none.
func (s speaker) own(of func(*Language) string) string {
	if s.in == "en" {
		return s.say(of)
	}
	return s.texts.find(s.tag, of)
}

// first is the first text that a speaker has for a language, and the language that it is in.
func (t Texts) first(lang string, of func(*Language) string) (text, in string) {
	for _, s := range t.speakers(lang) {
		if text := s.own(of); text != "" {
			return text, s.in
		}
	}
	return "", "en"
}

// Type is a resource type in words, in the plural as within a sentence, and the language that they are in.
func (t Texts) Type(typ, lang string) (text, in string) {
	if text, in = t.first(lang, func(l *Language) string { return l.Types[typ] }); text == "" {
		text = taken(typ)
	}
	return text, in
}

// About is what resources of a type hold, a phrase, and the language that it is in; "" if there is nothing to say.
func (t Texts) About(typ, lang string) (text, in string) {
	return t.first(lang, func(l *Language) string { return l.About[typ] })
}

func (s speaker) typ(typ string) string {
	if text := s.say(func(l *Language) string { return l.Types[typ] }); text != "" {
		return text
	}
	return taken(typ)
}

// taken is the name of a type taken apart, in the plural.
func taken(typ string) string {
	var b strings.Builder
	for i, c := range typ {
		if i > 0 && unicode.IsUpper(c) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	name := b.String()
	if stem, ok := strings.CutSuffix(name, "y"); ok {
		return stem + "ies"
	}
	if strings.HasSuffix(name, "s") {
		return name
	}
	return name + "s"
}

// replace fills a pattern; values are not patterns.
func replace(pattern string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(pattern)
}

// list joins with commas, and with a word between the last two.
func list(items []string, word string) string {
	if n := len(items); n > 1 {
		return strings.Join(items[:n-1], ", ") + " " + word + " " + items[n-1]
	}
	return strings.Join(items, "")
}

// Capital is the text with its first letter in upper case.
func Capital(s string) string {
	c, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return ""
	}
	return string(unicode.ToUpper(c)) + s[n:]
}
