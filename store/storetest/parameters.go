package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// RunParameters is the suite of engines that are a store.Extender: own search parameters of every type find what Match
// finds, whenever a resource was written. check says what is wrong with the store's index; nil: nothing is checked.
func RunParameters(t *testing.T, open func(*testing.T) store.Store, check func(store.Store) []string) {
	for name, test := range map[string]func(*owning){
		"types": (*owning).types, "changes": (*owning).changes, "snapshots": (*owning).snapshots, "broken off": (*owning).brokenOff, "writers": (*owning).writers,
	} {
		t.Run(name, func(t *testing.T) {
			o := &owning{T: t, engine: open(t), memory: NewMemory(), versions: map[instance]uint64{}}
			test(o)
			if check != nil {
				for _, problem := range check(o.engine) {
					t.Error(problem)
				}
			}
			if err := o.engine.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// owning is the oracle and an engine, with own parameters.
type owning struct {
	*testing.T
	engine   store.Store
	memory   *Memory
	record   parameters.Record
	versions map[instance]uint64
	clock    int64
}

// definitions are own parameters of all types.
func definitions() []parameters.Definition {
	var out []parameters.Definition
	for _, text := range []string{
		`"code":"eye","type":"token","base":["Patient"],"expression":"Patient.extension.where(url = 'http://x/eye').value"`,
		`"code":"motto","type":"string","base":["Patient"],"expression":"Patient.extension.where(url = 'http://x/motto').value.ofType(string)"`,
		`"code":"joined","type":"date","base":["Patient"],"expression":"Patient.extension.where(url = 'http://x/joined').value.ofType(dateTime)"`,
		`"code":"height","type":"quantity","base":["Patient"],"expression":"Patient.extension.where(url = 'http://x/height').value.ofType(Quantity)"`,
		`"code":"rank","type":"number","base":["Patient"],"expression":"Patient.extension.where(url = 'http://x/rank').value.ofType(integer)"`,
		`"code":"page","type":"uri","base":["Patient"],"expression":"Patient.extension.where(url = 'http://x/page').value.ofType(uri)"`,
		`"code":"friend","type":"reference","target":["Patient"],"base":["Patient"],"expression":"Patient.extension.where(url = 'http://x/friend').value.ofType(Reference)"`,
		`"code":"contact-kind","type":"composite","base":["Patient"],"expression":"Patient.contact","component":[
			{"definition":"http://hl7.org/fhir/SearchParameter/individual-gender","expression":"gender"},
			{"definition":"http://hl7.org/fhir/SearchParameter/Patient-name","expression":"name"}]`,
	} {
		out = append(out, defined(text))
	}
	return out
}

// owner is a Patient whose extensions follow from n.
func owner(n int) string {
	if n%7 == 0 {
		return `{"resourceType":"Patient"}`
	}
	return fmt.Sprintf(`{"resourceType":"Patient","birthDate":"19%02d-02-03","contact":[{"gender":"male","name":{"family":"Q%d"}},{"gender":"female"}],"extension":[
		{"url":"http://x/eye","valueCoding":{"system":"http://eyes","code":"e%d"}},{"url":"http://x/motto","valueString":"Motto %d"},
		{"url":"http://x/joined","valueDateTime":"2020-0%d"},{"url":"http://x/height","valueQuantity":{"value":1.%d,"unit":"m","system":"http://unitsofmeasure.org","code":"m"}},
		{"url":"http://x/rank","valueInteger":%d},{"url":"http://x/page","valueUri":"http://p/%d"},{"url":"http://x/friend","valueReference":{"reference":"Patient/p%d"}}]}`,
		n%100, n%3, n%3, n%4, 1+n%5, 1+n%8, n%6, n%4, n%5)
}

// questions try each parameter, its modifiers, chains and orders.
var questions = []string{"eye=e1", "eye=http://eyes|e1", "eye=http://eyes|", "eye:not=e1", "eye:missing=true", "eye:missing=false", "motto=motto",
	"motto:exact=Motto 1", "motto:contains=otto 2", "motto:missing=true", "joined=2020", "joined=2020-03", "joined=ge2020-04", "joined=lt2020-02-10",
	"height=1.2|http://unitsofmeasure.org|m", "height=gt120|http://unitsofmeasure.org|cm", "height=lt1.3", "rank=3", "rank=gt3", "page=http://p/1",
	"page:below=http://p", "friend=Patient/p1", "friend=p2", "friend.eye=e1", "friend:Patient.rank=gt2", "_has:Patient:friend:eye=e2", "friend:missing=true",
	"contact-kind=male$Q1", "contact-kind=female$Q1", "eye=e1&rank=gt2", "_sort=motto", "_sort=-joined", "_sort=rank&eye=e1", "_sort=-eye"}

func (o *owning) put(s store.Store, id, body string) error {
	at := instance{"Patient", id}
	o.versions[at]++
	o.clock += 1000
	w, err := newVersion("Patient", id, o.versions[at], firstMoment+o.clock, body)
	if err != nil {
		return err
	}
	return errors.Join(s.Commit(o.Context(), relying(w)), o.memory.Commit(o.Context(), relying(w)))
}

func (o *owning) fill(from, to int) {
	o.Helper()
	for n := from; n < to; n++ {
		if err := o.put(o.engine, fmt.Sprintf("p%d", n), owner(n)); err != nil {
			o.Fatal(err)
		}
	}
}

// define makes these the definitions that there are, as the interactions do: first the record, then Use.
func (o *owning) define(definitions ...parameters.Definition) {
	o.Helper()
	o.record, _ = o.record.Next(definitions)
	o.keep()
}

// keep stores the record and puts it to use.
func (o *owning) keep() {
	o.Helper()
	b, err := o.record.Bytes()
	if err != nil {
		o.Fatal(err)
	}
	if _, err := o.engine.KV().Put(o.Context(), store.Record{Bucket: store.ParametersBucket, Key: store.ParametersKey, Value: b}, store.AnyVersion); err != nil {
		o.Fatal(err)
	}
	o.engine.(store.Extender).Use(o.record.Set())
	o.memory.Use(o.record.Set())
}

func (o *owning) extend() {
	o.Helper()
	last, whole := 0, 0
	if err := o.engine.(store.Extender).Extend(o.Context(), func(done, of int) {
		if done < last {
			o.Errorf("progress goes back: %d after %d", done, last)
		}
		last, whole = done, of
	}); err != nil {
		o.Fatal(err)
	}
	if last != whole {
		o.Errorf("the work ends at %d of %d", last, whole)
	}
	if err := o.memory.Extend(o.Context(), nil); err != nil {
		o.Fatal(err)
	}
	o.record = o.record.Done(o.record.Generation)
	o.keep()
}

// asking is a question by the own parameters of a moment, ready to be asked of snapshots.
type asking struct {
	text    string
	query   search.Query
	guarded search.Guarded
	lowered plan.Plan
}

func (o *owning) ask(text string) asking {
	o.Helper()
	var pairs []search.Pair
	for part := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, search.Pair{Name: name, Value: value})
	}
	q, err := search.Parse("Patient", pairs, search.Options{Base: Base, Params: o.record.Set()})
	if err != nil {
		o.Fatalf("%s: %v", text, err)
	}
	a := asking{text: text, query: q, guarded: search.Guard(q, search.Unrestricted)}
	if a.lowered, err = plan.Lower(a.guarded, o.memory.Indexer); err != nil {
		o.Fatalf("%s: %v", text, err)
	}
	return a
}

// on says how many Match finds; the snapshot has to find the same.
func (a asking) on(o *owning, snap store.Snapshot) int {
	o.Helper()
	want := o.memory.Search(a.guarded)
	p := &pair{t: o.T, ctx: o.Context(), memory: o.memory}
	if why := p.compare(snap, a.lowered, want, 7, func(page []plan.Row) []string {
		return o.memory.Included(a.query, access{}, page)
	}); why != "" {
		o.Errorf("%s: %s", a.text, why)
	}
	return want.Total
}

func (o *owning) snapshot() store.Snapshot {
	o.Helper()
	snap, err := o.engine.Snapshot(o.Context())
	if err != nil {
		o.Fatal(err)
	}
	return snap
}

// compare asks all questions of Match and of the engine.
func (o *owning) compare(questions ...string) {
	o.Helper()
	found := 0
	for _, text := range questions {
		snap := o.snapshot()
		found += o.ask(text).on(o, snap)
		snap.Close()
	}
	if found == 0 {
		o.Error("no question found anything")
	}
}

// types: resources that were there before, and that came after.
func (o *owning) types() {
	o.fill(0, 40)
	o.define(definitions()...)
	for _, d := range definitions() {
		if o.record.Set().Lookup("Patient", d.Code) != nil || !o.record.Set().Building("Patient", d.Code) {
			o.Errorf("%s can be used before it is built", d.Code)
		}
	}
	o.fill(30, 60)
	o.extend()
	o.compare(questions...)
	o.fill(20, 80)
	for n := 5; n < 15; n++ {
		if err := o.put(o.engine, fmt.Sprintf("p%d", n), ""); err != nil {
			o.Fatal(err)
		}
	}
	o.compare(questions...)
}

// changes: a definition that changes is another parameter; what is removed leaves nothing behind.
func (o *owning) changes() {
	all := definitions()
	o.define(all[:2]...)
	o.fill(0, 30)
	o.extend()
	eye := o.record.Set().Lookup("Patient", "eye")
	changed := defined(`"code":"eye","type":"token","base":["Patient"],"expression":"Patient.extension.where(url = 'http://x/other').value"`)
	o.define(changed, all[2])
	if set := o.record.Set(); set.Holds(eye) || set.Lookup("Patient", "motto") != nil || set.Building("Patient", "motto") || !set.Building("Patient", "eye") {
		o.Error("what was removed or changed can still be used")
	}
	o.fill(10, 20) // from one generation to the other by an update
	o.extend()
	again := o.record.Set().Lookup("Patient", "eye")
	if again == nil || again.Num == eye.Num {
		o.Error("the changed parameter has the number of the one before")
	}
	o.compare("eye=e1", "eye:missing=true", "joined=2020-03")
	o.define()
	o.extend()
	if n := len(o.record.Own); n != 0 {
		o.Errorf("%d parameters are left of none", n)
	}
	o.define(all...)
	if slices.ContainsFunc(o.record.Own, func(p parameters.Own) bool { return p.Num <= again.Num }) {
		o.Error("a number is given again")
	}
	o.extend()
	o.compare(questions...)
}

// snapshots: one from before a change answers by the parameters from before, one from behind it refuses them, whether or
// not the index has followed; so do conditions.
func (o *owning) snapshots() {
	all := definitions()
	o.define(all...)
	o.fill(0, 30)
	o.extend()
	var gone, stay []asking
	for _, text := range []string{"eye=e1", "eye:not=e1", "eye:missing=true", "_sort=-eye", "friend.eye=e1", "_has:Patient:friend:eye=e2", "friend=p2", "friend:Patient.rank=gt2", "_has:Patient:friend:rank=3"} {
		gone = append(gone, o.ask(text))
	}
	for _, text := range []string{"motto=motto", "rank=3", "birthdate=1903", "_sort=rank"} {
		stay = append(stay, o.ask(text))
	}
	before := o.snapshot()
	defer before.Close()
	check := func() {
		o.Helper()
		now := o.snapshot()
		defer now.Close()
		for _, a := range stay {
			a.on(o, before)
			a.on(o, now)
		}
		for _, a := range gone {
			if a.on(o, before); a.text == "friend.eye=e1" && a.on(o, before) == 0 {
				o.Error("nothing is found")
			}
			if _, err := plan.Run(o.Context(), now, a.lowered, plan.Window{Limit: 5}); fhir.KindOf(err) != fhir.KindUnknownParam {
				o.Errorf("%s, of which a parameter has changed: %v", a.text, err)
			}
			for _, ids := range [][]string{nil, {"p1"}, {"p1", "p2"}} {
				if ok, err := plan.NewCondition(a.lowered, ids).Holds(o.Context(), now); ok || err != nil {
					o.Errorf("the condition %s holds: %v, %v", a.text, ok, err)
				}
			}
		}
	}
	for _, a := range slices.Concat(gone, stay) {
		a.on(o, before)
	}
	changed := slices.DeleteFunc(definitions(), func(d parameters.Definition) bool { return d.Code == "eye" || d.Code == "friend" })
	o.define(append(changed, defined(`"code":"eye","type":"token","base":["Patient"],"expression":"Patient.gender"`))...)
	check()
	o.extend()
	check()
}

// brokenOff: an extension that ends early, and a store that is opened again, go on.
func (o *owning) brokenOff() {
	o.fill(0, 500)
	o.define(definitions()...)
	ctx, cancel := context.WithCancel(o.Context())
	steps := 0
	err := o.engine.(store.Extender).Extend(ctx, func(done, of int) {
		if steps++; done < of {
			cancel()
		}
	})
	cancel()
	if _, whole := o.engine.(*Memory); !whole && !errors.Is(err, context.Canceled) {
		o.Fatalf("broken off: %v after %d steps", err, steps)
	}
	o.fill(190, 210)
	if r, ok := o.engine.(Reopener); ok {
		if o.engine, err = r.Reopen(); err != nil {
			o.Fatal(err)
		}
	}
	o.fill(395, 405)
	o.extend()
	o.compare("eye=e1", "motto=motto", "rank=gt3", "_sort=rank&eye=e1", "eye:missing=true")
}

// writers: while others write, nothing is lost.
func (o *owning) writers() {
	o.fill(0, 450)
	var mu sync.Mutex
	var wg sync.WaitGroup
	stop := make(chan struct{})
	versions := maps.Clone(o.versions)
	var log []store.Write
	for lane := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				n := lane + 3*(i*37%200)
				at := instance{"Patient", fmt.Sprintf("p%d", n)}
				mu.Lock()
				versions[at]++
				number, clock := versions[at], firstMoment+o.clock+int64(len(log)+1)*1000
				w, err := newVersion("Patient", at.id, number, clock, owner(n+i))
				log = append(log, w)
				mu.Unlock()
				if err == nil {
					err = o.engine.Commit(o.Context(), relying(w))
				}
				if err != nil {
					o.Errorf("commit: %v", err)
					return
				}
			}
		})
	}
	all := definitions()
	for _, d := range [][]parameters.Definition{all[:1], all[:4], all[2:], all} {
		o.define(d...)
		o.extend()
	}
	close(stop)
	wg.Wait()
	for _, w := range log { // the lanes write different instances: any order that keeps theirs is right
		if err := o.memory.Commit(o.Context(), relying(w)); err != nil {
			o.Fatal(err)
		}
	}
	if err := o.memory.Extend(o.Context(), nil); err != nil {
		o.Fatal(err)
	}
	o.compare("eye=e1", "eye:missing=true", "motto=motto", "joined=2020-03", "height=lt1.3", "rank=gt3", "page=http://p/1", "friend=Patient/p1", "contact-kind=male$Q1")
}
