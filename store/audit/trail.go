package audit

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// Trail is what a request leaves in the log. A nil Trail leaves nothing.
type Trail struct {
	log     *Log
	request Record // without Acts
	shown   bool   // the caller has shown who it is

	mu      sync.Mutex
	acts    []*Doing
	written bool // something was committed, and said so with the commit

	// Most requests are one act, about one patient.
	act     Doing
	only    [1]*Doing
	patient [1]string
}

// Begin begins the trail of a request; its address and id are in r. Nil if nothing is to be written.
func (l *Log) Begin(r Record) *Trail {
	if l == nil || l.o.Mode == Off {
		return nil
	}
	return &Trail{log: l, request: r}
}

type trailKey struct{}

// In is ctx with the trail.
func (t *Trail) In(ctx context.Context) context.Context {
	if t == nil {
		return ctx
	}
	return context.WithValue(ctx, trailKey{}, t)
}

func trailIn(ctx context.Context) *Trail {
	t, _ := ctx.Value(trailKey{}).(*Trail)
	return t
}

// By says who asks, once the caller has shown it.
func (t *Trail) By(w Who) {
	if t != nil {
		t.request.Who, t.shown = w, true
	}
}

// Claims says who the caller says to be, or that it is nobody. How much the log tells of requests of those that were
// refused has a bound (strangers).
func (t *Trail) Claims(w Who) {
	if t != nil && !t.shown {
		t.request.Who = w
	}
}

// By says who makes the request of ctx, once the caller has shown it.
func By(ctx context.Context, w Who) { trailIn(ctx).By(w) }

// Claims says who the caller of ctx says to be.
func Claims(ctx context.Context, w Who) { trailIn(ctx).Claims(w) }

// Secret says whether a parameter of that name has a value that the log never holds. It is not to stand in an address, and
// some send it there all the same.
func Secret(name string) bool {
	switch strings.ToLower(name) {
	case "access_token", "client_assertion", "client_secret", "code_verifier", "id_token", "id_token_hint", "key", "password", "refresh_token", "secret", "token":
		return true
	}
	return false
}

// Has says whether an act with the code was noted.
func (t *Trail) Has(code string) bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.acts, func(d *Doing) bool { return d.Code == code })
}

// Doing is an interaction that is being carried out. A nil Doing notes nothing.
type Doing struct {
	Act
	trail *Trail
}

// Do notes the beginning of an interaction for the request of ctx: a read, or a write that may come to nothing. Writes
// that are carried out note themselves, with their commit. Nil where no log is kept of it.
func Do(ctx context.Context, a Act) *Doing {
	t := trailIn(ctx)
	if t == nil || t.log.o.Mode == Writes && !a.Writes() {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	d := &t.act
	if t.acts == nil {
		t.acts, a.Patients = t.only[:0], append(t.patient[:0], a.Patients...)
	} else {
		d = new(Doing)
	}
	*d = Doing{Act: a, trail: t}
	t.acts = append(t.acts, d)
	return d
}

// About adds patients who were asked for by name.
func (d *Doing) About(ids ...string) {
	if d == nil {
		return
	}
	for _, id := range ids {
		if fhir.ValidID(id) {
			d.Patients = append(d.Patients, id)
		}
	}
}

// In says that only the members of a compartment were asked for.
func (d *Doing) In(compartment fhir.Reference) {
	if d == nil {
		return
	}
	if compartment.Type == "Patient" {
		d.About(compartment.ID)
	}
	if d.Query == "" {
		d.Query = "_in=" + compartment.String()
	} else {
		d.Query += "&_in=" + compartment.String()
	}
}

// Saw notes the resources that the answer holds, whole as they are stored.
func (d *Doing) Saw(rows []plan.Row) {
	if d == nil {
		return
	}
	d.Count += len(rows)
	for i := range rows {
		if !rows[i].Deleted {
			d.Patients = d.trail.log.patients.of(d.Patients, rows[i].Type, rows[i].ID, rows[i].Body)
		}
	}
}

// Tells notes one thing that the answer tells of or the request changes, and the patient whom it is about.
func (d *Doing) Tells(query, patient string) {
	if d != nil {
		d.Query, d.Count = query, 1
		d.About(patient)
	}
}

// End notes what came of it.
func (d *Doing) End(status int) {
	if d != nil {
		d.Status = status
	}
}

// End ends the trail: what was read, or refused, is to be written within a second. otherwise says what the request was
// where no interaction has begun: it was refused before; an Act without a Code is not written. An error: the log cannot be written, and the
// request may not be answered.
func (t *Trail) End(status int, otherwise func() Act) error {
	if t == nil {
		return nil
	}
	r := t.request
	r.At = t.log.o.Now().UnixMicro()
	var only [1]Act
	r.Acts = only[:0]
	t.mu.Lock()
	for _, d := range t.acts {
		a := d.Act
		if a.Patients = unique(a.Patients); status >= http.StatusInternalServerError { // also a panic
			a.Status = status
		}
		r.Acts = append(r.Acts, a)
	}
	written := t.written
	t.mu.Unlock()
	if len(r.Acts) == 0 {
		if written {
			return nil
		}
		a := otherwise()
		if a.Status = status; a.Code == "" || t.log.o.Mode == Writes && !a.Writes() {
			return nil
		}
		a.Patients = unique(a.Patients)
		r.Acts = []Act{a}
	}
	if !t.shown && r.refused() {
		if told, err := t.log.bound(&r); !told {
			return err
		}
	}
	return t.log.add(&r)
}

// wrote notes that a commit was carried out, which is in the log by itself.
func (t *Trail) wrote(err error) error {
	if err == nil {
		t.mu.Lock()
		t.written = true
		t.mu.Unlock()
	}
	return err
}

// record is the record of a commit: what it writes.
func (t *Trail) record(c *store.Commit) Record {
	r := t.request
	r.At = t.log.o.Now().UnixMicro()
	for i := range c.Writes {
		w := &c.Writes[i]
		a := Act{Code: "update", Type: w.Type, ID: w.ID, Version: w.Version, Status: http.StatusOK, Count: 1}
		switch {
		case w.Deleted:
			a.Code, a.Status = "delete", http.StatusNoContent
		case w.Version == 1:
			a.Code, a.Status = "create", http.StatusCreated
		case w.Method == http.MethodPatch:
			a.Code = "patch"
		}
		for _, body := range [...][]byte{w.Before, w.Body} {
			if body != nil {
				a.Patients = t.log.patients.of(a.Patients, w.Type, w.ID, body)
			}
		}
		a.Patients = unique(a.Patients)
		r.Acts = append(r.Acts, a)
	}
	return r
}
