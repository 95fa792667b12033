package plan

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/search/index"
)

// A value is in the intersection of two spans where it is in both; an empty one has none.
func TestSpanAnd(t *testing.T) {
	keys := []index.Key{"", "a", "b", "c"}
	draw := func(t *rapid.T) Span {
		s := Span{Min: rapid.SampledFrom(keys).Draw(t, "min"), Max: rapid.SampledFrom(keys).Draw(t, "max")}
		s.MinOpen = s.Min != "" && rapid.Bool().Draw(t, "min open")
		s.MaxOpen = s.Max != "" && rapid.Bool().Draw(t, "max open")
		return s
	}
	holds := func(s Span, k index.Key) bool {
		return (k > s.Min || k == s.Min && !s.MinOpen) && (s.Max == "" || k < s.Max || k == s.Max && !s.MaxOpen)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t), draw(t)
		both := a.and(b)
		for _, k := range []index.Key{"0", "a", "a5", "b", "b5", "c", "d"} {
			in := holds(a, k) && holds(b, k)
			if holds(both, k) != in {
				t.Fatalf("%q in %+v and %+v, %+v", k, a, b, both)
			}
			if in && both.empty() {
				t.Fatalf("%+v is not empty", both)
			}
		}
	})
}
