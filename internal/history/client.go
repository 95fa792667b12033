package history

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Client writes to servers of one store and notes what they say. The resources are of the type Basic, of which the
// store has no others.
type Client struct {
	// Mortal says that the servers themselves may be killed: then a request may have no answer.
	Mortal bool

	bases []string // of FHIR
	http  *http.Client
	began time.Time

	mu         sync.Mutex
	ops        []Op
	complaints map[string]int
	last       time.Duration // when the latest acknowledged write ended
	gap        time.Duration // the longest time between two of them
	busy       int
}

// registers are resources that all writers update.
const registers = 6

// patience is how long an answer may take, whatever happens to the database.
const patience = 40 * time.Second

// New is a client of servers, by their FHIR bases.
func New(bases ...string) *Client {
	return &Client{bases: bases, began: time.Now(), complaints: map[string]int{},
		http: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

// Ops is what has been done so far.
func (c *Client) Ops() []Op {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.ops)
}

// Complaints are answers that no fault of a database excuses, with how often they came.
func (c *Client) Complaints() (said []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, text := range slices.Sorted(maps.Keys(c.complaints)) {
		said = append(said, fmt.Sprintf("%d ×: %s", c.complaints[text], text))
	}
	return said
}

// Acknowledged is the number of writes that were.
func (c *Client) Acknowledged() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.ops {
		if c.ops[i].Kind != Look && c.ops[i].Result == Acknowledged {
			n++
		}
	}
	return n
}

// Busy is how often an answer was 503.
func (c *Client) Busy() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.busy
}

// String tells how many operations there were, and how they ended.
func (c *Client) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	count := map[string]int{}
	for i := range c.ops {
		count[string(c.ops[i].Kind)+" "+string(c.ops[i].Result)]++
	}
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(&b, "%d %s, ", count[what], what)
	}
	fmt.Fprintf(&b, "%d answers 503, at most %v without an acknowledged write", c.busy, c.gap.Round(10*time.Millisecond))
	return b.String()
}

func (c *Client) complain(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.complaints[fmt.Sprintf(format, args...)]++
}

func (c *Client) note(op Op) {
	op.Ended = time.Since(c.began)
	c.mu.Lock()
	defer c.mu.Unlock()
	if op.Kind != Look && op.Result == Acknowledged {
		if c.last > 0 {
			c.gap = max(c.gap, op.Ended-c.last)
		}
		c.last = op.Ended
	}
	c.ops = append(c.ops, op)
}

// Begin makes the registers. The server has to answer.
func (c *Client) Begin(ctx context.Context) error {
	for i := range registers {
		op := Op{Kind: Create, Value: rand.Text(), Began: time.Since(c.began), Size: 1, Result: Acknowledged}
		id := register(i)
		a := c.send(ctx, c.bases[0], "PUT", "/Basic/"+id, basic(id, op.Value, ""), "")
		if a.status != http.StatusCreated {
			return fmt.Errorf("make %s: status %d, %v: %s", id, a.status, a.err, a.body)
		}
		op.Places = []Place{{id, 1, op.Value}}
		c.note(op)
	}
	return nil
}

func register(i int) string { return "register-" + strconv.Itoa(i) }

