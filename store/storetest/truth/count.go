package truth

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A Test is a condition on one resource.
type Test func(*Resource) bool

// Keep are the resources that pass all tests.
func Keep(rs []*Resource, tests ...Test) (out []*Resource) {
	for _, r := range rs {
		if !slices.ContainsFunc(tests, func(t Test) bool { return !t(r) }) {
			out = append(out, r)
		}
	}
	return out
}

// Values are the values at a path of member names, through all arrays: "participant.individual.reference".
func (r *Resource) Values(path string) []any { return values(r.JSON, strings.Split(path, ".")) }

func values(v any, path []string) (out []any) {
	if list, ok := v.([]any); ok {
		for _, item := range list {
			out = append(out, values(item, path)...)
		}
		return out
	}
	if len(path) == 0 {
		return []any{v}
	}
	if object, ok := v.(map[string]any); ok && object[path[0]] != nil {
		return values(object[path[0]], path[1:])
	}
	return nil
}

// Text is the first string at a path, "" if there is none.
func (r *Resource) Text(path string) string {
	for _, v := range r.Values(path) {
		if s, ok := v.(string); ok {
			return s
		}
	}
	return ""
}

// Date is the moment at a path, the start of it where it is a day, a month or a year; the zero time if there is none.
func (r *Resource) Date(path string) time.Time {
	text := r.Text(path)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// Targets are the distinct resources that the references at a path mean: "subject", "participant.individual".
func (r *Resource) Targets(path string) (out []*Resource) {
	for _, v := range r.Values(path + ".reference") {
		text, _ := v.(string)
		if t := r.Target(text); t != nil && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// Targets are the distinct resources that any of rs refers to.
func Targets(rs []*Resource, path string) (out []*Resource) {
	seen := map[*Resource]bool{}
	for _, r := range rs {
		for _, t := range r.Targets(path) {
			if !seen[t] {
				seen[t] = true
				out = append(out, t)
			}
		}
	}
	return out
}

// Refers passes what refers to the resource at a path.
func Refers(path string, to *Resource) Test {
	return func(r *Resource) bool { return slices.Contains(r.Targets(path), to) }
}

// Coded passes what has the code in a CodeableConcept at a path; a system of "" is any.
func Coded(path, system, code string) Test {
	return func(r *Resource) bool {
		return slices.ContainsFunc(r.Values(path+".coding"), func(v any) bool {
			coding, _ := v.(map[string]any)
			return coding["code"] == code && (system == "" || coding["system"] == system)
		})
	}
}

// Between passes what has a moment at a path in [from, to); a zero to is no bound.
func Between(path string, from, to time.Time) Test {
	return func(r *Resource) bool {
		t := r.Date(path)
		return !t.IsZero() && !t.Before(from) && (to.IsZero() || t.Before(to))
	}
}

// Identified passes what has the identifier; a system of "" is any.
func Identified(system, value string) Test {
	return func(r *Resource) bool {
		return slices.ContainsFunc(r.Values("identifier"), func(v any) bool {
			identifier, _ := v.(map[string]any)
			return identifier["value"] == value && (system == "" || identifier["system"] == system)
		})
	}
}

// Is passes what has the string at a path.
func Is(path, value string) Test {
	return func(r *Resource) bool { return slices.Contains(r.Values(path), any(value)) }
}

// Named passes what has a name of which some part begins with the prefix, whatever the case and the accents.
func Named(prefix string) Test {
	return func(r *Resource) bool {
		for _, part := range []string{"family", "given", "text", "prefix", "suffix"} {
			for _, v := range r.Values("name." + part) {
				if s, ok := v.(string); ok && strings.HasPrefix(plain(s), plain(prefix)) {
					return true
				}
			}
		}
		return false
	}
}

// plain is s in lower case without accents.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(s))
}

// Latest are the resources in the order of the moment at a path, the latest first, those without one last.
func Latest(rs []*Resource, path string) []*Resource {
	out := slices.Clone(rs)
	slices.SortStableFunc(out, func(a, b *Resource) int {
		x, y := a.Date(path), b.Date(path)
		if x.IsZero() || y.IsZero() {
			return cmp.Compare(truth(x.IsZero()), truth(y.IsZero()))
		}
		return y.Compare(x)
	})
	return out
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
