package proof

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// tally is what was tried.
type tally struct {
	cases, differing int
	events, alone    int // of the audit log; those that only one of two worlds has
	requests         int
	answers          int // of two worlds with each other: pages; of the server with the model
	features         map[string]*feature
}

// feature says how often something was asked, and how often that found something.
type feature struct{ asked, found int }

func (t tally) String() string {
	text := fmt.Sprintf("%d pairs of worlds, %d of them different; %d requests, %d answers compared", t.cases, t.differing, t.requests, t.answers)
	if t.differing == 0 {
		text = fmt.Sprintf("%d worlds, %d requests, %d answers compared with the model", t.cases, t.requests, t.answers)
	}
	if t.alone > 0 {
		text += fmt.Sprintf("; %d events of the audit log, %d of them in one world only", t.events, t.alone)
	} else if t.events > 0 {
		text += fmt.Sprintf("; %d events of the audit log compared with it", t.events)
	}
	for _, name := range slices.Sorted(maps.Keys(t.features)) {
		text += fmt.Sprintf("\n\t%-32s %6d asked %6d found", name, t.features[name].asked, t.features[name].found)
	}
	return text
}

// enough is how many requests say something of what finds nothing, often how many with a feature, certain how many with one
// prove it: what is rare finds something once in a hundred times.
const enough, often, certain = 2000, 300, 2000

// barren are the features that were asked so many times and have never found anything.
func (t tally) barren(times int) (names []string) {
	for name, f := range t.features {
		if t.requests >= enough && f.asked >= times && f.found == 0 {
			names = append(names, name)
		}
	}
	return names
}

// doubtful says whether features that have never found anything may only have had bad luck: a test goes on then.
func (t tally) doubtful() bool { return len(t.barren(often)) > len(t.barren(certain)) }

// judge fails where something is drawn that never finds anything.
func (t tally) judge(tb testing.TB) {
	for _, name := range t.barren(certain) {
		tb.Errorf("%s was asked %d times and never found anything", name, t.features[name].asked)
	}
}

// note counts a request and its answers; log says whether the log is there to be found.
func (t *tally) note(q Request, got []answer, log bool) {
	if len(got) == 0 {
		return
	}
	t.requests++
	if t.features == nil {
		t.features = map[string]*feature{}
	}
	all := features(q, got[0])
	for _, at := range append(visits(q), details(q)...) { // by the server's own tables
		if code, is := strings.CutPrefix(at, "search by "); !is || strings.HasPrefix(code, "_") && !strings.Contains(code, ":") && code != "_query" { // which is always refused
			all[at] = all[at] || got[0].found(q)
		}
	}
	if log {
		maps.Copy(all, logFeatures(q, got[0], all))
	}
	for name, found := range all {
		f := t.features[name]
		if f == nil {
			f = &feature{}
			t.features[name] = f
		}
		if f.asked++; found {
			f.found++
		}
	}
}

// found says whether a request was answered by what it asks for.
func (a answer) found(q Request) bool {
	lists := q.Method == http.MethodGet && (strings.Contains(a.body, `"type":"searchset"`) || strings.Contains(a.body, `"type":"history"`))
	if lists || strings.HasSuffix(q.Path, "/_search") {
		return a.holds()
	}
	return a.status < 300 || a.status == http.StatusNotModified
}

