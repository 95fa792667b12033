package plan_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

var ctx = context.Background()

const (
	male   = `,"gender":"male"`
	female = `,"gender":"female"`
)

// people: 1 is male, 2 female, 3 was female and is male, 4 was male and is female; 5 is a deleted man, 6 a deleted
// woman; 7 is a man who was deleted in between.
func people() *log {
	l := &log{}
	l.put("Patient", "1", male)
	l.put("Patient", "2", female)
	l.put("Patient", "3", female)
	l.put("Patient", "3", male)
	l.put("Patient", "4", male)
	l.put("Patient", "4", female)
	l.put("Patient", "5", male)
	l.delete("Patient", "5")
	l.put("Patient", "6", female)
	l.delete("Patient", "6")
	l.put("Patient", "7", male)
	l.delete("Patient", "7")
	l.put("Patient", "7", male)
	return l
}

func TestReadOne(t *testing.T) {
	l := people()
	for _, c := range []struct {
		id   string
		a    search.Access
		want string // "" is not found
	}{
		{"1", search.Unrestricted, "Patient/1/1"},
		{"9", search.Unrestricted, ""},
		{"5", search.Unrestricted, "Patient/5/2†"},
		{"1", sets{"Patient": ""}, "Patient/1/1"},
		{"1", sets{"Patient": "gender=male"}, "Patient/1/1"},
		{"2", sets{"Patient": "gender=male"}, ""},
		{"3", sets{"Patient": "gender=male"}, "Patient/3/2"},
		{"4", sets{"Patient": "gender=male"}, ""},
		{"5", sets{"Patient": "gender=male"}, "Patient/5/2†"},
		{"6", sets{"Patient": "gender=male"}, ""},
		{"1", sets{"Observation": ""}, ""},
		{"1", nil, ""},
	} {
		r, found, err := plan.ReadOne(ctx, l, lowered(t, search.GuardRead("Patient", c.id, search.Read, c.a)))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(names([]plan.Row{r}), "")
		if !found {
			got = ""
		}
		if got != c.want {
			t.Errorf("%s by %v: %q, want %q", c.id, c.a, got, c.want)
		}
		if !found && (r.Type != "" || r.Body != nil) {
			t.Errorf("%s by %v: not found, but a row: %v", c.id, c.a, r)
		}
	}
	if _, found, err := plan.ReadOne(ctx, l, plan.Plan{}); found || err != nil {
		t.Errorf("the zero plan: %v, %v", found, err)
	}
}

func TestVersion(t *testing.T) {
	l := people()
	men := sets{"Patient": "gender=male"}
	for _, c := range []struct {
		id   string
		n    uint64
		a    search.Access
		want bool
	}{
		{"1", 1, men, true}, {"1", 2, men, false}, {"1", 0, men, false}, {"2", 1, men, false},
		{"3", 1, men, false}, {"3", 2, men, true}, // was out of reach
		{"4", 1, men, false}, {"4", 2, men, false}, // is out of reach
		{"5", 1, men, true}, {"5", 2, men, true}, {"6", 1, men, false}, {"6", 2, men, false},
		{"7", 1, men, true}, {"7", 2, men, true}, {"7", 3, men, true},
		{"4", 1, search.Unrestricted, true}, {"6", 2, search.Unrestricted, true}, {"6", 2, nil, false},
	} {
		r, found, err := plan.Version(ctx, l, lowered(t, search.GuardRead("Patient", c.id, search.Read, c.a)), c.n)
		if err != nil || found != c.want || found && r.Version != c.n {
			t.Errorf("%s/%d by %v: %v, %v, %v", c.id, c.n, c.a, found, r.Version, err)
		}
	}
}

// pages reads all pages of a history.
func pages(t *testing.T, limit int, read func(plan.Window) (plan.Page, error)) string {
	t.Helper()
	var out []string
	w := plan.Window{Limit: limit, Total: true}
	for range 100 {
		p, err := read(w)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(names(p.Rows), p.Total))
		if p.Next == nil {
			return strings.Join(out, " ")
		}
		w.After = p.Next
	}
	t.Fatal("pages without end")
	return ""
}

