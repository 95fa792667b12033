package scope

import (
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"pgregory.net/rapid"
)

func parse(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string) Set {
	t.Helper()
	set, refused := Parse(text)
	if refused != nil {
		t.Fatalf("%s: %v", text, refused)
	}
	return set
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"patient/*.rs", "patient/Observation.rs?category=laboratory", true},
		{"patient/*.read", "patient/Observation.r patient/Condition.s", true},
		{"patient/Observation.r patient/Observation.s", "patient/Observation.rs", true},
		{"patient/Observation.rs?category=a,b", "patient/Observation.rs?category=a&code=x", true},
		{"patient/Observation.rs?category:not=a", "patient/Observation.rs?category:not=a,b", true},
		{"launch/patient openid", "openid", true},
		{"patient/Observation.rs?category:not=a,b", "patient/Observation.rs?category:not=a", false},
		{"patient/Observation.rs?category=a", "patient/Observation.rs?category=a,b", false},
		{"patient/Observation.rs?category=a patient/Observation.rs?category=b", "patient/Observation.rs?category=a,b", false},
		{"patient/Observation.rs?category=a", "patient/Observation.rs", false},
		{"patient/Observation.rs", "patient/*.rs", false},
		{"patient/*.read", "patient/Observation.write", false},
		{"patient/*.cruds", "user/Observation.r", false},
		{"system/*.cruds", "patient/Observation.r", false},
		{"openid", "openid fhirUser", false},
		{"fhircast/*.*", "fhircast/Patient-open.read fhircast/Patient-close.write", true},
		{"fhircast/*.read fhircast/Patient-open.write", "fhircast/Patient-open.*", true},
		{"fhircast/Patient-open.*", "fhircast/Patient-open.write", true},
		{"fhircast/*.read", "fhircast/Patient-open.write", false},
		{"fhircast/Patient-open.*", "fhircast/Patient-close.read", false},
		{"fhircast/Patient-open.*", "fhircast/*.read", false},
	} {
		if got := parse(t, c.a).Covers(parse(t, c.b)); got != c.want {
			t.Errorf("%s covers %s: %v", c.a, c.b, got)
		}
	}
}

func TestNarrow(t *testing.T) {
	for _, c := range []struct{ asked, ceiling, want, cut string }{
		{"patient/Observation.read openid", "patient/*.rs openid fhirUser", "patient/Observation.read openid", ""},
		{"patient/*.read", "patient/Observation.rs patient/Patient.r", "patient/Observation.rs patient/Patient.r", "patient/*.read"},
		{"patient/Observation.cruds", "patient/Observation.rs?category=laboratory", "patient/Observation.rs?category=laboratory", "patient/Observation.cruds"},
		{"patient/Observation.rs?code=x", "patient/Observation.r?category=a patient/Observation.s",
			"patient/Observation.r?category=a&code=x patient/Observation.s?code=x", "patient/Observation.rs?code=x"},
		{"patient/Observation.rs", "patient/Observation.r patient/Observation.r?category=a", "patient/Observation.r", "patient/Observation.rs"},
		{"patient/Observation.r", "patient/Observation.s", "", "patient/Observation.r"},
		{"user/Observation.rs __mine", "patient/*.cruds", "", "user/Observation.rs __mine"},
		{"fhircast/Patient-open.read", "fhircast/*.*", "fhircast/Patient-open.read", ""},
		{"fhircast/*.read", "fhircast/Patient-open.* fhircast/Patient-close.read openid", "fhircast/Patient-open.read fhircast/Patient-close.read", "fhircast/*.read"},
		{"fhircast/Patient-open.*", "fhircast/*.read", "fhircast/Patient-open.read", "fhircast/Patient-open.*"},
		{"fhircast/Patient-open.*", "fhircast/*.read fhircast/Patient-open.read", "fhircast/Patient-open.read", "fhircast/Patient-open.*"},
		{"fhircast/*.*", "fhircast/*.read fhircast/Patient-open.read", "fhircast/*.read", "fhircast/*.*"},
		{"fhircast/Patient-open.read", "fhircast/Patient-open.write", "", "fhircast/Patient-open.read"},
	} {
		granted, cut := parse(t, c.asked).Narrow(parse(t, c.ceiling))
		if granted.Text() != c.want || strings.Join(cut, " ") != c.cut {
			t.Errorf("%s within %s: %q, cut %q", c.asked, c.ceiling, granted.Text(), cut)
		}
	}
}

