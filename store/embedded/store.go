package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/store"
)

// Store is a store.Store in one directory, or in memory.
type Store struct {
	db      *pebble.DB
	types   typeNumbers
	schemas []schema // by type number
	bodies  *bodies
	shapes  shapes
	opts    Options
	limits  limits
	kv      kv

	indexing atomic.Pointer[indexing] // changes while commit is held

	snapshots snapshots
	totals    *counts

	nextDoc atomic.Uint64

	// commit is held while a commit is checked and applied, not while it is prepared or synced.
	commit sync.Mutex
	views  uint64             // snapshots that were taken; under commit
	counts map[shapeID]uint64 // live documents; under commit
}

type shapeID struct {
	typ   byte
	shape uint16
}

// Options say where a store is and how it works.
type Options struct {
	Dir    string // empty with Memory
	Memory bool   // keep everything in memory: gone when the store is closed
	// Mode is recorded in a new store; a store of another mode is refused. "serve" or "sandbox". Without a mode any store
	// that exists is opened, and if Indexer has no Base it gets the recorded one: for tools that work on what is there.
	Mode      string
	Indexer   *index.Indexer
	CacheSize int64            // bytes of decompressed blocks; 0 is 128 MB
	Clock     func() time.Time // when records of KV expire; nil is time.Now
	FS        vfs.FS           // nil is the file system, or a new one in memory
}

// Versions of the format. A store of another format is refused; one of another index can be reindexed.
const (
	formatVersion = 1
	indexVersion  = 7
)

// header describes a store; it is the value of keyMeta "store".
type header struct {
	Format  int      `json:"format"`
	Index   int      `json:"index"` // 0: being rebuilt
	Mode    string   `json:"mode"`
	Types   []string `json:"types"`
	Base    string   `json:"base"`              // base URL that references were resolved by
	NoWords bool     `json:"noWords,omitempty"` // index.Indexer.NoWords
}

// ErrInUse says that another process has the store open, ErrMode that it was made in another mode, ErrNone that there
// is no store and no mode to make one, ErrReindex that the index does not fit.
var (
	ErrInUse = errors.New("the store is in use by another process")
	ErrMode  = errors.New("the store was made by another mode")
	ErrNone  = errors.New("there is no store")

	ErrReindex = errors.New("run firewarden reindex")
)

var headerKey = append([]byte{keyMeta}, "store"...)

// Open opens a store, or makes one. It refuses a store that is in use, of another mode, of an unknown format, or with an
// index that this version does not read.
func Open(o Options) (*Store, error) { return open(o, false) }

// open opens a store; to be rebuilt, with whatever index it has.
func open(o Options, rebuild bool) (*Store, error) {
	if o.CacheSize == 0 {
		o.CacheSize = 128 << 20
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Indexer == nil {
		o.Indexer = &index.Indexer{}
	}
	if o.FS == nil {
		if o.FS = vfs.Default; o.Memory {
			o.FS = vfs.NewMem()
		}
	}
	if o.Dir == "" && !o.Memory {
		return nil, errors.New("open a store: no directory")
	}
	s := &Store{opts: o, limits: defaultLimits, types: r4.Resources()}
	s.schemas = newSchemas(s.types)
	s.shapes.most = s.limits.shapesOf
	s.totals = newCounts(s.limits.totals)
	var err error
	if s.bodies, err = newBodies(max(runtime.GOMAXPROCS(0), 2)); err != nil {
		return nil, err
	}
	cache := pebble.NewCache(o.CacheSize)
	defer cache.Unref()
	scheduler := newCompactions()
	if s.db, err = pebble.Open(o.Dir, pebbleOptions(o, cache, scheduler)); err != nil {
		s.bodies.close()
		return nil, openError(o.Dir, err)
	}
	if err := s.load(rebuild); err != nil {
		s.Close()
		return nil, fmt.Errorf("open %s: %w", s.name(), err)
	}
	s.snapshots.open(s.view())
	scheduler.begin()
	return s, nil
}

func (s *Store) name() string {
	if s.opts.Dir == "" {
		return "the store in memory"
	}
	return s.opts.Dir
}

func openError(dir string, err error) error {
	// Pebble wraps what the operating system answers to flock.
	if text := err.Error(); strings.Contains(text, "resource temporarily unavailable") || strings.Contains(text, "lock held by current process") {
		return fmt.Errorf("open %s: %w", dir, ErrInUse)
	}
	if errors.Is(err, pebble.ErrDBDoesNotExist) {
		return fmt.Errorf("open %s: %w", dir, ErrNone)
	}
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("open %s: no permission to read and write there: %w", dir, err)
	}
	return fmt.Errorf("open %s: %w", dir, err)
}

