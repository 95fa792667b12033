package interaction

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/conformance/validate"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/embedded"
	"github.com/firewarden/firewarden/store/storetest"
)

// rig is a service with a clock that goes on by a second a look and ids that count.
type rig struct {
	*Service
	t tester
}

// tester is a *testing.T, a *testing.B or a *rapid.T.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// newRig is a rig over the oracle.
func newRig(t tester) *rig { return rigOn(t, storetest.NewMemory()) }

// each runs a test on every engine.
func each(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Run("memory", func(t *testing.T) { f(t, newRig(t)) })
	t.Run("embedded", func(t *testing.T) { f(t, rigOn(t, openEmbedded(t))) })
}

func openEmbedded(t testing.TB) store.Store {
	st, err := embedded.Open(embedded.Options{Memory: true, Mode: "sandbox", CacheSize: 1 << 20, Indexer: &index.Indexer{Base: storetest.Base}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func rigOn(t tester, st store.Store) *rig {
	var ids, clock atomic.Int64
	seal, err := NewSeal([]byte(strings.Repeat("k", 32)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, Service: &Service{
		Store:   st,
		Indexer: &index.Indexer{Base: storetest.Base},
		Base:    storetest.Base,
		NewID:   func() string { return fmt.Sprintf("id-%d", ids.Add(1)) },
		Now: func() time.Time {
			return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(clock.Add(1)) * time.Second)
		},
		Seal: seal,
	}}
}

// as is a caller with these scopes for a patient.
func as(t tester, patient, scopes string) Caller {
	t.Helper()
	set, refused := scope.Parse(scopes)
	if refused != nil {
		t.Fatal(refused)
	}
	return Caller{Access: set.Access(scope.Context{Patient: patient}), Grant: patient + " " + scopes}
}

// asUser is a caller with a user, whose policy that is.
func asUser(t tester, patient, scopes string, policy scope.Bound) Caller {
	t.Helper()
	set, refused := scope.Parse(scopes)
	if refused != nil {
		t.Fatal(refused)
	}
	return Caller{Access: set.Access(scope.Context{Patient: patient, User: policy}), Grant: patient + " " + scopes}
}

// doctors is the policy of the doctor of that id: the Patients who name them.
func doctors(t tester, id string) scope.Bound {
	t.Helper()
	role, err := scope.ParseRole("Patient?general-practitioner={user}", "")
	if err != nil {
		t.Fatal(err)
	}
	b, err := role.For(fhir.Reference{Type: "Practitioner", ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ofDoctor is the patient with that doctor.
func ofDoctor(patient, id string) string {
	return strings.TrimSuffix(patient, "}") + `,"generalPractitioner":[{"reference":"Practitioner/` + id + `"}]}`
}

func (r *rig) root() Caller {
	r.t.Helper()
	set, refused := scope.Parse("system/*.cruds")
	if refused != nil {
		r.t.Fatal(refused)
	}
	return Caller{Access: set.Access(scope.Context{Administrator: true}), Grant: "root"}
}

func (r *rig) parse(body string) *fhir.Resource {
	r.t.Helper()
	res, err := fhir.Parse([]byte(body), fhir.DefaultLimits)
	if err != nil {
		r.t.Fatalf("%s: %v", body, err)
	}
	return res
}

// put stores resources as the caller who may do all.
func (r *rig) put(bodies ...string) {
	r.t.Helper()
	for _, body := range bodies {
		res := r.parse(body)
		if _, err := r.Update(context.Background(), r.root(), res.Type, res.ID, res, WriteOptions{}); err != nil {
			r.t.Fatalf("%s: %v", body, err)
		}
	}
}

// search gives the entries of a search as "mode Type/id" and the total, -1 if there is none.
func (r *rig) search(c Caller, typ, query string) (entries []string, total int, err error) {
	pairs, err := Pairs(query)
	if err != nil {
		return nil, 0, err
	}
	out, err := r.Search(context.Background(), c, typ, pairs, SearchOptions{})
	if err != nil {
		return nil, 0, err
	}
	b := r.decode(out.Bundle)
	for _, e := range b.Entry {
		entries = append(entries, e.Search.Mode+" "+e.Resource.ResourceType+"/"+e.Resource.ID)
	}
	return entries, b.count(), nil
}

// bundle is what tests look at of a Bundle.
type bundle struct {
	Type  string
	Total *int
	Link  []struct{ Relation, URL string }
	Entry []struct {
		FullURL  string
		Resource *resource
		Search   struct{ Mode string }
		Request  struct{ Method, URL string }
		Response struct {
			Status, Location, Etag, LastModified string
			Outcome                              *resource
		}
	}
}

type resource struct {
	ResourceType, ID string
	Meta             struct {
		VersionID   string
		LastUpdated string
		Tag         []struct{ Code string }
	}
	Subject, Encounter struct{ Reference string }
	Performer          []struct{ Reference string }
	Issue              []struct {
		Severity, Code, Diagnostics string
		Expression                  []string
	}
	Entry []json.RawMessage
	Total *int
}

func (b bundle) count() int {
	if b.Total == nil {
		return -1
	}
	return *b.Total
}

// link is the query of a link, "" if there is none.
func (b bundle) link(relation string) string {
	for _, l := range b.Link {
		if l.Relation == relation {
			u, err := url.Parse(l.URL)
			if err != nil {
				panic(err)
			}
			return u.RawQuery
		}
	}
	return ""
}

// decode reads a Bundle of ours, which must be well-formed R4.
func (r *rig) decode(b []byte) (out bundle) {
	r.t.Helper()
	res, err := fhir.Parse(append([]byte(nil), b...), fhir.DefaultLimits)
	if err != nil {
		r.t.Fatalf("%v in %s", err, b)
	}
	if faults := validate.Structure(res); len(faults) > 0 {
		r.t.Fatalf("%v in %s", faults, b)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		r.t.Fatal(err)
	}
	return out
}

func observation(id, patient, category string) string {
	return `{"resourceType":"Observation","id":"` + id + `","status":"final","category":[{"coding":[{"code":"` +
		strings.ReplaceAll(category, " ", `"}]},{"coding":[{"code":"`) + `"}]}],"code":{"text":"x"},"subject":{"reference":"Patient/` + patient + `"}}`
}

func patient(id string) string { return `{"resourceType":"Patient","id":"` + id + `"}` }

func same(a, b []string) bool { return strings.Join(a, ";") == strings.Join(b, ";") }

var ctx = context.Background()

// letters of a test's table, by name.
func do(r *rig, c Caller, what, typ, id, body string) (Result, error) {
	switch what {
	case "read":
		return r.Read(ctx, c, typ, id)
	case "vread":
		return r.VRead(ctx, c, typ, id, "1")
	case "history":
		return r.HistoryInstance(ctx, c, typ, id, nil)
	case "type history":
		return r.HistoryType(ctx, c, typ, nil)
	case "search":
		return r.Search(ctx, c, typ, nil, SearchOptions{})
	case "create":
		return r.Create(ctx, c, typ, r.parse(body), CreateOptions{})
	case "conditional create":
		return r.Create(ctx, c, typ, r.parse(body), CreateOptions{IfNoneExist: "_id=" + id})
	case "update":
		return r.Update(ctx, c, typ, id, r.parse(body), WriteOptions{})
	case "delete":
		return r.Delete(ctx, c, typ, id, WriteOptions{})
	case "conditional update":
		return r.UpdateWhere(ctx, c, typ, "_id="+id, r.parse(body), WriteOptions{})
	case "conditional delete":
		return r.DeleteWhere(ctx, c, typ, "_id="+id, WriteOptions{})
	case "patch", "conditional patch": // body: the new category, "" is none
		p := r.patchOf(typ, binary(`[{"op":"test","path":"/id","value":"`+id+`"}]`))
		if body != "" {
			p = r.patchOf(typ, binary(`[{"op":"replace","path":"/category/0/coding/0/code","value":"`+body+`"}]`))
		}
		if what == "patch" {
			return r.Patch(ctx, c, typ, id, p, WriteOptions{})
		}
		return r.PatchWhere(ctx, c, typ, "_id="+id, p, WriteOptions{})
	case "meta":
		return r.Meta(ctx, c, typ, id, "")
	case "type meta":
		return r.MetaOf(ctx, c, typ)
	case "meta-add":
		return r.MetaAdd(ctx, c, typ, id, r.parse(metaOf(`{"tag":[{"code":"t"}]}`)), WriteOptions{})
	case "meta-delete":
		return r.MetaDelete(ctx, c, typ, id, r.parse(metaOf(`{"tag":[{"code":"t"}]}`)), WriteOptions{})
	}
	panic(what)
}

var _ search.Access = (*scope.Access)(nil)

// valid checks that b is well-formed R4.
func (r *rig) valid(b []byte) {
	r.t.Helper()
	if faults := validate.Structure(r.parse(string(b))); len(faults) > 0 {
		r.t.Errorf("%v in %s", faults, b)
	}
}
