package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/search/index"
)

// and is the intersection: flat, without All, None if a member is, the most selective members first. An And of
// nothing but All is All. A test of some node is put around all others, and tests what they leave.
func and(list []Node) Node {
	var tests []Verify
	list = slices.Clone(list)
	for i, n := range list {
		if v, ok := n.(Verify); ok && v.X == (All{}) {
			tests, list[i] = append(tests, v), v.X
		}
	}
	n := intersection(list)
	for _, t := range tests {
		n = t.over(n)
	}
	return n
}

func intersection(list []Node) Node {
	var out And
	for _, n := range list {
		switch n := n.(type) {
		case All:
		case None:
			return None{}
		case And:
			out = append(out, n...)
		default:
			out = append(out, n)
		}
	}
	switch len(out) {
	case 0:
		return All{}
	case 1:
		return out[0]
	}
	slices.SortStableFunc(out, func(a, b Node) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}

// or is the union: flat, without None, All if a member is; terms of one parameter and form are together.
func or(list []Node) Node {
	var flat, out Or
	for _, n := range list {
		if inner, ok := n.(Or); ok {
			flat = append(flat, inner...)
		} else {
			flat = append(flat, n)
		}
	}
	for _, n := range flat {
		switch n := n.(type) {
		case None:
		case All:
			return All{}
		case Term:
			out = out.add(Terms{index.Term(n)})
		case Terms:
			out = out.add(n)
		default:
			out = append(out, n)
		}
	}
	for i, n := range out {
		if list, ok := n.(Terms); ok {
			out[i] = terms(list)
		}
	}
	switch len(out) {
	case 0:
		return None{}
	case 1:
		return out[0]
	}
	return out
}

// add puts terms to those of their parameter and form, if there are any.
func (o Or) add(list Terms) Or {
	for i, n := range o {
		if have, ok := n.(Terms); ok && have[0].Num == list[0].Num && have[0].Form == list[0].Form {
			o[i] = append(have, list...)
			return o
		}
	}
	return append(o, slices.Clone(list))
}

func not(n Node) Node {
	switch n := n.(type) {
	case All:
		return None{}
	case None:
		return All{}
	case Not:
		return n.X
	}
	return Not{n}
}

func verify(n Node, by func(*Row) (bool, error)) Node { return Verify{By: by}.over(n) }

// over is the members of n that v.By keeps.
func (v Verify) over(n Node) Node {
	if _, none := n.(None); none {
		return n
	}
	v.X = n
	return v
}

// terms is the resources that have one of the terms, which are all of one Num and Form. It keeps the list.
func terms(list []index.Term) Node {
	slices.SortFunc(list, func(a, b index.Term) int { return strings.Compare(a.Text, b.Text) })
	list = slices.Compact(list)
	switch len(list) {
	case 0:
		return None{}
	case 1:
		return Term(list[0])
	}
	return Terms(list)
}

// rank orders the members of an And: what bounds the caller's reach first, so that work grows with what may be seen;
// then what is likely to be small; last what needs bodies.
func rank(n Node) int {
	switch n := n.(type) {
	case Term:
		switch {
		case n.Num == index.NumIn || n.Num == index.NumOnly:
			return 0
		case n.Form == index.FormPresent:
			return 6
		}
		return 2
	case Terms:
		if len(n) > 0 && n[0].Num == index.NumIn {
			return 1
		}
		return 3
	case Range, Prefix:
		return 4
	case Or:
		return 5
	case Verify:
		return 8
	case Not:
		return 9
	}
	return 7
}
