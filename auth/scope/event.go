package scope

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// event is a scope of FHIRcast ("OAuth 2.0 Authorization Scopes"), which opens no data: which events of the user's session
// an app is told, and which it may tell the others.
//
//	fhircast/ ( Event | "*" ) . ( read | write | "*" )
type event struct {
	name string // Patient-open, or "*"
	ways ways
}

// ways are bits: an app is told, it tells.
type ways uint8

const (
	told ways = 1 << iota
	tells
)

var wayWords = map[string]ways{"read": told, "write": tells, "*": told | tells}

const eventPrefix = "fhircast/"

// parseEvent reads one; ok is false for a word that is none, err is what begins like one and is none.
func parseEvent(word string) (e event, ok bool, err *fhir.Error) {
	rest, ok := strings.CutPrefix(word, eventPrefix)
	if !ok {
		return event{}, false, nil
	}
	name, way := rest, ""
	if dot := strings.LastIndexByte(rest, '.'); dot >= 0 { // names of one's own have dots
		name, way = rest[:dot], rest[dot+1:]
	}
	if e = (event{name, wayWords[way]}); e.ways == 0 {
		return event{}, false, refuse(word, "%q is neither read, write nor *", way)
	}
	if name == "" || name != "*" && strings.Contains(name, "*") {
		return event{}, false, refuse(word, "%q is no event", name)
	}
	return e, true, nil
}

func (e event) String() string {
	for word, ways := range wayWords {
		if ways == e.ways {
			return eventPrefix + e.name + "." + word
		}
	}
	return ""
}

// covers says whether e is about all that f is about, but for the ways.
func (e event) covers(f event) bool { return e.name == "*" || e.name == f.name }

// meet is what both have; without ways, if that is nothing.
func (e event) meet(f event) event {
	switch {
	case e.covers(f):
		return event{f.name, e.ways & f.ways}
	case f.covers(e):
		return event{e.name, e.ways & f.ways}
	}
	return event{}
}

// events are those among scopes that open no data.
func events(words []string) (list []event) {
	for _, w := range words {
		if e, ok, _ := parseEvent(w); ok {
			list = append(list, e)
		}
	}
	return list
}

// coversOther says whether the set has a scope that opens no data, or wider ones.
func (s Set) coversOther(word string) bool {
	e, ok, _ := parseEvent(word)
	if !ok {
		return s.Has(word)
	}
	missing := e.ways
	for _, have := range events(s.other) {
		if have.covers(e) {
			missing &^= have.ways
		}
	}
	return missing == 0
}

// meetOther is what is granted of a word that the set does not cover.
func (s Set) meetOther(word string) (granted []string) {
	e, ok, _ := parseEvent(word)
	if !ok {
		return nil
	}
	for _, have := range events(s.other) {
		if m := e.meet(have); m.ways != 0 {
			granted = append(granted, m.String())
		}
	}
	return granted
}

// plainest are scopes that open no data in their canonical form: each event once, without what "*" has.
func plainest(words []string) []string {
	of := map[string]ways{}
	for _, e := range events(words) {
		of[e.name] |= e.ways
	}
	out := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.HasPrefix(w, eventPrefix) })
	for name, have := range of {
		if name != "*" {
			have &^= of["*"]
		}
		if have != 0 {
			out = append(out, event{name, have}.String())
		}
	}
	return out
}
