package model

import (
	"bytes"
	"encoding/json"
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
}

// Answer is what the model expects.
type Answer struct {
	Status int
	Row    *Version   // whose ETag it has, if any
	Shown  bool       // Row is the body
	Found  *Found     // of a search
	Past   []*Version // of a history, newest first
	Count  bool       // only the total

	Entries []Answer // of a batch
}

func number(v *Version) string { return strconv.Itoa(v.Number) }

// Ask answers a request and carries it out; known is false if the model does not know what is asked, and then nothing
// has changed.
func (m *Model) Ask(t Token, q Request) (out Answer, known bool) { return m.access(t).ask(q) }

func (a *access) ask(q Request) (out Answer, known bool) {
	path, query, conditional := strings.Cut(q.Path, "?")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	typ := parts[0]
	if params[typ] == nil && typ != "" && typ != "_history" {
		return out, false
	}
	switch q.Method {
	case http.MethodGet:
		return a.get(parts, query)
	case http.MethodPost:
		switch {
		case len(parts) == 2 && parts[1] == "_search":
			return a.get(parts[:1], q.Body)
		case len(parts) == 3 && strings.HasPrefix(parts[2], "$meta-"):
			return a.update(q, typ, parts[1], "", false)
		case len(parts) == 1 && typ != "":
			return a.create(q, typ)
		case q.Path == "":
			return a.batch(q)
		}
	case http.MethodPut, http.MethodPatch:
		if conditional {
			return a.update(q, typ, "", query, true)
		}
		return a.update(q, typ, parts[1], "", false)
	case http.MethodDelete:
		if conditional {
			return a.delete(q, typ, "", query, true)
		}
		return a.delete(q, typ, parts[1], "", false)
	}
	return out, false
}

func (a *access) get(parts []string, query string) (out Answer, known bool) {
	typ := parts[0]
	switch n := len(parts); {
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
	case n == 3 && typ == "Patient":
		types := []string{parts[2]}
		if parts[2] == "*" {
			types = append(slices.Sorted(maps.Keys(linking)), "Patient")
		} else if linking[parts[2]] == nil && parts[2] != "Patient" {
			return out, false
		}
		return a.search(types, query, parts[1])
	case n == 1:
		types := []string{typ}
		if typ == "" {
			types = Types()
			for _, p := range pairs(query) {
				if p[0] == "_type" {
					types = slices.Compact(slices.Sorted(strings.SplitSeq(p[1], ",")))
				}
			}
		}
		return a.search(types, query, "")
	}
	return out, false
}

func (a *access) search(types []string, query, compartment string) (out Answer, known bool) {
	types = slices.DeleteFunc(slices.Clone(types), func(typ string) bool { return !a.granted('s', typ) })
	if len(types) == 0 {
		return Answer{Status: http.StatusForbidden}, true
	}
	slices.Sort(types)
	f, known := a.query(types, query, compartment)
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

// past is a history of types, or of one instance.
func (a *access) past(letter byte, types []string, id, query string) (out Answer, known bool) {
	types = slices.DeleteFunc(slices.Clone(types), func(typ string) bool { return !a.granted(letter, typ) })
	if len(types) == 0 {
		return Answer{Status: http.StatusForbidden}, true
	}
	if id != "" {
		if last := a.Last(types[0], id); last == nil || !a.visible(letter, last) {
			return Answer{Status: http.StatusNotFound}, true
		}
	}
	var since time.Time
	for _, p := range pairs(query) {
		switch p[0] {
		case "_since":
			since, _ = time.Parse(time.RFC3339, p[1])
		case "_count":
			out.Count = p[1] == "0"
		default:
			return out, false
		}
	}
	for _, v := range slices.Backward(a.log) {
		if slices.Contains(types, v.Type) && (id == "" || v.ID == id) && !v.At.Before(since) && a.visible(letter, v) {
			out.Past = append(out.Past, v)
		}
	}
	out.Status = http.StatusOK
	return out, true
}

// find are the resources that a condition finds.
func (a *access) find(typ, where string) (found []*Version, known bool) {
	f, known := a.query([]string{typ}, where, "")
	for _, g := range f.Groups {
		found = append(found, g...)
	}
	return found, known
}

// instance is the current version of an instance, perhaps a deletion, if the letter reaches it.
func (a *access) instance(letter byte, typ, id string) *Version {
	v := a.Last(typ, id)
	if v == nil {
		return nil
	}
	if live := a.live(v); live == nil || !a.allowed(letter, live, everyHeight) {
		return nil
	}
	return v
}

// outOfReach is the answer to a write of what its letter does not reach.
func (a *access) outOfReach(typ, id string, conditional bool, absent int) int {
	if conditional {
		return http.StatusForbidden
	}
	if v := a.instance('r', typ, id); a.granted('r', typ) && v != nil && !v.Deleted {
		return http.StatusForbidden
	}
	return absent
}

// store writes a version if its content may be so, and answers with it.
func (a *access) store(q Request, letter byte, typ, id, method string, content map[string]any, status int) Answer {
	content["id"] = id
	body, err := json.Marshal(content)
	if err != nil {
		return Answer{}
	}
	next := &Version{Type: typ, ID: id}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&next.JSON) != nil {
		return Answer{}
	}
	if !a.content(letter, next) || !a.attachable(letter, next, a.Now(typ, id)) {
		return Answer{Status: http.StatusForbidden}
	}
	shown := a.allowed('r', next, everyHeight)
	v, err := a.Put(typ, id, method, body, q.At)
	if err != nil {
		return Answer{}
	}
	return Answer{Status: status, Row: v, Shown: shown}
}

