package mongo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/store"
)

// Codes of errors of MongoDB.
const (
	codeUnauthorized   = 13
	codeAuthentication = 18
	codeExists         = 48
	codeWriteConflict  = 112
)

// passing are the codes of errors that go away by themselves: the primary is gone or has changed, a snapshot is too
// old, a limit of time was met.
var passing = []int{6, 7, 50, 63, 64, 89, 91, 100, 112, 133, 134, 150, 189, 202, 225, 234, 239, 244, 246, 251, 262, 290,
	384, 9001, 10107, 11600, 11601, 11602, 13388, 13435, 13436, 46841}

// errElection says that while something was done there was no lease, or another primary was elected.
var errElection = errors.New("the primary is not confirmed")

// transient says whether an error tells of the database's state and not of the command. Of a write it does not tell
// whether it was carried out.
func transient(err error) bool {
	if errors.Is(err, errElection) {
		return true
	}
	var selection topology.ServerSelectionError
	var connection topology.ConnectionError
	if errors.As(err, &selection) || errors.As(err, &connection) || mongo.IsNetworkError(err) || mongo.IsTimeout(err) {
		return true
	}
	var write mongo.WriteException
	var bulk mongo.BulkWriteException
	if errors.As(err, &write) && write.WriteConcernError != nil || errors.As(err, &bulk) && bulk.WriteConcernError != nil {
		return true
	}
	return labelled(err, "TransientTransactionError") || labelled(err, "RetryableWriteError") || slices.ContainsFunc(passing, func(c int) bool { return coded(err, c) })
}

func labelled(err error, label string) bool {
	var e mongo.LabeledError
	return errors.As(err, &e) && e.HasErrorLabel(label)
}

func coded(err error, code int) bool {
	var e mongo.ServerError
	return errors.As(err, &e) && e.HasErrorCode(code)
}

// fault says what was being done when a command failed. What passes is fhir.KindTransient.
func fault(what string, err error) error {
	var known *fhir.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known) || errors.Is(err, store.ErrConflict):
		return err
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", what, err)
	case transient(err):
		return &fhir.Error{Kind: fhir.KindTransient, Diagnostics: "the database does not answer at the moment; try again",
			Err: fmt.Errorf("%s: %w", what, err)}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// settle carries out a write until it is known to be done, or not. try must be such that done says of it that it is
// done, and that a second one cannot be carried out after a first one. Work is how long the write itself may take, beside
// waiting for the database.
func (s *Store) settle(ctx context.Context, what string, work time.Duration, try func(context.Context) error, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience+work)
	defer cancel()
	unsure, begun := false, time.Now()
	for attempt := 0; ; attempt++ {
		held, err := s.lease.wait(ctx, begun)
		if err != nil {
			return err
		}
		if err = held.during(ctx, try); !s.lease.still(held) {
			err = errElection // whatever it was: it is looked for
		}
		if err == nil {
			return nil
		}
		if !transient(err) && !(unsure && errors.Is(err, store.ErrConflict)) {
			return fault(what, err)
		}
		clash := coded(err, codeWriteConflict) && !labelled(err, "UnknownTransactionCommitResult")
		if !clash { // a clash has undone the transaction
			unsure = true
			ok, lost := done(ctx)
			for ; lost != nil && transient(lost) && ctx.Err() == nil; ok, lost = done(ctx) {
				pause(ctx, attempt)
			}
			switch {
			case lost != nil:
				return &fhir.Error{Kind: fhir.KindTransient, Err: fmt.Errorf("%s: %w", what, errors.Join(err, lost)),
					Diagnostics: "the database does not answer at the moment: it is not known whether this was written; look, or try again"}
			case ok:
				return nil
			case errors.Is(err, store.ErrConflict):
				return err
			}
		}
		if pause(ctx, attempt); ctx.Err() != nil {
			return fault(what, err)
		}
	}
}

// pause waits, longer after more attempts, a random part of it, or until ctx ends.
func pause(ctx context.Context, attempt int) {
	d := min(2*time.Millisecond<<min(attempt, 10), 300*time.Millisecond)
	t := time.NewTimer(d/2 + rand.N(d/2))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
