package bench

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// operation does something once and says how much.
type operation func(c *Client, rng *rand.Rand) (int, error)

// workload is an operation that many clients do at once.
type workload struct {
	id, name string
	clients  []int
	unit     string // what an operation is several of
	op       func() (operation, error)
}

func always(op operation) func() (operation, error) {
	return func() (operation, error) { return op, nil }
}

// Workloads runs the mixes of writes and reads. They write; run them after the shapes.
func (r *Run) Workloads(ctx context.Context) error {
	r.head()
	for _, l := range []workload{
		{"W1", "read by id", []int{16, 64}, "", always(r.read)},
		{"W8", "searches of all shapes", []int{16}, "", r.blend},
		{"W13", "read 45, chart 20, name 20, include 10, all 5", []int{10, 100, 1000}, "", r.readMix},
		{"W2c", "create, durable", []int{16}, "", always(r.create)},
		{"W2u", "update, durable", []int{16}, "", always(r.update)},
		{"W2d", "create and delete, durable", []int{16}, "", always(r.delete)},
		{"W3", "mix: create 10, read 60, update 25, delete 5", []int{16, 64}, "", always(r.mix)},
		{"W4", "36 requests: 9 types, each C R U D", []int{300}, "requests", always(r.cycle)},
		{"W5", "transaction of two entries", []int{1, 4, 16, 64, 128}, "", always(r.pair)},
		{"W6", "whole patients (operations are Bundles)", []int{4, 20}, "resources", always(r.patient)},
	} {
		if !r.wanted(l.id) {
			continue
		}
		op, err := l.op()
		for _, c := range l.clients {
			if err := ctx.Err(); err != nil {
				return err
			}
			x := Result{ID: l.id, Name: l.name, Clients: c, Err: err}
			if err == nil {
				x.Figure, x.Err = r.measure(ctx, c, op)
			}
			if r.record(x); x.Err == nil && l.unit != "" {
				fmt.Fprintf(r.Out, "|      | = %.0f %s a second%s|\n", float64(x.Figure.Units)/x.Figure.Elapsed.Seconds(), l.unit, strings.Repeat(" ", 20))
			}
		}
	}
	return nil
}

// Logs says whether it is asked what the audit log costs.
func (r *Run) Logs() bool { return r.wanted("W9") || r.wanted("W10") }

// turn is a workload under a value of the key audit, which is measured several times.
type turn struct {
	id, name string
	audit    string
	figures  []Figure
	err      error
}

// Audited measures reads and creates on a server with that value of the key audit, for one turn.
func (r *Run) Audited(ctx context.Context, audit string) error {
	r.settle(ctx)
	for _, l := range []struct {
		id, name string
		op       operation
	}{{"W9", "read by id", r.read}, {"W10", "create, durable", r.create}} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !r.wanted(l.id) {
			continue
		}
		i := slices.IndexFunc(r.turns, func(t turn) bool { return t.id == l.id && t.audit == audit })
		if i < 0 {
			i = len(r.turns)
			r.turns = append(r.turns, turn{id: l.id, name: l.name, audit: audit})
		}
		t := &r.turns[i]
		f, err := r.measure(ctx, auditClients, l.op)
		if t.err == nil {
			t.err = err
		}
		t.figures = append(t.figures, f)
	}
	return nil
}

const auditClients = 16

// compared says whether the figure is one of Logged: it says something beside the others only.
func (x *Result) compared() bool {
	return strings.HasPrefix(x.ID, "W9") || strings.HasPrefix(x.ID, "W10")
}

// settle waits, for some seconds at most, until the server has ended what the turn before has left it to do.
func (r *Run) settle(ctx context.Context) {
	const look, most = 100 * time.Millisecond, 100
	for range most {
		before := processCPU(r.PID)
		select {
		case <-ctx.Done():
			return
		case <-time.After(look):
		}
		if processCPU(r.PID)-before < look/10 {
			return
		}
	}
}