// number gives the next id, once.
func (a *access) number(q *Request) string {
	if q.fresh == "" {
		a.ids++
		q.fresh = "new-" + strconv.Itoa(a.ids)
	}
	return q.fresh
}

func decoded(body string) (o map[string]any) {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if d.Decode(&o) != nil {
		return nil
	}
	return o
}

func (a *access) create(q Request, typ string) (out Answer, known bool) {
	id := a.number(&q)
	content := decoded(q.Body)
	where := q.Header["If-None-Exist"]
	switch {
	case content == nil || content["resourceType"] != typ:
		return out, false
	case !a.granted('c', typ), where != "" && !a.granted('s', typ):
		return Answer{Status: http.StatusForbidden}, true
	case where != "":
		found, known := a.find(typ, where)
		switch {
		case !known:
			return out, false
		case len(found) > 1:
			return Answer{Status: http.StatusPreconditionFailed}, true
		case len(found) == 1:
			return Answer{Status: http.StatusOK, Row: found[0], Shown: a.allowed('r', found[0], everyHeight)}, true
		}
	}
	return a.store(q, 'c', typ, id, http.MethodPost, content, http.StatusCreated), true
}

// chooses says whether the caller may choose the ids of new resources (access.md D2).
func (a *access) chooses(typ string) bool {
	return a.bounds('u', typ) && (a.Policy == "" || a.everyone) && slices.ContainsFunc(a.Scopes, func(s Scope) bool {
		return s.Level == "system" && s.Where == "" && a.reaches(s, 'u', typ)
	})
}

// tagged is a version number that If-Match names.
func tagged(q Request) string {
	return strings.Trim(strings.TrimPrefix(q.Header["If-Match"], "W/"), `"`)
}

