package scope

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/search"
)

// What is allowed is what Shares takes it apart into, and so is content.
func TestSharesAreWhatIsAllowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, refused := Parse("patient/Observation.rs?category=laboratory patient/*.cud user/Observation.crus user/Practitioner.rs system/Observation.d?status=final system/*.r")
		if refused != nil {
			t.Fatal(refused)
		}
		ctx := Context{Patient: rapid.SampledFrom([]string{"", "1"}).Draw(t, "patient"), NoDelete: rapid.Bool().Draw(t, "no delete")}
		for _, b := range []*Bound{&ctx.User, &ctx.Client} {
			*b = rapid.SampledFrom([]Bound{nil, Policy{Everyone{}, All}, Policy{Panel{search.NewPanel([]string{"1", "2"})}, reads}, Policy{}, Unavailable{}}).Draw(t, "bound")
		}
		a := set.Access(ctx)
		for _, typ := range []string{"Observation", "Practitioner", "Provenance", "Device", "Slot", "Binary", "Patient", "AuditEvent"} {
			for i := search.Create; i <= search.Search; i++ {
				for _, c := range []struct {
					whole search.Expr
					parts Shares
				}{{a.Allowed(i, typ), a.Shares(i, typ)}, {a.Content(i, typ), a.ContentShares(i, typ)}} {
					some := search.Or{}
					for _, s := range c.parts.Scopes {
						if s.Names != s.Scope.names(i, typ) || !s.Names && s.Reach != search.None {
							t.Fatalf("%s %d of %s: %+v", s.Scope, i, typ, s)
						}
						some = append(some, search.And{s.Reach, s.Where})
					}
					together := search.Expr(search.And{c.parts.User, c.parts.Client, some})
					if c.parts.Never {
						together = search.None
					}
					if got, want := search.Simplify(together).String(), search.Simplify(c.whole).String(); got != want {
						t.Fatalf("%d of %s: %s, allowed is %s", i, typ, got, want)
					}
				}
			}
		}
	})
}

func TestLevels(t *testing.T) {
	set, _ := Parse("patient/Observation.r")
	for _, c := range []struct {
		ctx  Context
		want []Level
	}{
		{Context{}, []Level{System}},
		{Context{Patient: "1"}, []Level{Patient, System}},
		{Context{Patient: "1", User: Policy{}}, []Level{Patient, User}},
		{Context{User: Policy{}}, []Level{User}},
	} {
		got := set.Access(c.ctx).Levels()
		if len(got) != len(c.want) || got[0] != c.want[0] || got[len(got)-1] != c.want[len(c.want)-1] {
			t.Errorf("%+v: %v", c.ctx, got)
		}
	}
	more := set.Access(Context{Patient: "1"}).With("patient/Condition.r")
	if more.Allowed(search.Read, "Condition") == search.None || more.Allowed(search.Read, "Observation") == search.None {
		t.Error("With loses a scope")
	}
}
