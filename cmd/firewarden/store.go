package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/firewarden/firewarden/conformance/terminology"
	"github.com/firewarden/firewarden/internal/config"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/embedded"
	"github.com/firewarden/firewarden/store/mongo"
)

// The modes that a store is made by. A store of one is refused by the other.
const (
	serving = "serve"
	playing = "sandbox"
)

func mode(sandbox bool) string {
	if sandbox {
		return playing
	}
	return serving
}

// engine is a store as commands use it.
type engine interface {
	store.Store
	// Counts are the numbers of live resources by type.
	Counts(context.Context) (map[string]int, error)
}

// inFolder is a store in a folder, or in memory.
type inFolder struct{ *embedded.Store }

func (s inFolder) Counts(context.Context) (map[string]int, error) { return s.Stats().Resources, nil }

// data is an open store with the service on it.
type data struct {
	store    engine
	embedded *embedded.Store // nil: a database
	service  *interaction.Service
	log      *audit.Log
	folder   string // "" in memory and in a database
}

// openData opens the store of a configuration. Base is the FHIR base.
func openData(ctx context.Context, m *Main, c *config.Config, base, mode string) (*data, error) {
	x := &index.Indexer{Base: base, NoWords: c.Search.NoTextIndex}
	d := &data{}
	if err := d.open(ctx, m, c, x, mode); err != nil {
		return nil, whatToDo(err, c, mode, base)
	}
	seal, err := interaction.OpenSeal(ctx, d.store.KV(), m.Random)
	if err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	d.log, err = audit.Open(ctx, audit.Options{Store: d.store, Indexer: x, Mode: auditModes[c.Audit], Group: d.embedded == nil, Site: strings.TrimSuffix(x.Base, "/fhir"), Now: m.Now, Random: m.Random})
	if err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	d.service = &interaction.Service{Store: d.log.Store(), Indexer: x, Base: x.Base, Now: m.Now, Seal: seal, Definitions: &terminology.Cache{}}
	d.service.Lenient = c.Search.Handling == "lenient"
	d.service.Limits.Page, d.service.Limits.MaxPage = c.Search.PageSize, c.Search.MaxPageSize
	if c.Search.ConditionalDelete == "multiple" {
		d.service.ConditionalDelete = interaction.DeleteMultiple
	}
	if d.service.Parameters, err = interaction.OpenParameters(ctx, d.store); err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	d.service.Parameters.Now = m.Now
	if c.Validation == "off" {
		d.service.Validation = interaction.ValidateOff
	}
	return d, nil
}

// auditModes are the values of the key audit.
var auditModes = map[string]audit.Mode{"all": audit.All, "writes": audit.Writes, "off": audit.Off}

// open opens the engine that the configuration names.
func (d *data) open(ctx context.Context, m *Main, c *config.Config, x *index.Indexer, mode string) error {
	if config.IsMongoDB(c.Store) {
		if os.Getenv("GOGC") == "" {
			// Little is kept alive beside a database, 5 MB, and each answer is garbage: it would be collected 50 times a second.
			debug.SetGCPercent(400)
		}
		s, err := mongo.Open(ctx, mongo.Options{URI: c.Store, Mode: mode, Indexer: x, Clock: m.Now, Building: func(index string, done, of int64) {
			far := ""
			if of > 0 {
				far = fmt.Sprintf(": %s of %s", grouped(int(done)), grouped(int(of)))
			}
			fmt.Fprintf(m.Stderr, "firewarden: the database builds its index %s%s\n", index, far)
		}})
		d.store = s
		return err
	}
	o := embedded.Options{Mode: mode, Indexer: x, Clock: m.Now}
	if c.Store == config.Memory {
		o.Memory = true
	} else {
		if err := os.MkdirAll(c.Store, 0o700); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		o.Dir, d.folder = c.Store, c.Store
	}
	var err error
	d.embedded, err = embedded.Open(o)
	d.store = inFolder{d.embedded}
	return err
}

