package mongotest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Set is the name of the replica sets of this package.
const Set = "rs0"

const alreadyInitialized = 23

// Initiate makes a replica set of servers on loopback, unless they are one, waits until it has a primary, and gives
// its URI. Elections are quick: a primary is missed after two seconds.
func Initiate(ctx context.Context, addresses ...string) (uri string, err error) {
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + addresses[0] + "/?directConnection=true"))
	if err != nil {
		return "", fmt.Errorf("connect to %s: %w", addresses[0], err)
	}
	defer client.Disconnect(context.WithoutCancel(ctx))
	var members bson.A
	for i, a := range addresses {
		members = append(members, bson.D{{Key: "_id", Value: i}, {Key: "host", Value: a}})
	}
	admin := client.Database("admin")
	err = admin.RunCommand(ctx, bson.D{{Key: "replSetInitiate", Value: bson.D{
		{Key: "_id", Value: Set}, {Key: "members", Value: members},
		{Key: "settings", Value: bson.D{{Key: "electionTimeoutMillis", Value: 2000}, {Key: "heartbeatIntervalMillis", Value: 500}}},
	}}}).Err()
	var refused mongo.ServerError
	if err != nil && !(errors.As(err, &refused) && refused.HasErrorCode(alreadyInitialized)) {
		return "", fmt.Errorf("initiate: %w", err)
	}
	for {
		var hello struct {
			Primary string `bson:"primary"`
		}
		if err := admin.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
			return "", fmt.Errorf("wait for a primary: %w", err)
		}
		if hello.Primary != "" {
			return "mongodb://" + strings.Join(addresses, ",") + "/?replicaSet=" + Set, nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("wait for a primary: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
