package interaction

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// plain is an access that says what is allowed and nothing else.
type plain map[search.Interaction]search.Expr

func (p plain) Allowed(i search.Interaction, typ string) search.Expr {
	if typ != "Observation" {
		return search.None
	}
	return p[i]
}

// A caller without an access, or with one that gives nothing, is granted nothing; one whose access says only what is
// allowed may write that, and chooses ids where all of the type is its own.
func TestCallers(t *testing.T) {
	id, stored := search.ID("1"), 0
	for _, typ := range r4.Resources() {
		if r4.Searchable(typ) {
			stored++
		}
	}
	for name, c := range map[string]struct {
		caller     Caller
		granted    string
		content    search.Expr
		creates    bool
		searchable int
	}{
		"nobody":    {Caller{}, "", search.None, false, 0},
		"nil sets":  {Caller{Access: plain{}}, "", search.None, false, 0},
		"some":      {Caller{Access: plain{search.Update: id, search.Search: id, search.Create: search.None}}, "us", id, false, 1},
		"all":       {Caller{Access: plain{search.Update: search.All, search.Read: search.All}}, "ru", search.All, true, 0},
		"reader":    {Caller{Access: plain{search.Update: id, search.Read: search.All}}, "ru", id, false, 0},
		"everybody": {Caller{Access: search.Unrestricted}, "cruds", search.All, true, stored},
	} {
		for i := search.Create; i <= search.Search; i++ {
			want := false
			for _, letter := range c.granted {
				want = want || byte(letter) == "cruds"[i]
			}
			err := c.caller.grant(i, "Observation")
			if (err == nil) != want || !want && fhir.KindOf(err) != fhir.KindForbidden {
				t.Errorf("%s: Observation.%c is granted %v: %v", name, "cruds"[i], want, err)
			}
			if err := c.caller.grant(i, "Nothing"); fhir.KindOf(err) != fhir.KindNotSupported {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := c.caller.content(search.Update, "Observation"); got != c.content {
			t.Errorf("%s: content %v, want %v", name, got, c.content)
		}
		if got := c.caller.attaches(search.Update, "Observation"); got != search.All {
			t.Errorf("%s: attaches %v", name, got)
		}
		if got := c.caller.updateCreates("Observation"); got != c.creates {
			t.Errorf("%s: an update creates: %v", name, got)
		}
		if got := len(c.caller.searchable()); got != c.searchable {
			t.Errorf("%s: %d types are searchable, want %d", name, got, c.searchable)
		}
	}
}

// Of several definitions with one URL the latest counts, whichever was written first or has the smaller id; without a date
// none is later than one with it.
func TestLatestDefinition(t *testing.T) { each(t, testLatestDefinition) }

func testLatestDefinition(t *testing.T, r *rig) {
	set := func(id, url, date, code string) string {
		if date != "" {
			date = `"date":"` + date + `",`
		}
		return `{"resourceType":"ValueSet","id":"` + id + `","url":"` + url + `","status":"active",` + date + `"compose":{"include":[{"system":"urn:cs","concept":[{"code":"` + code + `"}]}]}}`
	}
	coded := func(id string) string {
		return `{"resourceType":"Observation","id":"` + id + `","status":"final","code":{"coding":[{"system":"urn:cs","code":"` + id + `"}]}}`
	}
	r.put(coded("old"), coded("new"), coded("none"),
		set("a", "urn:1", "2020", "old"), set("b", "urn:1", "2021", "new"), set("c", "urn:1", "", "none"),
		set("d", "urn:2", "2021", "new"), set("e", "urn:2", "2020", "old"),
		set("g", "urn:3", "2021", "old"), set("f", "urn:3", "2021", "new"))
	c := as(t, "", "system/*.rs")
	for url, want := range map[string]string{"urn:1": "new", "urn:2": "new", "urn:3": "new"} { // of two of a day the smaller id
		got, _, err := r.search(c, "Observation", "code:in="+url)
		if err != nil || !same(got, []string{"match Observation/" + want}) {
			t.Errorf("%s: %v (%v), want %s", url, got, err, want)
		}
	}
}

// mistaken is an access that opens everything, but for one letter gives an And that has lost its members.
type mistaken struct{ letter search.Interaction }

func (m mistaken) Allowed(i search.Interaction, _ string) search.Expr {
	if i == m.letter {
		return search.Or{search.And{}, search.ID("1")}
	}
	return search.All
}

// An access that cannot be made a plan of ends the request: it neither opens nor is it taken for one that opens nothing.
func TestMistakenAccess(t *testing.T) {
	for letter, whats := range map[search.Interaction][]string{
		search.Read:   {"read Observation v1", "vread Observation v1", "history Observation v1", "patch Observation v1 status", "create 1", "update Observation v1", "meta Observation v1"},
		search.Update: {"update Observation v1", "update Observation nil", "patch Observation v1 status", "update-where _id=v1 v1", "meta-add Observation v1"},
		search.Delete: {"delete Observation v1", "delete-where _id=v1"},
		search.Search: {"search Observation code=x", "search Observation _include=Observation:encounter", "create 1", "update-where _id=v1 v1", "delete-where _id=v1", "type history Observation",
			"search Patient _has:Observation:subject:status=final", "system-search _ _type=Observation,Encounter", "compartment Patient/A/Observation _sort=_id"},
	} {
		for _, what := range whats {
			r := newRig(t)
			r.put(patient("A"), observation("v1", "A", "a"))
			if got := answer(r, Caller{Access: mistaken{letter}}, what); !strings.HasPrefix(got, "500{") {
				t.Errorf("%c is mistaken, %s: %s", "cruds"[letter], what, got)
			}
		}
	}
}

// The references of new content are read as those of what is stored: by the server's own base.
func TestContentByAbsoluteReferences(t *testing.T) {
	for base, want := range map[string]bool{"": true, "https://firewarden.test/fhir/": true, "https://other.test/fhir/": false} {
		r := newRig(t)
		r.put(patient("A"))
		body := strings.ReplaceAll(observation("x", "A", "a"), "Patient/A", base+"Patient/A")
		_, err := r.Create(ctx, as(t, "A", "patient/Observation.c"), "Observation", r.parse(body), CreateOptions{})
		if (err == nil) != want || !want && fhir.KindOf(err) != fhir.KindForbidden {
			t.Errorf("an Observation of %sPatient/A: %v", base, err)
		}
	}
}

// A request of several snapshots has the access of its beginning: what depends on no snapshot stays, a rule is answered.
func TestSettled(t *testing.T) {
	r := newRig(t)
	r.put(ofDoctor(patient("A"), "1"), ofDoctor(patient("B"), "2"), observation("a", "A", "x"))
	for _, c := range []Caller{{}, r.root(), {Access: plain{}}, as(t, "A", "patient/*.rs")} {
		got, err := r.settled(ctx, c)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c) {
			t.Errorf("%v becomes %v, %v", c, got, err)
		}
	}
	c := asUser(t, "", "user/*.rs", doctors(t, "1"))
	got, err := r.settled(ctx, c)
	if err != nil || c.Access.(plan.Ruled).Settled() || !got.Access.(plan.Ruled).Settled() {
		t.Fatalf("%v becomes %v, %v", c, got, err)
	}
	if e := search.Simplify(got.allowed(search.Read, "Observation")); e.String() != "in:Patient/A" {
		t.Errorf("settled on %v", e)
	}
	// Who asks for it is told once, and only of an access that has become another one.
	var told []search.Access
	for name, c := range map[string]Caller{"nobody": {}, "plain": {Access: plain{}}, "a patient": as(t, "A", "patient/*.rs"), "already": got, "a doctor": c} {
		told = nil
		c.Settled = func(a search.Access) { told = append(told, a) }
		settled, err := r.settle(ctx, snapshot(t, r), c)
		if err != nil || name != "a doctor" && len(told) > 0 || name == "a doctor" && (len(told) != 1 || told[0] != settled.Access) {
			t.Errorf("%s: %v is told, %v", name, told, err)
		}
	}
	told = nil
	broken := &breaking{Store: r.Store}
	snap, err := broken.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	broken.fails = 2 // the first was the snapshot
	c.Settled = func(a search.Access) { told = append(told, a) }
	if _, err := r.settle(ctx, snap, c); !errors.Is(err, errBroken) || len(told) > 0 {
		t.Errorf("of a store that fails %v is told, %v", told, err)
	}
}

func snapshot(t *testing.T, r *rig) store.Snapshot {
	snap, err := r.Store.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	return snap
}
