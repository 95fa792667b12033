package proof

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
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
			st, err := mongo.Open(t.Context(), mongo.Options{URI: own, Mode: "sandbox", Indexer: &index.Indexer{Base: storetest.Base}})
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

// tally is what was tried.
type tally struct {
	cases, differing int
	requests         int
	answers          int // of two worlds with each other: pages; of the server with the model
}

func (t tally) String() string {
	if t.differing == 0 {
		return fmt.Sprintf("%d worlds, %d requests, %d answers compared with the model", t.cases, t.requests, t.answers)
	}
	return fmt.Sprintf("%d pairs of worlds, %d of them different; %d requests, %d answers compared", t.cases, t.differing, t.requests, t.answers)
}

// answers are what the requests of a case give in a world.
func (r *rig) answers(c *Case, world []Op) ([][]answer, error) {
	st := r.open()
	defer st.Close()
	if err := r.fill(st, world); err != nil {
		return nil, err
	}
	if err := r.as(c.Token); err != nil {
		return nil, err
	}
	out := make([][]answer, len(c.Requests))
	for i, q := range c.Requests {
		var err error
		if out[i], err = r.ask(i, q); err != nil {
			return nil, fmt.Errorf("%s: %w", q, err)
		}
	}
	return out, nil
}

// failure says how a case breaks the law; "" if it does not.
func (r *rig) failure(t testing.TB, c *Case) string {
	if c.Other == nil {
		return r.departure(t, c)
	}
	one, err := r.answers(c, c.World)
	if err != nil {
		t.Fatal(err)
	}
	other, err := r.answers(c, c.Other)
	if err != nil {
		t.Fatal(err)
	}
	r.tally.cases++
	for i := range c.Requests {
		r.tally.requests++
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
	return ""
}

// modelled is the world as the model has it.
func modelled(world []Op) *model.Model {
	m := model.New(storetest.Base)
	for i, o := range world {
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

// seen are the versions that the token sees by any letter, and the Patients that its user's policy opens.
func seen(world []Op, t model.Token) []string {
	m := modelled(world)
	panel, everyone := m.Panel(t)
	out := []string{fmt.Sprint(panel, everyone)}
	for _, v := range m.Versions() {
		if m.Touches(t, v) {
			body, err := json.Marshal(v.JSON)
			if err != nil {
				panic(err)
			}
			out = append(out, fmt.Sprint(v.Type, "/", v.ID, " ", v.Number, v.At, v.Method, string(body)))
		}
	}
	return out
}

// other draws a world in which what the token may not see is another, or is not there: instance by instance, as long as
// what it sees stays the same.
func (d drawing) other(world []Op, t model.Token) []Op {
	want := seen(world, t)
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
		if slices.Equal(seen(out, t), want) {
			continue
		}
		// Not hidden as a whole. Perhaps an old version of it is.
		copy(out, before)
		for j := i; j < len(world); j++ {
			if world[j].Type+"/"+world[j].ID == at && world[j].Body != nil {
				kept := out[j]
				if out[j].Body = d.resource(world[j].Type, world[j].ID); !slices.Equal(seen(out, t), want) {
					out[j] = kept
				}
			}
		}
	}
	return out
}

func (d drawing) pair() *Case {
	c := &Case{Token: d.token(), World: d.world()}
	c.Other = d.other(c.World, c.Token)
	c.Requests = d.requests(c.Token, false)
	return c
}

func different(a, b []Op) bool {
	return !slices.EqualFunc(a, b, func(x, y Op) bool { return x.Skip == y.Skip && bytes.Equal(x.Body, y.Body) })
}

// The law of access (non-interference): worlds that differ in what the token may not see give the same answers.
func TestTwoWorlds(t *testing.T) {
	try(t, func(r *rig, d drawing) *Case {
		c := d.pair()
		if different(c.World, c.Other) {
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

// try draws cases and looks for one that fails, on each engine.
func try(t *testing.T, draw func(*rig, drawing) *Case) {
	for name, open := range engines(t) {
		t.Run(name, func(t *testing.T) {
			seed, long := uint64(1), time.Duration(0)
			checks := map[string]string{"memory": "40", "embedded": "40", "mongo": "5"}[name]
			if text := os.Getenv(envTime); text != "" {
				d, err := time.ParseDuration(text)
				if err != nil {
					t.Fatalf("%s: %v", envTime, err)
				}
				seed, long = uint64(time.Now().UnixMicro()), d/time.Duration(len(engines(t)))
			}
			if text := os.Getenv(envSeed); text != "" {
				n, err := strconv.ParseUint(text, 10, 64)
				if err != nil {
					t.Fatalf("%s: %v", envSeed, err)
				}
				seed = n
			}
			r := &rig{site: newSite(t), open: open}
			t.Logf("%s=%d", envSeed, seed)
			var failed *Case
			t.Cleanup(func() {
				if t.Failed() && failed != nil {
					failed.keep(t)
				}
				t.Log(r.tally)
			})
			for begun := time.Now(); ; seed++ {
				for name, value := range map[string]string{"rapid.seed": strconv.FormatUint(seed, 10), "rapid.checks": checks, "rapid.nofailfile": "true"} {
					if err := flag.Set(name, value); err != nil {
						t.Fatal(err)
					}
				}
				rapid.Check(t, func(rt *rapid.T) {
					c := draw(r, drawing{T: rt})
					if why := r.failure(t, c); why != "" {
						failed = c
						rt.Fatalf("%s\n\n%s", why, c)
					}
				})
				if time.Since(begun) >= long {
					break
				}
			}
		})
	}
}
