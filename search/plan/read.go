package plan

import (
	"context"
	"slices"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// ReadOne gives the current version of the instance of a GuardRead plan, or, if that is Deleted, its tombstone when
// its last live version is visible. found is false if it does not exist or may not be seen: no difference.
func ReadOne(ctx context.Context, src Source, p Plan) (r Row, found bool, err error) {
	if p.key == (Key{}) {
		return Row{}, false, nil
	}
	if err = p.own.held(ctx, src); err != nil {
		return Row{}, false, err
	}
	r, found, err = src.Read(ctx, p.key)
	if err != nil || !found {
		return Row{}, false, err
	}
	if found, err = p.sees(ctx, src, &r, p.allowed); err != nil || !found {
		return Row{}, false, err
	}
	return r, true, nil
}

// Version gives one version of the instance of a GuardRead plan, a tombstone as a Deleted row. It is found only if it
// and the current version (of a deleted resource: its last live one) are visible.
func Version(ctx context.Context, src Source, p Plan, version uint64) (r Row, found bool, err error) {
	if p.key == (Key{}) {
		return Row{}, false, nil
	}
	if err = p.own.held(ctx, src); err != nil {
		return Row{}, false, err
	}
	r, found, err = src.Version(ctx, p.key, version)
	if err != nil || !found {
		return Row{}, false, err
	}
	if found, err = p.shows(ctx, src, &r); err != nil || !found {
		return Row{}, false, err
	}
	return r, true, nil
}

// sees says whether the version r is visible for itself: it is in the set. A deletion belongs to the live version before
// it.
func (p *Plan) sees(ctx context.Context, src Source, r *Row, set search.Expr) (bool, error) {
	switch set {
	case search.All:
		return true, nil
	case nil, search.None:
		return false, nil
	}
	v, found, err := live(ctx, src, *r)
	if err != nil || !found {
		return false, err
	}
	return matches(ctx, src, p.index, set, &v)
}

// live is a version, or the live one before it, if it is a deletion.
func live(ctx context.Context, src Source, r Row) (v Row, found bool, err error) {
	for found = true; found && r.Deleted; {
		if r.Version <= 1 {
			return Row{}, false, nil
		}
		if r, found, err = src.Version(ctx, Key{r.Type, r.ID}, r.Version-1); err != nil {
			return Row{}, false, err
		}
	}
	return r, found, nil
}

// shows says whether the version r is visible in a history: it and the current version are.
func (p *Plan) shows(ctx context.Context, src Source, r *Row) (bool, error) {
	ok, err := p.sees(ctx, src, r, p.allowed)
	if err != nil || !ok || p.allowed == search.All {
		return ok, err
	}
	now, found, err := src.Read(ctx, Key{r.Type, r.ID})
	if err != nil || !found {
		return false, err
	}
	if now.Version == r.Version {
		return true, nil
	}
	if ok, err = p.sees(ctx, src, &now, p.allowed); err != nil || !ok {
		return false, err
	}
	past, less, err := p.past(ctx, src, &now)
	if err != nil || !less {
		return err == nil, err
	}
	return p.sees(ctx, src, r, past)
}

// past is what versions before the current one, now, must be in to be visible: less than the allowed set, if no link shows
// them any more.
func (p *Plan) past(ctx context.Context, src Source, now *Row) (set search.Expr, less bool, err error) {
	unlinks := search.Unlinks(p.typ)
	if unlinks == search.None || p.allowed == search.All {
		return p.allowed, false, nil
	}
	if less, err = p.sees(ctx, src, now, unlinks); err != nil || !less {
		return p.allowed, false, err
	}
	return search.Simplify(search.Unlinked(p.allowed)), true, nil
}

// Versions is the history of the instance of a GuardRead plan, newest first. found is false if nothing of it is
// visible. Rows, Next and Total know only versions that are visible and asked for.
func Versions(ctx context.Context, src Source, p Plan, t Times, w Window) (page Page, found bool, err error) {
	now, found, err := ReadOne(ctx, src, p)
	if err != nil || !found {
		return Page{Total: -1}, false, err
	}
	if p.allowed == search.All && t.none() {
		page, err = src.Versions(ctx, p.key, w)
		return page, true, err
	}
	past, _, err := p.past(ctx, src, &now)
	if err != nil {
		return Page{}, false, err
	}
	sees := func(r *Row) (bool, error) {
		if r.Version == now.Version {
			return p.sees(ctx, src, r, p.allowed)
		}
		return p.sees(ctx, src, r, past)
	}
	keep := func(r *Row) (bool, error) {
		if ok, err := sees(r); !ok || err != nil {
			return false, err
		}
		return t.holds(ctx, src, r, sees)
	}
	page.Total = -1
	if w.Total {
		if page.Total, err = p.countVersions(ctx, src, keep); err != nil {
			return Page{}, false, err
		}
	}
	after, at := w.After, w.At
	for w.Limit > 0 {
		// Asking for no more than what is wanting keeps the last row of the page the last one read.
		ask := max(w.Limit-len(page.Rows), 1)
		more, err := src.Versions(ctx, p.key, Window{After: after, At: at, Back: w.Back, Limit: ask})
		if err != nil {
			return Page{}, false, err
		}
		page.Read += more.Read
		for i := range more.Rows {
			ok, err := keep(&more.Rows[i])
			if err != nil {
				return Page{}, false, err
			}
			if !ok {
				continue
			}
			if len(page.Rows) == w.Limit {
				page.Next = w.After // a further one: the page ends behind its last row
				return page, true, nil
			}
			page.Rows = append(page.Rows, more.Rows[i])
			w.After = more.Next
		}
		if more.Next == nil {
			return page, true, nil
		}
		after, at = more.Next, false
	}
	return page, true, nil
}

func (p *Plan) countVersions(ctx context.Context, src Source, keep func(*Row) (bool, error)) (n int, err error) {
	for w := (Window{Limit: 100}); ; {
		page, err := src.Versions(ctx, p.key, w)
		if err != nil {
			return 0, err
		}
		for i := range page.Rows {
			ok, err := keep(&page.Rows[i])
			if err != nil {
				return 0, err
			}
			if ok {
				n++
			}
		}
		if page.Next == nil {
			return n, nil
		}
		w.After = page.Next
	}
}

// NewCondition is the claim that p finds exactly the resources with these ids; where found has two or more, that it
// finds several. It does not hold where the search cannot be answered any more: its parameters have changed.
func NewCondition(p Plan, found []string) Condition {
	found = slices.Clone(found)
	return Condition{types: typesIn(p.typ, p.node), holds: func(ctx context.Context, src Source) (bool, error) {
		if err := p.own.held(ctx, src); fhir.KindOf(err) == fhir.KindUnknownParam {
			return false, nil
		} else if err != nil {
			return false, err
		}
		page, err := p.joined(ctx, src, func(b Bound) (Page, error) { return src.Select(ctx, b, Window{Limit: 2, Bare: true}) })
		if err != nil {
			return false, err
		}
		if len(found) >= 2 && len(page.Rows) >= 2 {
			return true, nil
		}
		return len(found) == len(page.Rows) && (len(found) == 0 || found[0] == page.Rows[0].ID), nil
	}}
}

// typesIn are those of a node on a type and of the joins in it, sorted; nil if it looks at whatever is referred to.
func typesIn(typ string, n Node) []string {
	list, any := []string{typ}, false
	var walk func(Node)
	walk = func(n Node) {
		switch n := n.(type) {
		case ref:
			list = append(list, n.target)
		case back:
			list = append(list, n.source)
		case every:
			any = true
		}
		for _, x := range Parts(n) {
			walk(x)
		}
	}
	walk(n)
	if any {
		return nil
	}
	slices.Sort(list)
	return slices.Compact(list)
}
