package embedded

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

func schemaOf(s *Store, typ string) *schema { return &s.schemas[s.types.number(typ)] }

func byCode(typ, code string) *r4.SearchParameter { return r4.Lookup(typ, code) }

func byNum(typ string, num uint16) *r4.SearchParameter {
	for _, p := range r4.Params(typ) {
		if p.Num == num {
			return p
		}
	}
	return nil
}

// A store that this process cannot work with is refused with the reason.
func TestRefusals(t *testing.T) {
	refused := func(what string, o Options, reason string) {
		t.Helper()
		s, err := Open(o)
		if err == nil {
			s.Close()
			t.Fatalf("%s is opened", what)
		}
		if !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, want %q", what, err, reason)
		}
	}
	dir := filepath.Join(t.TempDir(), "store")
	o := Options{Dir: dir, Mode: "serve", Indexer: &index.Indexer{Base: "http://a/fhir"}}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, write(t, "Patient", "p", 1, `{"resourceType":"Patient","link":[{"other":{"reference":"http://b/fhir/Patient/q"},"type":"seealso"}]}`))
	refused("a store in use", o, "in use")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other := o
	other.Mode = "sandbox"
	refused("a store of another mode", other, `"serve", not "sandbox"`)
	other = o
	other.Indexer = &index.Indexer{Base: "http://b/fhir"}
	refused("a store of another base", other, "firewarden reindex")
	refused("a folder without a store", Options{Dir: filepath.Join(dir, "none")}, "there is no store")
	refused("no directory", Options{Mode: "serve"}, "no directory")
	refused("a file", Options{Dir: filepath.Join(dir, "LOCK"), Mode: "serve"}, dir)

	if err := Reindex(context.Background(), other, nil); err != nil {
		t.Fatal(err)
	}
	refused("the old base", o, "firewarden reindex")
	if s, err = Open(other); err != nil {
		t.Fatal(err)
	}
	sound(t, s)
	link := plan.Term{Num: byCode("Patient", "link").Num, Form: index.FormReference, Text: "Patient/q"}
	if got := selected(t, s, "Patient", link); len(got) != 1 {
		t.Errorf("after the move a reference to the new base finds %q", got)
	}
	for _, h := range []struct{ header, reason string }{
		{`{"format":99,"index":1,"mode":"serve"}`, "format 99"},
		{`{"format":1,"index":99,"mode":"serve"}`, "firewarden reindex"},
		{`{"format":1,"index":0,"mode":"serve"}`, "not finished"},
		{`{`, "header"},
	} {
		if err := s.db.Set(headerKey, []byte(h.header), pebble.Sync); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		refused(h.header, other, h.reason)
		cache := pebble.NewCache(1 << 20)
		db, err := pebble.Open(dir, pebbleOptions(Options{FS: vfs.Default}, cache, newCompactions()))
		cache.Unref()
		if err != nil {
			t.Fatal(err)
		}
		s = &Store{db: db, bodies: s.bodies}
	}
	s.db.Close()
}

