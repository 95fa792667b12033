package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/firewarden/firewarden/internal/fhir"
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
