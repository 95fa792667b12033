package interaction

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth/scope"
	own "github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/program"
	"github.com/firewarden/firewarden/store"
)

// by is a caller of system/ scopes that were granted with the parameters that r has now; Access knows those.
func (r *rig) by(scopes string) Caller {
	r.t.Helper()
	set, refused := scope.Parse(scopes)
	params := r.Parameters.Set()
	if _, more := set.Available(params, params.Record().Generation); len(refused)+len(more) > 0 {
		r.t.Fatal(refused, more)
	}
	return Caller{Grant: scopes, Access: set.Access(scope.Context{Params: params, Granted: params.Record().Generation})}
}

// eyed are Patients with eyes of a color, and hair of another.
func eyed(r *rig) {
	for id, color := range map[string]string{"p0": "blue", "p1": "brown", "p2": "blue"} {
		r.put(fmt.Sprintf(`{"resourceType":"Patient","id":%q,"link":[{"other":{"reference":"Patient/p2"},"type":"seealso"}],"extension":[{"url":"http://x/eyes","valueCode":%q},{"url":"http://x/old","valueCode":"grey"}]}`, id, color),
			fmt.Sprintf(`{"resourceType":"Observation","id":"o-%s","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%s"}}`, id, id))
	}
}

const (
	eyesOf = "Patient.extension.where(url = 'http://x/eyes').value"
	oldOf  = "Patient.extension.where(url = 'http://x/old').value"
)

