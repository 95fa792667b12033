package mongo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/mongo/mongotest"
	"github.com/firewarden/firewarden/store/storetest"
)

// refused opens a store that must be refused with these words.
func refused(t *testing.T, uri string, words ...string) {
	t.Helper()
	s, err := Open(t.Context(), Options{URI: uri, Database: "x", Mode: "test"})
	if err == nil {
		s.Close()
		t.Errorf("%s is not refused", uri)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %v, want %q", uri, err, w)
		}
	}
	if strings.Contains(err.Error(), "secret-word") {
		t.Errorf("the error tells the password: %v", err)
	}
}

func TestStandaloneIsRefused(t *testing.T) {
	s := mongotest.Start(t)
	refused(t, "mongodb://"+s.Address+"/?serverSelectionTimeoutMS=60000", "standalone", "--replSet", "rs.initiate()")
	refused(t, "mongodb://"+s.Address+"/?replicaSet=rs0&serverSelectionTimeoutMS=500", "standalone")
}

func TestReplicaSetThatIsNoneIsRefused(t *testing.T) {
	s := mongotest.Start(t, "--replSet", mongotest.Set)
	refused(t, "mongodb://"+s.Address+"/?serverSelectionTimeoutMS=500", "not initiated", "rs.initiate()")
	if _, err := mongotest.Initiate(t.Context(), s.Address); err != nil {
		t.Fatal(err)
	}
	refused(t, "mongodb://"+s.Address+"/?replicaSet=other&serverSelectionTimeoutMS=500", `member of the replica set "rs0"`, "replicaSet=other")
}

func TestUsersAreRefused(t *testing.T) {
	ctx := t.Context()
	s := mongotest.Start(t, "--replSet", mongotest.Set)
	uri, err := mongotest.Initiate(ctx, s.Address)
	if err != nil {
		t.Fatal(err)
	}
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	for user, role := range map[string]string{"writer": "readWrite", "reader": "read"} {
		err := client.Database("x").RunCommand(ctx, bson.D{{Key: "createUser", Value: user}, {Key: "pwd", Value: "secret-word"},
			{Key: "roles", Value: bson.A{role}}}).Err()
		if err != nil {
			t.Fatal(err)
		}
	}
	client.Disconnect(ctx)
	// The same data, with users: a member of a set needs a key file for that, a single server does not.
	s.Stop()
	key := t.TempDir() + "/key"
	writeKey(t, key)
	s.With("--keyFile", key)
	s.Restart(t)
	as := func(user, password string) string {
		return "mongodb://" + user + ":" + password + "@" + s.Address + "/x?serverSelectionTimeoutMS=60000&replicaSet=" + mongotest.Set
	}
	refused(t, as("writer", "other-word"), "refuses user or password")
	refused(t, as("nobody", "secret-word"), "refuses user or password")
	refused(t, as("reader", "secret-word"), "readWrite on the database x")
	refused(t, "mongodb://"+s.Address+"/x?serverSelectionTimeoutMS=60000&replicaSet="+mongotest.Set, "readWrite on the database x")
	open := func(user string) error {
		st, err := Open(ctx, Options{URI: as(user, "secret-word"), Mode: "test"})
		if err == nil {
			err = st.Close()
		}
		return err
	}
	if err := open("writer"); err != nil {
		t.Errorf("a user with readWrite: %v", err)
	}
	refused(t, as("reader", "secret-word"), "readWrite on the database x") // of a store that is there, too
}

func TestHelloIsChecked(t *testing.T) {
	for _, c := range []struct {
		h    hello
		want string
	}{
		{hello{SetName: "rs0", MaxWireVersion: 13}, "older than MongoDB 6.0"},
		{hello{MaxWireVersion: 17}, "standalone"},
		{hello{MaxWireVersion: 21, IsReplicaSet: true}, "not initiated"},
	} {
		if err := c.h.check([]string{"h:1"}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.h, err, c.want)
		}
	}
	for _, h := range []hello{{SetName: "rs0", MaxWireVersion: 17}, {Message: "isdbgrid", MaxWireVersion: 25}} {
		if err := h.check(nil); err != nil {
			t.Errorf("%+v: %v", h, err)
		}
	}
}

