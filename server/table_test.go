package server

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

var update = flag.Bool("update", false, "write golden files")

// Everything that the CapabilityStatement says of a search is tried on the official examples: each parameter of each
// type, plainly and with each modifier and prefix, asked for what some example has and for what none has; each include.
// The embedded store by its plan finds what search.Match finds on all of them, over HTTP the count is the same. What was
// tried is written down in conformance/searches.md (-update).
func TestTable(t *testing.T) {
	l := openLibrary(t)
	l.definitions()
	snap, err := l.store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	var s statement
	l.do("GET", "/fhir/metadata", "").decode(t, &s)
	rows := table{rows: map[string]*row{}}
	t.Run("types", func(t *testing.T) {
		for _, r := range s.Rest[0].Resource {
			t.Run(r.Type, func(t *testing.T) {
				t.Parallel()
				for _, p := range r.SearchParam {
					q := asking{t: t, l: l, snap: snap, table: &rows, typ: r.Type, p: r4.Lookup(r.Type, p.Name)}
					q.tryAll(p.Documentation)
				}
				for _, include := range r.SearchInclude {
					l.include(t, &rows, r.Type, include)
				}
				for _, include := range r.SearchRevInclude {
					l.revinclude(t, &rows, r.Type, include)
				}
			})
		}
	})
	if t.Failed() || !l.official {
		return
	}
	const golden = "../conformance/searches.md"
	text := rows.markdown()
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(golden); err != nil || !bytes.Equal(want, text) {
		t.Errorf("%s differs (%v): run with -update and look at the changes", golden, err)
	}
}

// asking tries one parameter of one type.
type asking struct {
	t     *testing.T
	l     *library
	snap  plan.Source
	table *table
	typ   string
	p     *r4.SearchParameter
}

// tryAll asks by the parameter in every way that its documentation in the CapabilityStatement names.
func (q *asking) tryAll(documentation string) {
	ways := []string{""}
	for name := range strings.FieldsSeq(documentation) {
		name = strings.TrimSuffix(name, ".")
		switch modifier, ok := strings.CutPrefix(name, ":"); {
		case modifier == "[type]":
			for _, target := range q.p.Targets {
				ways = append(ways, ":"+target)
			}
		case ok:
			ways = append(ways, ":"+modifier)
		case !strings.HasSuffix(name, ":"):
			ways = append(ways, name) // a prefix
		}
	}
	values := q.values()
	for _, way := range ways {
		asked := map[string]bool{}
		modifier, prefix := strings.TrimPrefix(way, ":"), ""
		if !strings.HasPrefix(way, ":") {
			modifier, prefix = "", way
		}
		ask := func(value string) {
			if value = prefix + value; value != prefix && !asked[value] {
				asked[value] = true
				q.ask(way, search.Pair{Name: strings.TrimSuffix(q.p.Code+":"+modifier, ":"), Value: value})
			}
		}
		for _, v := range values {
			for _, value := range q.l.drawn(q.p, modifier, v) {
				ask(value)
			}
		}
		ask(without(q.p, modifier))
	}
	if q.p.Type == r4.Reference {
		q.join(values)
	}
}

// values are two values of the examples, each from another of them; of a token and a reference more: they differ most.
func (q *asking) values() (out []index.Value) {
	most := 2
	if q.p.Type == r4.Token || q.p.Type == r4.Reference {
		most = 4
	}
	for _, res := range q.l.byType[q.typ] {
		if list := q.l.index.Values(q.p, res); len(list) > 0 {
			out = append(out, list[len(list)/2])
		}
		if len(out) == most {
			break
		}
	}
	return out
}

// ask compares the answers to one parameter.
func (q *asking) ask(way string, pair search.Pair) {
	q.t.Helper()
	where := fmt.Sprintf("%s?%s=%s", q.typ, pair.Name, pair.Value)
	want, err := q.l.matches(q.t, q.snap, q.typ, pair)
	if err != nil {
		q.t.Errorf("%s: %v", where, err)
		return
	}
	got, err := q.l.planned(q.t, q.snap, q.typ, pair)
	if err != nil || !slices.Equal(got, want) {
		q.t.Errorf("%s: the plan finds %d %.200q (%v), Match %d %.200q", where, len(got), got, err, len(want), want)
	}
	a := q.l.do("GET", "/fhir/"+q.typ+"?_summary=count&"+url.QueryEscape(pair.Name)+"="+url.QueryEscape(pair.Value), "")
	var bundle struct{ Total int }
	if json.Unmarshal(a.body, &bundle); a.status != 200 || bundle.Total != len(want) {
		q.t.Errorf("%s: %d %.300s, want %d", where, a.status, a.body, len(want))
	}
	q.table.add(q.typ, q.p, way, len(want) > 0)
}

// join asks by a chain and by _has along a reference.
func (q *asking) join(values []index.Value) {
	for _, v := range values {
		targets := q.l.named(q.p, v.Ref)
		if len(targets) == 0 {
			continue
		}
		target := targets[0]
		if len(q.p.Targets) > 0 && !slices.Contains(q.p.Targets, target.Type) || len(q.l.byType[q.typ])*len(q.l.byType[target.Type]) > 20_000 {
			continue
		}
		q.ask("chain", search.Pair{Name: q.p.Code + ":" + target.Type + "._id", Value: target.ID})
		from := *q
		from.typ = target.Type
		for _, source := range q.l.byType[q.typ] {
			if slices.Contains(q.l.refers(source, q.p), target) {
				from.ask("_has", search.Pair{Name: "_has:" + q.typ + ":" + q.p.Code + ":_id", Value: source.ID})
				break
			}
		}
	}
}

// planned are the ids that the plan finds, sorted.
func (l *library) planned(t *testing.T, snap plan.Source, typ string, pair search.Pair) (ids []string, err error) {
	q, err := search.Parse(typ, []search.Pair{pair}, search.Options{Base: l.index.Base, Now: l.now})
	if err != nil {
		return nil, err
	}
	if q, err = plan.Resolve(t.Context(), snap, q, search.Unrestricted, l.index, &l.cache); err != nil {
		return nil, err
	}
	p, err := plan.Lower(search.Guard(q, search.Unrestricted), l.index)
	if err != nil {
		return nil, err
	}
	r, err := plan.Run(t.Context(), snap, p, plan.Window{Limit: 1 << 20, Bare: true})
	for i := range r.Rows {
		ids = append(ids, r.Rows[i].ID)
	}
	slices.Sort(ids)
	return ids, err
}

// definitions notes which value sets name a code system.
func (l *library) definitions() {
	l.setsOf = map[string][]string{}
	for _, set := range l.byType["ValueSet"] {
		set.Root.Get("compose").Get("include").Each(func(n *fhir.Node) {
			if system := n.Str("system"); system != "" {
				l.setsOf[system] = append(l.setsOf[system], set.Root.Str("url"))
			}
		})
	}
}
