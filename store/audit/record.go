package audit

import (
	"encoding/binary"
	"errors"
	"slices"
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
	Code     string // FHIR interaction (restful-interaction), the name of an operation with its dollar, or one of Kinds
	Type, ID string // "" where the interaction names none
	Version  uint64
	Query    string   // search parameters as they were asked
	Status   int      // HTTP status
	Count    int      // resources in the answer
	Patients []string // ids: in whose compartment is what was read or written, and who was asked for by name
}

// append appends r, as it is in a batch.
func (r *Record) append(b []byte) []byte { return r.appendText(appendTimes(b, r.At, r.Before)) }

// appendTimes appends what a record begins with.
func appendTimes(b []byte, at, before int64) []byte {
	return binary.AppendVarint(binary.AppendVarint(b, at), before)
}

// appendText appends what of r stands behind its times.
func (r *Record) appendText(b []byte) []byte {
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

// reader reads what append wrote; after the first fault everything is zero. What it reads are parts of the one string.
type reader struct {
	s     string
	fault error
}

// readRecords reads records that stand one after the other.
func readRecords(b []byte) (out []Record, err error) {
	d := reader{s: string(b)}
	for len(d.s) > 0 && d.fault == nil {
		var r Record
		d.record(&r)
		out = append(out, r)
	}
	return out, d.fault
}

// record reads a record into r, whose lists it uses again.
func (d *reader) record(r *Record) {
	r.At, r.Before = d.varint(), d.varint()
	d.text(r)
}

// text reads what of a record stands behind its times.
func (d *reader) text(r *Record) {
	for _, s := range [...]*string{&r.Request, &r.Address, &r.Who.User, &r.Who.Subject, &r.Who.Issuer, &r.Who.Client, &r.Who.Token, &r.Who.Patient, &r.Who.Scope} {
		*s = d.string()
	}
	n := d.count()
	r.Acts = slices.Grow(r.Acts[:0], n)[:n]
	for i := range r.Acts {
		a := &r.Acts[i]
		a.Code, a.Type, a.ID, a.Query = d.string(), d.string(), d.string(), d.string()
		a.Version, a.Status, a.Count = d.uvarint(), int(d.uvarint()), int(d.uvarint())
		a.Patients = a.Patients[:0]
		for range d.count() {
			a.Patients = append(a.Patients, d.string())
		}
	}
}

func (d *reader) uvarint() (v uint64) {
	for i := range min(len(d.s), binary.MaxVarintLen64) {
		b := d.s[i]
		if i == binary.MaxVarintLen64-1 && b > 1 {
			break
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.s = d.s[i+1:]
			return v
		}
	}
	d.fail()
	return 0
}

func (d *reader) varint() int64 {
	v := d.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// count is a number of things that follow, each of a byte at least.
func (d *reader) count() int {
	n := d.uvarint()
	if n > uint64(len(d.s)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *reader) string() string { return d.take(d.count()) }

// take takes n bytes.
func (d *reader) take(n int) string {
	if n > len(d.s) {
		d.fail()
		return ""
	}
	s := d.s[:n]
	d.s = d.s[n:]
	return s
}

// fail notes that the bytes are not what append wrote.
func (d *reader) fail() { d.s, d.fault = "", errBytes }
