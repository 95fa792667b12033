package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Who has a store open says so in meta, by the clock of the database: nobody rebuilds the index under a server that
// writes by another one.
const (
	openerEvery = 2 * time.Second
	openerLasts = 10 * time.Second
)

// ErrOpen says that another process has a store open that is to be rebuilt.
var ErrOpen = errors.New("another process has the store open")

// opener is that this process has the store open.
type opener struct {
	id   string
	stop context.CancelFunc
	done chan struct{}
}

// attend says that this process has the store open, until it is closed.
func (s *Store) attend(ctx context.Context) error {
	n, err := s.number()
	if err != nil {
		return err
	}
	p := &opener{id: fmt.Sprintf("open/%016x", n), done: make(chan struct{})}
	if err := s.sayOpen(ctx, p.id); err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop, s.opener = stop, p
	go func() {
		defer close(p.done)
		tick := time.NewTicker(openerEvery)
		defer tick.Stop()
		for {
			select {
			case <-running.Done():
				return
			case <-tick.C:
				_ = s.sayOpen(running, p.id) // while the database is gone nobody rebuilds it
			}
		}
	}()
	return nil
}

func (s *Store) sayOpen(ctx context.Context, id string) error {
	_, err := s.meta.UpdateOne(ctx, field("_id", id), mongo.Pipeline{field("$set", field("at", "$$NOW"))}, options.UpdateOne().SetUpsert(true))
	return err
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
	at := func(op string) bson.D {
		return bson.D{{Key: "_id", Value: beginning("open/")}, {Key: "$expr", Value: field(op, bson.A{"$at",
			field("$subtract", bson.A{"$$NOW", openerLasts.Milliseconds()})})}}
	}
	if _, err := s.meta.DeleteMany(ctx, at("$lt")); err != nil {
		return err
	}
	n, err := s.meta.CountDocuments(ctx, at("$gte"))
	if err == nil && n > 0 {
		err = fmt.Errorf("%w (%d of them): stop the servers on it; one that died is forgotten after %v", ErrOpen, n, openerLasts)
	}
	return err
}
