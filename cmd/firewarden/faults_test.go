package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/history"
	"github.com/firewarden/firewarden/internal/program"
	"github.com/firewarden/firewarden/store/mongo/mongotest"
)

// kept checks that servers have kept their word, when they have ended what they were asked for.
func kept(t *testing.T, c *history.Client) {
	t.Helper()
	state, err := c.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	faults := history.Check(c.Ops(), state)
	for i, fault := range faults {
		if i == 20 {
			t.Errorf("and %d more", len(faults)-i)
			break
		}
		t.Error(fault)
	}
	for _, complaint := range c.Complaints() {
		t.Error(complaint)
	}
	t.Logf("%d faults in %s", len(faults), c)
}

// TestKill9: what was acknowledged before kill -9 is there after a restart, nothing is doubled or torn, and the store is
// sound.
func TestKill9(t *testing.T) {
	dir, port := filepath.Join(t.TempDir(), "store"), program.FreePort(t)
	args := []string{"serve", "--store", dir, "--anonymous", "system/*.cruds", "--log-level", "error"}
	c := history.New("http://127.0.0.1:" + port + "/fhir")
	c.Mortal = true
	p := spawn(t, port, args...)
	if err := c.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		before := c.Acknowledged()
		stop := write(t, c)
		program.Until(t, "writes", func() bool { return c.Acknowledged() > before+300 })
		p.Kill()
		stop()
		p = spawn(t, port, args...)
	}
	kept(t, c)
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if out := mustRun(t, "check", "--store", dir); !strings.Contains(out, "no problems") {
		t.Errorf("check: %s", out)
	}
}

// write begins to write. stop ends that and returns when all that was begun is answered.
func write(t *testing.T, c *history.Client) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Write(ctx, 12)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// siege is a replica set of three with two servers on it, under load.
type siege struct {
	*testing.T
	mongotest.Members
	net     *mongotest.Network // nil: all are on loopback
	servers []*process
	client  *history.Client
}

// TestFaults does to the members of a replica set what happens to machines, while two servers write to it. Requests fail
// with 503 meanwhile and are answered again by themselves, and what was acknowledged is there, once, in order.
// FIREWARDEN_FAULTS is how long this takes, as in 1h.
func TestFaults(t *testing.T) {
	lasting := 20 * time.Second
	if text := os.Getenv("FIREWARDEN_FAULTS"); text != "" {
		var err error
		if lasting, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	faults := []struct {
		name  string
		hosts func(*testing.T) ([]mongotest.Host, *mongotest.Network)
		once  func(c *siege, primary, done int) // one fault after those that are done, after which all is well again
		busy  bool                              // it is so long that clients are told to come back
	}{
		{"the primary is killed", onLoopback, func(c *siege, primary, done int) {
			c.Members[primary].Kill()
			c.pass(500*time.Millisecond, 3*time.Second)
			c.again(primary)
		}, false},
		{"the primary is stopped", onLoopback, func(c *siege, primary, done int) {
			c.Members[primary].Stop()
			c.pass(0, 2*time.Second)
			c.again(primary)
		}, false},
		{"members pause", onLoopback, func(c *siege, primary, done int) {
			paused := []int{primary}
			most := 6 * time.Second
			if done == 0 || rand.IntN(4) == 0 { // two of three, longer than a write waits: nothing can be written
				paused, most = append(paused, (primary+1)%3), 14*time.Second
			}
			for _, i := range paused {
				c.Members[i].Pause()
			}
			c.pass(most-2*time.Second, most)
			for _, i := range paused {
				c.Members[i].Resume()
			}
		}, true},
		{"the network is cut", apart, func(c *siege, primary, done int) {
			if done%2 == 0 {
				c.net.Isolate(primary)
			} else {
				c.net.Cut(primary)
			}
			c.pass(4*time.Second, 8*time.Second)
			c.net.Mend()
		}, false},
		{"disks are full", onSmallDisks, func(c *siege, primary, done int) {
			full := []int{primary}
			if done == 0 || rand.IntN(3) == 0 {
				full = []int{0, 1, 2}
			}
			for _, i := range full {
				if err := c.Members[i].Fill(); err != nil {
					c.Fatal(err)
				}
			}
			c.pass(2*time.Second, 4*time.Second)
			for _, i := range full {
				c.Members[i].Free()
				c.Members[i].Kill() // most often it has ended by itself
				c.again(i)
			}
		}, false},
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			c := &siege{T: t}
			var hosts []mongotest.Host
			hosts, c.net = f.hosts(t)
			c.open(hosts)
			stop := write(t, c.client)
			done := 0
			for until := time.Now().Add(lasting / time.Duration(len(faults))); time.Now().Before(until); done++ {
				f.once(c, c.Await(t.Context()), done)
				c.pass(time.Second, 3*time.Second)
			}
			before := c.client.Acknowledged()
			begun := time.Now()
			for c.client.Acknowledged() < before+50 {
				if time.Since(begun) > time.Minute {
					t.Fatalf("the servers do not write again: %s", c.client)
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Logf("%d faults; %v until 50 more were written", done, time.Since(begun).Round(10*time.Millisecond))
			stop()
			if f.busy && c.client.Busy() == 0 {
				t.Error("nobody was told to come back")
			}
			c.close()
		})
	}
}

func onLoopback(*testing.T) ([]mongotest.Host, *mongotest.Network) {
	return make([]mongotest.Host, 3), nil
}

func onSmallDisks(*testing.T) ([]mongotest.Host, *mongotest.Network) {
	return []mongotest.Host{{Disk: 500}, {Disk: 500}, {Disk: 500}}, nil
}

func apart(t *testing.T) ([]mongotest.Host, *mongotest.Network) {
	n := mongotest.NewNetwork(t, 3)
	return n.Hosts, n
}

func (c *siege) open(hosts []mongotest.Host) {
	c.Helper()
	var uri string
	c.Members, uri = mongotest.StartSet(c.T, hosts...)
	var bases []string
	for range 2 {
		port := program.FreePort(c.T)
		c.servers = append(c.servers, spawn(c.T, port, "serve", "--store", uri, "--base-url", "http://firewarden.test",
			"--admin-key", "key-of-these-tests", "--anonymous", "system/*.cruds", "--log-level", "error"))
		bases = append(bases, "http://127.0.0.1:"+port+"/fhir")
	}
	c.client = history.New(bases...)
	if err := c.client.Begin(c.Context()); err != nil {
		c.Fatal(err)
	}
}

// pass lets some time pass.
func (c *siege) pass(least, most time.Duration) {
	time.Sleep(least + rand.N(most-least))
}

func (c *siege) again(i int) {
	c.Helper()
	if err := c.Members[i].Again(c.Context()); err != nil {
		c.Fatal(err)
	}
}

// close checks all when the load has ended: the servers are the same ones, and ready.
func (c *siege) close() {
	c.Helper()
	for i, p := range c.servers {
		if res, body := p.do("GET", "/health/ready", ""); res.StatusCode != http.StatusOK {
			c.Errorf("server %d is not ready: %s %s", i, res.Status, body)
		}
	}
	kept(c.T, c.client)
	for _, p := range c.servers {
		if err := p.Stop(); err != nil {
			c.Errorf("%v: %s", err, p.Log.String())
		}
	}
}
