package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/firewarden/firewarden/internal/fhir"
)

// waiting are records that are in no batch yet, as they will be there but for their times: nothing of what they were made
// from is held until then.
type waiting struct {
	texts  []byte
	places []pending
}

// pending is one of them. One that was written with a commit is durable already: key is where, and is said of the last one
// there.
type pending struct {
	at, before int64 // Record.At, Record.Before
	from, to   int   // its place in the texts
	durable    bool
	key        string
}

// add adds others.
func (w *waiting) add(others *waiting) {
	for _, p := range others.places {
		from := len(w.texts)
		w.texts = append(w.texts, others.texts[p.from:p.to]...)
		p.from, p.to = from, len(w.texts)
		w.places = append(w.places, p)
	}
}

// record adds a record.
func (w *waiting) record(r *Record) {
	from := len(w.texts)
	w.texts = r.appendText(w.texts)
	w.places = append(w.places, pending{at: r.At, before: r.Before, from: from, to: len(w.texts)})
}

// append appends them as they are in a batch.
func (w *waiting) append(b []byte) []byte {
	for i := range w.places {
		p := &w.places[i]
		b = append(appendTimes(b, p.at, p.before), w.texts[p.from:p.to]...)
	}
	return b
}

// written are records that are written with a commit, at key; the texts are all of it, the times too.
func written(records []Record, key string) *waiting {
	w := &waiting{make([]byte, 0, 256*len(records)), make([]pending, 0, len(records))}
	for i := range records {
		r := &records[i]
		w.texts = appendTimes(w.texts, r.At, r.Before)
		w.record(r)
		w.places[i].durable = true
	}
	w.places[len(records)-1].key = key
	return w
}

// sort puts them in the order of their times, so that a search from the newest to the oldest is one walk.
func (w *waiting) sort() {
	inTime := func(a, b pending) int { return cmp.Compare(a.at, b.at) }
	if !slices.IsSortedFunc(w.places, inTime) {
		slices.SortStableFunc(w.places, inTime)
	}
}

// add takes a record that a flush makes durable. Where too many wait it waits for one: requests come no faster than their
// records are written.
func (l *Log) add(r *Record) error {
	if l.Figures().Waiting >= mostWaiting {
		ctx, cancel := context.WithTimeout(context.Background(), mostWait)
		defer cancel()
		if err := l.Flush(ctx); err != nil {
			return &fhir.Error{Kind: fhir.KindTransient, Diagnostics: "the audit log cannot be written at the moment; try again", Err: err}
		}
	}
	l.wait(func(w *waiting) { w.record(r) })
	return nil
}

// wait adds to what waits for a flush.
func (l *Log) wait(add func(*waiting)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.waiting.places)
	add(&l.waiting)
	if before/linkRecords < len(l.waiting.places)/linkRecords {
		select {
		case l.full <- struct{}{}:
		default:
		}
	}
}

// Flush makes durable all that was added before the call, as links of the chain.
func (l *Log) Flush(ctx context.Context) error {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	l.mu.Lock()
	w := l.waiting
	l.waiting, l.spare = l.spare, waiting{}
	l.mu.Unlock()
	w.sort()
	for list := w.places; len(list) > 0; {
		n := min(len(list), linkRecords)
		if err := l.link(ctx, waiting{w.texts, list[:n]}); err != nil {
			l.back(waiting{w.texts, list})
			return fmt.Errorf("write the audit log: %w", err)
		}
		l.mu.Lock()
		l.figures.Records += uint64(n)
		l.figures.Batches += uint64((n + batchRecords - 1) / batchRecords)
		l.mu.Unlock()
		list = list[n:]
	}
	if len(w.places) <= linkRecords {
		clear(w.places)
		l.spare = waiting{w.texts[:0], w.places[:0]}
	}
	return nil
}

// back takes back what could not be written, before what has come since.
func (l *Log) back(w waiting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.add(&l.waiting)
	l.waiting = w
}
