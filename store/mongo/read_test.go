package mongo

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// TestReadWithinARead: what is read in the middle of another read of a snapshot is of the same session, whatever is
// acknowledged meanwhile: a cursor that is open lasts no longer than its session.
func TestReadWithinARead(t *testing.T) {
	s := openTest(t)
	opened, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	src := &opened.(*snapshot).source
	session := src.session
	err = src.run(t.Context(), "read", func(ctx context.Context) error {
		if _, err := s.meta.FindOne(src.with(ctx), bson.D{}).Raw(); err != nil {
			return err
		}
		s.seen.note(&bson.Timestamp{T: uint32(time.Now().Add(time.Hour).Unix())})
		if _, err := src.Params(ctx); err != nil {
			return err
		}
		return s.meta.FindOne(src.with(ctx), bson.D{}).Err()
	})
	if err != nil {
		t.Error(err)
	}
	if src.session != session {
		t.Error("there is another session")
	}
}