func TestHeader(t *testing.T) {
	s := openTest(t)
	name := s.db.Name()
	s.Close()
	for _, c := range []struct {
		what   string
		change func(*Options)
		want   error
	}{
		{"another mode", func(o *Options) { o.Mode = "sandbox" }, ErrMode},
		{"another base", func(o *Options) { o.Indexer = &index.Indexer{Base: "http://x"} }, ErrReindex},
		{"a tool", func(o *Options) { o.Mode, o.Indexer = "", &index.Indexer{} }, nil},
		{"a tool on nothing", func(o *Options) { o.Mode, o.Database = "", "firewarden-test-none" }, ErrNone},
	} {
		o := testOptions(t, name)
		c.change(&o)
		s, err := Open(t.Context(), o)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
		if err == nil {
			if o.Indexer.Base != storetest.Base {
				t.Errorf("%s has the base %q", c.what, o.Indexer.Base)
			}
			s.Close()
		}
	}
}

// TestTooLarge: what does not fit into a document is refused with the limit, and leaves nothing.
func TestTooLarge(t *testing.T) {
	s := openTest(t)
	defer s.Close()
	body := []byte(`{"resourceType":"Binary","id":"big","contentType":"text/plain","data":"` + strings.Repeat("QUJD", 5<<20) + `"}`)
	res, err := fhir.Parse(body, storedLimits)
	if err != nil {
		t.Fatal(err)
	}
	w := store.Write{Row: plan.Row{Type: "Binary", ID: "big", Version: 1, LastUpdated: 1, Method: "POST", Body: body}, Resource: res, Fresh: true}
	err = s.Commit(t.Context(), store.Commit{Writes: []store.Write{w}})
	if fhir.KindOf(err) != fhir.KindTooLong || !strings.Contains(err.Error(), "16368 KB at most") {
		t.Errorf("got %v", err)
	}
	if n, err := s.resources.CountDocuments(t.Context(), bson.D{}); n != 0 || err != nil {
		t.Errorf("%d documents are left (%v)", n, err)
	}
}

// TestGone: while the database is gone everything is transient, and comes back by itself.
func TestGone(t *testing.T) {
	m := mongotest.Start(t, "--replSet", mongotest.Set)
	uri, err := mongotest.Initiate(t.Context(), m.Address)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{URI: uri + "&serverSelectionTimeoutMS=2000", Mode: "test", Patience: time.Second, Indexer: &index.Indexer{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	write := func(id string) error {
		body := []byte(`{"resourceType":"Patient","id":"` + id + `"}`)
		res, err := fhir.Parse(body, storedLimits)
		if err != nil {
			return err
		}
		return s.Commit(context.Background(), store.Commit{Writes: []store.Write{{Row: plan.Row{Type: "Patient", ID: id, Version: 1,
			LastUpdated: 1, Method: "POST", Body: body}, Resource: res, Fresh: true}}})
	}
	read := func() error {
		snap, err := s.Snapshot(context.Background())
		if err != nil {
			return err
		}
		defer snap.Close()
		_, ok, err := snap.Read(context.Background(), plan.ForTest(t).Key("Patient", "a"))
		if err == nil && !ok {
			err = errors.New("it is not there")
		}
		return err
	}
	if err := errors.Join(write("a"), read(), s.Ready(t.Context())); err != nil {
		t.Fatal(err)
	}
	m.Kill()
	for what, f := range map[string]func() error{
		"write": func() error { return write("b") },
		"read":  read,
		"ready": func() error { return s.Ready(context.Background()) },
		"get":   func() error { _, _, err := s.KV().Get(context.Background(), "b", "k"); return err },
		"put": func() error {
			_, err := s.KV().Put(context.Background(), store.Record{Bucket: "b", Key: "k"}, 0)
			return err
		},
	} {
		if err := f(); fhir.KindOf(err) != fhir.KindTransient {
			t.Errorf("%s while the database is gone: %v", what, err)
		}
	}
	m.Restart(t)
	end := time.Now().Add(3 * time.Minute)
	for i := 0; ; i++ { // what was not known to be written may be there
		err := errors.Join(s.Ready(t.Context()), read(), write(fmt.Sprintf("c%d", i)))
		if err == nil {
			break
		}
		if time.Sleep(100 * time.Millisecond); time.Now().After(end) {
			t.Fatalf("it does not come back: %v", err)
		}
	}
}

func writeKey(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Repeat("0123456789abcdef", 4)), 0o600); err != nil {
		t.Fatal(err)
	}
}
