package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
)

// refile files all that is not indexed in another way in its charts: older versions and tombstones.
func (s *Store) refile(ctx context.Context) error {
	if err := s.refileAll(ctx, s.history, nil); err != nil {
		return err
	}
	return s.refileAll(ctx, s.resources, field(fieldGone, true))
}

// refileAll files the documents of a collection that a filter finds.
func (s *Store) refileAll(ctx context.Context, in *mongo.Collection, filter bson.D) error {
	for from := ""; ; {
		cursor, err := in.Find(ctx, append(field("_id", field("$gt", from)), filter...),
			options.Find().SetSort(field("_id", 1)).SetLimit(extendBatch).SetProjection(rowFields))
		if err != nil {
			return fault("read versions", err)
		}
		var docs []bson.Raw
		if err := cursor.All(ctx, &docs); err != nil {
			return fault("read versions", err)
		}
		if len(docs) == 0 {
			return nil
		}
		models := make([]mongo.WriteModel, len(docs))
		for i, doc := range docs {
			row, err := readRow(doc)
			if err != nil {
				return err
			}
			charts, err := s.charts(ctx, row)
			if err != nil {
				return err
			}
			update := field("$unset", field(fieldCharts, ""))
			if charts != nil {
				update = field("$set", field(fieldCharts, charts))
			}
			from = doc.Lookup("_id").StringValue()
			models[i] = mongo.NewUpdateOneModel().SetFilter(field("_id", from)).SetUpdate(update)
		}
		if _, err := in.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false)); err != nil {
			return fault("file versions", err)
		}
	}
}

// charts are those of a version, of a tombstone those of the last version before it that is none.
func (s *Store) charts(ctx context.Context, row plan.Row) ([]string, error) {
	if row.Deleted {
		name := row.Type + "/" + row.ID
		live := bson.D{{Key: fieldName, Value: name}, {Key: fieldVersion, Value: field("$lt", int64(row.Version))}, {Key: fieldGone, Value: field("$exists", false)}}
		doc, err := s.history.FindOne(ctx, live, options.FindOne().SetSort(field(fieldVersion, -1)).SetProjection(rowFields)).Raw()
		if ok, err := found(err); !ok {
			return nil, fault("read versions", err)
		}
		if row, err = readRow(doc); err != nil {
			return nil, err
		}
	}
	res, err := fhir.Parse(row.Body, storedLimits)
	if err != nil {
		return nil, err
	}
	e := s.indexing.Load().indexer.Entries(res)
	return e.Charts(res.Type), nil
}
