package audit

import (
	"slices"
	"strings"
)

// word is a text by which an event can be asked for, in parts: it is looked up without being put together.
type word [3]string

func (w word) String() string { return w[0] + w[1] + w[2] }

// is says whether the word is s.
func (w word) is(s string) bool {
	for _, part := range w {
		var ok bool
		if s, ok = strings.CutPrefix(s, part); !ok {
			return false
		}
	}
	return s == ""
}

// hash is that of the word in a filter: FNV-1a.
func (w word) hash() uint64 {
	x := uint64(14695981039346656037)
	for _, part := range w {
		for i := range len(part) {
			x = (x ^ uint64(part[i])) * 1099511628211
		}
	}
	x ^= x >> 33 // its high bits differ little in short words: mix them
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}

// words calls f with the words of the event, as the terms of its index have them, until f is false: what it refers to, who
// asked, by which token, what for and what came of it. A search for one of those is not in an event without the word.
func (e *event) words(f func(word) bool) bool {
	return e.act.words(f) && wordsOf("Patient", e.patient, f) && e.Who.words(f)
}

// words are those of each event of the act.
func (a *Act) words(f func(word) bool) bool {
	return a.told().words(f) && wordsOf(a.Type, a.ID, f)
}

// told is what many acts have in common: what was done, and what came of it.
type told struct{ code, outcome string }

func (a *Act) told() told { return told{a.Code, outcome(a.Status)} }

func (t told) words(f func(word) bool) bool {
	k := formOf(t.code)
	return f(word{k.typ.Code}) && f(word{k.subtype.Code}) && f(word{k.action}) && f(word{t.outcome})
}

// words are those of each event of who asked.
func (w *Who) words(f func(word) bool) bool {
	typ, id := "", w.Subject
	if i := strings.LastIndexByte(id, '/'); i >= 0 {
		typ, id = id[:i], id[i+1:]
	}
	return wordsOf(typ, id, f) && (w.User == "" || f(word{w.User})) && (w.Client == "" || f(word{w.Client})) && (w.Token == "" || f(word{jwtID, w.Token}))
}

// wordsOf are those of a reference.
func wordsOf(typ, id string, f func(word) bool) bool {
	return id == "" || f(word{typ, "/", id}) && f(word{id})
}

// has says whether the event has one of the words.
func (e *event) has(words []string) bool {
	return !e.words(func(w word) bool { return !slices.ContainsFunc(words, w.is) })
}
