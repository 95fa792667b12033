package scope

import "testing"

// What a scope can be narrowed to it covers.
func TestNarrower(t *testing.T) {
	n := 0
	for _, word := range []string{"patient/Observation.rs", "user/Condition.cruds", "patient/Observation.read"} {
		whole := parse(t, word)
		for _, part := range whole.Data()[0].Narrower() {
			n++
			if p := parse(t, part); !whole.Covers(p) || p.Covers(whole) {
				t.Errorf("%s of %s", part, word)
			}
		}
	}
	if n != 21 {
		t.Errorf("%d parts", n)
	}
	for _, word := range []string{"patient/*.rs", "patient/Patient.rs", "patient/Observation.rs?code=1"} {
		if list := parse(t, word).Data()[0].Narrower(); list != nil {
			t.Errorf("%s: %s", word, list)
		}
	}
}
