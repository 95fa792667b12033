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
	mostBatches = 50_000 // whose head is read; for some patients those that are about them
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
	last *event // that was looked at
}

// need is what a condition asks of every match, as far as it can be told without rendering one.
type need struct {
	never    bool
	words    [][]string // of each of these lists it has a word
	ids      []string   // it is one of these; nil: any
	from, to index.Key  // the date
}

// Parameters by what a term of theirs says of an event: whether the text is one of its words, and those of which an event
// never has a value.
var (
	dateNum, updatedNum, idNum, agentNum = num("date"), num("_lastUpdated"), num("_id"), num("agent")

	worded = nums("patient", "agent", "altid", "entity", "policy", "type", "subtype", "action", "outcome")
	never  = nums("_tag", "_security", "_source", "agent-name", "agent-role", "entity-name")
)

func num(code string) uint16 {
	if p := r4.Lookup("AuditEvent", code); p != nil {
		return p.Num
	}
	return r4.Lookup("", code).Num
}

func nums(codes ...string) (out []uint16) {
	for _, code := range codes {
		out = append(out, num(code))
	}
	return out
}

// needs reads what a node asks of every match.
func needs(n plan.Node) (out need) {
	switch n := n.(type) {
	case plan.Term:
		return needsTerms([]index.Term{index.Term(n)})
	case plan.Terms:
		return needsTerms(n)
	case plan.Prefix:
		out.never = slices.Contains(never, n.Num)
	case plan.Verify:
		return needs(n.X)
	case plan.Range:
		if n.Num == dateNum || n.Num == updatedNum {
			out.from, out.to = n.Low.Min, n.Low.Max
		}
	case plan.And:
		for _, x := range n {
			m := needs(x)
			out.never = out.never || m.never
			out.words = append(out.words, m.words...)
			if m.ids != nil && (out.ids == nil || len(m.ids) < len(out.ids)) {
				out.ids = m.ids
			}
			out.from = max(out.from, m.from)
			if m.to != "" && (out.to == "" || m.to < out.to) {
				out.to = m.to
			}
		}
	case plan.Or:
		var any []string
		out.never = true
		for _, x := range n {
			m := needs(x)
			if m.never {
				continue
			}
			if out.never = false; len(m.words) == 0 {
				return need{}
			}
			any = append(any, m.words[0]...)
		}
		if !out.never {
			out.words = [][]string{any}
		}
	case plan.None:
		out.never = true
	}
	return out
}

// needsTerms is what one of several terms of one parameter and form asks.
func needsTerms(terms []index.Term) (out need) {
	var texts []string
	for _, t := range terms {
		texts = append(texts, t.Text)
	}
	t := terms[0]
	switch whole := t.Form == index.FormReference || t.Form == index.FormID || t.Form == index.FormCode || t.Form == index.FormURI; {
	case t.Num == idNum && t.Form == index.FormCode:
		out.ids = texts
	case slices.Contains(never, t.Num), t.Num == index.NumLink, t.Num == index.NumContained, t.Num == index.NumShared:
		out.never = true
	case t.Form == index.FormIn && allPatients(texts), t.Form == index.FormOnly, slices.Contains(worded, t.Num) && whole, t.Num == agentNum && t.Form == index.FormIdentCode:
		out.words = [][]string{texts}
	}
	return out
}

func allPatients(texts []string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { _, ok := patient(s); return !ok })
}

// errEnough ends a walk.
var errEnough = fmt.Errorf("enough")

// run calls f for the events that hold, newest first, or, with back, oldest first; from the place on, without or, with at,
// with it. errEnough of f ends it.
func (w *walk) run(ctx context.Context, from *place, at, back bool, f func(*event, *plan.Row) error) error {
	h, err := w.s.end(ctx)
	if err != nil || w.need.never {
		return err
	}
	if w.need.ids != nil {
		return w.byID(ctx, from, at, back, f)
	}
	first, last := h.batches, uint64(1)
	if back {
		first, last = 1, h.batches
	}
	if from != nil && from.batch <= h.batches {
		first = from.batch
	} else if from != nil && back {
		return nil
	}
	next := counted(first, last, back)
	if patients := w.need.patients(); patients != nil {
		if next, err = w.s.about(ctx, patients, first, last, back); err != nil {
			return err
		}
	}
	for heads := 0; ; heads++ {
		n, err := next(ctx)
		if err != nil || n == 0 {
			return err
		}
		if heads == mostBatches {
			return errCostly
		}
		b, err := w.s.batch(ctx, n)
		if err != nil {
			return err
		}
		if past := w.need.misses(&b); past < 0 && !back || past > 0 && back {
			return nil // all that follow are further away
		} else if past != 0 || !w.need.may(b.words.has) {
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
}

// patients are those of whom each match has one, the fewest that are known; nil: it may have none, or they are too many.
func (n *need) patients() (out []string) {
	for _, list := range n.words {
		if len(list) == 0 || len(list) > mostPostings || out != nil && len(out) <= len(list) || !allPatients(list) {
			continue
		}
		out = make([]string, len(list))
		for i, s := range list {
			out[i], _ = patient(s)
		}
	}
	return out
}

// may says whether there is a word of each list.
func (n *need) may(has func([]string) bool) bool {
	return !slices.ContainsFunc(n.words, func(list []string) bool { return !has(list) })
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
			if passed(e.place, from, at, back) {
				continue
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
	if !w.need.may(e.has) {
		return nil
	}
	if w.left--; w.left < 0 {
		return errCostly
	}
	w.last = e
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
		if passed(p, from, at, back) {
			continue
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

// passed says whether a walk that goes on from a place (nil: it begins) has p behind it.
func passed(p place, from *place, at, back bool) bool {
	if from == nil {
		return false
	}
	c := compare(p, *from)
	return c == 0 && !at || c < 0 && back || c > 0 && !back
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
