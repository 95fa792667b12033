package audit

import (
	"context"
	"fmt"
	"slices"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// Limits of one question to the log. Over them it is too-costly.
const (
	mostBatches = 50_000 // whose head is read
	mostEvents  = 50_000 // that are looked at one by one
	mostSorted  = 10_000 // matches of a search in another order than that of time
)

var errCostly = fhir.Errorf(fhir.KindTooCostly, "", "the search reads too much of the audit log: narrow it by patient and date")

// walk reads the log of a snapshot.
type walk struct {
	s    *snapshot
	node plan.Node
	need need
	left int // events that may still be looked at
	read int
}

// need is what a condition asks of every match, as far as it can be told without rendering one.
type need struct {
	patients []string  // one of them is named; nil: any
	ids      []string  // it is one of these; nil: any
	from, to index.Key // the date
}

var (
	dateNum = r4.Lookup("AuditEvent", "date").Num
	idNum   = r4.Lookup("", "_id").Num
)

// needs reads what a node asks of every match.
func needs(n plan.Node) (out need) {
	switch n := n.(type) {
	case plan.Term:
		return needsTerms([]index.Term{index.Term(n)})
	case plan.Terms:
		return needsTerms(n)
	case plan.Verify:
		return needs(n.X)
	case plan.Range:
		if n.Num == dateNum {
			out.from, out.to = n.Low.Min, n.Low.Max
		}
	case plan.And:
		for _, x := range n {
			m := needs(x)
			if m.patients != nil && (out.patients == nil || len(m.patients) < len(out.patients)) {
				out.patients = m.patients
			}
			if m.ids != nil && (out.ids == nil || len(m.ids) < len(out.ids)) {
				out.ids = m.ids
			}
			out.from = max(out.from, m.from)
			if m.to != "" && (out.to == "" || m.to < out.to) {
				out.to = m.to
			}
		}
	case plan.Or:
		for i, x := range n {
			m := needs(x)
			if m.patients == nil {
				return need{}
			}
			if i == 0 {
				out.patients = []string{}
			}
			out.patients = append(out.patients, m.patients...)
		}
	}
	return out
}

func needsTerms(terms []index.Term) (out need) {
	for _, t := range terms {
		id, ok := patient(t.Text)
		switch {
		case t.Num == idNum && t.Form == index.FormCode:
			out.ids = append(out.ids, t.Text)
			continue
		case ok && (t.Form == index.FormReference || t.Form == index.FormIn || t.Form == index.FormOnly):
			out.patients = append(out.patients, id)
			continue
		}
		return need{}
	}
	return out
}

// errEnough ends a walk.
var errEnough = fmt.Errorf("enough")

// run calls f for the events that hold, newest first, or, with back, oldest first; from the place on, without or, with at,
// with it. errEnough of f ends it.
func (w *walk) run(ctx context.Context, from *place, at, back bool, f func(*event, *plan.Row) error) error {
	h, err := w.s.end(ctx)
	if err != nil {
		return err
	}
	if w.need.ids != nil {
		return w.byID(ctx, from, at, back, f)
	}
	first, last, step := h.batches, uint64(0), -1
	if back {
		first, last, step = 1, h.batches+1, 1
	}
	if from != nil && from.batch <= h.batches {
		first = from.batch
	} else if from != nil && back {
		return nil
	}
	heads := 0
	for n := first; n != last && n != 0; n += uint64(step) {
		if heads++; heads > mostBatches {
			return errCostly
		}
		b, err := w.s.batch(ctx, n)
		if err != nil {
			return err
		}
		if past := w.need.misses(&b); past < 0 && !back || past > 0 && back {
			return nil // all that follow are further away
		} else if past != 0 || w.need.patients != nil && !b.has(w.need.patients) {
			continue
		}
		records, err := w.s.log.codec.records(&b)
		if err != nil {
			return fmt.Errorf("batch %d: %w", n, err)
		}
		if err := w.batch(ctx, n, records, from, at, back, f); err != nil {
			return err
		}
	}
	return nil
}

// misses says whether all of a batch is older (-1) or newer (1) than what is asked for.
func (n *need) misses(b *batch) int {
	switch {
	case n.from != "" && index.DateKey(b.to) < n.from && index.DateKey(b.to/1000*1000) < n.from:
		return -1
	case n.to != "" && index.DateKey(b.from/1000*1000) > n.to:
		return 1
	}
	return 0
}

// batch walks through one batch.
func (w *walk) batch(ctx context.Context, n uint64, records []Record, from *place, at, back bool, f func(*event, *plan.Row) error) error {
	for k := range records {
		i := len(records) - 1 - k
		if back {
			i = k
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		events := records[i].events(place{batch: n, record: uint32(i)})
		if !back {
			slices.Reverse(events)
		}
		for j := range events {
			e := &events[j]
			if from != nil {
				if c := compare(e.place, *from); c == 0 && !at || c < 0 && back || c > 0 && !back {
					continue
				}
			}
			if err := w.look(e, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// look calls f if the event holds.
func (w *walk) look(e *event, f func(*event, *plan.Row) error) error {
	if w.need.patients != nil && !e.names(w.need.patients) {
		return nil
	}
	if w.left--; w.left < 0 {
		return errCostly
	}
	w.read++
	row, err := w.s.log.row(e)
	if err != nil {
		return err
	}
	if w.node != (plan.All{}) {
		res, err := parsed(&row)
		if err != nil {
			return err
		}
		entries := w.s.index().Entries(res)
		if ok, err := plan.Contains(w.node, &entries, &row); !ok || err != nil {
			return err
		}
	}
	return f(e, &row)
}

// byID looks at events that are asked for by id.
func (w *walk) byID(ctx context.Context, from *place, at, back bool, f func(*event, *plan.Row) error) error {
	var places []place
	for _, id := range w.need.ids {
		if p, ok := w.s.log.place(id); ok {
			places = append(places, p)
		}
	}
	slices.SortFunc(places, compare)
	if !back {
		slices.Reverse(places)
	}
	for _, p := range slices.Compact(places) {
		if from != nil {
			if c := compare(p, *from); c == 0 && !at || c < 0 && back || c > 0 && !back {
				continue
			}
		}
		e, err := w.s.event(ctx, p)
		if err != nil {
			return err
		}
		if e != nil {
			if err := w.look(e, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare compares places by time.
func compare(a, b place) int {
	return slices.Compare(a.append(nil), b.append(nil))
}

func parsed(row *plan.Row) (*fhir.Resource, error) {
	res, err := fhir.Parse(row.Body, fhir.Limits{Depth: 100, Bytes: len(row.Body), Nodes: len(row.Body)})
	if err != nil {
		return nil, fmt.Errorf("parse a rendered AuditEvent: %s", err.Error())
	}
	return res, nil
}
