package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/server/interaction"
)

// A load takes documents from files to a server or into a store.
type load struct {
	m      *Main
	to     target
	jobs   int
	strict bool

	progress *progress

	mu      sync.Mutex
	loaded  map[string]int // written, by type
	present int            // conditional creates that found their resource
	deleted int
	faults  int
}

// target takes Bundles.
type target interface {
	// bundle runs a batch or transaction. Its error is a refusal (fhir.Errors), or the end of the load.
	bundle(ctx context.Context, b *fhir.Resource) (response *fhir.Resource, err error)
	// finish ends the load.
	finish(ctx context.Context) error
}

func newLoad(f *flag.FlagSet) runner {
	to := f.String("to", "", "`URL` of the server to load into (default http://127.0.0.1:8080)")
	store := f.String("store", "", "`folder` of the store to load straight into; no server may have it open")
	token := f.String("token", "", "bearer `token` for the server, instead of the administrator's key")
	jobs := f.Int("jobs", 8, "`number` of Bundles under way at the same time")
	strict := f.Bool("strict", false, "stop at the first fault")
	return func(ctx context.Context, m *Main, in *input, paths []string) error {
		switch {
		case len(paths) == 0:
			return usageError("load needs files or folders (firewarden load --help)")
		case *to != "" && *store != "":
			return usageError("load goes to a server (--to) or into a store (--store), not both")
		case *jobs < 1:
			return usageError("--jobs is 1 or more")
		}
		sources, err := findSources(paths)
		if err != nil {
			return err
		}
		l := &load{m: m, jobs: *jobs, strict: *strict, loaded: map[string]int{}}
		if *store != "" {
			in.Flags["store"] = *store
			l.to, err = openStoreTarget(ctx, m, in)
		} else {
			l.to, err = openServerTarget(ctx, m, in, *to, *token)
		}
		if err != nil {
			return err
		}
		return l.run(ctx, sources)
	}
}

func (l *load) run(ctx context.Context, sources []*source) error {
	var total int64
	for _, s := range sources {
		total += s.size
	}
	l.progress = startProgress(l.m, total)
	var err error
	for _, s := range sources {
		if err = l.file(ctx, s); err != nil {
			break
		}
	}
	l.progress.stop()
	finished := l.to.finish(context.WithoutCancel(ctx))
	l.summary(len(sources))
	switch {
	case errors.Is(err, errSaid):
		return errors.Join(errSaid, finished)
	case ctx.Err() != nil:
		return errors.Join(errors.New("stopped before the end: what is counted above is stored"), finished)
	case err != nil:
		return err
	case finished != nil:
		return finished
	case l.faults > 0:
		return errSaid
	}
	return nil
}

