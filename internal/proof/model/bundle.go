package model

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// entry is what an entry of a Bundle knows of the others.
type entry struct {
	url    string
	others map[string]string // Type/id by fullUrl; of a batch: itself
	gone   map[string]bool   // what the transaction deletes
}

// bundle does the entries of a Bundle: deletes, creates, updates, reads (R4 http.html#trules).
func (a *access) bundle(q Request) (out Answer, known bool) {
	bundle := decoded(q.Body)
	var entries []Request
	for _, x := range values(bundle, "entry") {
		e, _ := x.(map[string]any)
		request, _ := e["request"].(map[string]any)
		r := Request{Method: text(request["method"]), Path: "/" + text(request["url"]), At: q.At, Header: map[string]string{}, entry: &entry{url: text(e["fullUrl"])}}
		for name, header := range map[string]string{"ifNoneExist": "If-None-Exist", "ifMatch": "If-Match", "ifNoneMatch": "If-None-Match"} {
			r.Header[header] = text(request[name])
		}
		if resource, ok := e["resource"].(map[string]any); ok {
			r.Body = encoded(resource)
			if r.Method == http.MethodPatch && resource["resourceType"] == "Binary" {
				patch, err := base64.StdEncoding.DecodeString(text(resource["data"]))
				if err != nil {
					return out, false
				}
				r.Body = string(patch)
			}
		}
		if !strings.Contains(r.Path, "$") && (r.Method == http.MethodPost || r.Method == http.MethodPut && strings.Contains(r.Path, "?")) {
			a.number(&r)
		}
		entries = append(entries, r)
	}
	out = Answer{Status: http.StatusOK, Entries: make([]Answer, len(entries))}
	switch bundle["type"] {
	case "batch":
		for phase := range 3 {
			for i, r := range entries {
				if phaseOf(r) != phase {
					continue
				}
				if out.Entries[i], known = a.ask(r); !known {
					return out, false
				}
			}
		}
	case "transaction":
		if status, known := a.transaction(entries, out.Entries); !known || status != nil {
			return Answer{Status: http.StatusBadRequest, Or: status}, known
		}
	default:
		return out, false
	}
	for i, r := range entries {
		if phaseOf(r) == 3 {
			if out.Entries[i], known = a.ask(r); !known {
				return out, false
			}
		}
	}
	return out, true
}

// phaseOf says when an entry is done: deletes, creates, updates, reads.
func phaseOf(r Request) int {
	if r.Method == http.MethodPost && strings.Contains(r.Path, "$") {
		return 2
	}
	return slices.Index([]string{http.MethodDelete, http.MethodPost, http.MethodPut, http.MethodGet}, strings.Replace(r.Method, http.MethodPatch, http.MethodPut, 1))
}

// transaction does the writes of entries at once: each sees what was there before. If some fail nothing is done, and
// status are those that the transaction may have.
func (a *access) transaction(entries []Request, answers []Answer) (status []int, known bool) {
	var writes []*write
	targets, gone := map[string]string{}, map[string]bool{}
	seen, wheres := map[string]bool{}, map[string]bool{}
	for _, r := range entries {
		if phaseOf(r) == 3 {
			writes = append(writes, nil)
			continue
		}
		w, known := a.look(r)
		if !known {
			return nil, false
		}
		r.entry.others, r.entry.gone = targets, gone
		writes = append(writes, w)
		if w.failed() {
			status = append(status, w.answer.Status)
			continue
		}
		written := w.gone
		if w.Method != http.MethodDelete {
			targets[r.entry.url] = w.typ + "/" + w.id
		}
		if w.Method != http.MethodDelete && w.letter != 'c' || w.Method == http.MethodDelete && w.where == "" {
			written = append(written, &Version{Type: w.typ, ID: w.id})
		}
		for _, v := range written {
			at := v.Type + "/" + v.ID
			if seen[at] && w.content == nil && w.Method != http.MethodDelete {
				continue
			}
			if seen[at] {
				return nil, false // twice in a transaction
			}
			seen[at] = true
		}
		for _, v := range w.gone {
			gone[v.Type+"/"+v.ID] = true
		}
		if at := w.typ + "?" + w.where; w.where != "" {
			if wheres[at] {
				return nil, false // two writes by one condition
			}
			wheres[at] = true
		}
	}
	a.beside = map[string]bool{}
	for _, w := range writes {
		if w != nil && w.typ == "Binary" && w.content != nil {
			a.beside[w.id] = true
		}
		if w != nil && w.content == nil && gone[w.typ+"/"+w.id] && w.Method != http.MethodDelete {
			return nil, false // a create finds what is deleted
		}
	}
	for _, w := range writes {
		if w == nil || w.content == nil || w.failed() {
			continue
		}
		if !a.build(w) {
			return nil, false
		}
		if w.failed() {
			status = append(status, w.answer.Status)
		}
	}
	if a.beside = nil; status != nil {
		return status, true
	}
	for i, w := range writes {
		if w != nil {
			answers[i] = a.commit(w)
		}
	}
	return nil, true
}

// resolve replaces the references of new content that mean something in its Bundle only: to entries, and conditional
// ones, which find what the caller may search. status says what is wrong with one, 0 is nothing.
func (a *access) resolve(w *write) (status int, known bool) {
	if w.entry.others == nil {
		w.entry.others = map[string]string{w.entry.url: w.typ + "/" + w.id}
	}
	known = true
	var walk func(x any)
	walk = func(x any) {
		switch x := x.(type) {
		case []any:
			for _, item := range x {
				walk(item)
			}
		case map[string]any:
			if to := w.entry.others[text(x["url"])]; to != "" {
				x["url"] = to
			}
			reference := text(x["reference"])
			typ, where, conditional := strings.Cut(reference, "?")
			switch to := w.entry.others[reference]; {
			case to != "":
				x["reference"] = to
			case strings.HasPrefix(reference, "urn:uuid:"):
				status = http.StatusUnprocessableEntity
			case conditional && !a.granted('s', typ):
				status = http.StatusForbidden
			case conditional:
				found, k := a.find(typ, where)
				if known = known && k; len(found) != 1 {
					status = http.StatusPreconditionFailed
				} else if x["reference"] = typ + "/" + found[0].ID; w.entry.gone[typ+"/"+found[0].ID] {
					status = http.StatusBadRequest
				}
			}
			for _, item := range x {
				walk(item)
			}
		}
	}
	walk(any(w.content))
	return status, known
}
