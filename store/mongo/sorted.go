package mongo

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// place is where a document stands in an order of which a key comes from other documents. "" is no key.
type place struct {
	name string
	keys []index.Key
	tie  order
}

// compare puts missing keys last, whether a key is descending or not; what is equal goes by the default order.
func (a *place) compare(b *place, w plan.Window) int {
	c := 0
	for i := 0; i < len(a.keys) && c == 0; i++ {
		x, y := a.keys[i], b.keys[i]
		switch {
		case x == y:
		case x == "":
			c = 1
		case y == "":
			c = -1
		case w.Sort[i].Desc:
			c = cmp.Compare(y, x)
		default:
			c = cmp.Compare(x, y)
		}
	}
	if c == 0 {
		c = b.tie.compare(a.tie)
	}
	if w.Back {
		return -c
	}
	return c
}

// kindPlace is the first byte of the cursors of sorted.
const kindPlace = 'p'

func (a *place) append() []byte {
	keys := make(bson.A, len(a.keys))
	for i, k := range a.keys {
		keys[i] = []byte(k)
	}
	b, err := bson.Marshal(bson.D{{Key: "k", Value: keys}, {Key: "o", Value: a.tie.value()}})
	if err != nil {
		panic(fmt.Sprintf("write a position: %v", err)) // bytes have BSON
	}
	return append([]byte{kindPlace}, b...)
}

func readPlace(b []byte, n int) (*place, error) {
	var doc struct {
		K [][]byte
		O []byte
	}
	if b[0] != kindPlace || bson.Unmarshal(b[1:], &doc) != nil || len(doc.K) != n {
		return nil, errCursor
	}
	p := &place{}
	for _, k := range doc.K {
		p.keys = append(p.keys, index.Key(k))
	}
	var ok bool
	if p.tie, ok = readOrder(doc.O); !ok {
		return nil, errCursor
	}
	return p, nil
}

// sorted adds a page in an order that no expression says: the keys of all matches are read, and put in order here.
func (q *query) sorted(page *plan.Page, w plan.Window) error {
	var from *place
	if w.After != nil {
		var err error
		if from, err = readPlace(w.After, len(w.Sort)); err != nil {
			return err
		}
	}
	f, ok := q.filter(allOrders)
	if !ok {
		return nil
	}
	var found []place
	err := q.each(&ordering{fields: []string{fieldOrder}}, f, nil, 0, false, func(doc bson.Raw, row *plan.Row) (bool, error) {
		p := place{name: row.Type + "/" + row.ID, tie: orderOf(doc)}
		var err error
		if p.keys, err = q.placeKeys(row, w); err != nil {
			return false, err
		}
		if from != nil {
			if c := p.compare(from, w); c < 0 || c == 0 && !w.At {
				return true, nil
			}
		}
		found = append(found, p)
		return true, nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(a, b place) int { return a.compare(&b, w) })
	if len(found) > w.Limit {
		found = found[:w.Limit]
		page.Next = found[w.Limit-1].append()
	}
	for i := range found {
		p := &found[i]
		row, ok, err := q.src.one(q.ctx, q.src.s.resources, field("_id", p.name))
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%s has gone from a snapshot", p.name)
		}
		page.Rows = append(page.Rows, row)
		if w.Place {
			page.Places = append(page.Places, plan.Place{Keys: p.keys, At: p.append()})
		}
	}
	return nil
}

// placeKeys are the sort keys of a row.
func (q *query) placeKeys(row *plan.Row, w plan.Window) ([]index.Key, error) {
	out := make([]index.Key, len(w.Sort))
	var res *fhir.Resource
	for i, k := range w.Sort {
		var err error
		if k.Of != nil {
			if out[i], _, err = k.Of(q.ctx, q.src, row); err != nil {
				return nil, err
			}
			continue
		}
		if res == nil {
			if res, err = fhir.Parse(bytes.Clone(row.Body), storedLimits); err != nil {
				return nil, fmt.Errorf("parse the stored %s/%s version %d: %v", row.Type, row.ID, row.Version, err)
			}
		}
		out[i], _ = q.src.indexing.indexer.SortKey(k.P, res, k.Desc)
	}
	return out, nil
}