// file loads one file: its Bundles several at a time, but a batch alone, because what follows may refer to what it
// creates. All of a file is stored before the next one begins.
func (l *load) file(ctx context.Context, s *source) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	room := make(chan struct{}, l.jobs)
	start := func(run func(context.Context) error) error {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		wg.Go(func() {
			defer func() { <-room }()
			if err := run(ctx); err != nil {
				cancel(err)
			}
		})
		return nil
	}
	gathered := &gathering{}
	flush := func() error {
		if len(gathered.items) == 0 {
			return nil
		}
		g := gathered
		gathered = &gathering{}
		return start(func(ctx context.Context) error { return l.gathered(ctx, g) })
	}
	err := s.each(&l.progress.read, func(d document) error {
		res, err := fhir.Parse(d.text, fhir.Limits{Bytes: maxDocument, Nodes: 64 << 20})
		if err != nil {
			if s.folder && !bytes.Contains(d.text, []byte(`"resourceType"`)) {
				l.progress.say("%s: passed over, it holds no FHIR", s.path)
				return nil
			}
			return l.fault(d.place(), err)
		}
		kind := res.Root.Str("type")
		switch {
		case res.Type == "Bundle" && kind == "batch":
			if err := flush(); err != nil {
				return err
			}
			wg.Wait()
			return l.bundle(ctx, d, res)
		case res.Type == "Bundle" && kind == "transaction":
			return start(func(ctx context.Context) error { return l.bundle(ctx, d, res) })
		case res.Type == "Bundle" && (kind == "collection" || kind == "searchset"):
			return l.collection(d, res, gathered, flush)
		case res.Type == "Bundle" && kind == "history":
			return l.fault(d.place(), errors.New("a history Bundle cannot be loaded: its versions would become new ones"))
		}
		gathered.add(item{place: place{s, d.line, -1, res.Type}, res: res})
		if gathered.full() {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = cause
	}
	return err
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

// lineOf is the line of the file on which a node of the document begins.
func (d document) lineOf(n *fhir.Node) int {
	return d.line + bytes.Count(d.text[:n.Start], []byte{'\n'})
}

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

// bundle runs a Bundle that is a request.
func (l *load) bundle(ctx context.Context, d document, b *fhir.Resource) error {
	at := func(i int) place { return d.entry(b, i) }
	response, err := l.to.bundle(ctx, b)
	switch {
	case err == nil:
		return l.answered(b, response, at)
	case !refused(err):
		return err
	}
	p := d.place()
	if i, ok := entryOf(err); ok {
		p = at(i)
	}
	return l.fault(p, err)
}

// place is that of the whole document.
func (d document) place() place { return place{d.source, d.line, -1, ""} }

// entry is the place of an entry of a Bundle.
func (d document) entry(b *fhir.Resource, i int) place {
	p := d.place()
	for n := b.Root.Get("entry").First; n != nil; n = n.Next {
		if n.Index == i {
			p = place{d.source, d.lineOf(n), i, n.Get("resource").Str("resourceType")}
		}
	}
	return p
}

// answered counts what an answer says of each entry.
func (l *load) answered(req, response *fhir.Resource, at func(i int) place) error {
	list := response.Root.Get("entry")
	if list == nil {
		return nil
	}
	written := map[string]int{}
	present, deleted := 0, 0
	var fault error
	sent := req.Root.Get("entry").First
	for n := list.First; n != nil && sent != nil; n, sent = n.Next, sent.Next {
		status := n.Get("response").Str("status")
		method := sent.Get("request").Str("method")
		switch {
		case !strings.HasPrefix(status, "2"):
			if err := l.fault(at(n.Index), outcome(n.Get("response").Get("outcome"), status)); err != nil {
				fault = err
			}
		case method == "DELETE":
			deleted++
		case method == "POST" && !strings.HasPrefix(status, "201"):
			present++
		case method == "POST" || method == "PUT":
			written[sent.Get("resource").Str("resourceType")]++
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.present += present
	l.deleted += deleted
	for typ, n := range written {
		l.loaded[typ] += n
		l.progress.done.Add(int64(n))
	}
	return fault
}

// place is where something was in a file.
type place struct {
	source *source
	line   int
	entry  int    // index in a Bundle; -1 is none
	typ    string // of the resource; "" is not known
}

// say is what went wrong at the place. What is inside a resource of a Bundle is named as in the resource alone.
func (p place) say(err error) string {
	text := fmt.Sprintf("%s:%d: ", p.source.path, p.line)
	if p.entry >= 0 {
		text += fmt.Sprintf("entry %d: ", p.entry)
	}
	why := reason(err)
	if i, ok := entryOf(err); ok {
		in := fmt.Sprintf("Bundle.entry[%d]", i)
		if p.typ != "" {
			why = strings.ReplaceAll(why, in+".resource", p.typ)
		}
		why = strings.ReplaceAll(why, in, p.typ)
	}
	return text + why
}

// fault reports what was not loaded. Its error ends a strict load.
func (l *load) fault(p place, err error) error {
	l.progress.say("%s", p.say(err))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults++
	if l.strict {
		return errSaid
	}
	return nil
}

// reason is what an error says to people: all faults that it holds.
func reason(err error) string {
	var several fhir.Errors
	if !errors.As(err, &several) {
		return err.Error()
	}
	texts := make([]string, len(several))
	for i, e := range several {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "; ")
}

// refused says whether the error is about what was sent.
func refused(err error) bool {
	var several fhir.Errors
	var one *fhir.Error
	return errors.As(err, &several) || errors.As(err, &one)
}

// entryOf is the index of the entry that an error is at.
func entryOf(err error) (int, bool) {
	var several fhir.Errors
	var one *fhir.Error
	switch {
	case errors.As(err, &several) && len(several) > 0:
		one = several[0]
	case !errors.As(err, &one):
		return 0, false
	}
	rest, ok := strings.CutPrefix(one.Expression, "Bundle.entry[")
	number, _, closed := strings.Cut(rest, "]")
	i, err := strconv.Atoi(number)
	return i, ok && closed && err == nil
}

// summary says what was loaded, by type.
func (l *load) summary(files int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	total := 0
	for _, n := range l.loaded {
		total += n
	}
	took := l.progress.elapsed()
	w := l.m.Stdout
	fmt.Fprintf(w, "%s resources from %s in %.1f s (%s a second)\n", grouped(total), plural(files, "file"), took.Seconds(), grouped(int(float64(total)/max(took.Seconds(), 0.001))))
	types := slices.SortedFunc(maps.Keys(l.loaded), func(a, b string) int {
		if l.loaded[a] != l.loaded[b] {
			return l.loaded[b] - l.loaded[a]
		}
		return strings.Compare(a, b)
	})
	for _, typ := range types {
		fmt.Fprintf(w, "%12s %s\n", grouped(l.loaded[typ]), typ)
	}
	if l.present > 0 {
		fmt.Fprintf(w, "%s were there already (ifNoneExist)\n", grouped(l.present))
	}
	if l.deleted > 0 {
		fmt.Fprintf(w, "%s were deleted\n", grouped(l.deleted))
	}
	if l.faults > 0 {
		fmt.Fprintf(w, "%s not loaded, see above\n", plural(l.faults, "fault"))
	}
}

// storeTarget loads straight into a store.
type storeTarget struct{ data *data }

func openStoreTarget(ctx context.Context, m *Main, in *input) (*storeTarget, error) {
	d, err := openFolder(ctx, m, in)
	if err != nil {
		return nil, err
	}
	return &storeTarget{d}, nil
}

func (t *storeTarget) bundle(ctx context.Context, b *fhir.Resource) (*fhir.Resource, error) {
	out, err := t.data.service.Bundle(ctx, t.data.administrator(), b, interaction.BundleOptions{})
	if err != nil {
		return nil, err
	}
	return fhir.Parse(out.Bundle, fhir.Limits{Bytes: maxDocument, Nodes: 64 << 20})
}

func (t *storeTarget) finish(ctx context.Context) error {
	return errors.Join(t.data.store.Compact(ctx), t.data.close())
}
