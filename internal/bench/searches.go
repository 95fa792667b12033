package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
)

// variants is how many requests of a shape are checked and then timed in turn.
const variants = 8

// Searches checks and times every shape.
func (r *Run) Searches(ctx context.Context) error {
	r.head()
	for i := range Shapes {
		s := &Shapes[i]
		if !r.wanted(s.ID) && !r.wanted("W7") {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		x := Result{ID: s.ID, Name: s.Name, Clients: r.clients(), Target: s.Target}
		var reqs []Request
		if reqs, x.Reads, x.Err = r.requests(s); x.Err == nil {
			x.Figure, x.Err = r.measure(ctx, x.Clients, asking(reqs))
		}
		r.record(x)
	}
	return nil
}

func (r *Run) clients() int {
	if r.Clients == 0 {
		return 4
	}
	return r.Clients
}

// asking asks requests in no order.
func asking(reqs []Request) operation {
	return func(c *Client, rng *rand.Rand) (int, error) {
		q := &reqs[rng.IntN(len(reqs))]
		res, err := c.Get(q.Path, q.Header...)
		if err != nil {
			return 0, err
		}
		if res.Status != q.status() {
			return 0, fmt.Errorf("%s: status %d: %.200s", q.Path, res.Status, res.Body)
		}
		return 1, nil
	}
}

// requests are some of a shape, whose answers are right, and what the server reads for one.
func (r *Run) requests(s *Shape) (reqs []Request, reads int, err error) {
	rng := rand.New(rand.NewPCG(1, 2))
	reqs = make([]Request, variants)
	for i := range reqs {
		reqs[i] = s.Make(r.World, rng)
		if err := r.verify(&reqs[i]); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", reqs[i].Path, err)
		}
		n, err := r.reads(&reqs[i])
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", reqs[i].Path, err)
		}
		reads += n
	}
	return reqs, reads / len(reqs), nil
}

func (q *Request) status() int {
	if q.Status == 0 {
		return 200
	}
	return q.Status
}

// verify asks once with the total and holds the whole answer against the facts. It leaves q as what is timed.
func (r *Run) verify(q *Request) error {
	c := Dial(r.Addr)
	defer c.Close()
	if q.Answer != nil {
		q.Path = with(q.Path, "_count="+strconv.Itoa(PageSize))
	}
	for range q.Follow {
		res, err := c.Get(q.Path, q.Header...)
		if err != nil {
			return err
		}
		if q.Path, err = next(res.Body); err != nil {
			return err
		}
	}
	path := q.Path
	if total := q.Answer != nil && q.Follow == 0; total && !strings.Contains(path, "_total=") && !q.Answer.CountOnly {
		path = with(path, "_total=accurate")
	}
	res, err := c.Get(path, q.Header...)
	if err != nil {
		return err
	}
	if res.Status != q.status() {
		return fmt.Errorf("status %d: %.200s", res.Status, res.Body)
	}
	if q.Answer == nil {
		return nil
	}
	body := res.Body
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return err
		}
		if body, err = io.ReadAll(z); err != nil {
			return err
		}
	}
	return q.Answer.Check(body, q.Follow == 0)
}

// reads is how many index entries and documents the server says that it reads for q.
func (r *Run) reads(q *Request) (int, error) {
	if r.Key == "" || q.Answer == nil || q.Follow > 0 || q.Header != nil {
		return 0, nil
	}
	c := Dial(r.Addr)
	defer c.Close()
	res, err := c.Get(with(q.Path, "_explain=true"), "Authorization: Bearer "+r.Key)
	if err != nil {
		return 0, err
	}
	text, _, found := strings.Cut(string(res.Body), " index entries and documents read")
	n, err := strconv.Atoi(text[strings.LastIndexByte(text, ' ')+1:])
	if !found || err != nil {
		return 0, fmt.Errorf("the server does not explain: %.200s", res.Body)
	}
	return n, nil
}

// next is the path of the page behind a searchset.
func next(body []byte) (string, error) {
	var set searchset
	if err := json.Unmarshal(body, &set); err != nil {
		return "", fmt.Errorf("no Bundle: %w: %.200s", err, body)
	}
	for _, l := range set.Link {
		if l.Relation == "next" {
			u, err := url.Parse(l.URL)
			return u.RequestURI(), err
		}
	}
	return "", errors.New("a page has none behind it")
}

// with adds a parameter to a path.
func with(path, parameter string) string {
	if strings.Contains(path, "?") {
		return path + "&" + parameter
	}
	return path + "?" + parameter
}
