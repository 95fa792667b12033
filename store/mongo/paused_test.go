package mongo

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/mongo/mongotest"
)

// TestPausedPrimary: a primary that was paused while another one was elected answers reads of the past when it goes on.
// A server that still asks it does not answer: what the other server has had acknowledged, as that a token is revoked, it
// either sees or it says fhir.KindTransient.
func TestPausedPrimary(t *testing.T) {
	ctx := t.Context()
	members, uri := mongotest.StartSet(t, make([]mongotest.Host, 3)...)
	writer := openSet(t, uri, 30*time.Second)
	written := uint64(0)
	write := func() {
		t.Helper()
		if err := writer.Commit(ctx, versionOf(t, written+1)); err != nil {
			t.Fatal(err)
		}
		written++
	}
	write()
	if _, err := writer.KV().Put(ctx, store.Record{Bucket: "token", Key: "t"}, store.AnyVersion); err != nil {
		t.Fatal(err)
	}
	primary := members[members.Await(ctx)]
	direct := "mongodb://" + primary.Address + "/?directConnection=true&serverSelectionTimeoutMS=1000"
	reader := openSet(t, direct, 30*time.Second)
	reader.lease.patience = 50 * time.Millisecond
	bare, err := mongo.Connect(options.Client().ApplyURI(direct).SetReadConcern(readconcern.Majority()))
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Disconnect(context.WithoutCancel(ctx))
	records := bare.Database(defaultDatabase).Collection("records")
	there := func() bool {
		ok, err := found(records.FindOne(ctx, field("_id", recordID("token", "t"))).Err())
		return ok && err == nil
	}
	if !there() {
		t.Fatal("the token is not there")
	}
	primary.Pause()
	write()
	if err := writer.KV().Delete(ctx, "token", "t", store.AnyVersion); err != nil {
		t.Fatal(err)
	}
	primary.Resume()
	past, asked := 0, 0
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		if there() {
			past++
		}
		if _, ok, err := reader.KV().Get(ctx, "token", "t"); ok {
			t.Error("a token that was revoked is good")
		} else if err != nil && fhir.KindOf(err) != fhir.KindTransient {
			t.Error(err)
		}
		if version, err := current(ctx, reader, plan.ForTest(t).Key("Patient", "a")); err == nil && version != written {
			t.Errorf("version %d is read after version %d was written", version, written)
		} else if err != nil && fhir.KindOf(err) != fhir.KindTransient {
			t.Error(err)
		}
		asked++
	}
	t.Logf("the database itself answered %d of %d reads with the past", past, asked)
}

// current is the version of an instance that a snapshot shows.
func current(ctx context.Context, s *Store, k plan.Key) (uint64, error) {
	snap, err := s.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	row, _, err := snap.Read(ctx, k)
	return row.Version, err
}
