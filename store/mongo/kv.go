package mongo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/store"
)

// kv is store.KV over the collection records:
//
//	{_id: {b: "client", k: "app-1"}, v: 4611686…, value: <bytes>, expires: 1700000000000000, ttl: ISODate(…)}
//
// Versions are drawn at random, so that no two processes give the same one and none is given twice. expires is in
// microseconds by the clock of the store, never is the greatest number. MongoDB removes what has expired a while after:
// its own clock may differ.
type kv struct{ s *Store }

const never = math.MaxInt64

// grace is how long after its expiry a record stays.
const grace = 10 * time.Minute

// recordID names a record. Each byte of a key is one character, so that keys of any bytes are text in their order.
func recordID(bucket, key string) bson.D {
	return bson.D{{Key: "b", Value: wide8(bucket)}, {Key: "k", Value: wide8(key)}}
}

// wide8 is text with the bytes of s as its characters.
func wide8(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			r := make([]rune, len(s))
			for i := range len(s) {
				r[i] = rune(s[i])
			}
			return string(r)
		}
	}
	return s
}

// narrow8 undoes wide8.
func narrow8(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

// expiry is a time in microseconds, rounded up.
func expiry(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.Add(time.Microsecond - 1).UnixMicro()
}

// live is the condition that a record has not expired.
func (kv *kv) live(live bool) bson.E {
	op := "$lte"
	if live {
		op = "$gt"
	}
	return bson.E{Key: "expires", Value: field(op, kv.s.opts.Clock().UnixMicro())}
}

func readRecord(doc bson.Raw) store.Record {
	_, value := doc.Lookup("value").Binary()
	r := store.Record{
		Bucket:  narrow8(doc.Lookup("_id", "b").StringValue()),
		Key:     narrow8(doc.Lookup("_id", "k").StringValue()),
		Value:   append([]byte{}, value...),
		Version: uint64(doc.Lookup("v").Int64()),
	}
	if at := doc.Lookup("expires").Int64(); at != never {
		r.Expires = time.UnixMicro(at)
	}
	return r
}

// write runs f in a session and notes when it was.
func (kv *kv) write(ctx context.Context, f func(context.Context) error) error {
	session, err := kv.s.client.StartSession()
	if err != nil {
		return err
	}
	defer session.EndSession(context.WithoutCancel(ctx))
	err = f(mongo.NewSessionContext(ctx, session))
	kv.s.seen.after(session, err)
	return err
}

// Get implements store.KV.
func (kv *kv) Get(ctx context.Context, bucket, key string) (r store.Record, ok bool, err error) {
	err = kv.s.fresh(ctx, func(ctx context.Context) error {
		doc, err := kv.s.records.FindOne(ctx, bson.D{{Key: "_id", Value: recordID(bucket, key)}, kv.live(true)}).Raw()
		if ok, err = found(err); ok {
			r = readRecord(doc)
		}
		return err
	})
	return r, ok, fault("get a record", err)
}

// put is a store.Put as it is written.
type put struct {
	store.Put
	id, filter bson.D
	doc        bson.D // nil: it is removed
	version    int64  // that it gets
}

// put prepares p.
func (kv *kv) put(p store.Put) (*put, error) {
	c := &put{Put: p, id: recordID(p.Bucket, p.Key)}
	c.filter = bson.D{{Key: "_id", Value: c.id}}
	switch {
	case p.IfVersion == store.AnyVersion:
	case p.IfVersion == 0: // what is live is in the way
		c.filter = append(c.filter, kv.live(false))
	default:
		c.filter = append(c.filter, bson.E{Key: "v", Value: int64(p.IfVersion)}, kv.live(true))
	}
	if p.Delete {
		return c, nil
	}
	if len(p.Value) > maxDocument {
		return nil, fmt.Errorf("%d KB are more than a document of MongoDB may have", len(p.Value)>>10)
	}
	var err error
	if c.version, err = kv.s.number(); err != nil {
		return nil, err
	}
	c.doc = bson.D{{Key: "_id", Value: c.id}, {Key: "v", Value: c.version},
		{Key: "value", Value: bson.Binary{Data: p.Value}}, {Key: "expires", Value: expiry(p.Expires)}}
	if !p.Expires.IsZero() {
		left := p.Expires.Sub(kv.s.opts.Clock())
		c.doc = append(c.doc, bson.E{Key: "ttl", Value: time.Now().Add(left + grace)})
	}
	return c, nil
}

// write makes the change within the session of ctx.
func (c *put) write(ctx context.Context, kv *kv) error {
	if c.Delete {
		got, err := kv.s.records.DeleteOne(ctx, c.filter)
		if err != nil || got.DeletedCount > 0 || c.IfVersion == store.AnyVersion {
			return err
		}
		if c.IfVersion == 0 {
			if there, err := c.there(ctx, kv); !there || err != nil {
				return err
			}
		}
		return store.ErrConflict
	}
	upsert := c.IfVersion == 0 || c.IfVersion == store.AnyVersion
	got, err := kv.s.records.ReplaceOne(ctx, c.filter, c.doc, options.Replace().SetUpsert(upsert))
	if err != nil {
		return clash(err, "a record is there")
	}
	if got.MatchedCount == 0 && got.UpsertedCount == 0 {
		return store.ErrConflict
	}
	return nil
}

// writeAll makes changes within the session of ctx: what is removed at any version in one command.
func (kv *kv) writeAll(ctx context.Context, all []*put) error {
	var gone []bson.D
	for _, c := range all {
		if c.Delete && c.IfVersion == store.AnyVersion {
			gone = append(gone, c.id)
		} else if err := c.write(ctx, kv); err != nil {
			return fmt.Errorf("the record %s/%s: %w", c.Bucket, c.Key, err)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if _, err := kv.s.records.DeleteMany(ctx, field("_id", field("$in", gone))); err != nil {
		return fmt.Errorf("remove %d records: %w", len(gone), err)
	}
	return nil
}

// there says whether there is a live record of the name.
func (c *put) there(ctx context.Context, kv *kv) (bool, error) {
	return found(kv.s.records.FindOne(ctx, bson.D{{Key: "_id", Value: c.id}, kv.live(true)}).Err())
}

// made says whether a change was made.
func (kv *kv) made(ctx context.Context, c *put) (ok bool, err error) {
	err = kv.s.fresh(ctx, func(ctx context.Context) (err error) {
		if c.Delete {
			ok, err = c.there(ctx, kv)
			ok = !ok && err == nil
			return err
		}
		ok, err = found(kv.s.records.FindOne(ctx, bson.D{{Key: "_id", Value: c.id}, {Key: "v", Value: c.version}}).Err())
		return err
	})
	return ok, err
}

// settle makes a change until it is known to be made, or not.
func (kv *kv) settle(ctx context.Context, what string, c *put) error {
	try := func(ctx context.Context) error {
		return kv.write(ctx, func(ctx context.Context) error {
			for {
				err := c.write(ctx, kv)
				// Two insertions that meet, of which each may replace the other.
				if c.IfVersion != store.AnyVersion || !errors.Is(err, store.ErrConflict) || ctx.Err() != nil {
					return err
				}
			}
		})
	}
	return kv.s.settle(ctx, what, 0, try, func(ctx context.Context) (bool, error) { return kv.made(ctx, c) })
}

// Put implements store.KV.
func (kv *kv) Put(ctx context.Context, r store.Record, ifVersion uint64) (uint64, error) {
	c, err := kv.put(store.Put{Record: r, IfVersion: ifVersion})
	if err == nil {
		err = kv.settle(ctx, "put a record", c)
	}
	if err != nil {
		return 0, fmt.Errorf("put %s/%s: %w", r.Bucket, r.Key, err)
	}
	return uint64(c.version), nil
}

// Delete implements store.KV.
func (kv *kv) Delete(ctx context.Context, bucket, key string, ifVersion uint64) error {
	c, err := kv.put(store.Put{Record: store.Record{Bucket: bucket, Key: key}, IfVersion: ifVersion, Delete: true})
	if err == nil {
		err = kv.settle(ctx, "delete a record", c)
	}
	if err != nil {
		return fmt.Errorf("delete %s/%s: %w", bucket, key, err)
	}
	return nil
}

// List implements store.KV.
func (kv *kv) List(ctx context.Context, bucket, prefix, after string, limit int) (out []store.Record, err error) {
	if limit <= 0 {
		return nil, nil
	}
	from, op := prefix, "$gte"
	if after != "" && after >= prefix {
		from, op = after, "$gt"
	}
	end := any(above(wide8(prefix)))
	if end == "" {
		end = bson.D{} // above every text
	}
	id := bson.D{{Key: op, Value: recordID(bucket, from)}, {Key: "$lt", Value: bson.D{{Key: "b", Value: wide8(bucket)}, {Key: "k", Value: end}}}}
	err = kv.s.fresh(ctx, func(ctx context.Context) error {
		out = nil
		cursor, err := kv.s.records.Find(ctx, bson.D{{Key: "_id", Value: id}, kv.live(true)},
			options.Find().SetSort(field("_id", 1)).SetLimit(int64(limit)))
		if err != nil {
			return err
		}
		defer cursor.Close(ctx)
		for cursor.Next(ctx) {
			out = append(out, readRecord(cursor.Current))
		}
		return cursor.Err()
	})
	return out, fault("list records", err)
}