// update is PUT, PATCH, $meta-add and $meta-delete.
func (a *access) update(q Request, typ, id, where string, conditional bool) (out Answer, known bool) {
	forbidden := Answer{Status: http.StatusForbidden}
	put, patch := q.Method == http.MethodPut, q.Method == http.MethodPatch
	fresh := ""
	if put && conditional {
		fresh = a.number(&q)
	}
	content := decoded(q.Body)
	switch {
	case put && (content == nil || content["resourceType"] != typ || !conditional && content["id"] != id):
		return out, false
	case typ == "AuditEvent", typ == "Binary" && patch:
		return Answer{Status: http.StatusMethodNotAllowed}, true
	case !a.granted('u', typ) && !(put && conditional && a.granted('c', typ)), patch && !a.granted('r', typ), conditional && !a.granted('s', typ):
		return forbidden, true
	}
	letter, made := byte('u'), false
	if conditional {
		found, known := a.find(typ, where)
		switch {
		case !known:
			return out, false
		case len(found) > 1:
			return Answer{Status: http.StatusPreconditionFailed}, true
		case len(found) == 0 && patch:
			return Answer{Status: http.StatusNotFound}, true
		case len(found) == 0:
			made, letter = true, 'c'
		default:
			id = found[0].ID
			if put && content["id"] != nil && content["id"] != id {
				return Answer{Status: http.StatusBadRequest}, true
			}
		}
	}
	var old *Version
	if made {
		switch {
		case !a.granted('c', typ):
			return forbidden, true
		case q.Header["If-Match"] != "":
			return Answer{Status: http.StatusPreconditionFailed}, true
		case content["id"] == nil:
			return a.store(q, 'c', typ, fresh, http.MethodPost, content, http.StatusCreated), true
		case !a.chooses(typ):
			return Answer{Status: http.StatusNotFound}, true
		}
		id = text(content["id"])
		if old = a.instance('u', typ, id); old != nil && !old.Deleted {
			return Answer{Status: http.StatusConflict}, true
		}
		return a.store(q, 'c', typ, id, http.MethodPut, content, http.StatusCreated), true
	}
	old = a.instance('u', typ, id)
	live := old != nil && !old.Deleted
	if !live && (conditional || !put || !a.chooses(typ)) {
		return Answer{Status: a.outOfReach(typ, id, conditional, http.StatusNotFound)}, true
	}
	if patch && a.instance('r', typ, id) == nil {
		if conditional {
			return forbidden, true
		}
		return Answer{Status: http.StatusNotFound}, true
	}
	if put && q.Header["If-None-Match"] == "*" && live || q.Header["If-Match"] != "" && (!live || tagged(q) != number(old)) {
		return Answer{Status: http.StatusPreconditionFailed}, true
	}
	if !live {
		return a.store(q, letter, typ, id, http.MethodPut, content, http.StatusCreated), true
	}
	method := http.MethodPut
	switch before := decoded(encoded(old.JSON)); {
	case put:
		content["meta"] = merged(before["meta"], content["meta"])
	case patch:
		method = http.MethodPatch
		var ok bool
		if content, ok = patched(before, q.Body); !ok {
			return out, false
		}
	default:
		content = relabelled(before, content, strings.HasSuffix(q.Path, "$meta-delete"))
	}
	return a.store(q, letter, typ, id, method, content, http.StatusOK), true
}

func encoded(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

func (a *access) delete(q Request, typ, id, where string, conditional bool) (out Answer, known bool) {
	if typ == "AuditEvent" {
		return Answer{Status: http.StatusMethodNotAllowed}, true
	}
	if !a.granted('d', typ) || conditional && !a.granted('s', typ) {
		return Answer{Status: http.StatusForbidden}, true
	}
	ids := []string{id}
	if conditional {
		found, known := a.find(typ, where)
		if !known {
			return out, false
		}
		ids = nil
		for _, v := range found {
			ids = append(ids, v.ID)
		}
		if len(ids) > 1 && q.Header["If-Match"] != "" {
			return Answer{Status: http.StatusPreconditionFailed}, true
		}
	}
	var gone []*Version
	for _, id := range ids {
		v := a.instance('d', typ, id)
		switch {
		case v == nil || v.Deleted:
			if status := a.outOfReach(typ, id, conditional, http.StatusNoContent); status != http.StatusNoContent {
				return Answer{Status: status}, true
			}
		case q.Header["If-Match"] != "" && tagged(q) != number(v):
			return Answer{Status: http.StatusPreconditionFailed}, true
		default:
			gone = append(gone, v)
		}
	}
	out.Status = http.StatusNoContent
	for _, v := range gone {
		row, err := a.Put(typ, v.ID, http.MethodDelete, nil, q.At)
		if err != nil {
			return out, false
		}
		out.Row = row
	}
	if len(gone) > 1 {
		out.Row = nil
	}
	if prefer := q.Header["Prefer"]; prefer == "return=OperationOutcome" || len(gone) > 1 && prefer == "" {
		out.Status = http.StatusOK
	}
	return out, true
}