// Logged records what Audited has measured: of each workload and value the turn with the median of the processor time.
func (r *Run) Logged() {
	for _, t := range r.turns {
		slices.SortFunc(t.figures, func(a, b Figure) int { return cmp.Compare(a.CPU, b.CPU) })
		r.record(Result{ID: t.id + t.audit[:1], Name: t.name + ", audit " + t.audit, Clients: auditClients, Figure: t.figures[len(t.figures)/2], Err: t.err})
	}
	r.turns = nil
}

func (r *Run) read(c *Client, rng *rand.Rand) (int, error) {
	res, err := c.Get("/fhir/Patient/" + PatientID(rng.IntN(len(r.World.Patients))))
	return 1, status(res, err, 200)
}

func status(res Response, err error, want ...int) error {
	if err != nil {
		return err
	}
	for _, w := range want {
		if res.Status == w {
			return nil
		}
	}
	return fmt.Errorf("status %d, not %v: %.300s", res.Status, want, res.Body)
}

// observation is a body of about 900 bytes for patient p; id may be "".
func (r *Run) observation(id string, p int, value int32) []byte {
	if id != "" {
		id = fmt.Sprintf(`"id":"%s",`, id)
	}
	return fmt.Appendf(nil, `{"resourceType":"Observation",%s"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital Signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}],"text":"Heart rate"},"subject":{"reference":"Patient/%s"},"effectiveDateTime":"2026-07-01T08:%02d:%02dZ","issued":"2026-07-01T09:00:00.000Z","valueQuantity":{"value":%s,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}`,
		id, PatientID(p), value/60%60, value%60, tenths(value))
}

func (r *Run) create(c *Client, rng *rand.Rand) (int, error) {
	res, err := c.Do("POST", "/fhir/Observation", r.observation("", rng.IntN(len(r.World.Patients)), rng.Int32N(1000)))
	return 1, status(res, err, 201)
}

// update writes the ids b0…b999; the first of each is an update that creates.
func (r *Run) update(c *Client, rng *rand.Rand) (int, error) {
	n := rng.IntN(1000)
	id := fmt.Sprintf("b%d", n)
	res, err := c.Do("PUT", "/fhir/Observation/"+id, r.observation(id, n%len(r.World.Patients), rng.Int32N(1000)))
	return 1, status(res, err, 200, 201)
}

func (r *Run) delete(c *Client, rng *rand.Rand) (int, error) {
	res, err := c.Do("POST", "/fhir/Observation", r.observation("", rng.IntN(len(r.World.Patients)), rng.Int32N(1000)))
	if err := status(res, err, 201); err != nil {
		return 0, err
	}
	_, path, ok := strings.Cut(res.Location, "/fhir/")
	if !ok {
		return 0, fmt.Errorf("no Location of a created resource: %q", res.Location)
	}
	path, _, _ = strings.Cut(path, "/_history")
	res, err = c.Do("DELETE", "/fhir/"+path, nil)
	return 1, status(res, err, 200, 204)
}

func (r *Run) mix(c *Client, rng *rand.Rand) (int, error) {
	switch n := rng.IntN(100); {
	case n < 60:
		return r.read(c, rng)
	case n < 85:
		return r.update(c, rng)
	case n < 95:
		return r.create(c, rng)
	}
	return r.delete(c, rng)
}

func (r *Run) pair(c *Client, rng *rand.Rand) (int, error) {
	var b bytes.Buffer
	p := rng.IntN(len(r.World.Patients))
	fmt.Fprintf(&b, `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:5b1f2c6e-0000-4000-8000-000000000001","resource":%s,"request":{"method":"POST","url":"Observation"}},{"resource":%s,"request":{"method":"POST","url":"Observation"}}]}`,
		r.observation("", p, rng.Int32N(1000)), r.observation("", p, rng.Int32N(1000)))
	res, err := c.Do("POST", "/fhir", b.Bytes())
	return 2, status(res, err, 200)
}

func (r *Run) patient(c *Client, rng *rand.Rand) (int, error) {
	i := rng.IntN(len(r.World.Patients))
	body := r.World.PostBundle(i, int(r.next.Add(1)))
	res, err := c.Do("POST", "/fhir", body)
	return bytes.Count(body, []byte(`"method":"POST"`)), status(res, err, 200)
}
