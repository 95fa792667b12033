package model

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is an HTTP request below the FHIR base.
type Request struct {
	Method, Path, Body string
	Header             map[string]string
	At                 time.Time

	fresh string // the id that the server has given; "" is: not yet
	entry *entry // of a Bundle
}

// Answer is what the model expects.
type Answer struct {
	Status    int
	Or        []int      // it may have one of these instead: a transaction says one of its faults
	Row       *Version   // whose ETag it has, if any
	Shown     bool       // Row is the body
	Found     *Found     // of a search
	Past      []*Version // of a history, newest first
	Count     bool       // only the total
	Ascending bool       // Past is asked for oldest first
	Meta      bool       // the meta of Row is the body
	Labels    []string   // of $meta of a type or of all: what is in use, as JSON

	Entries []Answer // of a Bundle

	subset subset
}

func number(v *Version) string { return strconv.Itoa(v.Number) }

// Ask answers a request and carries it out; known is false if the model does not know what is asked, and then nothing
// has changed.
func (m *Model) Ask(t Token, q Request) (out Answer, known bool) { return m.access(t).ask(q) }

func (a *access) ask(q Request) (out Answer, known bool) {
	a.now, a.lenient = q.At, q.Header["Prefer"] == "handling=lenient"
	path, query, _ := strings.Cut(q.Path, "?")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	typ, last := parts[0], parts[len(parts)-1]
	if params[typ] == nil && !slices.Contains([]string{"", "_history", "$meta", "_search"}, typ) {
		return out, false
	}
	switch {
	case q.Method == http.MethodGet, q.Method == http.MethodHead:
		if out, known = a.get(parts, query); out.Row != nil && !out.Meta {
			out.subset = asked(query)
			out.unchanged(q)
		}
		return out, known
	case q.Method == http.MethodPost && last == "$meta":
		return a.get(parts, query)
	case q.Method == http.MethodPost && last == "_search" && len(parts) == 1:
		return a.get([]string{""}, q.Body)
	case q.Method == http.MethodPost && last == "_search" && len(parts) == 3:
		return a.get([]string{typ, parts[1], "*"}, q.Body)
	case q.Method == http.MethodPost && last == "_search":
		return a.get(parts[:len(parts)-1], q.Body)
	case q.Method == http.MethodPost && typ == "":
		return a.bundle(q)
	}
	w, known := a.look(q)
	if !known {
		return out, false
	}
	if w.content != nil {
		if known = a.build(w); !known {
			return out, false
		}
	}
	return a.commit(w), true
}

// unchanged makes the answer of a read 304 if the client has that already.
func (a *Answer) unchanged(q Request) {
	same := q.Header["If-None-Match"] == `W/"`+number(a.Row)+`"`
	if since, err := http.ParseTime(q.Header["If-Modified-Since"]); err == nil {
		same = !a.Row.At.Truncate(time.Second).After(since)
	}
	if same {
		a.Status, a.Shown = http.StatusNotModified, false
	}
}

func (a *access) get(parts []string, query string) (out Answer, known bool) {
	typ := parts[0]
	switch n := len(parts); {
	case parts[n-1] == "$meta":
		return a.meta(parts[:n-1])
	case parts[n-1] == "_history" && n < 3:
		types := []string{typ}
		if n == 1 {
			types = slices.DeleteFunc(Types(), func(typ string) bool { return !a.granted('s', typ) })
		}
		return a.past('s', types, "", query)
	case n == 3 && parts[2] == "_history":
		return a.past('r', parts[:1], parts[1], query)
	case n == 4 && parts[2] == "_history", n == 2:
		return a.read(typ, parts[1], parts[n-1], n == 4)
	case n == 3:
		return a.compartment(parts, query)
	case n == 1:
		if typ != "" {
			return a.search([]string{typ}, query, nil)
		}
		if named := typesOf(query); named != nil {
			return a.search(named, query, nil)
		}
		return a.search(Types(), query, unlogged)
	}
	return out, false
}

// typesOf are the types that a search of several names; nil: it names none, and then it is one of what is stored.
func typesOf(query string) (types []string) {
	for _, p := range Pairs(query) {
		if p[0] == "_type" {
			types = slices.Compact(slices.Sorted(strings.SplitSeq(p[1], ",")))
		}
	}
	return types
}

func unlogged(v *Version) bool { return !v.Logged }

// compartment searches among the members of a compartment.
func (a *access) compartment(parts []string, query string) (out Answer, known bool) {
	in, types := a.members(parts[0], parts[1]), []string{parts[2]}
	switch all := membership[parts[0]]; {
	case all == nil:
		return out, false
	case parts[2] == "*":
		types = slices.Collect(maps.Keys(all))
		if members := in; typesOf(query) == nil {
			in = func(v *Version) bool { return unlogged(v) && members(v) }
		}
	case all[parts[2]] == nil:
		return out, false
	}
	return a.search(types, query, in)
}

// search finds what is in, nil: anywhere.
func (a *access) search(types []string, query string, in func(*Version) bool) (out Answer, known bool) {
	types = slices.DeleteFunc(slices.Clone(types), func(typ string) bool { return !a.granted('s', typ) })
	if len(types) == 0 {
		return Answer{Status: http.StatusForbidden}, true
	}
	slices.Sort(types)
	f, known := a.query(types, query, in)
	if f.Bad {
		return Answer{Status: http.StatusBadRequest}, true
	}
	return Answer{Status: http.StatusOK, Found: &f}, known
}

func (a *access) read(typ, id, version string, one bool) (out Answer, known bool) {
	if !a.granted('r', typ) {
		return Answer{Status: http.StatusForbidden}, true
	}
	for _, v := range a.log {
		if v.Type != typ || v.ID != id || one && number(v) != version || !one && v != a.Last(typ, id) || !a.visible('r', v) {
			continue
		}
		if v.Deleted {
			return Answer{Status: http.StatusGone}, true
		}
		return Answer{Status: http.StatusOK, Row: v, Shown: true}, true
	}
	return Answer{Status: http.StatusNotFound}, true
}