// selected are the ids of a node.
func selected(t testing.TB, s *Store, typ string, n plan.Node) (ids []string) {
	t.Helper()
	snap, err := s.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	page, err := snap.Select(context.Background(), plan.ForTest(t).Bound(typ, n), plan.Window{Limit: 1000, Bare: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range page.Rows {
		ids = append(ids, r.ID)
	}
	return ids
}

// A store that is rebuilt holds what it held; a rebuild that was broken off is noticed.
func TestReindex(t *testing.T) {
	fs := vfs.NewMem()
	s, err := Open(testOptions(fs))
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, write(t, "Patient", "p", 1, `{"resourceType":"Patient","gender":"male"}`), write(t, "Patient", "gone", 1, `{"resourceType":"Patient"}`))
	commit(t, s, write(t, "Patient", "p", 2, `{"resourceType":"Patient","gender":"female"}`), write(t, "Patient", "gone", 2, ""))
	female := plan.Term{Num: byCode("Patient", "gender").Num, Form: index.FormCode, Text: "female"}
	if err := s.db.DeleteRange([]byte{keyIndex}, []byte{keyEnd}, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if problems, err := s.Check(t.Context(), nil); len(problems) == 0 || err != nil {
		t.Errorf("a store without its index is sound: %v", err)
	}
	s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Reindex(ctx, testOptions(fs), nil); err == nil {
		t.Error("a rebuild whose time is over ends well")
	}
	if s, err := Open(testOptions(fs)); err == nil || !strings.Contains(err.Error(), "reindex") {
		s.Close()
		t.Errorf("a half built store is opened: %v", err)
	}
	told := 0
	if err := Reindex(t.Context(), testOptions(fs), func(done, of int) { told = done }); err != nil {
		t.Fatal(err)
	}
	if told != 2 {
		t.Errorf("told of %d documents", told)
	}
	if s, err = Open(testOptions(fs)); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sound(t, s)
	if got := selected(t, s, "Patient", female); len(got) != 1 || got[0] != "p" {
		t.Errorf("after the rebuild: %q", got)
	}
	if st := s.Stats(); st.Resources["Patient"] != 1 || st.Instances != 2 {
		t.Errorf("stats: %+v", st)
	}
}

// What is wrong with a store is found.
func TestCheckFinds(t *testing.T) {
	for _, c := range []struct {
		what  string
		spoil func(*Store) error
		want  string
	}{
		{"a posting gone", func(s *Store) error { return s.db.Delete(firstKey(s, keyTerm), pebble.Sync) }, "is missing"},
		{"a stray posting", func(s *Store) error {
			return s.db.Set(append(firstKey(s, keyTerm)[:2], 0, 1, 0x1B, 'x', 0, 1), nil, pebble.Sync)
		}, "terms: there are"},
		{"a body spoilt", func(s *Store) error { return s.db.Set(firstKey(s, keyBody), []byte{0, 1}, pebble.Sync) }, "malformed"},
		{"an entry of another version", func(s *Store) error {
			return s.db.Set(firstKey(s, keyID), entry{version: 9, pos: position{ordMissing, 1}}.append(nil), pebble.Sync)
		}, "another value"},
		{"an old version gone", func(s *Store) error { return s.db.Delete(firstKey(s, keyOld), pebble.Sync) }, "version 1 is missing"},
		{"a change in a chart gone", func(s *Store) error { return s.db.Delete(firstKey(s, keyChart), pebble.Sync) }, "its place in the chart of Patient/"},
		{"a stray change in a chart", func(s *Store) error { return s.db.Set(append(firstKey(s, keyChart), 0), nil, pebble.Sync) }, "changes in charts: there are"},
		{"a change gone", func(s *Store) error { return s.db.Delete(firstKey(s, keyChange), pebble.Sync) }, "history"},
		{"a count off", func(s *Store) error { return s.db.Set(firstKey(s, keyCount), appendUint64(nil, 77), pebble.Sync) }, "count of"},
		{"nothing", func(*Store) error { return nil }, ""},
	} {
		s, err := Open(testOptions(vfs.NewMem()))
		if err != nil {
			t.Fatal(err)
		}
		commit(t, s, write(t, "Patient", "p", 1, `{"resourceType":"Patient","gender":"male"}`))
		commit(t, s, write(t, "Patient", "p", 2, `{"resourceType":"Patient","birthDate":"2001"}`))
		if err := c.spoil(s); err != nil {
			t.Fatal(err)
		}
		problems, err := s.Check(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(problems, "\n"); (c.want == "") != (all == "") || !strings.Contains(all, c.want) {
			t.Errorf("%s: found %q, want %q", c.what, all, c.want)
		}
		s.Close()
	}
}

func firstKey(s *Store, kind byte) (first []byte) {
	_ = scan(s.db, []byte{kind}, func(key, _ []byte) error {
		if first == nil {
			first = append(first, key...)
		}
		return nil
	})
	return first
}

func TestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: filepath.Join(dir, "a"), Mode: "serve"}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, write(t, "Patient", "p", 1, `{"resourceType":"Patient"}`))
	if err := s.Checkpoint(filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	commit(t, s, write(t, "Patient", "q", 1, `{"resourceType":"Patient"}`))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o.Dir = filepath.Join(dir, "b")
	if s, err = Open(o); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sound(t, s)
	if got := selected(t, s, "Patient", plan.All{}); len(got) != 1 || got[0] != "p" {
		t.Errorf("the copy holds %q", got)
	}
}

// A store in which nothing spells a URL of this server is served under another base as it is.
func TestMove(t *testing.T) {
	base := func(b string) *index.Indexer { return &index.Indexer{Base: b} }
	const a, b = "http://a/fhir", "http://b/fhir"
	for _, c := range []struct {
		name, body string
		moves      bool
	}{
		{"relative", `{"resourceType":"Patient","link":[{"other":{"reference":"Patient/q"},"type":"seealso"}],"photo":[{"url":"http://c/x"}]}`, true},
		{"to another server", `{"resourceType":"Patient","link":[{"other":{"reference":"http://c/fhir/Patient/q"},"type":"seealso"}]}`, false},
		{"to the old base", `{"resourceType":"Patient","link":[{"other":{"reference":"http://a/fhir/Patient/q"},"type":"seealso"}]}`, false},
		{"to the new base", `{"resourceType":"Patient","link":[{"other":{"reference":"http://b/fhir/Patient/q"},"type":"seealso"}]}`, false},
		{"escaped", `{"resourceType":"Patient","link":[{"other":{"reference":"http:\/\/b\/fhir\/Patient\/q"},"type":"seealso"}]}`, false},
		{"canonical elsewhere", `{"resourceType":"CarePlan","status":"active","intent":"plan","subject":{"reference":"Patient/q"},"instantiatesCanonical":["http://c/fhir/Measure/m"]}`, true},
		{"canonical at the new base", `{"resourceType":"CarePlan","status":"active","intent":"plan","subject":{"reference":"Patient/q"},"instantiatesCanonical":["http://b/fhir/Measure/m"]}`, false},
		{"canonical at the old base", `{"resourceType":"CarePlan","status":"active","intent":"plan","subject":{"reference":"Patient/q"},"instantiatesCanonical":["http://a/fhir/Measure/m"]}`, false},
	} {
		o := Options{Dir: filepath.Join(t.TempDir(), "store"), Mode: "serve", Indexer: base(a)}
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		typ := "Patient"
		if strings.Contains(c.body, "CarePlan") {
			typ = "CarePlan"
		}
		commit(t, s, write(t, typ, "x", 1, c.body))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		o.Indexer = base(b)
		s, err = Open(o)
		if (err == nil) != c.moves {
			t.Fatalf("%s: opened under another base: %v", c.name, err)
		}
		if err != nil {
			continue
		}
		sound(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		o.Indexer = base("")
		o.Mode = ""
		if s, err = Open(o); err != nil {
			t.Fatal(err)
		}
		if s.opts.Indexer.Base != b {
			t.Errorf("%s: the store remembers the base %q", c.name, s.opts.Indexer.Base)
		}
		s.Close()
	}
}
