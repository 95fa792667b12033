package mongo

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/store"
)

// Store is a store.Store in one database of a replica set or sharded cluster. Any number of processes may have it open.
type Store struct {
	client *mongo.Client
	db     *mongo.Database
	opts   Options
	routed bool // by a router of a sharded cluster

	indexing atomic.Pointer[indexing]
	using    sync.RWMutex // read-locked by commits: what they index by is in use until they are done

	resources, history, records, locks, shapesDB, meta *mongo.Collection
	now                                                *mongo.Collection // resources as they are, for estimates

	shapes    shapes
	estimates estimates
	queue     queue
	opener    *opener // nil: the store is being rebuilt
	lease     *lease
	seen      seen
	kv        kv

	open  context.Context // until Close
	close context.CancelFunc
}

// Options say where a store is and how it works.
type Options struct {
	URI      string // mongodb:// or mongodb+srv://; it must not weaken what the store promises
	Database string // "" is the one that the URI names, or "firewarden"
	// Mode is recorded in a new store; a store of another mode is refused. "serve" or "sandbox". Without a mode any store
	// that exists is opened, and if Indexer has no Base it gets the recorded one: for tools that work on what is there.
	Mode    string
	Indexer *index.Indexer
	Clock   func() time.Time // when records of KV expire; nil is time.Now
	Random  io.Reader        // of version numbers of KV and of commits; nil is crypto/rand

	// Patience is how long a read waits and a write is tried while the database has no primary, unless its context ends
	// before; 0 is ten seconds. A commit of many versions is tried longer.
	Patience time.Duration
	// Building is told of indexes that are being built, and how far; of is 0 if that is not known. nil: nobody wants to know.
	Building func(index string, done, of int64)

	monitor *event.CommandMonitor // of tests
}

// ErrMode says that a store was made in another mode, ErrNone that there is none and no mode to make one, ErrReindex
// that the index does not fit.
var (
	ErrMode    = errors.New("the store was made by another mode")
	ErrNone    = errors.New("there is no store")
	ErrReindex = errors.New("run firewarden reindex")
)

// Open connects to a store, or makes one. It refuses a server that cannot keep what the store promises, and says why
// and what helps.
func Open(ctx context.Context, o Options) (*Store, error) { return open(ctx, o, false) }

func open(ctx context.Context, o Options, rebuild bool) (*Store, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Indexer == nil {
		o.Indexer = &index.Indexer{}
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	lease := newLease(o.Patience)
	watch := lease.monitor()
	if rebuild {
		lease.held.Store(&hold{until: time.Now().AddDate(1, 0, 0), reign: lease.reign}) // there are no others
		watch = nil
	}
	client, h, err := connect(ctx, &o, watch)
	if err != nil {
		return nil, err
	}
	s := &Store{client: client, db: client.Database(o.Database), opts: o, routed: h.routed(), lease: lease}
	s.open, s.close = context.WithCancel(context.WithoutCancel(ctx))
	s.resources, s.history, s.records = s.db.Collection("resources"), s.db.Collection("history"), s.db.Collection("records")
	s.locks, s.shapesDB, s.meta = s.db.Collection("locks"), s.db.Collection("shapes"), s.db.Collection("meta")
	s.now = s.db.Collection("resources", options.Collection().SetReadConcern(readconcern.Local()))
	s.kv.s = s
	if err := s.load(ctx, rebuild); err != nil {
		s.Close()
		return nil, fmt.Errorf("open the database %s: %w", o.Database, explain(err, o.Database))
	}
	return s, nil
}

// KV implements store.Store.
func (s *Store) KV() store.KV { return &s.kv }

// Close implements store.Store.
func (s *Store) Close() error {
	s.close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s.depart(ctx)
	if err := s.client.Disconnect(ctx); err != nil {
		return fmt.Errorf("disconnect: %w", err)
	}
	return nil
}

// Ready says whether the database answers and can be written to.
func (s *Store) Ready(ctx context.Context) error {
	err := s.client.Ping(ctx, nil)
	if err == nil && s.lease.valid() == nil {
		err = errElection
	}
	return fault("ping the primary", err)
}

// number draws a positive number that nobody else has drawn.
func (s *Store) number() (int64, error) {
	var b [8]byte
	for {
		if _, err := io.ReadFull(s.opts.Random, b[:]); err != nil {
			return 0, fmt.Errorf("draw a number: %w", err)
		}
		if n := int64(binary.BigEndian.Uint64(b[:]) >> 1); n != 0 {
			return n, nil
		}
	}
}

// seen is the latest time of the cluster at which this process has had a write acknowledged, or has met one in its way.
type seen struct {
	mu sync.Mutex
	at bson.Timestamp
}

func (s *seen) note(t *bson.Timestamp) {
	if t == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.After(s.at) {
		s.at = *t
	}
}

// after notes when a session has written, or met what is in its way. A write meets what a majority does not have yet, and
// whoever looks for that afterwards has to wait until a majority has it: else it is not found and still in the way.
func (s *seen) after(session *mongo.Session, err error) {
	switch {
	case err == nil:
		s.note(session.OperationTime())
	case errors.Is(err, store.ErrConflict): // the time of the operation is that of a majority
		if t, i, ok := session.ClusterTime().Lookup("$clusterTime", "clusterTime").TimestampOK(); ok {
			s.note(&bson.Timestamp{T: t, I: i})
		}
	}
}

func (s *seen) time() bson.Timestamp {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}
