package mongo

import (
	"fmt"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// nothing is the filter that no document passes.
var nothing = bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: bson.A{}}}}}

func field(name string, value any) bson.D { return bson.D{{Key: name, Value: value}} }

// filter is a node as a filter on fieldTerms, fieldTexts, fieldHas and fieldRanges: it says what
// is found and never how (that is a branch). With a Verify in it the filter is wider than the node: exact is false, and
// each document must be tested. Client text is only ever the value of a comparison.
func (s *schema) filter(n plan.Node) (f bson.D, exact bool, err error) {
	return s.near(n, true)
}

// near is a filter that is wider than n, or, where wider is false, narrower.
func (s *schema) near(n plan.Node, wider bool) (f bson.D, exact bool, err error) {
	switch n := n.(type) {
	case plan.All:
		return bson.D{}, true, nil
	case plan.None:
		return nothing, true, nil
	case plan.Term:
		return s.termFilter(index.Term(n)), true, nil
	case plan.Terms:
		return s.termsFilter(n), true, nil
	case plan.Prefix:
		return s.prefixFilter(index.Term(n)), true, nil
	case plan.Range:
		f, err := s.rangeFilter(n)
		return f, true, err
	case plan.And:
		return s.nearAll("$and", n, wider)
	case plan.Or:
		return s.nearAll("$or", n, wider)
	case plan.Not:
		f, exact, err := s.near(n.X, !wider)
		return field("$nor", bson.A{f}), exact, err
	case plan.Verify:
		if !wider {
			return nothing, false, nil
		}
		f, _, err := s.near(n.X, true)
		return f, false, err
	}
	return nil, false, errNode(n)
}

func (s *schema) nearAll(op string, list []plan.Node, wider bool) (f bson.D, exact bool, err error) {
	if len(list) == 0 {
		return nil, false, fmt.Errorf("an empty %s", op[1:])
	}
	var parts bson.A
	exact = true
	for _, x := range list {
		f, e, err := s.near(x, wider)
		if err != nil {
			return nil, false, err
		}
		exact = exact && e
		if op == "$or" || len(f) > 0 {
			parts = append(parts, f)
		}
	}
	switch len(parts) {
	case 0:
		return bson.D{}, exact, nil
	case 1:
		return parts[0].(bson.D), exact, nil
	}
	return field(op, parts), exact, nil
}

func (s *schema) termFilter(t index.Term) bson.D {
	switch {
	case !utf8.ValidString(t.Text):
		return nothing
	case t.Form == index.FormPresent:
		return field(fieldHas, s.name(t.Num))
	case t.Form == index.FormPrefix:
		if n := utf8.RuneCountInString(t.Text); n == 0 || n > short {
			return nothing
		}
		t.Form = index.FormString
		return s.prefixFilter(t)
	case t.Num == idNum && t.Form == index.FormCode:
		return field("_id", s.typ+"/"+t.Text)
	}
	return field(home(t.Form), s.word(t))
}

func (s *schema) termsFilter(ts plan.Terms) bson.D {
	if len(ts) == 0 {
		return nothing
	}
	switch f := ts[0].Form; {
	case f == index.FormPresent:
		return s.termFilter(ts[0])
	case f == index.FormPrefix:
		var parts bson.A
		for _, t := range ts {
			parts = append(parts, s.termFilter(t))
		}
		return field("$or", parts)
	case ts[0].Num == idNum && f == index.FormCode:
		return field("_id", bson.D{{Key: "$in", Value: s.names(ts)}})
	}
	return field(home(ts[0].Form), bson.D{{Key: "$in", Value: s.words(ts)}})
}

// names are the instances of terms of _id.
func (s *schema) names(ts []index.Term) []string {
	out := make([]string, 0, len(ts))
	for _, t := range ts {
		if utf8.ValidString(t.Text) {
			out = append(out, s.typ+"/"+t.Text)
		}
	}
	return out
}

func (s *schema) words(ts []index.Term) []string {
	out := make([]string, 0, len(ts))
	for _, t := range ts {
		if utf8.ValidString(t.Text) {
			out = append(out, s.word(t))
		}
	}
	return out
}

func (s *schema) prefixFilter(t index.Term) bson.D {
	switch {
	case !utf8.ValidString(t.Text):
		return nothing
	case t.Form == index.FormPresent:
		if t.Text != "" {
			return nothing
		}
		return field(fieldHas, s.name(t.Num))
	case t.Form == index.FormPrefix:
		if utf8.RuneCountInString(t.Text) > short {
			return nothing
		}
		t.Form = index.FormString
	case t.Num == idNum && t.Form == index.FormCode:
		return field("_id", beginning(s.typ+"/"+t.Text))
	}
	return field(home(t.Form), bson.D{{Key: "$elemMatch", Value: beginning(s.word(t))}})
}

// beginning is the condition that a text begins with a prefix, as a comparison.
func beginning(prefix string) bson.D {
	if prefix == "" {
		return bson.D{{Key: "$gte", Value: ""}}
	}
	return bson.D{{Key: "$gte", Value: prefix}, {Key: "$lt", Value: above(prefix)}}
}
