package mongo

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// TestNewIndexesWhileOthersWrite: a version that brings indexes builds them when it opens a store of a version without
// them, which a server of that version goes on to write to.
func TestNewIndexesWhileOthersWrite(t *testing.T) {
	ctx := t.Context()
	old := openTest(t)
	defer old.Close()
	write := func(id string) error {
		body := []byte(`{"resourceType":"Patient","id":"` + id + `","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">` + id + `</div>"}}`)
		res, err := fhir.Parse(body, storedLimits)
		if err != nil {
			return err
		}
		return old.Commit(ctx, store.Commit{Writes: []store.Write{{Row: plan.Row{Type: "Patient", ID: id, Version: 1, LastUpdated: 1, Method: "POST", Body: body},
			Resource: res, Fresh: true}}})
	}
	for i := range 50 {
		if err := write(fmt.Sprintf("before-%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	missing := []string{byGeneration, byText}
	for _, name := range missing {
		if err := old.resources.Indexes().DropOne(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	stop, written := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				written <- n
				return
			default:
			}
			if err := write(fmt.Sprintf("while-%d", n)); err != nil {
				t.Errorf("a write while indexes are built: %v", err)
			}
		}
	}()
	next, err := Open(ctx, testOptions(t, old.db.Name()))
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	close(stop)
	want := 50 + <-written
	specs, err := next.resources.Indexes().ListSpecifications(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, s := range specs {
		have = append(have, s.Name)
	}
	for _, name := range missing {
		if !slices.Contains(have, name) {
			t.Errorf("the index %s is missing: %q", name, have)
			continue
		}
		n, err := next.resources.CountDocuments(ctx, bson.D{{Key: fieldType, Value: "Patient"}, {Key: map[string]string{byGeneration: fieldGeneration, byText: fieldTexts}[name],
			Value: map[string]any{byGeneration: 0, byText: bson.D{{Key: "$gte", Value: ""}}}[name]}}, options.Count().SetHint(name))
		if err != nil || int(n) != want {
			t.Errorf("the index %s has %d of %d documents (%v)", name, n, want, err)
		}
	}
}

// TestLaterFormats: what a later version has written is not touched, and the error says which version can.
func TestLaterFormats(t *testing.T) {
	s := openTest(t)
	defer s.Close()
	for _, c := range []struct {
		set  bson.E
		want string
	}{
		{bson.E{Key: "format", Value: formatVersion + 1}, "the store has format 2, this version of firewarden reads format 1"},
		{bson.E{Key: "index", Value: indexVersion + 1}, "run firewarden reindex"},
		{bson.E{Key: "index", Value: 0}, "was not finished"},
	} {
		if _, err := s.meta.UpdateOne(t.Context(), field("_id", headerID), field("$set", bson.D{{Key: "format", Value: formatVersion}, {Key: "index", Value: indexVersion}})); err != nil {
			t.Fatal(err)
		}
		if _, err := s.meta.UpdateOne(t.Context(), field("_id", headerID), field("$set", bson.D{c.set})); err != nil {
			t.Fatal(err)
		}
		if other, err := Open(t.Context(), testOptions(t, s.db.Name())); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v, want %q", c.set.Key, c.set.Value, err, c.want)
			if err == nil {
				other.Close()
			}
		}
	}
}