func sets() *rapid.Generator[Set] {
	constraints := []string{"", "", "?category=a", "?category=b", "?category=a,b", "?category=a&code=x", "?category:not=a",
		"?category:not=a,b", "?category:missing=true"}
	return rapid.Custom(func(t *rapid.T) Set {
		var words []string
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			level := rapid.SampledFrom([]string{"patient", "system"}).Draw(t, "level")
			letters := Letters(rapid.IntRange(1, int(All)).Draw(t, "letters"))
			if rapid.Bool().Draw(t, "any") {
				words = append(words, level+"/*."+letters.String())
				continue
			}
			typ := rapid.SampledFrom([]string{"Observation", "DiagnosticReport"}).Draw(t, "type")
			words = append(words, level+"/"+typ+"."+letters.String()+rapid.SampledFrom(constraints).Draw(t, "constraint"))
		}
		words = append(words, rapid.SliceOfN(rapid.SampledFrom([]string{"openid", "launch", "fhircast/A.read", "fhircast/A.write", "fhircast/A.*", "fhircast/B.read", "fhircast/*.read", "fhircast/*.*"}), 0, 4).Draw(t, "other")...)
		return parse(t, strings.Join(words, " "))
	})
}

func TestLatticeLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := sets().Draw(t, "a"), sets().Draw(t, "b"), sets().Draw(t, "c")
		meet := a.Intersect(b)
		for _, law := range []struct {
			holds bool
			name  string
		}{
			{a.Covers(a), "a covers a"},
			{(a.Covers(b) && b.Covers(a)) == (a.String() == b.String()), "equal sets have one canonical form"},
			{!a.Covers(b) || !b.Covers(c) || a.Covers(c), "covering is transitive"},
			{a.Covers(meet) && b.Covers(meet), "both cover the intersection"},
			{!a.Covers(c) || !b.Covers(c) || meet.Covers(c), "the intersection is the largest"},
			{meet.String() == b.Intersect(a).String(), "intersection is symmetric"},
			{a.Intersect(a).String() == a.String(), "intersection is idempotent"},
			{a.Intersect(b.Intersect(c)).String() == meet.Intersect(c).String(), "intersection is associative"},
			{!a.Covers(b) || a.Intersect(b).String() == b.String(), "what is covered is the intersection"},
		} {
			if !law.holds {
				t.Fatalf("%s\na %s\nb %s\nc %s\na∩b %s", law.name, a, b, c, meet)
			}
		}
		if again := parse(t, a.String()); again.String() != a.String() {
			t.Fatalf("%s reads as %s", a, again)
		}
		shuffled := parse(t, strings.Join(rapid.Permutation(strings.Fields(a.Text()+" "+a.Text())).Draw(t, "order"), " "))
		if shuffled.String() != a.String() {
			t.Fatalf("order or repetition matters: %s, %s", a, shuffled)
		}
	})
}

// If a set covers another, then so does what it allows, resource by resource.
func TestAccessFollowsCovers(t *testing.T) {
	var world []*fhir.Resource
	for _, subject := range []string{"1", "2"} {
		for _, categories := range []string{"a", "b", "a b", "c", ""} {
			for _, code := range []string{"x", "y"} {
				text := `{"resourceType":"Observation","id":"o","status":"final","subject":{"reference":"Patient/` + subject + `"},"code":{"coding":[{"code":"` + code + `"}]}`
				if categories != "" {
					text += `,"category":[{"coding":[{"code":"` + strings.ReplaceAll(categories, " ", `"}]},{"coding":[{"code":"`) + `"}]}]`
				}
				res, err := fhir.Parse([]byte(text+"}"), fhir.DefaultLimits)
				if err != nil {
					t.Fatal(err)
				}
				world = append(world, res)
			}
		}
	}
	visible := func(s Set, i search.Interaction) []bool {
		e := s.Access(Context{Patient: "1"}).Allowed(i, "Observation")
		out := make([]bool, len(world))
		for k, res := range world {
			out[k] = search.Match(search.World{}, e, res)
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := sets().Draw(t, "a"), sets().Draw(t, "b")
		meet, canonical := a.Intersect(b), parse(t, a.String())
		for i := search.Create; i <= search.Search; i++ {
			va, vb, vm := visible(a, i), visible(b, i), visible(meet, i)
			for k := range world {
				if a.Covers(b) && vb[k] && !va[k] {
					t.Fatalf("%s covers %s but not of %s", a, b, world[k].Bytes)
				}
				if vm[k] && (!va[k] || !vb[k]) {
					t.Fatalf("%s ∩ %s allows more than both", a, b)
				}
			}
			if !slices.Equal(visible(canonical, i), va) {
				t.Fatalf("%s and its canonical form %s differ", a.Text(), a)
			}
		}
	})
}

// Each letter is enforced alone, and system/ opens every type.
func TestSystemLetters(t *testing.T) {
	for i := search.Create; i <= search.Search; i++ {
		a := parse(t, "system/*."+string(order[i])).Access(Context{Administrator: true})
		for _, typ := range r4.Resources() {
			for j := search.Create; j <= search.Search; j++ {
				want := search.Expr(search.None)
				if i == j && (typ != "AuditEvent" || i != search.Update && i != search.Delete) {
					want = search.All
				}
				if got := a.Allowed(j, typ); got != want {
					t.Errorf("system/*.%c, %s.%c: %s", order[i], typ, order[j], got)
				}
			}
		}
	}
}
