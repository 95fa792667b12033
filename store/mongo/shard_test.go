package mongo

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
)

// Where commands go. Of what goes to several shards each one is asked, and the router merges what they answer in order.
const (
	oneShard  = "the shard of the id"
	fewShards = "the shards of the ids"
	allShards = "all shards"
	noShard   = "nowhere: the shard key is missing"
	first     = "the first shard" // of the database, which has all collections that are not sharded
)

// routes are all commands that the store gives, and where a router would send them.
var routes = map[string]string{
	"resources insert":        oneShard,
	"resources update one":    oneShard,
	"resources delete one":    oneShard,
	"resources findAndModify": oneShard,

	"resources find by _id":                  fewShards, // reads of an instance, and of the bodies of a page
	"resources find by _id,v":                oneShard,
	"resources find by _id,c":                oneShard,
	"resources find by the index key":        allShards,
	"resources find by the index order":      allShards,
	"resources find by the index range":      allShards,
	"resources find by the index pair":       allShards,
	"resources find by the index text":       allShards,
	"resources find by the index time":       allShards, // the history of a type
	"resources find by the index chart":      allShards, // the history of a type in charts
	"resources find by the index generation": allShards,
	"resources find by k,t":                  allShards,
	"resources find by $and,k,o,t":           allShards,
	"resources find by $or":                  allShards,
	"resources find by $and,$or":             allShards,

	"resources find by the index _id_":       fewShards,
	"resources aggregate by the index _id_":  fewShards,
	"resources aggregate by the index key":   allShards,
	"resources aggregate by the index order": allShards,
	"resources aggregate by the index range": allShards,
	"resources aggregate by the index pair":  allShards,
	"resources aggregate by the index text":  allShards,
	"resources aggregate by $or":             allShards,

	"history insert":                  oneShard,
	"history find by _id":             oneShard,
	"history find by _id,c":           oneShard,
	"history find by i,v":             allShards, // the history of an instance
	"history find by the index time":  allShards,
	"history find by the index chart": allShards,

	"records find by _id":                 oneShard,
	"records find by _id,expires":         oneShard,
	"records find by _id,v":               oneShard,
	"records update one":                  oneShard,
	"records delete one":                  oneShard,
	"records delete many by _id":          fewShards, // of the audit log, whose batches take their place
	"records find a range by _id,expires": allShards, // by a prefix of keys

	"locks insert":                            first,
	"locks update many by _id":                first,
	"meta insert":                             first,
	"meta find by _id":                        first,
	"meta find a range by $expr,_id,election": first,
	"meta update one":                         first,
	"meta delete one":                         first,
	"shapes find by":                          first,
	"shapes find by has,t":                    first,
	"shapes update one":                       first,
}

// dispatch looks at commands as the router of a sharded cluster does. There is none where these tests run.
type dispatch struct {
	mu       sync.Mutex
	commands map[string]string // where they go
}

func (d *dispatch) monitor() *event.CommandMonitor {
	d.commands = map[string]string{}
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		d.mu.Lock()
		defer d.mu.Unlock()
		in, _ := e.Command.Lookup(e.CommandName).StringValueOK()
		d.look(e.CommandName, in, e.Command)
	}}
}

// look notes a command: in which collection, which one, and by which index or which fields.
func (d *dispatch) look(command, in string, c bson.Raw) {
	sharded := slices.ContainsFunc(layout, func(c collection) bool { return c.name == in && c.sharded })
	note := func(how, where string) {
		if how = strings.TrimSpace(in + " " + command + " " + how); !sharded {
			where = first
		}
		if d.commands[how] == "" || slices.Index(widths, where) > slices.Index(widths, d.commands[how]) {
			d.commands[how] = where
		}
	}
	switch command {
	case "insert":
		for _, doc := range elements(c.Lookup("documents")) {
			if doc.Lookup(shardKey).Type == 0 {
				note("", noShard)
			}
		}
		note("", oneShard)
	case "update", "delete":
		for _, x := range elements(c.Lookup(command + "s")) {
			q := x.Lookup("q").Document()
			many := command == "update" && x.Lookup("multi").Type != 0 && x.Lookup("multi").Boolean() || command == "delete" && x.Lookup("limit").AsInt64() == 0
			switch {
			case many:
				note("many by "+fields(q), where(q))
			case where(q) != oneShard:
				note("one by "+fields(q), noShard)
			default:
				note("one", oneShard)
			}
		}
	case "findAndModify":
		if q := c.Lookup("query").Document(); where(q) != oneShard {
			note("by "+fields(q), noShard)
		} else {
			note("", oneShard)
		}
	case "find":
		q := c.Lookup("filter").Document()
		if to := where(q); to == allShards && q.Lookup(shardKey).Type != 0 {
			note("a range "+by(c, q), to)
		} else {
			note(by(c, q), to)
		}
	case "aggregate":
		stages := elements(c.Lookup("pipeline"))
		q, ok := stages[0].Lookup("$match").DocumentOK()
		if !ok {
			note("from "+stages[0].Index(0).Key(), allShards)
			return
		}
		note(by(c, q), where(q))
	}
}

