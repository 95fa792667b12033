package mongotest

import (
	"context"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// TestCommands are the arguments of a server that can be held where a test wants it.
var TestCommands = []string{"--setParameter", "enableTestCommands=1"}

// DropIndex drops an index of the database that a store is in by default, as if the version that brings it had not been
// there yet.
func DropIndex(t testing.TB, uri, collection, index string) {
	t.Helper()
	connected(t, uri, func(ctx context.Context, c *mongo.Client) error {
		return c.Database("firewarden").Collection(collection).Indexes().DropOne(ctx, index)
	})
}

// HoldBuilds holds builds of indexes before the document with an _id, until release is called. The server runs with
// TestCommands.
func HoldBuilds(t testing.TB, uri, id string) (release func()) {
	t.Helper()
	set := func(mode string) {
		t.Helper()
		connected(t, uri, func(ctx context.Context, c *mongo.Client) error {
			return c.Database("admin").RunCommand(ctx, bson.D{{Key: "configureFailPoint", Value: "hangIndexBuildDuringCollectionScanPhaseBeforeInsertion"},
				{Key: "mode", Value: mode}, {Key: "data", Value: bson.D{{Key: "fieldsToMatch", Value: bson.D{{Key: "_id", Value: id}}}}}}).Err()
		})
	}
	set("alwaysOn")
	return func() { set("off") }
}

// connected calls f with a client.
func connected(t testing.TB, uri string, f func(context.Context, *mongo.Client) error) {
	t.Helper()
	ctx := context.Background()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Disconnect(ctx)
	if err := f(ctx, client); err != nil {
		t.Fatal(err)
	}
}
