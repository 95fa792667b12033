package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/config"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
)

// origin is where an export comes from.
type origin interface {
	// types are those that may have resources.
	types(ctx context.Context) ([]string, error)
	// resources calls f for the current resources of a type.
	resources(ctx context.Context, typ string, f func(body []byte) error) error
	close() error
}

func newExport(f *flag.FlagSet) runner {
	out := f.String("out", "", "`folder` that gets a file of each type, Patient.ndjson")
	only := f.String("type", "", "`types`, with commas between; one type without --out goes to standard output")
	from := f.String("store", "", "`folder` of the store; no server may have it open")
	server := f.String("server", "", "`URL` of the server (default http://127.0.0.1:8080)")
	token := f.String("token", "", "bearer `token` for the server, instead of the administrator's key")
	return func(ctx context.Context, m *Main, in *input, _ []string) error {
		var types []string
		if *only != "" {
			types = strings.Split(*only, ",")
		}
		for _, t := range types {
			if !r4.Searchable(t) {
				if near := config.Near(t, r4.Resources()); near != "" {
					return usagef("there is no type %q: did you mean %s?", t, near)
				}
				return usagef("there is no type %q that a server stores", t)
			}
		}
		switch {
		case *out == "" && len(types) != 1:
			return usageError("export needs a folder (--out), or one type (--type Patient) that goes to standard output")
		case *from != "" && *server != "":
			return usageError("export comes from a server (--server) or out of a store (--store), not both")
		}
		o, err := openOrigin(ctx, m, in, *from, *server, *token)
		if err != nil {
			return err
		}
		x := &export{m: m, from: o, folder: *out}
		return errors.Join(x.run(ctx, types), o.close())
	}
}

func openOrigin(ctx context.Context, m *Main, in *input, from, server, token string) (origin, error) {
	if from == "" {
		return openServerTarget(ctx, m, in, server, token)
	}
	in.Flags["store"] = from
	d, err := existing(ctx, m, in)
	if err != nil {
		return nil, err
	}
	snap, err := d.store.Snapshot(ctx)
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return &storeOrigin{data: d, snap: snap}, nil
}

// An export writes NDJSON.
type export struct {
	m      *Main
	from   origin
	folder string // "" is standard output
}

func (x *export) run(ctx context.Context, types []string) (err error) {
	if types == nil {
		if types, err = x.from.types(ctx); err != nil {
			return err
		}
	}
	if x.folder == "" {
		w := bufio.NewWriterSize(x.m.Stdout, 1<<20)
		_, err := x.write(ctx, w, types[0])
		return errors.Join(err, w.Flush())
	}
	if err := os.MkdirAll(x.folder, 0o700); err != nil {
		return err
	}
	total, files := 0, 0
	for _, t := range types {
		n, err := x.file(ctx, t)
		if err != nil {
			return err
		}
		if n > 0 {
			files++
			total += n
			fmt.Fprintf(x.m.Stdout, "%12s %s\n", grouped(n), t)
		}
	}
	fmt.Fprintf(x.m.Stdout, "%s resources in %s of %s\n", grouped(total), plural(files, "file"), x.folder)
	return nil
}

// file writes the file of a type, which must not be there; a type without resources has none.
func (x *export) file(ctx context.Context, typ string) (n int, err error) {
	path := filepath.Join(x.folder, typ+".ndjson")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	n, err = x.write(ctx, w, typ)
	err = errors.Join(err, w.Flush(), f.Close())
	if n == 0 || err != nil {
		err = errors.Join(err, os.Remove(path)) // half a file looks like a whole one
	}
	return n, err
}

func (x *export) write(ctx context.Context, w io.Writer, typ string) (n int, err error) {
	err = x.from.resources(ctx, typ, func(body []byte) error {
		n++
		if _, err := w.Write(body); err != nil {
			return err
		}
		_, err := w.Write([]byte{'\n'})
		return err
	})
	return n, err
}

// storeOrigin is one snapshot of a store.
type storeOrigin struct {
	data *data
	snap store.Snapshot
	read int
}

func (o *storeOrigin) types(ctx context.Context) ([]string, error) {
	counts, err := o.data.store.Counts(ctx)
	return slices.Sorted(maps.Keys(counts)), err
}

func (o *storeOrigin) resources(ctx context.Context, typ string, f func([]byte) error) error {
	q := search.Query{Type: typ, Where: search.All}
	p, err := plan.Lower(search.Guard(q, o.data.administrator().Access), o.data.service.Indexer)
	if err != nil {
		return err
	}
	w := plan.Window{Limit: 1000}
	for {
		r, err := plan.Run(ctx, o.snap, p, w)
		if err != nil {
			return err
		}
		o.read += len(r.Rows)
		for i := range r.Rows {
			if err := f(r.Rows[i].Body); err != nil {
				return err
			}
		}
		if r.Next == nil {
			return nil
		}
		w.After = r.Next
	}
}

// close leaves one event of all that was read in the audit log.
func (o *storeOrigin) close() error {
	return errors.Join(o.snap.Close(), o.data.note(audit.Act{Code: audit.Export, Query: "firewarden export", Count: o.read}), o.data.close())
}

// types implements origin: those of the CapabilityStatement.
func (r *remote) types(ctx context.Context) ([]string, error) {
	answer, err := r.do(ctx, "GET", r.base+"/metadata", nil)
	if err != nil {
		return nil, err
	}
	var statement struct {
		Rest []struct{ Resource []struct{ Type string } }
	}
	if err := json.Unmarshal(answer, &statement); err != nil || len(statement.Rest) == 0 {
		return nil, fmt.Errorf("%s/metadata is no CapabilityStatement", r.base)
	}
	var types []string
	for _, t := range statement.Rest[0].Resource {
		types = append(types, t.Type)
	}
	return types, nil
}

// resources implements origin. What is changed meanwhile may be missing or appear in two versions.
func (r *remote) resources(ctx context.Context, typ string, f func([]byte) error) error {
	return r.pages(ctx, typ+"?_count=1000", func(body json.RawMessage) error { return f(body) })
}

func (r *remote) close() error { return r.finish(context.Background()) }
