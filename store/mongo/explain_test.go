package mongo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/firewarden/firewarden/internal/bench"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store/mongo/mongotest"
)

// recorder keeps the commands on resources that a test is about.
type recorder struct {
	mu       sync.Mutex
	on       bool
	commands []bson.D
}

func (r *recorder) started(_ context.Context, e *event.CommandStartedEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.on || e.CommandName != "find" && e.CommandName != "aggregate" || e.Command.Lookup(e.CommandName).StringValue() != "resources" ||
		e.Command.Lookup("readConcern", "level").String() == `"local"` { // an estimate
		return
	}
	var all, kept bson.D
	if bson.Unmarshal(e.Command, &all) != nil {
		return
	}
	for _, x := range all {
		switch x.Key {
		case "lsid", "$clusterTime", "$db", "readConcern", "txnNumber", "batchSize":
		default:
			kept = append(kept, x)
		}
	}
	if e.CommandName == "aggregate" && e.Command.Lookup("cursor").Type == 0 {
		kept = append(kept, bson.E{Key: "cursor", Value: bson.D{}})
	}
	r.commands = append(r.commands, kept)
}

// record gives the commands that f causes, without those that are asked again because a lease has ended meanwhile.
func (r *recorder) record(f func()) []bson.D {
	r.mu.Lock()
	r.on, r.commands = true, nil
	r.mu.Unlock()
	f()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = false
	return slices.CompactFunc(r.commands, func(a, b bson.D) bool { return fmt.Sprint(a) == fmt.Sprint(b) })
}

// examined is what the database says of the execution of a command.
type examined struct {
	returned, keys, docs int64
	stages               string // from the outside to the inside
	bounds               string
}

func (s *Store) explained(t *testing.T, command bson.D) (x examined) {
	var out bson.Raw
	out, err := s.db.RunCommand(t.Context(), bson.D{{Key: "explain", Value: command}, {Key: "verbosity", Value: "executionStats"}}).Raw()
	if err != nil {
		t.Fatalf("explain %v: %v", command, err)
	}
	root := out
	if list, ok := out.Lookup("stages").ArrayOK(); ok { // a pipeline with stages of its own
		v, _ := list.Values()
		root = v[0].Document().Lookup("$cursor").Document()
	}
	stats := root.Lookup("executionStats").Document()
	x.returned = stats.Lookup("nReturned").AsInt64()
	x.keys, x.docs = stats.Lookup("totalKeysExamined").AsInt64(), stats.Lookup("totalDocsExamined").AsInt64()
	var stages, bounds []string
	var walk func(bson.Raw)
	walk = func(p bson.Raw) {
		stages = append(stages, p.Lookup("stage").StringValue())
		if b, ok := p.Lookup("indexBounds").DocumentOK(); ok {
			bounds = append(bounds, b.String())
		}
		if in, ok := p.Lookup("inputStage").DocumentOK(); ok {
			walk(in)
		}
		if list, ok := p.Lookup("inputStages").ArrayOK(); ok {
			v, _ := list.Values()
			for _, in := range v {
				walk(in.Document())
			}
		}
	}
	walk(root.Lookup("queryPlanner", "winningPlan").Document())
	x.stages, x.bounds = strings.Join(stages, " "), strings.Join(bounds, " ")
	return x
}

