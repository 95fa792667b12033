package mongotest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/internal/program"
)

// EnvURI names the replica set that tests run on, as mongodb://127.0.0.1:27017/?replicaSet=rs0. Databases whose names
// begin with "firewarden-test-" are theirs.
const EnvURI = "FIREWARDEN_TEST_MONGODB"

// URI is that of the replica set, which may take long to answer. Without one the test is skipped.
func URI(t testing.TB) string {
	t.Helper()
	u, err := url.Parse(os.Getenv(EnvURI))
	if err != nil {
		t.Fatal(err)
	}
	if u.Host == "" {
		t.Skipf("NOT TESTED: the store in MongoDB. Set %s to the URI of a replica set, as in mongodb://127.0.0.1:27017/?replicaSet=rs0", EnvURI)
	}
	query := u.Query()
	query.Set("serverSelectionTimeoutMS", "60000")
	query.Set("connectTimeoutMS", "60000")
	u.RawQuery = query.Encode()
	return u.String()
}

// Wipe empties a database but for what a store makes when it opens.
func Wipe(t testing.TB, uri, database string) {
	t.Helper()
	connected(t, uri, func(ctx context.Context, client *mongo.Client) error {
		for _, c := range []string{"resources", "history", "records", "shapes", "meta"} {
			if _, err := client.Database(database).Collection(c).DeleteMany(ctx, bson.D{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Database is the URI of a new database, which is dropped when the test ends.
func Database(t testing.TB) string { return Named(t, "firewarden-test-"+rand.Text()) }

// Named is Database with a name of the caller's.
func Named(t testing.TB, name string) string {
	t.Helper()
	u, err := url.Parse(URI(t))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), program.Patience)
		defer cancel()
		client, err := mongo.Connect(options.Client().ApplyURI(os.Getenv(EnvURI)))
		if err != nil {
			t.Error(err)
			return
		}
		defer client.Disconnect(ctx)
		if err := client.Database(name).Drop(ctx); err != nil {
			t.Error(err)
		}
	})
	return u.String()
}
