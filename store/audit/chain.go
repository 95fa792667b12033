package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/klauspost/compress/zstd"

	"github.com/firewarden/firewarden/store"
)

// The log in store.KV: the batches in bucket, from 1, by their number; the head, which names the last one; and in
// bucketNew what was written with a commit and is in no batch yet.
const (
	bucket    = "audit"
	bucketNew = "audit-new"
	headKey   = "head"
	idKey     = "key"
)

func batchKey(n uint64) string { return fmt.Sprintf("%016x", n) }

// head is the end of the chain.
type head struct {
	batches uint64
	events  uint64 // of all batches
	at      int64  // of the last record
	sum     [sha256.Size]byte
	version uint64 // of the record of KV
}

func (h *head) append() []byte {
	b := binary.AppendVarint(binary.AppendUvarint(binary.AppendUvarint(nil, h.batches), h.events), h.at)
	return append(b, h.sum[:]...)
}

// readHead gives the end of the chain; of a log that was never written to the zero head.
func readHead(ctx context.Context, kv store.KV) (h head, err error) {
	r, ok, err := kv.Get(ctx, bucket, headKey)
	if err != nil || !ok {
		return head{}, err
	}
	d := reader{s: string(r.Value)}
	h.batches, h.events, h.at, h.version = d.uvarint(), d.uvarint(), d.varint(), r.Version
	if copy(h.sum[:], d.take(sha256.Size)); d.fault != nil || len(d.s) > 0 {
		return head{}, fmt.Errorf("the head: %w", errBytes)
	}
	return h, nil
}

// batch is what of a batch lies before its records. As it is stored: a byte for the format, the sum of the batch before,
// how many records and events, the times of the first and of the last one, and a filter of the words of the events; then a
// zstd frame.
type batch struct {
	before   [sha256.Size]byte
	records  int
	events   uint64
	from, to int64
	words    filter
	frame    []byte
}

const format = 1

// mostHead is what the sum and the numbers of a batch take at most.
const mostHead = 1 + sha256.Size + 5*binary.MaxVarintLen64

// codec packs batches; several goroutines may use it.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() (c codec, err error) {
	if c.enc, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(256<<10)); err != nil {
		return c, fmt.Errorf("audit log: %w", err)
	}
	if c.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(1<<30)); err != nil {
		return c, fmt.Errorf("audit log: %w", err)
	}
	return c, nil
}

// sum is what the next batch holds of this one.
func sum(n uint64, value []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte("firewarden audit batch " + strconv.FormatUint(n, 10) + "\n"))
	h.Write(value)
	return [sha256.Size]byte(h.Sum(nil))
}

// readBatch reads all but the records.
func readBatch(value []byte) (b batch, err error) {
	d := reader{s: string(value[:min(len(value), mostHead)])}
	all := len(d.s)
	if f := d.take(1); f != string([]byte{format}) {
		return b, fmt.Errorf("a format that this version does not know: %w", errBytes)
	}
	copy(b.before[:], d.take(sha256.Size))
	b.records, b.events = int(d.uvarint()), d.uvarint()
	b.from, b.to = d.varint(), d.varint()
	n := d.uvarint()
	rest := value[all-len(d.s):]
	if d.fault != nil || n > uint64(len(rest)) {
		return batch{}, errBytes
	}
	b.words, b.frame = rest[:n], rest[n:]
	return b, nil
}

// records reads the records of a batch.
func (c codec) records(b *batch) ([]Record, error) {
	raw, err := c.dec.DecodeAll(b.frame, nil)
	if err != nil {
		return nil, fmt.Errorf("unpack a batch: %w", err)
	}
	out, err := readRecords(raw)
	if err != nil || len(out) != b.records {
		return nil, fmt.Errorf("a batch of %d records: %w", b.records, errBytes)
	}
	return out, nil
}

// eachNew calls f for the records that are in no batch yet, those of a commit together, in the order of their times.
func eachNew(ctx context.Context, kv store.KV, f func(key string, records []Record) error) error {
	for after := ""; ; {
		list, err := kv.List(ctx, bucketNew, "", after, 100)
		if err != nil {
			return err
		}
		for _, r := range list {
			records, err := readRecords(r.Value)
			if err == nil && len(records) == 0 {
				err = errBytes
			}
			if err != nil {
				return fmt.Errorf("the record %s, which is in no batch: %w", r.Key, err)
			}
			if err := f(r.Key, records); err != nil {
				return err
			}
			after = r.Key
		}
		if len(list) < 100 {
			return nil
		}
	}
}