// loaded is a store with the world of the bench.
func loaded(t *testing.T, r *recorder, patients int) (*Store, *interaction.Service, *bench.World) {
	name := testDatabase(t)
	mongotest.Wipe(t, testURI(t), name)
	o := testOptions(t, name)
	o.monitor = &event.CommandMonitor{Started: r.started}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.estimates.time = time.Minute // or another way is gone on a machine that has much else to do
	service := &interaction.Service{Store: s, Indexer: o.Indexer, Base: o.Indexer.Base, Now: time.Now, Validation: interaction.ValidateOff}
	w := bench.NewWorld(patients)
	write := func(text []byte) {
		b, err := fhir.Parse(text, storedLimits)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := service.Bundle(t.Context(), interaction.Caller{Access: search.Unrestricted}, b, interaction.BundleOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	write(w.Directory())
	for i := range patients {
		write(w.Bundle(i))
	}
	return s, service, w
}

// TestExplain asks the database how it carries out the shapes of the bench: by an index, always, and how much it looks
// at for what it returns. The limits are of a page of 20 of a world in which each code has hundreds of matches.
func TestExplain(t *testing.T) {
	testURI(t)
	r := &recorder{}
	const patients = 60
	s, service, w := loaded(t, r, patients)
	// Documents examined for each one returned, 1.3 where nothing is said; a few are free.
	ratios := map[string]float64{
		"Q13":  3, // where many values are in the range, those of a code are looked at in the order of dates
		"Q14":  8,
		"Q15c": 4, // what is along the code is tested until a page is full; here it is asked for to its end
		"Q28r": 4, // two ends are two conditions: one of them is a path
		"Q17":  4, // of two lists the shorter one is read
		"Q28s": 4,
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-5s %-42s %8s %8s %8s  %s\n", "", "shape", "returned", "keys", "docs", "stages")
	for _, shape := range bench.Shapes {
		rng := rand.New(rand.NewPCG(1, 2))
		var sum examined
		asked := false
		for range 5 {
			request := shape.Make(w, rng)
			typ, query, ok := strings.Cut(strings.TrimPrefix(request.Path, "/fhir/"), "?")
			if strings.ContainsAny(typ, "/$") || typ == "metadata" || !ok && typ != "Observation" {
				continue
			}
			asked = true
			commands := r.record(func() { s.searched(t, service, typ, query) })
			inChart := typ == "Observation" && strings.Contains(query, "patient=")
			if len(commands) == 0 || inChart && len(commands) > 1 {
				t.Errorf("%s %s: %d commands", shape.ID, request.Path, len(commands))
			}
			for _, c := range commands {
				x := s.explained(t, c)
				sum.returned += x.returned
				sum.keys += x.keys
				sum.docs += x.docs
				sum.stages, sum.bounds = x.stages, fmt.Sprint(c)+x.bounds
				if strings.Contains(x.stages, "COLLSCAN") || !strings.Contains(x.stages, "IXSCAN") && !strings.Contains(x.stages, "IDHACK") && !strings.Contains(x.stages, "COUNT_SCAN") && !strings.Contains(x.stages, "EOF") {
					t.Errorf("%s %s: no index: %s", shape.ID, request.Path, x.stages)
				}
				if inChart && !strings.Contains(x.bounds, "Patient/") {
					t.Errorf("%s %s: not bounded by the patient: %s", shape.ID, request.Path, x.bounds)
				}
			}
		}
		if !asked {
			continue
		}
		limit := ratios[shape.ID]
		if limit == 0 {
			limit = 1.3
		}
		if os.Getenv("EXPLAIN_DEBUG") == shape.ID {
			t.Log(sum.bounds)
		}
		if free := int64(60); float64(sum.docs) > limit*float64(sum.returned)+float64(free) {
			t.Errorf("%s %s: %d documents examined for %d, more than %v for each", shape.ID, shape.Name, sum.docs, sum.returned, limit)
		}
		fmt.Fprintf(&table, "%-5s %-42s %8d %8d %8d  %s\n", shape.ID, shape.Name, sum.returned, sum.keys, sum.docs, sum.stages)
	}
	t.Logf("five requests of each shape, %d patients:\n%s", patients, table.String())
	if name := os.Getenv("FIREWARDEN_EXPLAIN"); name != "" {
		if err := os.WriteFile(name, []byte(table.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// searched runs a search as a request does, a page of 20.
func (s *Store) searched(t *testing.T, service *interaction.Service, typ, query string) {
	t.Helper()
	pairs, err := interaction.Pairs(query)
	if err != nil {
		t.Fatal(err)
	}
	total := strings.Contains(query, "_total=accurate")
	q, err := search.Parse(typ, pairs, search.Options{Base: service.Base})
	if err != nil {
		t.Fatalf("%s?%s: %v", typ, query, err)
	}
	p, err := plan.Lower(search.Guard(q, search.Unrestricted), service.Indexer)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if _, err := plan.Run(t.Context(), snap, p, plan.Window{Limit: 20, Total: total}); err != nil {
		t.Fatalf("%s?%s: %v", typ, query, err)
	}
}
