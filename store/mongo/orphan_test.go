package mongo

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/mongo/mongotest"
)

// versionOf is a commit of a version of Patient/a; two of them are a transaction.
func versionOf(t *testing.T, version uint64) store.Commit {
	t.Helper()
	body := []byte(`{"resourceType":"Patient","id":"a"}`)
	res, err := fhir.Parse(body, storedLimits)
	if err != nil {
		t.Fatal(err)
	}
	return store.Commit{Reads: []store.Read{{Type: "Patient", ID: "a", Version: version - 1}},
		Writes: []store.Write{{Row: plan.Row{Type: "Patient", ID: "a", Version: version, LastUpdated: 1, Method: "PUT", Body: body}, Resource: res}}}
}

// TestConflictIsOfAMajority: who is told that something is in the way finds it when it looks, and so does not come again
// and again while a majority does not have it yet: a client would be refused by a write whose answer it did not get.
func TestConflictIsOfAMajority(t *testing.T) {
	ctx := t.Context()
	members, uri := mongotest.StartSet(t, make([]mongotest.Host, 3)...)
	a, b := openSet(t, uri, 3*time.Second), openSet(t, uri, 3*time.Second)
	if err := errors.Join(a.Commit(ctx, versionOf(t, 1)), b.Commit(ctx, versionOf(t, 2))); err != nil {
		t.Fatal(err)
	}
	primary := members.Await(ctx)
	for i, m := range members {
		if i != primary {
			m.Pause()
		}
	}
	done := make(chan error)
	go func() { done <- a.Commit(ctx, versionOf(t, 3)) }()
	for there := false; !there; { // on the primary; it needs a majority
		there, _ = found(b.now.FindOne(ctx, bson.D{{Key: "_id", Value: "Patient/a"}, {Key: fieldVersion, Value: int64(3)}}).Err())
	}
	err := b.Commit(ctx, versionOf(t, 3))
	t.Logf("a second one: %v", err)
	if errors.Is(err, store.ErrConflict) {
		version, err := current(ctx, b, plan.ForTest(t).Key("Patient", "a"))
		t.Logf("then: version %d, %v", version, err)
		if err == nil && version != 3 {
			t.Errorf("version %d is current, and version 3 is in the way", version)
		} else if err != nil && fhir.KindOf(err) != fhir.KindTransient {
			t.Error(err)
		}
	} else if fhir.KindOf(err) != fhir.KindTransient {
		t.Errorf("a second one: %v", err)
	}
	for _, m := range members {
		m.Resume()
	}
	if err := <-done; err != nil && fhir.KindOf(err) != fhir.KindTransient {
		t.Error(err)
	}
}

// TestOrphans: a transaction whose end got no answer is not in the way of others for the minute that MongoDB would leave
// it open.
func TestOrphans(t *testing.T) {
	ctx := t.Context()
	members, uri := mongotest.StartSet(t, mongotest.Host{Args: []string{"--setParameter", "enableTestCommands=1"}})
	s := openSet(t, uri, 2*time.Second)
	if err := s.Commit(ctx, versionOf(t, 1)); err != nil {
		t.Fatal(err)
	}
	bare, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + members[0].Address + "/?directConnection=true"))
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Disconnect(context.WithoutCancel(ctx))
	lose := func(mode any) {
		t.Helper()
		err := bare.Database("admin").RunCommand(ctx, bson.D{{Key: "configureFailPoint", Value: "failCommand"}, {Key: "mode", Value: mode},
			{Key: "data", Value: bson.D{{Key: "failCommands", Value: bson.A{"commitTransaction", "abortTransaction"}}, {Key: "closeConnection", Value: true}}}}).Err()
		if err != nil {
			t.Fatal(err)
		}
	}
	lose("alwaysOn")
	if err := s.Commit(ctx, versionOf(t, 2)); fhir.KindOf(err) != fhir.KindTransient {
		t.Fatalf("without an answer: %v", err)
	}
	lose("off")
	for begun := time.Now(); ; {
		err := s.Commit(ctx, versionOf(t, 2))
		if err == nil {
			t.Logf("written after %v", time.Since(begun))
			break
		}
		if fhir.KindOf(err) != fhir.KindTransient || time.Since(begun) > 30*time.Second {
			t.Fatal(fmt.Errorf("after %v: %w", time.Since(begun), err))
		}
	}
}