// features are what a request asks for, and whether the answer shows any of it.
func features(q Request, a answer) map[string]bool {
	out := map[string]bool{}
	path, query, _ := strings.Cut(q.Path, "?")
	if strings.HasSuffix(path, "/_search") {
		path, query = strings.TrimSuffix(path, "/_search"), q.Body
		out["POST _search"] = a.holds()
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	n := len(parts)
	switch {
	case q.Page > 0:
		out["cursor of another request"] = a.holds()
		if q.As != 0 {
			out["cursor of another token"] = a.holds()
		}
		return out
	case strings.Trim(path, "/") == "" && q.Method == http.MethodPost && query == "":
		kind := "batch"
		if strings.Contains(q.Body, `"type":"transaction"`) {
			kind = "transaction"
		}
		written := a.status == http.StatusOK && (kind == "transaction" || strings.Contains(a.body, `"etag"`))
		out[kind] = written
		for text, name := range map[string]string{`"reference":"urn:uuid:`: "reference to an entry", `?identifier=`: "conditional reference", `"ifNoneExist"`: "entry with ifNoneExist"} {
			if strings.Contains(q.Body, text) {
				out[kind+", "+name] = written
			}
		}
		return out
	case strings.Contains(parts[n-1], "$"):
		out[fmt.Sprintf("%s %s of %d", q.Method, parts[n-1], n)] = a.status == http.StatusOK && (strings.Contains(a.body, "valueMeta") || q.Method != http.MethodGet)
		return out
	case q.Method == http.MethodGet, q.Method == http.MethodHead, out["POST _search"], strings.HasSuffix(q.Path, "/_search"):
	default:
		name := q.Method
		where := query
		if q.Method == http.MethodPost {
			where = q.Header["If-None-Exist"]
		}
		if where != "" {
			name = "conditional " + name
			out["condition of a write: "+a.met(q.Method)] = true
		}
		for _, h := range []string{"If-Match", "If-None-Match"} {
			if q.Header[h] != "" {
				out[h] = a.status < 300 || a.status == http.StatusPreconditionFailed
			}
		}
		if strings.Contains(q.Body, `"op":"test"`) {
			out["PATCH that tests"] = a.status < 300
		}
		out[name] = a.status < 300 && (q.Method != http.MethodDelete || strings.Contains(a.header, "Etag") || a.status == 200)
		return out
	}
	switch {
	case parts[n-1] == "_history":
		out[[]string{"", "history of all", "history of a type", "history of an instance"}[n]] = a.holds()
	case n == 4:
		out["vread"] = a.status == http.StatusOK
	case n == 3:
		out["search in the compartment of "+parts[0]] = a.holds()
	case n == 2:
		out["read"] = a.status == http.StatusOK || a.status == http.StatusNotModified
		if a.status == http.StatusGone {
			out["read of what was deleted"] = true
		}
	case path == "" || path == "/":
		out["search of several types"] = a.holds()
	default:
		out["search"] = a.holds()
	}
	if q.Method == http.MethodHead {
		return map[string]bool{"HEAD": a.status == http.StatusOK}
	}
	for _, h := range []string{"If-None-Match", "If-Modified-Since"} {
		if q.Header[h] != "" {
			out[h+" of a read"] = a.status == http.StatusNotModified
		}
	}
	found := a.holds()
	if n == 2 && parts[1] != "_history" || n == 4 {
		found = a.status == http.StatusOK
	}
	asks(out, query, a, found)
	return out
}

// ofLog are the features that a request about events may have.
var ofLog = []string{"search", "POST _search", "search in the compartment of Patient", "search of several types", "read", "vread", "HEAD", "history of an instance", "cursor of another request",
	"cursor of another token", "_include", "_has", "chain", "_sort", "_sort by a chain", "_count", "_total", "_summary", "_elements", "_filter", "_id", "_lastUpdated", ":missing", ":not", ":identifier"}

// logFeatures are those of a request about the audit log, of all of its features; it finds something where the answer shows
// an event, or what an event has found.
func logFeatures(q Request, a answer, all map[string]bool) map[string]bool {
	out := map[string]bool{}
	event := eventID.MatchString(a.body)
	path, query, _ := strings.Cut(q.Path, "?")
	if strings.HasSuffix(path, "/_search") {
		query = q.Body
	}
	if reads(q) && (strings.Contains(path, "AuditEvent") || q.Page > 0 && event) { // a cursor says nothing of what it leads through
		for _, name := range ofLog {
			if found, is := all[name]; is {
				out["the log: "+name] = event || found && (name == "HEAD" || name == "_summary" || name == "_elements")
			}
		}
	}
	for _, p := range model.Pairs(query) {
		name, _, _ := strings.Cut(p[0], ":")
		switch kind := model.Codes("AuditEvent")[name]; {
		case strings.HasPrefix(p[0], "_has:AuditEvent:"):
			out["the log: _has into it"] = a.holds()
		case name == "_revinclude" && strings.HasPrefix(p[1], "AuditEvent:"):
			out["the log: _revinclude"] = event
		case kind != "" && name[0] != '_' && !strings.Contains(p[0], ".") && !strings.HasSuffix(name, "-name") && name != "agent-role" && ofType(path) == "AuditEvent":
			out["the log: by "+name] = event
		}
	}
	return out
}

// asks adds those of a query.
func asks(out map[string]bool, query string, a answer, holds bool) {
	for _, p := range model.Pairs(query) {
		name, value := p[0], p[1]
		base, modifier, _ := strings.Cut(name, ":")
		switch {
		case base == "_include", base == "_revinclude":
			found := strings.Contains(a.body, `"mode":"include"`)
			out[base] = found
			if modifier != "" {
				out[name] = found
			}
		case strings.HasPrefix(name, "_has:"):
			out["_has"] = holds
			if strings.Count(name, "_has:") > 1 {
				out["_has in _has"] = holds
			}
			if strings.Contains(name, ".") {
				out["chain in _has"] = holds
			}
		case strings.Contains(name, "."):
			out["chain"] = holds
			if strings.Count(name, ".") > 1 {
				out["chain of chains"] = holds
			}
			if strings.Contains(name, "_has:") {
				out["_has in a chain"] = holds
			}
		case base == "_sort" && strings.Contains(value, "."):
			out["_sort by a chain"] = holds
		case base == "_type", base == "_query", base == "_count" && value == "0": // _query is always refused
		case base[0] == '_':
			out[base] = holds
		}
		if modifier != "" && !strings.ContainsAny(name, ".") && base[0] != '_' && modifier[0] >= 'a' {
			out[":"+modifier] = holds
		}
	}
}

// holds says whether a list is not empty, or its total is not.
func (a answer) holds() bool {
	return strings.Contains(a.body, `"entry":[`) || strings.Contains(a.body, `"total":`) && !strings.Contains(a.body, `"total":0`)
}

// met is what became of the condition of a write.
func (a answer) met(method string) string {
	switch {
	case a.status == http.StatusPreconditionFailed:
		return "several matches, or another version"
	case a.status == http.StatusCreated:
		return "no match, created"
	case a.status < 300 && (method != http.MethodDelete || strings.Contains(a.header, "Etag") || a.status == http.StatusOK):
		return "a match"
	case a.status < 300, a.status == http.StatusNotFound:
		return "no match"
	}
	return "refused"
}
