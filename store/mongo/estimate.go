package mongo

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// many is where estimates stop to count: from here on it matters little.
const many = 10_000

// estimates are about how many documents are at a path, counted in the index now and then. They choose between ways to
// the same answer and are never part of one.
type estimates struct {
	mu   sync.Mutex
	seen map[string]estimate
	time time.Duration // that counting may take; 0: estimateTime
}

type estimate struct {
	n  int
	at time.Time
}

// Bounds of estimates.
const (
	estimateAge  = time.Minute
	estimateTime = time.Second
	maxEstimates = 10_000 // kept
	manyKeys     = 100    // of more only some are counted
)

// estimate is about how many documents are at the path, many at most.
func (q *query) estimate(p *path) int {
	if p.whole() {
		return many
	}
	if step := (len(p.keys) + manyKeys - 1) / manyKeys; step > 1 {
		some := *p
		some.keys = nil
		for i := 0; i < len(p.keys); i += step {
			some.keys = append(some.keys, p.keys[i])
		}
		return min(many, q.estimate(&some)*step)
	}
	name := strings.Join([]string{q.sch.typ, p.index(), strings.Join(p.keys, "\n"), p.prefix, strings.Join(p.texts, "\n"), p.start, p.pair.from, p.pair.to}, " ")
	e := &q.src.s.estimates
	if p.match != nil {
		b, err := bson.Marshal(p.match)
		if err != nil {
			return many
		}
		name += string(b)
	}
	now := q.src.s.opts.Clock()
	e.mu.Lock()
	known, ok := e.seen[name]
	e.mu.Unlock()
	if age := now.Sub(known.at); ok && age >= 0 && age < estimateAge {
		return known.n
	}
	n := q.count(p)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.seen == nil || len(e.seen) >= maxEstimates {
		e.seen = map[string]estimate{}
	}
	e.seen[name] = estimate{n, now}
	return n
}

// count counts index entries, outside of any snapshot. If it fails the path counts as long.
func (q *query) count(p *path) int {
	if p.match != nil {
		keys := *p
		keys.match = slices.DeleteFunc(slices.Clone(p.match), func(e bson.E) bool { return e.Key == "u" }) // is in no index
		p = &keys
	}
	ctx, cancel := context.WithTimeout(q.ctx, cmp.Or(q.src.s.estimates.time, estimateTime))
	defer cancel()
	cursor, err := q.src.s.now.Aggregate(ctx, bson.A{
		field("$match", p.filter(q.sch.typ, nil)), field("$limit", many), field("$count", "n"),
	}, options.Aggregate().SetHint(p.index()))
	if err != nil {
		return many
	}
	defer cursor.Close(ctx)
	if !cursor.Next(ctx) {
		if cursor.Err() != nil {
			return many
		}
		return 0
	}
	return int(cursor.Current.Lookup("n").AsInt64())
}