// whatToDo says of a store that was refused what helps.
func whatToDo(err error, c *config.Config, mode, base string) error {
	switch {
	case errors.Is(err, embedded.ErrInUse):
		return fmt.Errorf("%w: stop that process, use its server (load --to, export --server), or name another folder with --store", err)
	case errors.Is(err, mongo.ErrNone):
		return fmt.Errorf("%w: firewarden serve makes one", err)
	case errors.Is(err, mongo.ErrMode) && mode == playing:
		return fmt.Errorf("%w: a sandbox lets everybody in; name another database in --store, or use firewarden serve", err)
	case errors.Is(err, mongo.ErrMode):
		return fmt.Errorf("%w: name another database in --store, or use firewarden sandbox", err)
	case errors.Is(err, embedded.ErrMode) && mode == playing:
		return fmt.Errorf("%w: a sandbox lets everybody in; name another folder with --store, or use firewarden serve", err)
	case errors.Is(err, embedded.ErrMode):
		return fmt.Errorf("%w: name another folder with --store, or use firewarden sandbox", err)
	case (errors.Is(err, embedded.ErrReindex) || errors.Is(err, mongo.ErrReindex)) && base != "":
		more := ""
		if c.Search.NoTextIndex {
			more = " --text-index off"
		}
		return fmt.Errorf("%w --store %s --base-url %s%s", err, c.Place(), strings.TrimSuffix(base, "/fhir"), more)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %s must belong to the user who runs this", err, c.Store)
	}
	return err
}

// openFolder opens the store of the configuration for a tool: whatever mode and base URL it has. A folder without a
// store becomes a store of serve.
func openFolder(ctx context.Context, m *Main, in *input) (*data, error) {
	c, err := config.Load(in.Input)
	if err != nil {
		return nil, usageError(err.Error())
	}
	if c.Store == config.Memory {
		return nil, usageError("a store in memory ends with this command: name a folder with --store")
	}
	base, mode := "", ""
	if !config.IsMongoDB(c.Store) && !isStore(c.Store) {
		base, mode = baseOf(c, c.Listen)+"/fhir", serving
	}
	d, err := openData(ctx, m, c, base, mode)
	if errors.Is(err, mongo.ErrNone) {
		return openData(ctx, m, c, baseOf(c, c.Listen)+"/fhir", serving)
	}
	return d, err
}

// existing opens the store of the configuration for a tool that makes none.
func existing(ctx context.Context, m *Main, in *input) (*data, error) {
	c, err := config.Load(in.Input)
	if err != nil {
		return nil, usageError(err.Error())
	}
	if !config.IsMongoDB(c.Store) && !isStore(c.Store) {
		return nil, fmt.Errorf("there is no store in %s: name its folder with --store", c.Store)
	}
	return openData(ctx, m, c, "", "")
}

// isStore says whether a folder holds a store.
func isStore(folder string) bool {
	found, err := filepath.Glob(filepath.Join(folder, "MANIFEST-*"))
	return err == nil && len(found) > 0
}

// baseOf is the base URL of a server that listens on an address.
func baseOf(c *config.Config, address string) string {
	if c.BaseURL != "" {
		return c.BaseURL
	}
	return c.URL(address)
}

// administrator may read and write everything.
func (d *data) administrator() interaction.Caller {
	return interaction.Caller{Access: search.Unrestricted, Grant: "administrator"}
}

// ready says whether the store answers.
func (d *data) ready(ctx context.Context) error {
	_, _, err := d.store.KV().Get(ctx, "server", "cursor-key")
	return err
}

func (d *data) close() error {
	if err := errors.Join(d.log.Flush(context.Background()), d.store.Close()); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	return nil
}

// note leaves in the audit log what a command has done to the store.
func (d *data) note(a audit.Act) error {
	trail := d.log.Begin(audit.Record{})
	trail.By(audit.Who{Client: "administrator"})
	return trail.End(http.StatusOK, func() audit.Act { return a })
}

// storeTarget loads straight into a store.
type storeTarget struct {
	data    *data
	bundles atomic.Int64 // that were stored
}

func openStoreTarget(ctx context.Context, m *Main, in *input) (*storeTarget, error) {
	d, err := openFolder(ctx, m, in)
	if err != nil {
		return nil, err
	}
	return &storeTarget{data: d}, nil
}

func (t *storeTarget) bundle(ctx context.Context, b *fhir.Resource) (*fhir.Resource, error) {
	out, err := t.data.service.Bundle(ctx, t.data.administrator(), b, interaction.BundleOptions{})
	if err != nil {
		return nil, err
	}
	t.bundles.Add(1)
	return fhir.Parse(out.Bundle, fhir.Limits{Bytes: maxDocument, Nodes: 64 << 20})
}

// finish leaves one event of all that was loaded in the audit log.
func (t *storeTarget) finish(ctx context.Context) error {
	err := t.data.note(audit.Act{Code: audit.Import, Query: "firewarden load", Count: int(t.bundles.Load())})
	if t.data.embedded != nil {
		err = errors.Join(err, t.data.embedded.Compact(ctx))
	}
	return errors.Join(err, t.data.close())
}
