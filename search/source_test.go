package search_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// source is a plan.Source over current resources: nodes evaluated on index entries, with no thought of speed.
type source struct {
	plan.Source // what a search does not call
	rows        []plan.Row
	entries     []index.Entries
}

func (s *source) Params(context.Context) (*parameters.Set, error) { return nil, nil }

func newSource(world []*fhir.Resource) *source {
	s := &source{}
	for _, res := range world {
		s.rows = append(s.rows, plan.Row{Type: res.Type, ID: res.ID, Version: 1, Body: res.Bytes})
		s.entries = append(s.entries, worldOf(nil).Index.Entries(res))
	}
	return s
}

func (s *source) each(b plan.Bound, f func(i int)) error {
	if err := shape(b.Node()); err != nil {
		return err
	}
	for i := range s.rows {
		if s.rows[i].Type != b.Type() {
			continue
		}
		ok, err := plan.Contains(b.Node(), &s.entries[i], &s.rows[i])
		if err != nil {
			return err
		}
		if ok {
			f(i)
		}
	}
	return nil
}

func (s *source) Select(_ context.Context, b plan.Bound, w plan.Window) (plan.Page, error) {
	p := plan.Page{Total: -1}
	err := s.each(b, func(i int) {
		if len(p.Rows) < w.Limit {
			p.Rows = append(p.Rows, s.rows[i])
		}
	})
	return p, err
}

func (s *source) Targets(_ context.Context, b plan.Bound, p *r4.SearchParameter, max int) (refs []fhir.Reference, more bool, err error) {
	err = s.each(b, func(i int) {
		for _, t := range s.entries[i].Terms {
			if r := fhir.ParseReference(t.Text, ""); t.Num == p.Num && t.Form == index.FormReference && r.Local() && !slices.Contains(refs, r) {
				refs = append(refs, r)
			}
		}
	})
	if len(refs) > 1 && max < 1000 { // it gives up early: candidates are asked one by one
		return refs[:1], true, err
	}
	return refs, false, err
}

func constant(n plan.Node) bool {
	switch n.(type) {
	case plan.All, plan.None:
		return true
	}
	return false
}

// shape checks what plan promises to engines.
func shape(n plan.Node) error {
	list := func(list []plan.Node, same func(plan.Node) bool) error {
		if len(list) < 2 || slices.ContainsFunc(list, same) || slices.ContainsFunc(list, constant) {
			return fmt.Errorf("a badly built list: %#v", n)
		}
		for _, x := range list {
			if err := shape(x); err != nil {
				return err
			}
		}
		return nil
	}
	switch n := n.(type) {
	case plan.And:
		return list(n, func(x plan.Node) bool { _, ok := x.(plan.And); return ok })
	case plan.Or:
		return list(n, func(x plan.Node) bool { _, ok := x.(plan.Or); return ok })
	case plan.Not:
		return shape(n.X)
	case plan.Verify:
		return shape(n.X)
	case plan.Terms:
		less := func(a, b index.Term) int { return strings.Compare(a.Text, b.Text) }
		for _, t := range n {
			if t.Num != n[0].Num || t.Form != n[0].Form {
				return fmt.Errorf("terms of several kinds: %v", n)
			}
		}
		if len(n) < 2 || !slices.IsSortedFunc(n, less) || len(slices.Compact(slices.Clone(n))) != len(n) {
			return fmt.Errorf("badly built terms: %v", n)
		}
	}
	return nil
}
