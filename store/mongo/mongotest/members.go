package mongotest

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/internal/program"
)

// Members are the servers of a replica set.
type Members []*Server

// StartSet starts a replica set of a member on each host, and gives its URI.
func StartSet(t testing.TB, hosts ...Host) (Members, string) {
	t.Helper()
	var m Members
	var addresses []string
	for _, h := range hosts {
		s := StartOn(t, h, "--replSet", Set, "--oplogSize", "50")
		m, addresses = append(m, s), append(addresses, s.Address)
	}
	ctx, cancel := context.WithTimeout(t.Context(), program.Patience)
	defer cancel()
	uri, err := Initiate(ctx, addresses...)
	if err != nil {
		t.Fatal(err)
	}
	return m, uri
}

// Primary is the number of the member that is primary, -1 if none says so. Of two that do so, it is the one that was
// elected last.
func (m Members) Primary(ctx context.Context) int {
	found, latest := -1, bson.ObjectID{}
	for i, s := range m {
		var hello struct {
			Primary  bool          `bson:"isWritablePrimary"`
			Election bson.ObjectID `bson:"electionId"`
		}
		if s.ask(ctx, &hello) == nil && hello.Primary && (found < 0 || hello.Election.Hex() > latest.Hex()) {
			found, latest = i, hello.Election
		}
	}
	return found
}

// ask asks a server what it is.
func (s *Server) ask(ctx context.Context, hello any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	client, err := mongo.Connect(options.Client().SetHosts([]string{s.Address}).SetDirect(true))
	if err != nil {
		return err
	}
	defer client.Disconnect(context.WithoutCancel(ctx))
	return client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(hello)
}

// Await waits until a primary answers.
func (m Members) Await(ctx context.Context) int {
	for ctx.Err() == nil {
		if i := m.Primary(ctx); i >= 0 {
			return i
		}
		time.Sleep(50 * time.Millisecond)
	}
	return -1
}
