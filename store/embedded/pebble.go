package embedded

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// pebbleOptions are those of Pebble, chosen by measurement on Synthea data (doc.go).
func pebbleOptions(o Options, cache *pebble.Cache, scheduler *compactions) *pebble.Options {
	p := &pebble.Options{
		Cache:                       cache,
		FS:                          o.FS,
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		MemTableSize:                16 << 20,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		LBaseMaxBytes:               64 << 20,
		MaxOpenFiles:                1000,
		Logger:                      quiet{},
		EventListener:               &pebble.EventListener{},
		BytesPerSync:                1 << 20,
	}
	p.ErrorIfNotExists = o.Mode == "" // a tool makes no store
	for i := range p.TargetFileSizes {
		p.TargetFileSizes[i] = 8 << 20
	}
	p.TargetFileSizes[len(p.TargetFileSizes)-1] = 32 << 20
	p.Experimental.CompactionScheduler = scheduler
	p.CompactionConcurrencyRange = func() (int, int) { return 1, 2 }
	p.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionBalanced })
	for i := range p.Levels {
		l := &p.Levels[i]
		l.BlockSize = 16 << 10
		l.IndexBlockSize = 64 << 10
		l.FilterPolicy = pointFilter{bloom.FilterPolicy(10)}
	}
	return p
}

// quiet drops Pebble's log but for what makes it give up.
type quiet struct{}

func (quiet) Infof(string, ...any)              {}
func (quiet) Errorf(string, ...any)             {}
func (quiet) Fatalf(format string, args ...any) { panic("pebble: " + fmt.Sprintf(format, args...)) }

// pointFilter is a bloom filter of the keys that are ever looked up one by one: postings, most of all keys, are only
// walked and would only take room in it.
type pointFilter struct{ pebble.FilterPolicy }

// NewWriter implements pebble.FilterPolicy.
func (f pointFilter) NewWriter(t pebble.FilterType) pebble.FilterWriter {
	return &pointWriter{FilterWriter: f.FilterPolicy.NewWriter(t)}
}

// MayContain implements pebble.FilterPolicy.
func (f pointFilter) MayContain(t pebble.FilterType, filter, key []byte) bool {
	return !pointKey(key) || f.FilterPolicy.MayContain(t, filter, key)
}

// Name implements pebble.FilterPolicy.
func (f pointFilter) Name() string { return "firewarden.points." + f.FilterPolicy.Name() }

type pointWriter struct{ pebble.FilterWriter }

// AddKey implements pebble.FilterWriter.
func (w *pointWriter) AddKey(key []byte) {
	if pointKey(key) {
		w.FilterWriter.AddKey(key)
	}
}

func pointKey(key []byte) bool {
	if len(key) == 0 {
		return false
	}
	switch key[0] {
	case keyKV, keyID, keyBody, keyOld:
		return true
	}
	return false
}

func readUint64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

func appendUint64(dst []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(dst, n) }
