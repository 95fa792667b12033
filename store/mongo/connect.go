package mongo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"github.com/firewarden/firewarden/internal/fhir"
)

// defaultDatabase is used if neither the options nor the URI name a database.
const defaultDatabase = "firewarden"

// connect connects to what the options name, and completes the name of the database there. The URI's credentials are in no
// error.
func connect(ctx context.Context, o *Options, watch *event.ServerMonitor) (*mongo.Client, hello, error) {
	cs, err := connstring.ParseAndValidate(o.URI)
	if err != nil {
		return nil, hello{}, fmt.Errorf("the address of the database: %w: it is written mongodb://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?replicaSet=NAME", err)
	}
	o.Database = cmp.Or(o.Database, cs.Database, defaultDatabase)
	opts := options.Client().ApplyURI(o.URI)
	if err := opts.Validate(); err != nil {
		return nil, hello{}, fmt.Errorf("the address of the database: %w", err)
	}
	if err := weak(opts); err != nil {
		return nil, hello{}, err
	}
	opts.SetServerMonitor(watch)
	opts.SetReadConcern(readconcern.Majority()).SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary())
	if opts.ServerSelectionTimeout == nil {
		opts.SetServerSelectionTimeout(5 * time.Second)
	}
	if opts.ConnectTimeout == nil {
		opts.SetConnectTimeout(5 * time.Second)
	}
	if opts.HeartbeatInterval == nil {
		opts.SetHeartbeatInterval(2 * time.Second)
	}
	if opts.AppName == nil {
		opts.SetAppName("firewarden")
	}
	if o.monitor != nil {
		opts.SetMonitor(o.monitor)
	}
	client, err := mongo.Connect(opts)
	if err != nil {
		return nil, hello{}, fmt.Errorf("connect to the database: %w", err)
	}
	h, err := greet(ctx, client, opts, o.Database)
	if err != nil {
		client.Disconnect(context.WithoutCancel(ctx))
	}
	return client, h, err
}

// weak refuses a URI by which a write would be acknowledged that can be lost, or read that can be undone.
func weak(o *options.ClientOptions) error {
	refuse := func(what, why string) error {
		return fmt.Errorf("the address of the database says %s: %s; leave it out", what, why)
	}
	if w := o.WriteConcern; w != nil {
		if w.W != nil && w.W != writeconcern.WCMajority {
			return refuse(fmt.Sprintf("w=%v", w.W), "a write that fewer members than a majority have can be lost, so this server asks for w=majority")
		}
		if w.Journal != nil && !*w.Journal {
			return refuse("journal=false", "a write that is in no journal can be lost")
		}
	}
	if r := o.ReadConcern; r != nil && r.Level != "" && r.Level != "majority" && r.Level != "snapshot" && r.Level != "linearizable" {
		return refuse("readConcernLevel="+r.Level, "what it reads can be undone, so this server asks for majority")
	}
	if p := o.ReadPreference; p != nil && p.Mode() != readpref.PrimaryMode {
		return refuse("readPreference="+p.Mode().String(), "other members than the primary do not know yet what was written last")
	}
	if o.RetryWrites != nil && !*o.RetryWrites {
		return refuse("retryWrites=false", "with it a write whose answer was lost is not known to be done")
	}
	return nil
}

// hello is what a server says of itself.
type hello struct {
	SetName        string `bson:"setName"`
	Message        string `bson:"msg"`
	IsReplicaSet   bool   `bson:"isreplicaset"` // it was started as a member, and is none yet
	MaxWireVersion int    `bson:"maxWireVersion"`
}

// routed says whether a router of a sharded cluster says it.
func (h *hello) routed() bool { return h.Message == "isdbgrid" }

// oldest is the wire version of MongoDB 6.0.
const oldest = 17

// greet asks the server what it is and refuses it if it cannot keep what the store promises.
func greet(ctx context.Context, client *mongo.Client, o *options.ClientOptions, name string) (h hello, err error) {
	err = client.Database("admin").RunCommand(ctx, field("hello", 1)).Decode(&h)
	if err != nil {
		if coded(err, codeAuthentication) || strings.Contains(err.Error(), "auth error") {
			return h, explain(err, name)
		}
		if why := ask(ctx, o); why != nil {
			return h, why
		}
		return h, fmt.Errorf("no database answers at %s: start it, or correct the address: %w", strings.Join(o.Hosts, ", "), err)
	}
	return h, h.check(o.Hosts)
}

func (h *hello) check(hosts []string) error {
	at := strings.Join(hosts, ", ")
	switch {
	case h.MaxWireVersion > 0 && h.MaxWireVersion < oldest:
		return fmt.Errorf("the database at %s is older than MongoDB 6.0, the oldest that this server works with: upgrade it", at)
	case h.SetName == "" && h.IsReplicaSet:
		return fmt.Errorf("the database at %s is not initiated as a replica set: run rs.initiate() in mongosh there, once", at)
	case h.SetName == "" && !h.routed():
		return fmt.Errorf("the database at %s is a standalone server, which has no transactions: start it with --replSet rs0 and run rs.initiate() in mongosh there, once (one member is enough)", at)
	}
	return nil
}

// ask asks each server by itself why none of them can be used; nil if that does not help.
func ask(ctx context.Context, o *options.ClientOptions) error {
	for _, host := range o.Hosts {
		opts := options.Client().SetHosts([]string{host}).SetDirect(true).SetServerSelectionTimeout(5 * time.Second)
		if o.TLSConfig != nil {
			opts.SetTLSConfig(o.TLSConfig)
		}
		client, err := mongo.Connect(opts)
		if err != nil {
			return nil
		}
		var h hello
		err = client.Database("admin").RunCommand(ctx, field("hello", 1)).Decode(&h)
		client.Disconnect(context.WithoutCancel(ctx))
		if err != nil {
			continue
		}
		if err := h.check([]string{host}); err != nil {
			return err
		}
		if o.ReplicaSet != nil && *o.ReplicaSet != h.SetName {
			return fmt.Errorf("the server at %s is a member of the replica set %q, the address says replicaSet=%s", host, h.SetName, *o.ReplicaSet)
		}
		return fmt.Errorf("the server at %s answers, but the replica set has no primary: wait for the election, or see rs.status()", host)
	}
	return nil
}

// explain says of an error of the first commands what helps.
func explain(err error, name string) error {
	var known *fhir.Error
	if errors.As(err, &known) && known.Err != nil {
		err = known.Err // what a client would read is of no use at the start
	}
	switch {
	case coded(err, codeAuthentication) || strings.Contains(err.Error(), "AuthenticationFailed") || strings.Contains(err.Error(), "auth error"):
		return fmt.Errorf("the database refuses user or password: correct them in the address, with authSource= if the user is of another database: %w", err)
	case coded(err, codeUnauthorized):
		return fmt.Errorf("the user of the address may not do all that this server must: grant the role readWrite on the database %s: %w", name, err)
	}
	return err
}