// Write lets writers work until ctx ends and waits for the answers to what they have begun.
func (c *Client) Write(ctx context.Context, writers int) {
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			base := c.bases[i%len(c.bases)]
			for ctx.Err() == nil {
				if c.step(ctx, base) == Unknown {
					time.Sleep(time.Duration(50+mathrand.IntN(100)) * time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
	c.http.CloseIdleConnections()
}

// step does one thing.
func (c *Client) step(ctx context.Context, base string) Result {
	switch n := mathrand.IntN(10); {
	case n < 3:
		return c.create(base)
	case n < 4:
		return c.once(ctx, base)
	case n < 8:
		return c.update(base)
	}
	return c.transact(base)
}

func (c *Client) start(kind Kind, size int) Op {
	return Op{Kind: kind, Value: rand.Text(), Began: time.Since(c.began), Size: size, Result: Unknown}
}

func (c *Client) create(base string) Result {
	op := c.start(Create, 1)
	op.answered(c.send(context.Background(), base, "POST", "/Basic", basic("", op.Value, ""), ""))
	c.note(op)
	return op.Result
}

// once creates under a condition, again and again until it is answered: one resource has to come of it.
func (c *Client) once(ctx context.Context, base string) Result {
	op := c.start(Once, 1)
	for tries := 0; op.Result == Unknown && (tries == 0 || ctx.Err() == nil); tries++ {
		if tries > 0 {
			time.Sleep(200 * time.Millisecond)
		}
		op.answered(c.send(context.Background(), base, "POST", "/Basic", basic("", op.Value, ""), "If-None-Exist: identifier=urn:history:value|"+op.Value))
	}
	c.note(op)
	return op.Result
}

// look reads a register.
func (c *Client) look(base, id string) (Place, Result) {
	op := c.start(Look, 0)
	op.Value = ""
	a := c.send(context.Background(), base, "GET", "/Basic/"+id, nil, "")
	if a.status != http.StatusOK {
		if a.status != 0 && a.status != http.StatusServiceUnavailable {
			c.complain("a register is read with status %d", a.status)
		}
		return Place{}, Unknown
	}
	r, err := parse(a.body)
	if err != nil {
		c.complain("a register cannot be read: %v", err)
		return Place{}, Unknown
	}
	op.Result, op.Places = Acknowledged, []Place{{id, r.Number, r.Value}}
	c.note(op)
	return op.Places[0], Acknowledged
}

func (c *Client) update(base string) Result {
	at, got := c.look(base, register(mathrand.IntN(registers)))
	if got != Acknowledged {
		return got
	}
	op := c.start(Update, 1)
	op.answered(c.send(context.Background(), base, "PUT", "/Basic/"+at.ID, basic(at.ID, op.Value, at.Value), "If-Match: "+etag(at.Version)))
	c.note(op)
	return op.Result
}

func (c *Client) transact(base string) Result {
	i := mathrand.IntN(registers)
	a, got := c.look(base, register(i))
	if got != Acknowledged {
		return got
	}
	b, got := c.look(base, register((i+1+mathrand.IntN(registers-1))%registers))
	if got != Acknowledged {
		return got
	}
	op := c.start(Transaction, 3)
	type object = map[string]any
	bundle, err := json.Marshal(object{"resourceType": "Bundle", "type": "transaction", "entry": []object{
		{"resource": basic("", op.Value, ""), "request": object{"method": "POST", "url": "Basic"}},
		{"resource": basic(a.ID, op.Value, a.Value), "request": object{"method": "PUT", "url": "Basic/" + a.ID, "ifMatch": etag(a.Version)}},
		{"resource": basic(b.ID, op.Value, b.Value), "request": object{"method": "PUT", "url": "Basic/" + b.ID, "ifMatch": etag(b.Version)}},
	}})
	if err != nil {
		panic(err)
	}
	op.answered(c.send(context.Background(), base, "POST", "", bundle, ""))
	c.note(op)
	return op.Result
}

func etag(version int) string { return `W/"` + strconv.Itoa(version) + `"` }

// answered notes what an answer says.
func (op *Op) answered(a answer) {
	switch {
	case a.status == http.StatusOK || a.status == http.StatusCreated:
		op.Result = Acknowledged
		for _, at := range a.locations {
			if p, ok := placeOf(at); ok {
				p.Value = op.Value
				op.Places = append(op.Places, p)
			}
		}
	case a.status >= 400 && a.status < 500:
		op.Result, op.Answer = Refused, fmt.Sprintf("%d %.300s", a.status, a.body)
	}
}

// placeOf reads …/Basic/ID/_history/VERSION.
func placeOf(location string) (p Place, ok bool) {
	_, rest, ok := strings.Cut(location, "Basic/")
	id, version, ok2 := strings.Cut(rest, "/_history/")
	n, err := strconv.Atoi(version)
	return Place{ID: id, Version: n}, ok && ok2 && err == nil
}

type answer struct {
	status    int // 0 if there was none
	body      []byte
	locations []string // of what was written
	err       error
}

// send sends a request and complains of what no client should get.
func (c *Client) send(ctx context.Context, base, method, path string, body []byte, header string) (a answer) {
	req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("Content-Type", "application/fhir+json")
	if name, value, ok := strings.Cut(header, ": "); ok {
		req.Header.Set(name, value)
	}
	res, err := c.http.Do(req)
	if err == nil {
		defer res.Body.Close()
		a.status = res.StatusCode
		a.body, err = io.ReadAll(res.Body)
	}
	if a.err = err; err != nil {
		a.status = 0
		if !c.Mortal {
			c.complain("%s: no answer: %v", method, err)
		}
		return a
	}
	kind := method
	if path == "" {
		kind = "transaction"
	}
	switch a.status {
	case http.StatusOK, http.StatusCreated:
		a.locations = append(a.locations, res.Header.Get("Location"))
		if path == "" {
			a.locations = entries(a.body)
		}
	case http.StatusPreconditionFailed, http.StatusConflict:
	case http.StatusServiceUnavailable:
		c.mu.Lock()
		c.busy++
		c.mu.Unlock()
		if res.Header.Get("Retry-After") == "" {
			c.complain("%s: 503 without Retry-After", kind)
		}
	default:
		c.complain("%s: %s: %.300s", kind, res.Status, a.body)
	}
	return a
}

// entries are the locations that the answer to a transaction tells.
func entries(body []byte) (all []string) {
	var b struct {
		Entry []struct{ Response struct{ Location string } }
	}
	if json.Unmarshal(body, &b) == nil {
		for _, e := range b.Entry {
			all = append(all, e.Response.Location)
		}
	}
	return all
}

// basic is a resource that holds a value. Of an update the location says nothing that the path does not, so the identifier
// is all that tells it.
func basic(id, value, before string) json.RawMessage {
	type object = map[string]any
	names := []object{{"system": "urn:history:value", "value": value}}
	if before != "" {
		names = append(names, object{"system": "urn:history:before", "value": before})
	}
	r := object{"resourceType": "Basic", "identifier": names, "code": object{"text": "written to find out whether it is kept"}}
	if id != "" {
		r["id"] = id
	}
	text, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return text
}

// parsed is a resource as this package writes them.
type parsed struct {
	ID string
	Version
}

func parse(body []byte) (p parsed, err error) {
	var r struct {
		ID   string
		Meta struct {
			VersionID   string
			LastUpdated time.Time
		}
		Identifier []struct{ System, Value string }
	}
	if err = json.Unmarshal(body, &r); err != nil {
		return p, err
	}
	p.ID, p.At = r.ID, r.Meta.LastUpdated
	for _, i := range r.Identifier {
		switch i.System {
		case "urn:history:value":
			p.Value = i.Value
		case "urn:history:before":
			p.Before = i.Value
		}
	}
	if p.Number, err = strconv.Atoi(r.Meta.VersionID); err == nil && p.Value == "" {
		err = errors.New("it holds no value")
	}
	return p, err
}

// Read is what is there, by the history of the type; a search has to find the same.
func (c *Client) Read(ctx context.Context) (State, error) {
	state := State{}
	err := c.pages(ctx, "/Basic/_history?_count=500", func(p parsed) { state[p.ID] = append(state[p.ID], p.Version) })
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	found := map[string]Version{}
	if err := c.pages(ctx, "/Basic?_count=500", func(p parsed) { found[p.ID] = p.Version }); err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	for id, versions := range state {
		slices.Reverse(versions)
		if last := versions[len(versions)-1]; found[id] != last {
			return nil, fmt.Errorf("a search finds %s with %+v, its history ends with %+v", id, found[id], last)
		}
	}
	if len(found) != len(state) {
		return nil, fmt.Errorf("a search finds %d resources, the history has %d", len(found), len(state))
	}
	return state, nil
}

func (c *Client) pages(ctx context.Context, path string, each func(parsed)) error {
	for path != "" {
		a := c.send(ctx, c.bases[0], "GET", path, nil, "")
		if a.status != http.StatusOK {
			return fmt.Errorf("status %d, %v: %.300s", a.status, a.err, a.body)
		}
		var page struct {
			Link  []struct{ Relation, URL string }
			Entry []struct{ Resource json.RawMessage }
		}
		if err := json.Unmarshal(a.body, &page); err != nil {
			return err
		}
		for _, e := range page.Entry {
			p, err := parse(e.Resource)
			if err != nil {
				return err
			}
			each(p)
		}
		path = ""
		for _, l := range page.Link {
			if l.Relation == "next" {
				_, path, _ = strings.Cut(l.URL, "/fhir") // whatever the server thinks that it is called
			}
		}
	}
	return nil
}
