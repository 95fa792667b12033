package proof

import (
	"bytes"
	"crypto/rand"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/internal/proof/model"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/embedded"
	"github.com/firewarden/firewarden/store/mongo"
	"github.com/firewarden/firewarden/store/mongo/mongotest"
	"github.com/firewarden/firewarden/store/storetest"
)

// engines are the stores that a server runs on; MongoDB where there is one for tests.
func engines(t testing.TB) map[string]func() store.Store {
	out := map[string]func() store.Store{
		"memory": func() store.Store { return storetest.NewMemory() },
		"embedded": func() store.Store {
			st, err := embedded.Open(embedded.Options{Memory: true, Mode: "sandbox", CacheSize: 1 << 20, Indexer: &index.Indexer{Base: storetest.Base}})
			if err != nil {
				t.Fatal(err)
			}
			return st
		},
	}
	if uri := os.Getenv(mongotest.EnvURI); uri != "" {
		name := "firewarden-test-" + rand.Text()
		own := mongotest.Named(t, name)
		out["mongo"] = func() store.Store {
			mongotest.Wipe(t, uri, name)
			st, err := mongo.Open(t.Context(), mongo.Options{URI: own, Mode: "sandbox", Patience: time.Minute, Indexer: &index.Indexer{Base: storetest.Base}})
			if err != nil {
				t.Fatal(err)
			}
			return st
		}
	}
	return out
}

// rig is a server over stores of one kind.
type rig struct {
	*site
	open  func() store.Store
	tally tally
}

// answers are what the requests of a case give in a world, the first of two or the other.
func (r *rig) answers(c *Case, world []Op, which int) ([][]answer, *ledger, error) {
	st := r.open()
	defer st.Close()
	r.shown = c.Audit
	if err := r.begin(st, c, world); err != nil {
		return nil, nil, err
	}
	l := newLedger(c, world)
	if err := r.keeps(l, began, false); err != nil {
		return nil, nil, err
	}
	out := make([][]answer, len(c.Requests))
	for i, q := range c.Requests {
		if q.In != 0 && q.In != which {
			continue
		}
		if err := r.as(c.token(q)); err != nil {
			return nil, nil, err
		}
		var err error
		if out[i], err = r.ask(i, l.aimed(q)); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", q, err)
		}
		out[i] = l.renamed(out[i])
		if err := r.keeps(l, r.clock, q.As > maker); err != nil {
			return nil, nil, err
		}
		if q.As == maker {
			l.follow(i, q)
		}
	}
	return out, l, nil
}

