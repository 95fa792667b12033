// Package bare asks MongoDB what a store asks it, by the driver and with nothing around it. What a server adds is
// measured against that: the same documents through the same index, in one command, the same bytes on the wire.
//
// What never belongs here: anything that a server runs on.
//
//	d, err := bare.Open(ctx, uri)
//	b, err := d.Read(ctx, "Patient/1", nil)                   // the bytes of the resource
//	b, err = d.Chart(ctx, "Observation", "Patient/1", 20, b)  // and of a page of others behind them
package bare

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
)

// Database is a store's database.
type Database struct {
	client    *mongo.Client
	db        *mongo.Database
	resources *mongo.Collection
}

// Open connects to the database that a URI names.
func Open(ctx context.Context, uri string) (*Database, error) {
	cs, err := connstring.ParseAndValidate(uri)
	if err != nil {
		return nil, fmt.Errorf("the address of the database: %w", err)
	}
	if cs.Database == "" {
		return nil, fmt.Errorf("the address of the database names none: write mongodb://HOST:PORT/DATABASE?replicaSet=NAME")
	}
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetReadConcern(readconcern.Majority()))
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	d := &Database{client: client, db: client.Database(cs.Database)}
	d.resources = d.db.Collection("resources")
	return d, client.Ping(ctx, nil)
}

// Named is a URI with another database, for the same user.
func Named(uri, database string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return "", fmt.Errorf("the address of the database: %w", err)
	}
	if q := u.Query(); u.User != nil && !q.Has("authSource") && len(u.Path) > 1 {
		q.Set("authSource", u.Path[1:])
		u.RawQuery = q.Encode()
	}
	u.Path = "/" + database
	return u.String(), nil
}

// Read appends the bytes of a resource.
func (d *Database) Read(ctx context.Context, name string, dst []byte) ([]byte, error) {
	doc, err := d.resources.FindOne(ctx, bson.D{{Key: "_id", Value: name}}, options.FindOne().SetProjection(body)).Raw()
	if err != nil {
		return dst, fmt.Errorf("read %s: %w", name, err)
	}
	return appendBody(dst, doc), nil
}

// Chart appends the bytes of the first page of what of a type is in a patient's chart.
func (d *Database) Chart(ctx context.Context, typ, patient string, limit int, dst []byte) ([]byte, error) {
	cursor, err := d.resources.Find(ctx, bson.D{{Key: "t", Value: typ}, {Key: "k", Value: "_in=" + patient}},
		options.Find().SetSort(bson.D{{Key: "o", Value: -1}}).SetLimit(int64(limit)).SetProjection(body))
	if err != nil {
		return dst, fmt.Errorf("read the chart of %s: %w", patient, err)
	}
	defer cursor.Close(ctx)
	for cursor.Next(ctx) {
		dst = appendBody(dst, cursor.Current)
	}
	return dst, cursor.Err()
}

// body is the field with the bytes of a resource.
var body = bson.D{{Key: "json", Value: 1}}

func appendBody(dst []byte, doc bson.Raw) []byte {
	v := doc.Lookup("json").Value // a string is its length, the bytes and a zero
	return append(dst, v[4:len(v)-1]...)
}

// Size is what the database takes on disk, and how much of that its indexes.
func (d *Database) Size(ctx context.Context) (total, indexes int64, err error) {
	var stats struct {
		Total   float64 `bson:"totalSize"`
		Indexes float64 `bson:"indexSize"`
	}
	err = d.db.RunCommand(ctx, bson.D{{Key: "dbStats", Value: 1}}).Decode(&stats)
	return int64(stats.Total), int64(stats.Indexes), err
}

// CPU is what the primary has used; 0 where it does not tell.
func (d *Database) CPU(ctx context.Context) (time.Duration, error) {
	var status struct {
		Extra struct {
			User   int64 `bson:"user_time_us"`
			System int64 `bson:"system_time_us"`
		} `bson:"extra_info"`
	}
	if err := d.client.Database("admin").RunCommand(ctx, bson.D{{Key: "serverStatus", Value: 1}}).Decode(&status); err != nil {
		return 0, fmt.Errorf("ask the database what it has used: %w", err)
	}
	return time.Duration(status.Extra.User+status.Extra.System) * time.Microsecond, nil
}

// Drop removes the database.
func (d *Database) Drop(ctx context.Context) error { return d.db.Drop(ctx) }

// Close ends the connections.
func (d *Database) Close(ctx context.Context) error { return d.client.Disconnect(ctx) }
