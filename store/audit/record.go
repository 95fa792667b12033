package audit

import (
	"encoding/binary"
	"errors"
)

// Record is one request and what came of it.
type Record struct {
	At      int64  // when it was recorded, microseconds since 1970; in the order of the log
	Before  int64  // by how much earlier it happened, microseconds; 0: it was recorded when it happened
	Request string // id of the request
	Address string // network address that it came from
	Who     Who
	Acts    []Act
}

// Who asked.
type Who struct {
	User    string // name of who has signed in; "" for a service
	Subject string // the Practitioner, Patient, … that the user is: "Practitioner/1"
	Issuer  string // of an access token that is not ours
	Client  string // client id; of what has none: administrator, anonymous
	Token   string // jti of the access token; ours begins with the id of the grant that a login or launch has led to
	Patient string // id of the patient that the app was launched for
	Scope   string
}

// Act is one interaction of a request: of a Bundle there is one for each entry.
type Act struct {
	Code     string // FHIR interaction (restful-interaction), the name of an operation with its dollar, or one of Login …
	Type, ID string // "" where the interaction names none
	Version  uint64
	Query    string   // search parameters as they were asked
	Status   int      // HTTP status
	Count    int      // resources in the answer
	Patients []string // ids: in whose compartment is what was read or written, and who was asked for by name
}

// Writes says whether the act is a write, done or refused, or changes who may do what.
func (a *Act) Writes() bool {
	switch a.Code {
	case "create", "update", "patch", "delete", "batch", "transaction", "$meta-add", "$meta-delete", Login, Logout, Token, Change, Import:
		return true
	}
	return false
}

// append appends r, as it is in a batch.
func (r *Record) append(b []byte) []byte {
	b = binary.AppendVarint(b, r.At)
	b = binary.AppendVarint(b, r.Before)
	for _, s := range [...]string{r.Request, r.Address, r.Who.User, r.Who.Subject, r.Who.Issuer, r.Who.Client, r.Who.Token, r.Who.Patient, r.Who.Scope} {
		b = appendText(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Acts)))
	for i := range r.Acts {
		a := &r.Acts[i]
		b = appendText(appendText(appendText(appendText(b, a.Code), a.Type), a.ID), a.Query)
		b = binary.AppendUvarint(b, a.Version)
		b = binary.AppendUvarint(b, uint64(a.Status))
		b = binary.AppendUvarint(b, uint64(a.Count))
		b = binary.AppendUvarint(b, uint64(len(a.Patients)))
		for _, p := range a.Patients {
			b = appendText(b, p)
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errBytes = errors.New("the bytes of the audit log are malformed")

// reader reads what append wrote; after the first fault everything is zero.
type reader struct {
	b     []byte
	fault error
}

// readRecords reads records that stand one after the other.
func readRecords(b []byte) (out []Record, err error) {
	d := reader{b: b}
	for len(d.b) > 0 && d.fault == nil {
		out = append(out, d.record())
	}
	return out, d.fault
}

func (d *reader) record() (r Record) {
	r.At, r.Before = d.varint(), d.varint()
	for _, s := range [...]*string{&r.Request, &r.Address, &r.Who.User, &r.Who.Subject, &r.Who.Issuer, &r.Who.Client, &r.Who.Token, &r.Who.Patient, &r.Who.Scope} {
		*s = d.text()
	}
	r.Acts = make([]Act, d.count())
	for i := range r.Acts {
		a := &r.Acts[i]
		a.Code, a.Type, a.ID, a.Query = d.text(), d.text(), d.text(), d.text()
		a.Version, a.Status, a.Count = d.uvarint(), int(d.uvarint()), int(d.uvarint())
		if n := d.count(); n > 0 {
			a.Patients = make([]string, n)
		}
		for j := range a.Patients {
			a.Patients[j] = d.text()
		}
	}
	return r
}

func (d *reader) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	return read(d, v, n)
}

func (d *reader) varint() int64 {
	v, n := binary.Varint(d.b)
	return read(d, v, n)
}

func read[T any](d *reader, v T, n int) T {
	if n <= 0 {
		d.b, d.fault = nil, errBytes
		return *new(T)
	}
	d.b = d.b[n:]
	return v
}

// count is a number of things that follow, each of a byte at least.
func (d *reader) count() int {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.b, d.fault = nil, errBytes
		return 0
	}
	return int(n)
}

func (d *reader) text() string { return string(d.bytes(d.count())) }

func (d *reader) bytes(n int) []byte {
	if n > len(d.b) {
		d.b, d.fault = nil, errBytes
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}
