package mongo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// entries are those of a resource, for tests on it alone.
type entries struct{ index.Entries }

// entries indexes a stored body again.
func (x *indexing) entries(row *plan.Row) (index.Entries, error) {
	res, err := fhir.Parse(row.Body, storedLimits)
	if err != nil {
		return index.Entries{}, fmt.Errorf("parse the stored %s/%s version %d: %v", row.Type, row.ID, row.Version, err)
	}
	return x.indexer.Entries(res), nil
}

// most bounds what was within the limits when it was written.
const most = 1 << 30

var storedLimits = fhir.Limits{Depth: 10_000, Bytes: most, Nodes: most}

// hold says whether a term or range is among the entries.
func (e *entries) hold(n plan.Node) (bool, error) {
	switch n := n.(type) {
	case plan.Term:
		return slices.Contains(e.Terms, index.Term(n)), nil
	case plan.Terms:
		return slices.ContainsFunc(n, func(t index.Term) bool { return slices.Contains(e.Terms, t) }), nil
	case plan.Prefix:
		return slices.ContainsFunc(e.Terms, func(t index.Term) bool {
			return t.Num == n.Num && t.Form == n.Form && strings.HasPrefix(t.Text, n.Text)
		}), nil
	case plan.Range:
		return slices.ContainsFunc(e.Ranges, func(r index.Range) bool {
			return r.Num == n.Num && r.Unit == n.Unit && within(n.Low, r.Low) && within(n.High, r.High)
		}), nil
	}
	return false, errNode(n)
}

func within(s plan.Span, k index.Key) bool {
	if s.Min != "" && (k < s.Min || k == s.Min && s.MinOpen) {
		return false
	}
	return s.Max == "" || k < s.Max || k == s.Max && !s.MaxOpen
}