// failure says how a case breaks the law; "" if it does not.
func (r *rig) failure(t testing.TB, c *Case) string {
	if c.Other == nil {
		return r.departure(t, c)
	}
	one, oneLog, err := r.answers(c, c.World, 1)
	if err != nil {
		t.Fatal(err)
	}
	other, otherLog, err := r.answers(c, c.Other, 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(oneLog.apart(otherLog)) > 0 {
		return "" // the tokens see what others have done, and that is not the same
	}
	r.tally.cases++
	r.tally.events += len(oneLog.other) + len(oneLog.own) + otherLog.alone(oneLog)
	r.tally.alone += oneLog.alone(otherLog) + otherLog.alone(oneLog)
	for i, q := range c.Requests {
		if q.As <= maker {
			continue // it sees everything, or something else
		}
		r.tally.note(q, one[i], c.Audit)
		r.tally.answers += len(one[i])
		for j := range max(len(one[i]), len(other[i])) {
			if j >= len(one[i]) || j >= len(other[i]) {
				return fmt.Sprintf("%s\nhas %d pages in one world, %d in the other", c.Requests[i], len(one[i]), len(other[i]))
			}
			if one[i][j] != other[i][j] {
				return fmt.Sprintf("%s\npage %d in one world: %s\nin the other: %s", c.Requests[i], j+1, one[i][j], other[i][j])
			}
			if one[i][j].status >= 500 && one[i][j].status != 501 {
				return fmt.Sprintf("%s\n%s", c.Requests[i], one[i][j])
			}
		}
	}
	return oneLog.departs(otherLog)
}

// begin makes a world of a case in a new store.
func (r *rig) begin(st store.Store, c *Case, world []Op) error {
	if err := r.fill(st, c.defined(world)); err != nil {
		return err
	}
	return r.define(len(c.Own))
}

// modelled is a world of the case as the model has it.
func (c *Case) modelled(world []Op) *model.Model {
	m := model.New(storetest.Base, c.Own...)
	for i, o := range c.defined(world) {
		last := m.Last(o.Type, o.ID)
		if o.absent(last != nil && !last.Deleted) {
			continue
		}
		method := "PUT"
		if o.Body == nil {
			method = "DELETE"
		}
		if _, err := m.Put(o.Type, o.ID, method, o.Body, moment(i)); err != nil {
			panic(err)
		}
	}
	return m
}

// modelled is a world without search parameters of its own as the model has it.
func modelled(world []Op) *model.Model { return (&Case{}).modelled(world) }

// seen is what one token sees of a world.
func seen(world []Op, t model.Token) []string { return (&Case{Token: t}).seen(world) }

// seen are the versions that the tokens of a case see by any letter, and the Patients that the policies of their users
// open: at first, and after each write of whoever made the world.
func (c *Case) seen(world []Op) (out []string) {
	m := c.modelled(world)
	look := func() {
		for _, t := range append([]model.Token{c.Token}, c.Others...) {
			panel, everyone := m.Panel(t)
			out = append(out, fmt.Sprint(panel, everyone))
			for _, v := range m.Touches(t) {
				out = append(out, fmt.Sprint(v.Type, "/", v.ID, " ", v.Number, v.At.Unix(), v.Method, v.Text))
			}
		}
	}
	look()
	for i, q := range c.Requests {
		if q.As == maker {
			m.Ask(c.token(q), q.modelled(i))
			look()
		}
	}
	return out
}

// other draws a world in which what the tokens may not see is another, or is not there: instance by instance, as long as
// what they see stays the same.
func (d drawing) other(c *Case) []Op {
	world := c.World
	want := c.seen(world)
	out := slices.Clone(world)
	tried := map[string]bool{}
	for i := range world {
		at := world[i].Type + "/" + world[i].ID
		if tried[at] {
			continue
		}
		tried[at] = true
		before := slices.Clone(out)
		gone := !d.oneIn(2)
		for j := i; j < len(world); j++ {
			if world[j].Type+"/"+world[j].ID != at {
				continue
			}
			if out[j].Skip = gone; !gone && world[j].Body != nil {
				out[j].Body = d.resource(world[j].Type, world[j].ID)
			}
		}
		if slices.Equal(c.seen(out), want) {
			continue
		}
		// Not hidden as a whole. Perhaps an old version of it is.
		copy(out, before)
		for j := i; j < len(world); j++ {
			if world[j].Type+"/"+world[j].ID == at && world[j].Body != nil {
				kept := out[j]
				if out[j].Body = d.resource(world[j].Type, world[j].ID); !slices.Equal(c.seen(out), want) {
					out[j] = kept
				}
			}
		}
	}
	return out
}

func different(a, b []Op) bool {
	return !slices.EqualFunc(a, b, func(x, y Op) bool { return x.Skip == y.Skip && bytes.Equal(x.Body, y.Body) })
}

// The law of access (non-interference): worlds that differ in what the token may not see give the same answers.
func TestTwoWorlds(t *testing.T) {
	try(t, 1, func(r *rig, d drawing) *Case {
		c := d.scene(false)
		c.Other = d.other(c)
		if different(c.World, c.Other) {
			r.tally.differing++
		}
		return c
	})
}

// The law over the audit log: so do worlds that differ in what others have done, too, and in what the log has of that.
func TestTwoWorldsOfLog(t *testing.T) {
	try(t, ofLogs, func(r *rig, d drawing) *Case {
		c := d.accessed(false)
		c.Other = d.other(c)
		r.reconciled(t, c)
		if different(c.World, c.Other) || slices.ContainsFunc(c.Requests, func(q Request) bool { return q.In != 0 }) {
			r.tally.differing++
		}
		return c
	})
}

// Environment: how long tests go on, instead of their short default, and the seed to begin with.
const (
	envTime = "FIREWARDEN_PROOF"
	envSeed = "FIREWARDEN_PROOF_SEED"
)

// drawn is locked while the seed is set: the flags of rapid are those of the whole process.
var drawn sync.Mutex

// stride is from one seed of check to the next: rapid itself goes on from a seed by small steps, and from the next but one
// it would draw the same cases again.
const stride = 1 << 20

// check is rapid.Check with a seed.
func check(t *testing.T, seed uint64, checks string, property func(*rapid.T)) {
	drawn.Lock()
	unlock := sync.OnceFunc(drawn.Unlock) // rapid has read its flags when it asks for the first time
	defer unlock()
	for name, value := range map[string]string{"rapid.seed": strconv.FormatUint(seed, 10), "rapid.checks": checks, "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) { unlock(); property(t) })
}

// begins says with which seed a test begins, and how long it goes on: by the environment, or once with a fixed one.
func begins(t *testing.T) (seed uint64, long time.Duration) {
	seed = 1
	if text := os.Getenv(envTime); text != "" {
		var err error
		if long, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", envTime, err)
		}
		seed = uint64(time.Now().UnixMicro())
	}
	if text := os.Getenv(envSeed); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", envSeed, err)
		}
	}
	t.Logf("%s=%d", envSeed, seed)
	return seed, long
}

// ofLogs is the part of the time that the tests of the audit log take: few of their requests are of other kinds.
const ofLogs = 4

// try draws cases and looks for one that fails, on each engine, for a part of the time; while the other test does.
func try(t *testing.T, part int, draw func(*rig, drawing) *Case) {
	t.Parallel()
	for name, open := range engines(t) {
		t.Run(name, func(t *testing.T) {
			seed, long := begins(t)
			long /= time.Duration(len(engines(t)) * part)
			checks := map[string]string{"memory": "40", "embedded": "40", "mongo": "5"}[name]
			r := &rig{site: newSite(t), open: open}
			var failed *Case
			t.Cleanup(func() {
				if t.Failed() && failed != nil {
					failed.keep(t)
				}
				t.Log(r.tally)
				r.tally.judge(t)
			})
			for begun := time.Now(); ; seed += stride {
				check(t, seed, checks, func(rt *rapid.T) {
					c := draw(r, drawing{T: rt})
					if why := r.failure(t, c); why != "" {
						failed = c
						rt.Fatalf("%s\n\n%s", why, c)
					}
				})
				if time.Since(begun) >= long && !r.tally.doubtful() {
					break
				}
			}
		})
	}
}