// Two servers on one store: what one changes the other does not use for a moment longer, nor do its callers' scopes.
func TestParametersOnTwoServers(t *testing.T) {
	eachOwning(t, func(t *testing.T, a *rig) {
		eyed(a)
		b := owning(t, a.Store)
		notice := func() {
			t.Helper()
			if err := b.Parameters.look(ctx); err != nil {
				t.Fatal(err)
			}
		}
		a.put(fmt.Sprintf(eyes, eyesOf))
		b.finds(b.root(), "Patient", "eyes=blue", "!unknown")
		notice()
		b.finds(b.root(), "Patient", "eyes=blue", "!being indexed")
		a.build()
		b.finds(b.root(), "Patient", "eyes=blue", "!being indexed")
		notice()
		b.finds(b.root(), "Patient", "eyes=brown", "Patient/p1")
		caller := b.by("system/Patient.cruds?eyes=brown system/Observation.rs")
		const brown = `{"resourceType":"Patient","extension":[{"url":"http://x/eyes","valueCode":"brown"}]}`
		works := func(works bool) {
			t.Helper()
			found, gone := "Patient/p1", ""
			if !works {
				found, gone = "", "!cannot be used"
			}
			b.finds(caller, "Patient", "", found)
			b.finds(caller, "Observation", "subject:Patient._id=p1", strings.Replace(found, "Patient/", "Observation/o-", 1))
			if works {
				b.finds(caller, "Patient", "eyes=brown", found)
				b.finds(b.root(), "Patient", "_sort=-eyes&_id=p0,p1", "Patient/p1 Patient/p0")
				b.finds(b.root(), "Observation", "subject:Patient.eyes=brown", "Observation/o-p1")
				b.finds(b.root(), "Observation", "_sort=-subject:Patient.eyes&_id=o-p0,o-p1", "Observation/o-p1 Observation/o-p0")
			} else {
				for _, query := range []string{"eyes=brown", "eyes:not=blue", "eyes:missing=true", "_sort=eyes", "_filter=eyes eq brown", "_has:Patient:link:eyes=blue"} {
					b.finds(b.root(), "Patient", query, gone)
				}
				b.finds(b.root(), "Observation", "subject:Patient.eyes=brown", gone)
				b.finds(b.root(), "Observation", "_sort=subject:Patient.eyes", gone)
				b.finds(caller, "Patient", "eyes=brown", "")
			}
			if _, err := b.Read(ctx, caller, "Patient", "p1"); (err == nil) != works {
				t.Errorf("read: %v", err)
			}
			if out, err := b.HistoryType(ctx, caller, "Patient", nil); err != nil || strings.Contains(string(out.Bundle), "Patient/p1") != works {
				t.Errorf("history: %s, %v", out.Bundle, err)
			}
			for _, o := range []CreateOptions{{}, {IfNoneExist: "eyes=green"}} {
				out, err := b.Create(ctx, caller, "Patient", b.parse(brown), o)
				if (err == nil) != works {
					t.Errorf("create: %v", err)
				}
				if err == nil {
					if _, err := b.Delete(ctx, caller, "Patient", out.Row.ID, WriteOptions{}); err != nil {
						t.Errorf("delete: %v", err)
					}
				}
			}
			if !works {
				if _, err := b.Delete(ctx, caller, "Patient", "p1", WriteOptions{}); err != nil {
					t.Errorf("a delete of what is out of reach: %v", err)
				}
			}
		}
		works(true)
		a.put(fmt.Sprintf(eyes, oldOf)) // b has not noticed it yet
		works(false)
		a.build() // and never will: it is another one
		works(false)
		notice()
		b.finds(b.root(), "Patient", "eyes=grey&_id=p1", "Patient/p1")
		if b.finds(caller, "Patient", "", ""); !t.Failed() {
			b.finds(b.by("system/Patient.rs?eyes=grey"), "Patient", "_id=p1", "Patient/p1")
		}
		caller = b.by("system/Patient.cruds?eyes=brown system/Observation.rs")
		if _, err := a.Delete(ctx, a.root(), "SearchParameter", "eyes", WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		works(false)
	})
}

// Servers that run together notice what one of them has built.
func TestParametersNoticed(t *testing.T) {
	eachOwning(t, func(t *testing.T, a *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		rigs := []*rig{a, owning(t, a.Store), owning(t, a.Store)}
		ended := make(chan struct{})
		for _, r := range rigs {
			go func() {
				r.Parameters.Run(ctx, func(err error) { t.Log(err) }) // it tries again
				ended <- struct{}{}
			}()
		}
		eyed(a)
		a.put(fmt.Sprintf(eyes, eyesOf))
		for _, r := range rigs {
			program.Until(t, "the search parameter", func() bool { return r.Parameters.Set().Lookup("Patient", "eyes") != nil })
			r.finds(r.root(), "Patient", "eyes=brown", "Patient/p1")
		}
		cancel()
		for range rigs {
			<-ended
		}
	})
}

// meddled is a store in which something happens around the next snapshot, or before the next commit.
type meddled struct {
	store.Store
	before, after, commit func()
}

func once(f *func()) {
	if g := *f; g != nil {
		*f = nil
		g()
	}
}

func (m *meddled) Snapshot(ctx context.Context) (store.Snapshot, error) {
	once(&m.before)
	s, err := m.Store.Snapshot(ctx)
	once(&m.after)
	return s, err
}

func (m *meddled) Commit(ctx context.Context, c store.Commit) error {
	once(&m.commit)
	return m.Store.Commit(ctx, c)
}

func (m *meddled) Use(p *own.Set) { m.Store.(store.Extender).Use(p) }
func (m *meddled) Extend(ctx context.Context, progress func(done, of int)) error {
	return m.Store.(store.Extender).Extend(ctx, progress)
}

// A request that straddles a change of a parameter answers by the one that its snapshot is indexed by, or not at all.
func TestParametersStraddled(t *testing.T) {
	each(t, func(t *testing.T, plain *rig) {
		m := &meddled{Store: plain.Store}
		r, other := owning(t, m), owning(t, plain.Store)
		eyed(r)
		define := func(expression string) {
			other.put(fmt.Sprintf(eyes, expression))
			other.build()
			if err := r.Parameters.look(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for _, query := range []string{"eyes=brown", "eyes:not=blue", "_sort=-eyes&_count=1", "_filter=eyes eq brown", ""} {
			caller := func() Caller {
				if query == "" {
					return r.by("system/Patient.rs?eyes=brown")
				}
				return r.root()
			}
			define(eyesOf)
			m.after = func() { define(oldOf) }
			r.finds(caller(), "Patient", query, "Patient/p1")

			define(eyesOf)
			m.before = func() { define(oldOf) }
			want := "!cannot be used"
			if query == "" {
				want = "" // the scope is gone
			}
			r.finds(caller(), "Patient", query, want)
		}

		// A condition that was answered by what is gone when it is committed.
		write := func(want string) {
			t.Helper()
			_, err := r.Create(ctx, r.root(), "Patient", r.parse(`{"resourceType":"Patient"}`), CreateOptions{IfNoneExist: "eyes=green"})
			if want == "" && err != nil || want != "" && (fhir.KindOf(err) != fhir.KindUnknownParam || !strings.Contains(err.Error(), want)) {
				t.Errorf("a conditional create: %v, want %q", err, want)
			}
		}
		define(eyesOf)
		write("")
		m.commit = func() { define(oldOf) }
		write("cannot be used")
		define(eyesOf)
		caller := r.by("system/Patient.cs?eyes=green,brown")
		m.commit = func() { define(oldOf) }
		if out, err := r.Create(ctx, caller, "Patient", r.parse(`{"resourceType":"Patient","extension":[{"url":"http://x/eyes","valueCode":"green"}]}`), CreateOptions{IfNoneExist: "_id=nobody"}); fhir.KindOf(err) != fhir.KindForbidden {
			t.Errorf("a scope that is gone at the commit: %v, %v", out.Row, err)
		}
	})
}
