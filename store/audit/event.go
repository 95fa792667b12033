package audit

import (
	"encoding/binary"
	"encoding/hex"
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

// events is how many there are of an act.
func (a *Act) events() int {
	if n := len(a.Patients); n > 1 {
		return n + 1
	}
	return 1
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
