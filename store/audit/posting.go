package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"

	"github.com/firewarden/firewarden/store"
)

// The postings of the log, in bucketPatients: for each patient and each span of batches in which an event has the word of
// that patient, in which of them. Who may see what is about some patients is answered from these, at a cost that does not
// follow what the log has of others. They are written when the chain has left a span: the batches behind the last one are
// looked at as they are. They say nothing that the batches do not say, and are no part of the chain.
const (
	bucketPatients = "audit-patients"
	postedKey      = "posted" // how many spans have postings; the key of a posting has a /

	spanBatches  = 64   // of a span: the bits of a posting
	putsAtOnce   = 1000 // postings of one commit
	mostPostings = 1000 // patients whose postings are read side by side
	listAtOnce   = 100
	mostRecent   = 4 * spanBatches // batches whose patients are kept until they are posted
)

// postingKey is that of a posting: those of a patient are listed from the newest span on.
func postingKey(patient string, span uint64) string { return fmt.Sprintf("%s/%016x", patient, ^span) }

// posted is how many spans have postings, and the version of the record that says so.
func posted(ctx context.Context, kv store.KV) (spans, version uint64, err error) {
	r, ok, err := kv.Get(ctx, bucketPatients, postedKey)
	if err != nil || !ok {
		return 0, 0, err
	}
	d := reader{s: string(r.Value)}
	if spans = d.uvarint(); d.fault != nil || len(d.s) > 0 {
		return 0, 0, fmt.Errorf("the postings of the audit log: %w", errBytes)
	}
	return spans, r.Version, nil
}

// Post writes the postings of the spans that the chain has left. Several processes may do so at once: they write the same.
func (l *Log) Post(ctx context.Context) error {
	kv := l.o.Store.KV()
	for {
		h, err := readHead(ctx, kv)
		if err != nil {
			return err
		}
		span, version, err := posted(ctx, kv)
		if err != nil {
			return err
		}
		if (span+1)*spanBatches > h.batches {
			return nil
		}
		if err := l.post(ctx, kv, span, version); err != nil && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("write the postings of the audit log: %w", err)
		}
	}
}

// post writes the postings of a span, and then, if no other process has done so, that they are there.
func (l *Log) post(ctx context.Context, kv store.KV, span, version uint64) error {
	in := map[string]uint64{}
	for i := range uint64(spanBatches) {
		patients, err := l.patientsOf(ctx, kv, span*spanBatches+i+1)
		if err != nil {
			return err
		}
		for _, p := range patients {
			in[p] |= 1 << i
		}
	}
	puts := make([]store.Put, 0, len(in))
	for p, batches := range in {
		puts = append(puts, store.Put{IfVersion: store.AnyVersion,
			Record: store.Record{Bucket: bucketPatients, Key: postingKey(p, span), Value: binary.BigEndian.AppendUint64(nil, batches)}})
	}
	for part := range slices.Chunk(puts, putsAtOnce) {
		if err := l.o.Store.Commit(ctx, store.Commit{Records: part}); err != nil {
			return err
		}
	}
	done := store.Record{Bucket: bucketPatients, Key: postedKey, Value: binary.AppendUvarint(nil, span+1)}
	if _, err := kv.Put(ctx, done, version); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range uint64(spanBatches) {
		delete(l.recent, span*spanBatches+i+1)
	}
	return nil
}

// keep remembers whom batches are about that were just written, from the first on: most are posted by who has written them.
func (l *Log) keep(first uint64, whom [][]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.recent) >= mostRecent {
		clear(l.recent)
	}
	for i, patients := range whom {
		l.recent[first+uint64(i)] = patients
	}
}

// patientsOf are those whose words the events of a batch have.
func (l *Log) patientsOf(ctx context.Context, kv store.KV, n uint64) ([]string, error) {
	l.mu.Lock()
	patients, ok := l.recent[n]
	l.mu.Unlock()
	if ok {
		return patients, nil
	}
	b, err := batchOf(ctx, kv, n)
	if err != nil {
		return nil, err
	}
	records, err := l.codec.records(&b)
	if err != nil {
		return nil, fmt.Errorf("batch %d: %w", n, err)
	}
	p := newPacker()
	for i := range records {
		p.note(&records[i])
	}
	return p.patients(), nil
}

// batches gives the numbers of batches one after the other, 0 behind the last one.
type batches func(ctx context.Context) (uint64, error)

