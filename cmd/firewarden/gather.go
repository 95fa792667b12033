package main

import (
	"context"
	"strconv"

	"github.com/firewarden/firewarden/internal/fhir"
)

// item is a resource that came without a request.
type item struct {
	place   place
	res     *fhir.Resource
	fullURL string
}

// gathering is resources that are stored together.
type gathering struct {
	items []item
	bytes int
}

func (g *gathering) add(it item) {
	g.items = append(g.items, it)
	g.bytes += len(it.res.Bytes)
}

func (g *gathering) full() bool { return len(g.items) == 100 || g.bytes > 1<<20 }

// request is the Bundle that stores the resources: under their own ids where they have one.
func (g *gathering) request(kind string) (*fhir.Resource, error) {
	b := make([]byte, 0, g.bytes+200*len(g.items))
	b = append(b, `{"resourceType":"Bundle","type":"`+kind+`","entry":[`...)
	for i, it := range g.items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		if it.fullURL != "" {
			b = append(append(b, `"fullUrl":`...), strconv.Quote(it.fullURL)...)
			b = append(b, ',')
		}
		b = append(append(b, `"resource":`...), it.res.Bytes...)
		method, url := "POST", it.res.Type
		if it.res.ID != "" {
			method, url = "PUT", it.res.Type+"/"+it.res.ID
		}
		b = append(b, `,"request":{"method":"`+method+`","url":`+strconv.Quote(url)+`}}`...)
	}
	return fhir.Parse(append(b, `]}`...), fhir.Limits{Bytes: maxDocument, Nodes: 64 << 20})
}

// collection gathers the entries of a Bundle that is no request. Entries without ids may refer to each other by
// fullUrl, so such a Bundle stays whole.
func (l *load) collection(d document, res *fhir.Resource, g *gathering, flush func() error) error {
	var items []item
	whole := false
	res.Root.Get("entry").Each(func(n *fhir.Node) {
		r := n.Get("resource")
		if r == nil || n.Get("search").Str("mode") == "outcome" {
			return
		}
		sub := res.Sub(r)
		if sub == nil {
			return // refused below, with its place
		}
		whole = whole || sub.ID == ""
		items = append(items, item{place: place{d.source, d.lineOf(r), n.Index, sub.Type}, res: sub, fullURL: n.Str("fullUrl")})
	})
	if whole {
		if err := flush(); err != nil {
			return err
		}
	}
	for _, it := range items {
		g.add(it)
		if !whole && g.full() {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if whole {
		return flush()
	}
	return nil
}

// gathered stores resources in one transaction, which is one write to disk; if it is refused, each by itself, so that
// only the faulty ones are left out.
func (l *load) gathered(ctx context.Context, g *gathering) error {
	for _, kind := range []string{"transaction", "batch"} {
		req, err := g.request(kind)
		if err != nil {
			return err
		}
		response, err := l.to.bundle(ctx, req)
		if err == nil {
			return l.answered(req, response, func(i int) place { return g.items[i].place })
		}
		if !refused(err) {
			return err
		}
		if kind == "batch" {
			return l.fault(g.items[0].place, err)
		}
	}
	return nil
}
