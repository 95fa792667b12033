package model

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// write is one write of a request: what it relies on, and then what it makes.
type write struct {
	Request
	typ, id string
	letter  byte           // by which the content must be in reach
	content map[string]any // nil: nothing is written, or something is deleted
	gone    []*Version     // what is deleted
	answer  Answer
	next    *Version
	where   string // its condition
}

// fails is a write that does not happen.
func fails(q Request, status int) *write { return &write{Request: q, answer: Answer{Status: status}} }

// failed says whether it is one.
func (w *write) failed() bool { return w.answer.Status >= 400 }

// look finds out what a write relies on, and whether the caller may.
func (a *access) look(q Request) (w *write, known bool) {
	path, query, conditional := strings.Cut(q.Path, "?")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	typ, id := parts[0], ""
	if params[typ] == nil || len(parts) == 1 && q.Method != http.MethodPost && !conditional {
		return nil, false
	}
	if len(parts) > 1 {
		id = parts[1]
	}
	switch {
	case q.Method == http.MethodPost && len(parts) == 1:
		w, known = a.lookCreate(q, typ)
		query = q.Header["If-None-Exist"]
	case q.Method == http.MethodPost && len(parts) == 3 && strings.HasPrefix(parts[2], "$meta-"), q.Method == http.MethodPut, q.Method == http.MethodPatch:
		w, known = a.lookUpdate(q, typ, id, query, conditional)
	case q.Method == http.MethodDelete:
		w, known = a.lookDelete(q, typ, id, query, conditional)
	}
	if known {
		w.typ, w.where = typ, query
	}
	return w, known
}

