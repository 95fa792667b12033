package model

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// decoded is an object as it is written; nil if it is none.
func decoded(body string) (o map[string]any) {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if d.Decode(&o) != nil {
		return nil
	}
	return o
}

func encoded(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// build makes the version of a write, if its content may be so; known is false if the model cannot say.
func (a *access) build(w *write) (known bool) {
	if w.entry != nil {
		status, known := a.resolve(w)
		if !known {
			return false
		}
		if status != 0 {
			w.answer = Answer{Status: status}
			return true
		}
	}
	w.content["id"] = w.id
	w.next = &Version{Type: w.typ, ID: w.id, Number: 1, At: w.At, Method: w.method(), Text: encoded(w.content)}
	if w.next.JSON = decoded(w.next.Text); w.next.JSON == nil {
		return false
	}
	before := a.Last(w.typ, w.id)
	if before != nil {
		w.next.Number = before.Number + 1
		if before.Deleted {
			before = nil
		}
	}
	if !a.content(w.letter, w.next) || !a.attachable(w.letter, w.next, before) {
		w.answer, w.next = Answer{Status: http.StatusForbidden}, nil
		return true
	}
	w.answer.Row, w.answer.Shown = w.next, a.allowed('r', w.next, everyHeight)
	return true
}

// method is what the history says.
func (w *write) method() string {
	switch {
	case w.id == w.fresh:
		return http.MethodPost
	case w.Method == http.MethodPost: // $meta-add
		return http.MethodPut
	}
	return w.Method
}

// commit writes, and answers.
func (a *access) commit(w *write) Answer {
	if w.next != nil {
		a.add(w.next)
	}
	for _, v := range w.gone {
		row := &Version{Type: v.Type, ID: v.ID, Number: v.Number + 1, At: w.At, Method: http.MethodDelete, Deleted: true}
		a.add(row)
		if len(w.gone) == 1 {
			w.answer.Row = row
		}
	}
	return w.answer
}

// attaching are the elements that make a Binary an attachment.
var attaching = map[string]string{"DocumentReference": "content.attachment.url", "DiagnosticReport": "presentedForm.url", "Media": "content.url"}

// byLinks says whether the caller sees Binaries through what has them as an attachment.
func (a *access) byLinks() bool {
	return slices.ContainsFunc([]byte("rs"), func(letter byte) bool {
		if a.Policy != "" && !a.everyone {
			return a.granted(letter, "Binary")
		}
		reaching := slices.DeleteFunc(slices.Clone(a.Scopes), func(s Scope) bool { return !a.reaches(s, letter, "Binary") })
		return slices.ContainsFunc(reaching, func(s Scope) bool { return s.Level != "system" }) &&
			!slices.ContainsFunc(reaching, func(s Scope) bool { return s.Level == "system" && s.Where == "" })
	})
}

// attachable says whether new content names only Binaries that it may show: those that the caller sees, those that the
// same request writes, and those that the version before named; by a scope of system/ any, if that shows the caller none.
func (a *access) attachable(letter byte, v, before *Version) bool {
	path := attaching[v.Type]
	if path == "" {
		return true
	}
	system := *a
	system.Scopes = slices.DeleteFunc(slices.Clone(a.Scopes), func(s Scope) bool { return s.Level != "system" })
	if !a.byLinks() && system.content(letter, v) {
		return true
	}
	return !slices.ContainsFunc(a.references(v, path), func(r reference) bool {
		if !r.local() || r.typ != "Binary" || a.beside[r.id] || before != nil && a.refersTo(before, "Binary", r.id, path) {
			return false
		}
		b := a.Now("Binary", r.id)
		return b == nil || !a.seen(b, everyHeight)
	})
}

// content says whether new content may be left so: under patient/ and under a panel it speaks of nobody else.
func (a *access) content(letter byte, v *Version) bool {
	in := func(id string) bool { return slices.Contains(a.panel, id) }
	if !a.bounds(letter, v.Type) {
		return false
	}
	if a.Policy != "" && !a.everyone {
		whose := append(a.patients(v), a.subjects(v)...)
		if len(whose) == 0 || slices.ContainsFunc(whose, func(id string) bool { return !in(id) }) {
			return false
		}
	}
	return slices.ContainsFunc(a.Scopes, func(s Scope) bool {
		if !a.reaches(s, letter, v.Type) {
			return false
		}
		if s.Level == "patient" {
			whose := append(a.patients(v), a.subjects(v)...)
			if slices.ContainsFunc(whose, func(id string) bool { return id != a.Patient }) || !a.ofPatient(letter, v, 0) {
				return false
			}
			if about[v.Type] != "" && !a.only(v, a.Patient, false) {
				return false
			}
		}
		return a.satisfies(v, s.Where)
	})
}