func TestVersions(t *testing.T) {
	l := &log{}
	for _, gender := range []string{male, female, female, male, female, male, male} {
		l.put("Patient", "1", gender)
	}
	men := sets{"Patient": "gender=male"}
	for _, c := range []struct {
		limit int
		a     search.Access
		want  string
	}{
		{10, search.Unrestricted, "[Patient/1/7 Patient/1/6 Patient/1/5 Patient/1/4 Patient/1/3 Patient/1/2 Patient/1/1] 7"},
		{4, search.Unrestricted, "[Patient/1/7 Patient/1/6 Patient/1/5 Patient/1/4] 7 [Patient/1/3 Patient/1/2 Patient/1/1] 7"},
		{10, men, "[Patient/1/7 Patient/1/6 Patient/1/4 Patient/1/1] 4"},
		{4, men, "[Patient/1/7 Patient/1/6 Patient/1/4 Patient/1/1] 4"},
		{3, men, "[Patient/1/7 Patient/1/6 Patient/1/4] 4 [Patient/1/1] 4"},
		{1, men, "[Patient/1/7] 4 [Patient/1/6] 4 [Patient/1/4] 4 [Patient/1/1] 4"},
		{0, men, "[] 4"},
	} {
		got := pages(t, c.limit, func(w plan.Window) (plan.Page, error) {
			p, found, err := plan.Versions(ctx, l, lowered(t, search.GuardRead("Patient", "1", search.Read, c.a)), plan.Times{}, w)
			if !found {
				t.Errorf("by %v: not found", c.a)
			}
			return p, err
		})
		if got != c.want {
			t.Errorf("%d a page by %v:\n%s\nwant\n%s", c.limit, c.a, got, c.want)
		}
	}
	// Between pages no visible version is lost, wherever the hidden ones stand.
	gaps := &log{}
	for _, gender := range []string{male, male, male, female, male} {
		gaps.put("Patient", "1", gender)
	}
	got := pages(t, 3, func(w plan.Window) (plan.Page, error) {
		p, _, err := plan.Versions(ctx, gaps, lowered(t, search.GuardRead("Patient", "1", search.Read, men)), plan.Times{}, w)
		return p, err
	})
	if got != "[Patient/1/5 Patient/1/3 Patient/1/2] 4 [Patient/1/1] 4" {
		t.Errorf("with gaps: %s", got)
	}
	// No link to a page that would have only hidden versions.
	l.rows = l.rows[1:]
	p, _, err := plan.Versions(ctx, l, lowered(t, search.GuardRead("Patient", "1", search.Read, men)), plan.Times{}, plan.Window{Limit: 3})
	if err != nil || len(p.Rows) != 3 || p.Next != nil {
		t.Errorf("%v, next %q, %v", names(p.Rows), p.Next, err)
	}
	for _, a := range []search.Access{nil, sets{"Patient": "gender=other"}} {
		if p, found, err := plan.Versions(ctx, l, lowered(t, search.GuardRead("Patient", "1", search.Read, a)), plan.Times{}, plan.Window{Limit: 3}); found || err != nil || len(p.Rows) > 0 {
			t.Errorf("by %v: %v, %v, %v", a, names(p.Rows), found, err)
		}
	}
}

func TestHistory(t *testing.T) {
	l := people()
	l.put("Observation", "o", `,"status":"final"`)
	for _, c := range []struct {
		types []string
		since int64
		a     search.Access
		want  string
	}{
		{[]string{"Patient"}, 0, sets{"Patient": "gender=male"},
			"[Patient/7/3 Patient/7/2† Patient/7/1 Patient/5/2† Patient/5/1] 7 [Patient/3/2 Patient/1/1] 7"},
		{[]string{"Patient"}, 8, sets{"Patient": "gender=male"}, "[Patient/7/3 Patient/7/2† Patient/7/1 Patient/5/2†] 4"},
		{[]string{"Patient", "Observation"}, 12, search.Unrestricted, "[Observation/o/1 Patient/7/3 Patient/7/2†] 3"},
		{[]string{"Patient", "Observation"}, 12, sets{"Observation": ""}, "[Observation/o/1] 1"},
		{[]string{"Patient", "Observation"}, 0, sets{}, "[] 0"},
		{[]string{"Patient"}, 0, nil, "[] 0"},
	} {
		p := lowered(t, search.GuardHistory(c.types, c.a))
		got := pages(t, 5, func(w plan.Window) (plan.Page, error) { return plan.History(ctx, l, p, plan.Times{Since: c.since}, w) })
		if got != c.want {
			t.Errorf("%v since %d by %v:\n%s\nwant\n%s", c.types, c.since, c.a, got, c.want)
		}
	}
}

func TestCondition(t *testing.T) {
	l := people()
	p := lowered(t, search.GuardCondition(where("Patient", "gender=female"), sets{"Patient": ""}))
	hidden := lowered(t, search.GuardCondition(where("Patient", "gender=female"), sets{"Patient": "gender=male"}))
	for _, c := range []struct {
		p     plan.Plan
		found []string
		want  bool
	}{
		{p, []string{"2", "4"}, true}, {p, []string{"2"}, false}, {p, nil, false}, {p, []string{"x", "y"}, true},
		{hidden, nil, true}, {hidden, []string{"2"}, false},
		{lowered(t, search.GuardCondition(where("Patient", "_id=2"), sets{"Patient": ""})), []string{"2"}, true},
		{lowered(t, search.GuardCondition(where("Patient", "_id=2"), sets{"Patient": ""})), []string{"3"}, false},
	} {
		if got, err := plan.NewCondition(c.p, c.found).Holds(ctx, l); got != c.want || err != nil {
			t.Errorf("%v finds %v: %v, %v", c.p.Where(), c.found, got, err)
		}
	}
	if ok, err := (plan.Condition{}).Holds(ctx, l); ok || err != nil {
		t.Errorf("the zero condition: %v, %v", ok, err)
	}
}

// BenchmarkReadOne is the path of every read; without a constraint it looks at no body.
func BenchmarkReadOne(b *testing.B) {
	l := &log{}
	l.put("Patient", "1", male)
	for name, a := range map[string]search.Access{"all": search.Unrestricted, "constrained": sets{"Patient": "gender=male"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			p := lowered(b, search.GuardRead("Patient", "1", search.Read, a))
			for b.Loop() {
				if _, found, err := plan.ReadOne(ctx, l, p); !found || err != nil {
					b.Fatal(found, err)
				}
			}
		})
	}
}