// find are the resources that a condition finds.
func (a *access) find(typ, where string) (found []*Version, known bool) {
	f, known := a.query([]string{typ}, where, nil)
	for _, g := range f.Groups {
		found = append(found, g...)
	}
	return found, known && !f.Bad
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

// Count says how many ids the server has given: also to what it has refused.
func (m *Model) Count(ids int) { m.ids = ids }

// number gives the next id, once.
func (a *access) number(q *Request) string {
	if q.fresh == "" {
		a.ids++
		q.fresh = "new-" + strconv.Itoa(a.ids)
	}
	return q.fresh
}

func (a *access) lookCreate(q Request, typ string) (w *write, known bool) {
	id := a.number(&q)
	content := decoded(q.Body)
	where := q.Header["If-None-Exist"]
	switch {
	case content == nil || content["resourceType"] != typ:
		return nil, false
	case !a.granted('c', typ), where != "" && !a.granted('s', typ):
		return fails(q, http.StatusForbidden), true
	case where != "":
		found, known := a.find(typ, where)
		switch {
		case !known:
			return nil, false
		case len(found) > 1:
			return fails(q, http.StatusPreconditionFailed), true
		case len(found) == 1:
			return &write{Request: q, id: found[0].ID, answer: Answer{Status: http.StatusOK, Row: found[0], Shown: a.allowed('r', found[0], everyHeight)}}, true
		}
	}
	return a.makes(q, 'c', id, http.StatusCreated, content), true
}

// makes is a write of new content.
func (a *access) makes(q Request, letter byte, id string, status int, content map[string]any) *write {
	return &write{Request: q, letter: letter, id: id, content: content, answer: Answer{Status: status}}
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

// lookUpdate is PUT, PATCH, $meta-add and $meta-delete.
func (a *access) lookUpdate(q Request, typ, id, where string, conditional bool) (w *write, known bool) {
	put, patch := q.Method == http.MethodPut, q.Method == http.MethodPatch
	if put && conditional {
		a.number(&q)
	}
	content := decoded(q.Body)
	switch {
	case put && (content == nil || content["resourceType"] != typ || !conditional && content["id"] != id):
		return nil, false
	case typ == "AuditEvent", typ == "Binary" && patch:
		return fails(q, http.StatusMethodNotAllowed), true
	case !a.granted('u', typ) && !(put && conditional && a.granted('c', typ)), patch && !a.granted('r', typ), conditional && !a.granted('s', typ):
		return fails(q, http.StatusForbidden), true
	}
	if conditional {
		found, known := a.find(typ, where)
		switch {
		case !known:
			return nil, false
		case len(found) > 1:
			return fails(q, http.StatusPreconditionFailed), true
		case len(found) == 0 && patch:
			return fails(q, http.StatusNotFound), true
		case len(found) == 0:
			return a.lookNothing(q, typ, content), true
		}
		if id = found[0].ID; put && content["id"] != nil && content["id"] != id {
			return fails(q, http.StatusBadRequest), true
		}
	}
	old := a.instance('u', typ, id)
	live := old != nil && !old.Deleted
	switch {
	case !live && (conditional || !put || !a.chooses(typ)):
		return fails(q, a.outOfReach(typ, id, conditional, http.StatusNotFound)), true
	case patch && a.instance('r', typ, id) == nil && conditional:
		return fails(q, http.StatusForbidden), true
	case patch && a.instance('r', typ, id) == nil:
		return fails(q, http.StatusNotFound), true
	case put && q.Header["If-None-Match"] == "*" && live, q.Header["If-Match"] != "" && (!live || tagged(q) != number(old)):
		return fails(q, http.StatusPreconditionFailed), true
	case !live:
		return a.makes(q, 'u', id, http.StatusCreated, content), true
	}
	switch before := decoded(encoded(old.JSON)); {
	case put:
		content["meta"] = merged(before["meta"], content["meta"])
	case patch:
		var ok bool
		if content, ok = patched(before, q.Body); !ok {
			return nil, false
		}
	default:
		content = relabelled(before, content, strings.HasSuffix(q.Path, "$meta-delete"))
	}
	return a.makes(q, 'u', id, http.StatusOK, content), true
}

// lookNothing is an update whose condition finds nothing: it creates.
func (a *access) lookNothing(q Request, typ string, content map[string]any) *write {
	switch {
	case !a.granted('c', typ):
		return fails(q, http.StatusForbidden)
	case q.Header["If-Match"] != "":
		return fails(q, http.StatusPreconditionFailed)
	case content["id"] == nil:
		return a.makes(q, 'c', q.fresh, http.StatusCreated, content)
	case !a.chooses(typ):
		return fails(q, http.StatusNotFound)
	}
	id := text(content["id"])
	if old := a.instance('u', typ, id); old != nil && !old.Deleted {
		return fails(q, http.StatusConflict)
	}
	return a.makes(q, 'c', id, http.StatusCreated, content)
}

func (a *access) lookDelete(q Request, typ, id, where string, conditional bool) (w *write, known bool) {
	if typ == "AuditEvent" {
		return fails(q, http.StatusMethodNotAllowed), true
	}
	if !a.granted('d', typ) || conditional && !a.granted('s', typ) {
		return fails(q, http.StatusForbidden), true
	}
	ids := []string{id}
	if conditional {
		found, known := a.find(typ, where)
		if !known {
			return nil, false
		}
		ids = nil
		for _, v := range found {
			ids = append(ids, v.ID)
		}
		if len(ids) > 1 && q.Header["If-Match"] != "" {
			return fails(q, http.StatusPreconditionFailed), true
		}
	}
	w = &write{Request: q, id: id, answer: Answer{Status: http.StatusNoContent}}
	for _, id := range ids {
		v := a.instance('d', typ, id)
		switch {
		case v == nil || v.Deleted:
			if status := a.outOfReach(typ, id, conditional, http.StatusNoContent); status != http.StatusNoContent {
				return fails(q, status), true
			}
		case q.Header["If-Match"] != "" && tagged(q) != number(v):
			return fails(q, http.StatusPreconditionFailed), true
		default:
			w.gone = append(w.gone, v)
		}
	}
	if prefer := q.Header["Prefer"]; prefer == "return=OperationOutcome" || len(w.gone) > 1 && prefer == "" {
		w.answer.Status = http.StatusOK
	}
	return w, true
}
