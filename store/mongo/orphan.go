package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// An orphan is a session whose transaction may still be open with nobody to end it: the answer to its end was lost. What it
// has written nobody else can write, until MongoDB gives it up after a minute (transactionLifetimeLimitSeconds). So it is
// killed as soon as a primary answers; a user may kill the sessions that are its own.
const (
	orphanLasts = time.Minute
	// Each is killed several times: a primary that was paused may do so before it reads the command that opens the
	// transaction.
	orphanKills = 3
	orphanEvery = time.Second

	abortPatience = time.Second // how long one waits for a transaction to be undone, before it is an orphan
)

// end ends a session, which undoes what it has not committed. Unsure says that the answer to a commit was lost.
func (s *Store) end(ctx context.Context, session *mongo.Session, unsure bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortPatience)
	defer cancel()
	session.EndSession(ctx)
	if unsure || ctx.Err() != nil {
		go s.reap(session.ID())
	}
}

// reap kills an orphan.
func (s *Store) reap(id bson.Raw) {
	ctx, cancel := context.WithTimeout(s.open, orphanLasts)
	defer cancel()
	for attempt, kills := 0, 0; ctx.Err() == nil; attempt++ {
		if s.kill(ctx, id) != nil {
			pause(ctx, attempt)
			continue
		}
		if kills++; kills == orphanKills {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(orphanEvery):
		}
	}
}

func (s *Store) kill(ctx context.Context, id bson.Raw) error {
	ctx, cancel := context.WithTimeout(ctx, leaseLasts)
	defer cancel()
	return s.client.Database("admin").RunCommand(ctx, field("killSessions", bson.A{id})).Err()
}
