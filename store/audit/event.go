package audit

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/search/plan"
)

// place is where an event stands in the log; its order is that of the events' times.
type place struct {
	batch         uint64
	record, event uint32
}

func (p place) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, p.batch)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, p.record), p.event)
}

// placeSize is the size of a place as bytes: one block of AES.
const placeSize = 16

func readPlace(b []byte) place {
	return place{binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])}
}

// id is the id of the AuditEvent at a place: encrypted, for it must tell nobody how much others have done.
func (l *Log) id(p place) string {
	b := p.append(nil)
	l.ids.Encrypt(b, b)
	return hex.EncodeToString(b)
}

// place is the place that an id names; whether there is an event is to be seen there.
func (l *Log) place(id string) (place, bool) {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != placeSize || id != strings.ToLower(id) {
		return place{}, false
	}
	l.ids.Decrypt(b, b)
	return readPlace(b), true
}

// event is one AuditEvent: an act of a record, about one patient or none. BALP wants one for every patient; so each
// patient can be shown who looked without being shown anybody else.
type event struct {
	place
	*Record
	act *Act
	// patient is the id of whom it is about. Where an act is about several there is an event for each, and before these a
	// whole one: it is about nobody, and holds what was asked, which may name others.
	patient string
	whole   bool
}

// events are those of a record in their order.
func (r *Record) events(p place) (out []event) {
	add := func(e event) {
		e.place, e.Record = p, r
		e.place.event = uint32(len(out))
		out = append(out, e)
	}
	for i := range r.Acts {
		a := &r.Acts[i]
		if len(a.Patients) == 1 {
			add(event{act: a, whole: true, patient: a.Patients[0]})
			continue
		}
		add(event{act: a, whole: true})
		for _, id := range a.Patients {
			add(event{act: a, patient: id})
		}
	}
	return out
}

// words calls f with the texts by which the event can be asked for, as the terms of its index have them, until f is false:
// what it refers to, who asked, by which token, what for and what came of it. A search for one of those is not in an event
// without the word.
func (e *event) words(f func(string) bool) bool {
	reference := func(typ, id string) bool { return id == "" || f(typ+"/"+id) && f(id) }
	text := func(prefix, s string) bool { return s == "" || f(prefix+s) }
	typ, id := "", e.Who.Subject
	if i := strings.LastIndexByte(id, '/'); i >= 0 {
		typ, id = id[:i], id[i+1:]
	}
	k := formOf(e.act.Code)
	return f(k.typ.Code) && f(k.subtype.Code) && f(k.action) && f(outcome(e.act.Status)) &&
		reference(e.act.Type, e.act.ID) && reference("Patient", e.patient) && reference(typ, id) && text("", e.Who.User) && text("", e.Who.Client) && text(jwtID, e.Who.Token)
}

// has says whether the event has one of the words.
func (e *event) has(words []string) bool {
	return !e.words(func(w string) bool { return !slices.Contains(words, w) })
}

// patient is the id of a reference to a Patient.
func patient(reference string) (id string, ok bool) { return strings.CutPrefix(reference, "Patient/") }

// row renders the event.
func (l *Log) row(e *event) (plan.Row, error) {
	row := plan.Row{Type: "AuditEvent", ID: l.id(e.place), Version: 1, LastUpdated: e.At, Method: "POST"}
	var err error
	row.Body, err = l.render(e, row.ID)
	return row, err
}
