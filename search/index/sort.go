package index

import (
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// SortKey is the key by which a resource is ordered by a parameter: of several values that which comes first in the
// order asked for. Dates and numbers order by their lower end, strings folded, tokens by code, references and URIs by
// text. ok is false if no value has a key: such resources come last in both directions. Keys of different parameters
// do not compare.
func (x *Indexer) SortKey(p *r4.SearchParameter, res *fhir.Resource, desc bool) (key Key, ok bool) {
	values := x.Values(p, res)
	for i := range values {
		k := sortKey(p, &values[i])
		if k != "" && (!ok || (k < key) != desc && k != key) {
			key, ok = k, true
		}
	}
	return key, ok
}

func sortKey(p *r4.SearchParameter, v *Value) Key {
	switch p.Type {
	case r4.Date:
		return DateKey(v.Time.Low)
	case r4.Number, r4.Quantity:
		if v.LowOpen {
			return KeyMin
		}
		return Key(v.Low.Key())
	case r4.String:
		return Key(fhir.Fold(v.Text))
	case r4.Token:
		if !p.CaseSensitive {
			return Key(fhir.Fold(v.Code))
		}
		return Key(v.Code)
	case r4.Reference:
		return Key(v.Ref.String())
	case r4.URI:
		return Key(v.Text)
	}
	return ""
}
