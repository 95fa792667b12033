package embedded

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// A version is filed in the charts that it belongs to, whatever later ones say, a deletion in those of the live version
// before it (keyChart). So the history of what is in some charts is the merge of their lists, however much there is in
// others.

// charts are those of a stored version.
func (s *Store) charts(r pebble.Reader, doc uint64, v *record) ([]string, error) {
	if v.deleted {
		return s.chartsBefore(r, doc, v.version)
	}
	res, err := s.parse(v.body)
	if err != nil {
		return nil, err
	}
	e := s.indexing.Load().now.Entries(res)
	return e.Charts(res.Type), nil
}

// chartsBefore are those of the last live one of the older versions of a document before a version.
func (s *Store) chartsBefore(r pebble.Reader, doc, version uint64) ([]string, error) {
	for version--; version > 0; version-- {
		val, closer, err := get(r, appendOldKey(nil, doc, version))
		if err != nil {
			return nil, err
		}
		if closer == nil {
			return nil, fmt.Errorf("version %d of document %d is missing", version, doc)
		}
		defer closer.Close()
		if v, err := readRecord(val); err != nil || !v.deleted {
			if err != nil {
				return nil, err
			}
			return s.charts(r, doc, &v)
		}
	}
	return nil, nil
}
