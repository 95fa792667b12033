package mongo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/search/index"
)

// A shape is the set of parameters that a resource has values for. A type's resources have few of them, so one key for
// the shape stands for a dozen, and what lacks a parameter can be listed as easily as what has it. The collection
// shapes says what is in each; it only ever grows, and before any document of a shape is written.
type shapes struct {
	mu    sync.Mutex
	known map[string]bool // _id
	count map[string]int  // by type
}

// maxShapes bounds the shapes of a type: a hostile sender has as many as there are subsets. What is beyond has
// keyAnyShape and is found by looking at it.
const (
	maxShapes   = 500
	keyAnyShape = keyShape + "*"
)

// load reads the shapes that there are.
func (s *Store) loadShapes(ctx context.Context) error {
	s.shapes.known, s.shapes.count = map[string]bool{}, map[string]int{}
	cursor, err := s.shapesDB.Find(ctx, bson.D{}, options.Find().SetProjection(field(fieldType, 1)))
	if err != nil {
		return fault("read the shapes", err)
	}
	defer cursor.Close(ctx)
	for cursor.Next(ctx) {
		s.shapes.known[cursor.Current.Lookup("_id").StringValue()] = true
		s.shapes.count[cursor.Current.Lookup(fieldType).StringValue()]++
	}
	return fault("read the shapes", cursor.Err())
}

// shape is the key of the shape of a resource, which is written if it is new.
func (s *Store) shape(ctx context.Context, sch *schema, e *index.Entries) (string, error) {
	has := sch.has(e)
	sum := sha256.Sum256([]byte(strings.Join(has, "\n")))
	text := hex.EncodeToString(sum[:6])
	id := sch.typ + "/" + text
	s.shapes.mu.Lock()
	known, full := s.shapes.known[id], s.shapes.count[sch.typ] >= maxShapes
	s.shapes.mu.Unlock()
	switch {
	case known:
		return keyShape + text, nil
	case full:
		return keyAnyShape, nil
	}
	_, err := s.shapesDB.UpdateOne(ctx, field("_id", id), field("$setOnInsert", bson.D{
		{Key: fieldType, Value: sch.typ}, {Key: fieldHas, Value: bson.A(anys(has))},
	}), options.UpdateOne().SetUpsert(true))
	if err != nil && !mongo.IsDuplicateKeyError(err) {
		return "", fault("write a shape", err)
	}
	s.shapes.mu.Lock()
	defer s.shapes.mu.Unlock()
	if !s.shapes.known[id] {
		s.shapes.known[id] = true
		s.shapes.count[sch.typ]++
	}
	return keyShape + text, nil
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, x := range list {
		out[i] = x
	}
	return out
}

// shapes are the keys of documents that have a value of a parameter, or, negated, that have none.
func (q *query) shapes(num uint16, has bool) ([]string, error) {
	asked := presence{num, has}
	if list, ok := q.present[asked]; ok {
		return list, nil
	}
	f := bson.D{{Key: fieldType, Value: q.sch.typ}}
	if has {
		f = append(f, bson.E{Key: fieldHas, Value: q.sch.name(num)})
	} else {
		f = append(f, bson.E{Key: fieldHas, Value: bson.D{{Key: "$ne", Value: q.sch.name(num)}}})
	}
	ctx := q.src.with(q.ctx)
	cursor, err := q.src.s.shapesDB.Find(ctx, f, options.Find().SetProjection(field("_id", 1)))
	if err != nil {
		return nil, fault("read the shapes", err)
	}
	defer cursor.Close(ctx)
	out := []string{keyAnyShape}
	for cursor.Next(ctx) {
		_, text, ok := strings.Cut(cursor.Current.Lookup("_id").StringValue(), "/")
		if !ok {
			return nil, fmt.Errorf("a shape has the _id %s", cursor.Current.Lookup("_id"))
		}
		out = append(out, keyShape+text)
	}
	if err := cursor.Err(); err != nil {
		return nil, fault("read the shapes", err)
	}
	if q.present == nil {
		q.present = map[presence][]string{}
	}
	q.present[asked] = out
	return out, nil
}

// presence is a question to the shapes.
type presence struct {
	num uint16
	has bool
}