// load checks the header, or writes one, and reads what is kept in memory.
func (s *Store) load(rebuild bool) error {
	if err := s.loadParameters(); err != nil {
		return err
	}
	val, closer, err := s.db.Get(headerKey)
	switch {
	case errors.Is(err, pebble.ErrNotFound) && s.opts.Mode == "":
		return ErrNone
	case errors.Is(err, pebble.ErrNotFound):
		if err := s.writeHeader(indexVersion); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		var h header
		err := json.Unmarshal(val, &h)
		closer.Close()
		if err != nil {
			return fmt.Errorf("the header: %w", err)
		}
		if s.opts.Mode == "" {
			s.opts.Mode = h.Mode
			if s.opts.Indexer.Base == "" {
				s.opts.Indexer.Base = h.Base
			}
			if !rebuild {
				s.opts.Indexer.NoWords = h.NoWords
			}
			s.use(s.indexing.Load().params) // with both
		}
		if err := s.check(h, rebuild); err != nil {
			return err
		}
	}
	if err := s.loadNextDoc(); err != nil {
		return err
	}
	if !rebuild {
		if err := s.loadIndex(); err != nil {
			return err
		}
	}
	return s.kv.load(s)
}

func (s *Store) check(h header, rebuild bool) error {
	switch {
	case h.Format != formatVersion:
		return fmt.Errorf("the store has format %d, this version of firewarden reads format %d", h.Format, formatVersion)
	case h.Mode != s.opts.Mode:
		return fmt.Errorf("%w: %q, not %q, and the two do not share data", ErrMode, h.Mode, s.opts.Mode)
	case rebuild:
		return nil
	case h.Index == 0:
		return fmt.Errorf("a rebuild of its index was not finished: %w", ErrReindex)
	case h.Index != indexVersion || !slices.Equal(h.Types, s.types):
		return fmt.Errorf("the index has version %d, this version of firewarden reads version %d: %w", h.Index, indexVersion, ErrReindex)
	case h.NoWords != s.opts.Indexer.NoWords:
		return fmt.Errorf("words of texts are in its index: %t, and text-index says otherwise: %w", !h.NoWords, ErrReindex)
	case h.Base == s.opts.Indexer.Base:
		return nil
	}
	ok, err := s.movable(s.opts.Indexer.Base)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("the base URL was %q and is %q, which references are resolved by: %w", h.Base, s.opts.Indexer.Base, ErrReindex)
	}
	return s.writeHeader(h.Index)
}

func (s *Store) writeHeader(index int) error {
	b, err := json.Marshal(header{formatVersion, index, s.opts.Mode, s.types, s.opts.Indexer.Base, s.opts.Indexer.NoWords})
	if err != nil {
		return err
	}
	return s.db.Set(headerKey, b, pebble.Sync)
}

// loadNextDoc finds the first document number that was never used: bodies and tombstones stay.
func (s *Store) loadNextDoc() error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyBody}, UpperBound: []byte{keyBody + 1}})
	if err != nil {
		return err
	}
	defer it.Close()
	if it.Last() {
		s.nextDoc.Store(readDoc(it.Key()[1:]))
	}
	return it.Error()
}

// loadIndex reads shapes and counts.
func (s *Store) loadIndex() error {
	if err := s.shapes.load(s.db); err != nil {
		return err
	}
	s.counts = map[shapeID]uint64{}
	return scan(s.db, []byte{keyCount}, func(key, val []byte) error {
		if len(key) != 4 || len(val) != 8 {
			return fmt.Errorf("malformed count %x", key)
		}
		s.counts[shapeID{key[1], uint16(key[2])<<8 | uint16(key[3])}] = readUint64(val)
		return nil
	})
}

// KV implements store.Store.
func (s *Store) KV() store.KV { return &s.kv }

// Close implements store.Store.
func (s *Store) Close() error {
	err := errors.Join(s.snapshots.close(), s.flush(), s.db.Close())
	s.bodies.close()
	return err
}

// flush writes what is in memory into tables, so that the next process need not read the log. It is given up where that
// does not come to an end: a disk is full.
func (s *Store) flush() error {
	if s.opts.Memory {
		return nil
	}
	done, err := s.db.AsyncFlush()
	if err != nil {
		return err
	}
	select {
	case <-done:
	case <-time.After(10 * time.Second):
	}
	return nil
}

// scan calls f for the keys that begin with prefix; the slices are f's only until it returns.
func scan(r pebble.Reader, prefix []byte, f func(key, val []byte) error) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		if err := f(it.Key(), it.Value()); err != nil {
			return err
		}
	}
	return it.Error()
}

// get reads one value; closer is nil if there is none.
func get(r pebble.Reader, key []byte) (val []byte, closer io.Closer, err error) {
	val, closer, err = r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil, nil
	}
	return val, closer, err
}