// widths are what one command may go to, the widest last.
var widths = []string{first, oneShard, fewShards, allShards, noShard}

// by is the index that a query names, or the fields that it asks for.
func by(c, q bson.Raw) string {
	if hint, ok := c.Lookup("hint").StringValueOK(); ok {
		return "by the index " + hint
	}
	if hint, ok := c.Lookup("hint").DocumentOK(); ok {
		return "by the index of " + fields(hint)
	}
	return "by " + fields(q)
}

func fields(q bson.Raw) string {
	var names []string
	all, _ := q.Elements()
	for _, e := range all {
		names = append(names, e.Key())
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

// where says to which shards a query goes by what it asks of the shard key. It is hashed: a range of it is everywhere.
func where(q bson.Raw) string {
	v := q.Lookup(shardKey)
	if doc, ok := v.DocumentOK(); ok {
		if first, err := doc.IndexErr(0); err == nil && strings.HasPrefix(first.Key(), "$") {
			if first.Key() == "$in" {
				return fewShards
			}
			v = bson.RawValue{}
		}
	}
	if v.Type != 0 {
		return oneShard
	}
	for _, part := range elements(q.Lookup("$and")) {
		if w := where(part); w != allShards {
			return w
		}
	}
	return allShards
}

func elements(v bson.RawValue) (docs []bson.Raw) {
	list, ok := v.ArrayOK()
	if !ok {
		return nil
	}
	values, _ := list.Values()
	for _, v := range values {
		if doc, ok := v.DocumentOK(); ok {
			docs = append(docs, doc)
		}
	}
	return docs
}

// check checks that the commands are those that are known, and go where they are known to go.
func (d *dispatch) check(t *testing.T) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.commands) == 0 {
		t.Error("no commands were seen")
	}
	for _, c := range slices.Sorted(maps.Keys(d.commands)) {
		if got, want := d.commands[c], routes[c]; want == "" || slices.Index(widths, got) > slices.Index(widths, want) {
			t.Errorf("%s goes to %s, known is %q", c, got, want)
		}
	}
}

// TestShardKeys: what makes a document the only one of its kind is the key by which it is spread, so that one shard alone
// can tell.
func TestShardKeys(t *testing.T) {
	s := openTest(t)
	for _, c := range layout {
		specs, err := s.db.Collection(c.name).Indexes().ListSpecifications(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(specs) != len(c.indexes)+1 {
			t.Errorf("%s has %d indexes, %d are known", c.name, len(specs), len(c.indexes)+1)
		}
		for _, x := range specs {
			unique := x.Name == "_id_" || x.Unique != nil && *x.Unique
			if unique && x.KeysDocument.Lookup(shardKey).Type == 0 {
				t.Errorf("the unique index %s of %s has no %s", x.Name, c.name, shardKey)
			}
		}
	}
}

// TestDispatch: the look at commands finds what a router would refuse.
func TestDispatch(t *testing.T) {
	for _, tt := range []struct {
		command, in string
		body        bson.D
		how, want   string
	}{
		{"insert", "resources", bson.D{{Key: "documents", Value: bson.A{bson.D{{Key: "t", Value: "Patient"}}}}}, "resources insert", noShard},
		{"update", "resources", bson.D{{Key: "updates", Value: bson.A{bson.D{{Key: "q", Value: bson.D{{Key: "t", Value: "Patient"}}}}}}}, "resources update one by t", noShard},
		{"update", "history", bson.D{{Key: "updates", Value: bson.A{bson.D{{Key: "q", Value: bson.D{{Key: "_id", Value: field("$in", bson.A{"a"})}}}}}}}, "history update one by _id", noShard},
		{"delete", "records", bson.D{{Key: "deletes", Value: bson.A{bson.D{{Key: "q", Value: field("v", 1)}, {Key: "limit", Value: 1}}}}}, "records delete one by v", noShard},
		{"delete", "records", bson.D{{Key: "deletes", Value: bson.A{bson.D{{Key: "q", Value: field("_id", field("b", 1))}, {Key: "limit", Value: 1}}}}}, "records delete one", oneShard},
		{"findAndModify", "records", bson.D{{Key: "query", Value: field("v", 1)}}, "records findAndModify by v", noShard},
		{"find", "resources", bson.D{{Key: "filter", Value: field("_id", field("$gte", "a"))}}, "resources find a range by _id", allShards},
		{"find", "resources", bson.D{{Key: "filter", Value: field("$and", bson.A{field("_id", "a")})}}, "resources find by $and", oneShard},
		{"find", "meta", bson.D{{Key: "filter", Value: field("x", 1)}}, "meta find by x", first},
	} {
		body, err := bson.Marshal(tt.body)
		if err != nil {
			t.Fatal(err)
		}
		d := dispatch{commands: map[string]string{}}
		d.look(tt.command, tt.in, body)
		if got := d.commands[tt.how]; got != tt.want || len(d.commands) != 1 {
			t.Errorf("%v goes to %v, not %s", tt.body, d.commands, tt.want)
		}
	}
}
