package storetest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/conformance/terminology"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/store"
)

// Environment of Differential: how long it goes on, instead of its short default, and the one seed to try again.
const (
	envTime = "FIREWARDEN_DIFFERENTIAL" // 4m
	envSeed = "FIREWARDEN_SEED"
)

// Amounts of the short default.
const (
	shortWorlds    = 70
	leastWorlds    = 5 // in whatever time
	worldQuestions = 40
	longQuestions  = 400 // where the time is given: most of it goes into making worlds and into their histories
	manyWorlds     = 30  // of the questions of so many a sixth finds something, if they are any good; of a single world 9 % may
	crowdQuestions = 12
	crowdEvery     = 50 // of so many worlds one is a crowd
)

// parseOptions are those of every question. The clock stands still: ap measures from it.
var parseOptions = search.Options{Base: Base, Now: time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC), Params: worldParams()}

// Differential asks random questions of random worlds with random access, and compares four answers to each:
//
//	search.Match on every resource           the reference
//	the plan on Memory                       what Lower and Run make of the question
//	the plan on the engine                   what the engine makes of the plan
//	search.Match on what the caller may see  non-interference (access.md §1)
//
// A failure prints its seed and the smallest world and question that were found to show it.
func Differential(t *testing.T, open func(t *testing.T) store.Store) {
	seed, worlds := uint64(1), shortWorlds
	if testing.Short() {
		worlds /= 5
	}
	var until time.Time
	if text := os.Getenv(envTime); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("%s: %v", envTime, err)
		}
		seed, worlds, until = rand.Uint64()>>16, leastWorlds, time.Now().Add(d)
	}
	if text := os.Getenv(envSeed); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", envSeed, err)
		}
		seed, worlds, until = n, 1, time.Time{}
	}
	long := os.Getenv(envTime)+os.Getenv(envSeed) != ""
	asked, found, owned := 0, 0, 0
	definitions := &terminology.Cache{}
	i := 0
	for ; i < worlds || time.Now().Before(until); i++ {
		d := differential{T: t, open: open, definitions: definitions}
		if long {
			d.more = func() bool { return until.IsZero() || time.Now().Before(until) }
		}
		if f := d.world(seed + uint64(i)); f != nil {
			f = d.shrink(f)
			t.Fatalf("%s=%d\n%s", envSeed, seed+uint64(i), f)
		}
		asked, found, owned = asked+d.asked, found+d.found, owned+d.owned
	}
	t.Logf("%d questions from seed %d; %d found something, %d of these by own search parameters", asked, seed, found, owned)
	if i >= manyWorlds && (found*6 < asked || owned*30 < found) {
		t.Errorf("of %d questions %d found something, %d of these by own search parameters: too few to compare", asked, found, owned)
	}
}

type differential struct {
	*testing.T
	open                func(*testing.T) store.Store
	definitions         *terminology.Cache
	more                func() bool // whether a world is asked longQuestions; nil: it is not
	asked, found, owned int
}

// failure is a world and what went wrong in it.
type failure struct {
	ops  []op
	q    *question // nil: reads and histories by a failed, or, if that is zero, a write
	a    access
	why  string
	plan string
}

func (f *failure) String() string {
	var b strings.Builder
	b.WriteString(f.why + "\n")
	if f.q != nil {
		fmt.Fprintf(&b, "\n%s\n%s", f.q, f.plan)
	} else {
		fmt.Fprintf(&b, "\n%s\n", f.a)
	}
	b.WriteString("\nthe world:\n")
	for _, o := range f.ops {
		fmt.Fprintf(&b, "%s\n", o)
	}
	return b.String()
}

// world makes one world and asks its questions.
func (d *differential) world(seed uint64) (f *failure) {
	defer func() {
		if r := recover(); r != nil {
			f = &failure{why: fmt.Sprintf("panic: %v\n%s", r, stack())}
		}
	}()
	m := maker{Rand: rand.New(rand.NewPCG(seed, 0)), crowd: seed%crowdEvery == 0}
	ops := m.world()
	p := d.pair(ops)
	defer p.close()
	if why := p.fill(ops); why != "" {
		return &failure{ops: ops, why: why}
	}
	if m.oneIn(10) {
		if why := p.reopen(); why != "" {
			return &failure{ops: ops, why: why}
		}
	}
	m.seen = p.memory.view()
	for range 3 {
		m.whose = pick(m, instances["Patient"])
		a := m.access()
		if why := p.histories(a); why != "" {
			return &failure{ops: ops, a: a, why: why}
		}
	}
	questions := worldQuestions
	if m.crowd {
		questions = crowdQuestions
	}
	for n := 0; n < questions || !m.crowd && n < longQuestions && d.more != nil && d.more(); n++ {
		q := m.question()
		d.asked++
		if why, plan := p.ask(q); why != "" {
			return &failure{ops: ops, q: &q, why: why, plan: plan}
		}
	}
	d.found, d.owned = p.found, p.owned
	return nil
}

// try is what a failure comes to in a smaller form; nil if it is none.
func (d *differential) try(f *failure) *failure {
	p := d.pair(f.ops)
	defer p.close()
	again := *f
	again.why = p.fill(f.ops)
	switch {
	case again.why != "" && (f.q != nil || f.a.search != nil):
		return nil // what is left is no world, or shows another fault
	case f.q != nil:
		again.why, again.plan = p.ask(*f.q)
	case f.a.search != nil:
		again.why = p.histories(f.a)
	}
	if again.why == "" {
		return nil
	}
	return &again
}
