package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Who has a store open says so in meta, by the clock of the database: nobody rebuilds the index under a server that
// writes by another one, and nobody answers by a new primary while others may answer by the one before (lease):
//
//	{_id: "open/5f0c…", at: ISODate(…), election: ObjectId(…)}
const openerLasts = 10 * time.Second

// ErrOpen says that another process has a store open that is to be rebuilt.
var ErrOpen = errors.New("another process has the store open")

// opener is that this process has the store open.
type opener struct {
	id   string
	stop context.CancelFunc
	done chan struct{}
}

// attend says that this process has the store open and holds its lease, until it is closed.
func (s *Store) attend(ctx context.Context) error {
	n, err := s.number()
	if err != nil {
		return err
	}
	p := &opener{id: fmt.Sprintf("open/%016x", n), done: make(chan struct{})}
	s.lease.confirm = func(ctx context.Context, said bson.ObjectID) (bson.ObjectID, error) {
		return s.sayOpen(ctx, p.id, said)
	}
	s.lease.behind = s.behind
	if err := s.lease.renew(ctx); err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop, s.opener = stop, p
	go func() {
		defer close(p.done)
		s.lease.run(running)
	}()
	_, err = s.lease.wait(ctx, time.Now())
	return err
}

// sayOpen says that this process has the store open and may have leases of an election. By is the election of the
// primary that wrote it, and a majority has it. A router of a sharded cluster does not say that of all shards: by is zero.
func (s *Store) sayOpen(ctx context.Context, id string, said bson.ObjectID) (by bson.ObjectID, err error) {
	set := field("at", "$$NOW")
	if !said.IsZero() {
		set = append(set, bson.E{Key: "election", Value: said})
	}
	var answer struct {
		Election bson.ObjectID  `bson:"electionId"`
		Time     bson.Timestamp `bson:"operationTime"`
	}
	err = s.db.RunCommand(ctx, bson.D{{Key: "update", Value: s.meta.Name()},
		{Key: "updates", Value: bson.A{bson.D{{Key: "q", Value: field("_id", id)}, {Key: "u", Value: bson.A{field("$set", set)}}, {Key: "upsert", Value: true}}}},
		{Key: "writeConcern", Value: bson.D{{Key: "w", Value: "majority"}, {Key: "wtimeout", Value: leaseLasts.Milliseconds()}}},
	}).Decode(&answer)
	if err != nil {
		return by, err
	}
	s.seen.note(&answer.Time)
	switch {
	case s.routed:
		return by, nil
	case answer.Election.IsZero():
		return by, errors.New("the database does not say by which election its primary is one")
	}
	return answer.Election, nil
}

// behind says whether another process may have leases of an earlier election. One that has not said anything for a minute
// has none.
func (s *Store) behind(ctx context.Context, by bson.ObjectID) (there bool, err error) {
	err = s.causally(ctx, func(ctx context.Context) error {
		there, err = found(s.meta.FindOne(ctx, append(openers("$gte", time.Minute), bson.E{Key: "election", Value: field("$lt", by)})).Err())
		return err
	})
	return there, err
}

// openers are those whose documents were written before some time ("$lt") or since ("$gte").
func openers(op string, ago time.Duration) bson.D {
	return bson.D{{Key: "_id", Value: beginning("open/")}, {Key: "$expr", Value: field(op, bson.A{"$at",
		field("$subtract", bson.A{"$$NOW", ago.Milliseconds()})})}}
}

// depart takes it back; if it cannot be taken back it ends by itself.
func (s *Store) depart(ctx context.Context) {
	if s.opener == nil {
		return
	}
	s.opener.stop()
	<-s.opener.done
	_, _ = s.meta.DeleteOne(ctx, field("_id", s.opener.id))
	s.opener = nil
}

// alone refuses while another process has the store open, and removes what is left of those that died.
func (s *Store) alone(ctx context.Context) error {
	if _, err := s.meta.DeleteMany(ctx, openers("$lt", openerLasts)); err != nil {
		return err
	}
	n, err := s.meta.CountDocuments(ctx, openers("$gte", openerLasts))
	if err == nil && n > 0 {
		err = fmt.Errorf("%w (%d of them): stop the servers on it; one that died is forgotten after %v", ErrOpen, n, openerLasts)
	}
	return err
}

// causally runs f in a session that sees what this process has had acknowledged.
func (s *Store) causally(ctx context.Context, f func(context.Context) error) error {
	session, err := s.client.StartSession()
	if err != nil {
		return err
	}
	defer session.EndSession(context.WithoutCancel(ctx))
	if at := s.seen.time(); !at.IsZero() {
		if err := session.AdvanceOperationTime(&at); err != nil {
			return err
		}
	}
	return f(mongo.NewSessionContext(ctx, session))
}