// counted are the batches from first to last.
func counted(first, last uint64, back bool) batches {
	return func(context.Context) (n uint64, err error) {
		switch {
		case first == 0 || back && first > last || !back && first < last:
			return 0, nil
		case back:
			first, n = first+1, first
		default:
			first, n = first-1, first
		}
		return n, nil
	}
}

// about are the batches from first to last that are about one of some patients, and those that no postings tell of.
func (s *snapshot) about(ctx context.Context, patients []string, first, last uint64, back bool) (batches, error) {
	spans, _, err := posted(ctx, s.log.o.Store.KV())
	if err != nil {
		return nil, err
	}
	end := spans * spanBatches // the last batch that postings tell of
	p := newPostings(s.log.o.Store.KV(), patients)
	if !back {
		tail := counted(first, max(last, end+1), false)
		told := p.batches(min(first, end), last)
		return after(tail, told), nil
	}
	list, err := p.rest(ctx, min(last, end), first)
	if err != nil {
		return nil, err
	}
	return after(listed(list), counted(max(first, end+1), last, true)), nil
}

// after is one and then the other.
func after(a, b batches) batches {
	return func(ctx context.Context) (uint64, error) {
		if a != nil {
			if n, err := a(ctx); n != 0 || err != nil {
				return n, err
			}
			a = nil
		}
		return b(ctx)
	}
}

func listed(list []uint64) batches {
	return func(context.Context) (n uint64, err error) {
		if len(list) > 0 {
			n, list = list[0], list[1:]
		}
		return n, nil
	}
}

// postings are those of some patients, read side by side from the newest span on.
type postings struct {
	kv    store.KV
	lists []postingList
	span  uint64 // the one that bits are of
	bits  uint64
}

// postingList are the postings of one patient.
type postingList struct {
	prefix, after string
	read          []store.Record
	ended         bool
}

func newPostings(kv store.KV, patients []string) *postings {
	p := &postings{kv: kv}
	for _, id := range patients {
		p.lists = append(p.lists, postingList{prefix: id + "/"})
	}
	return p
}

// batches are those of the postings from first down to last.
func (p *postings) batches(first, last uint64) batches {
	if first > 0 {
		for i := range p.lists { // a posting of a later span is before this key
			p.lists[i].after = p.lists[i].prefix + fmt.Sprintf("%016x", ^((first-1)/spanBatches)-1)
		}
	}
	return func(ctx context.Context) (uint64, error) {
		for first > 0 {
			for p.bits == 0 {
				more, err := p.next(ctx)
				if err != nil || !more {
					return 0, err
				}
			}
			i := 63 - bits.LeadingZeros64(p.bits)
			p.bits &^= 1 << i
			switch n := p.span*spanBatches + uint64(i) + 1; {
			case n < last:
				return 0, nil
			case n <= first:
				return n, nil
			}
		}
		return 0, nil
	}
}

// rest are the batches from last down to first, in the order from first on.
func (p *postings) rest(ctx context.Context, last, first uint64) (out []uint64, err error) {
	next := p.batches(last, first)
	for {
		n, err := next(ctx)
		if err != nil || n == 0 {
			slices.Reverse(out)
			return out, err
		}
		out = append(out, n)
	}
}

// next reads the next span that there are postings of.
func (p *postings) next(ctx context.Context) (more bool, err error) {
	span, found := uint64(0), uint64(0)
	for i := range p.lists {
		l := &p.lists[i]
		if len(l.read) == 0 && !l.ended {
			if l.read, err = p.kv.List(ctx, bucketPatients, l.prefix, l.after, listAtOnce); err != nil {
				return false, fmt.Errorf("read the postings of the audit log: %w", err)
			}
			l.ended = len(l.read) < listAtOnce
		}
		if len(l.read) == 0 {
			continue
		}
		n, err := spanOf(l.read[0].Key[len(l.prefix):])
		if err != nil || len(l.read[0].Value) != 8 {
			return false, fmt.Errorf("the posting %s of the audit log: %w", l.read[0].Key, errBytes)
		}
		if !more || n > span {
			span, found, more = n, 0, true
		}
		if n == span {
			found |= binary.BigEndian.Uint64(l.read[0].Value)
		}
	}
	for i := range p.lists {
		l := &p.lists[i]
		if len(l.read) == 0 {
			continue
		}
		if n, _ := spanOf(l.read[0].Key[len(l.prefix):]); n == span {
			l.after, l.read = l.read[0].Key, l.read[1:]
		}
	}
	p.span, p.bits = span, found
	return more, nil
}

func spanOf(text string) (span uint64, err error) {
	span, err = strconv.ParseUint(text, 16, 64)
	return ^span, err
}
