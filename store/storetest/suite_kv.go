package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/firewarden/firewarden/store"
)

var kvTests = []suiteTest{
	{"put and get", func(s *suite) {
		kv := s.store.KV()
		s.absent(kv, "client", "a")
		v1 := s.keep(kv, store.Record{Bucket: "client", Key: "a", Value: []byte("one")}, 0)
		s.present(kv, "client", "a", "one", v1)
		v2 := s.keep(kv, store.Record{Bucket: "client", Key: "a", Value: []byte("two")}, v1)
		s.present(kv, "client", "a", "two", v2)
		v3 := s.keep(kv, store.Record{Bucket: "client", Key: "a", Value: nil}, store.AnyVersion)
		s.present(kv, "client", "a", "", v3)
		if v1 == v2 || v2 == v3 || v1 == v3 || v1 == 0 {
			s.Errorf("versions %d, %d, %d are not distinct", v1, v2, v3)
		}
		s.absent(kv, "clients", "a")
		s.absent(kv, "client", "")
		s.keep(kv, store.Record{Bucket: "client", Key: "b", Value: []byte("b")}, store.AnyVersion)
	}},

	{"compare and swap", func(s *suite) {
		kv := s.store.KV()
		put := func(value string, ifVersion uint64) error {
			_, err := kv.Put(s.ctx, store.Record{Bucket: "b", Key: "k", Value: []byte(value)}, ifVersion)
			return err
		}
		s.conflict("put on a version of an absent record", put("x", 1))
		s.conflict("delete a version of an absent record", kv.Delete(s.ctx, "b", "k", 1))
		v1 := s.keep(kv, store.Record{Bucket: "b", Key: "k", Value: []byte("one")}, 0)
		s.conflict("put as new over a record", put("x", 0))
		v2 := s.keep(kv, store.Record{Bucket: "b", Key: "k", Value: []byte("two")}, v1)
		s.conflict("put on an old version", put("x", v1))
		s.conflict("delete an old version", kv.Delete(s.ctx, "b", "k", v1))
		s.conflict("delete as absent", kv.Delete(s.ctx, "b", "k", 0))
		s.present(kv, "b", "k", "two", v2)
		if err := kv.Delete(s.ctx, "b", "k", v2); err != nil {
			s.Fatalf("delete: %v", err)
		}
		s.absent(kv, "b", "k")
		s.conflict("put on a deleted version", put("x", v2))
		v3 := s.keep(kv, store.Record{Bucket: "b", Key: "k", Value: []byte("three")}, 0)
		if v3 == v1 || v3 == v2 {
			s.Errorf("version %d is given again after a deletion: a reader of the old record would not notice", v3)
		}
		for range 2 {
			if err := kv.Delete(s.ctx, "b", "k", store.AnyVersion); err != nil {
				s.Errorf("delete whatever: %v", err)
			}
		}
		if err := kv.Delete(s.ctx, "b", "k", 0); err != nil {
			s.Errorf("delete the absent: %v", err)
		}
	}},

	{"expiry", func(s *suite) {
		kv := s.store.KV()
		past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		v := s.keep(kv, store.Record{Bucket: "b", Key: "dead", Value: []byte("x"), Expires: past}, 0)
		s.keep(kv, store.Record{Bucket: "b", Key: "live", Value: []byte("y"), Expires: future}, 0)
		s.keep(kv, store.Record{Bucket: "b", Key: "more", Value: []byte("z")}, 0)
		s.absent(kv, "b", "dead")
		r, ok, err := kv.Get(s.ctx, "b", "live")
		if err != nil || !ok || !r.Expires.Truncate(time.Second).Equal(future.Truncate(time.Second)) {
			s.Errorf("a record that expires in an hour: %+v %v %v", r, ok, err)
		}
		s.listed(kv, "b", "", "", 9, "live", "more")
		s.listed(kv, "b", "", "", 1, "live")
		_, err = kv.Put(s.ctx, store.Record{Bucket: "b", Key: "dead", Value: []byte("x")}, v)
		s.conflict("put on an expired version", err)
		s.conflict("delete an expired version", kv.Delete(s.ctx, "b", "dead", v))
		again := s.keep(kv, store.Record{Bucket: "b", Key: "dead", Value: []byte("new")}, 0)
		s.present(kv, "b", "dead", "new", again)
		if again == v {
			s.Errorf("version %d is given again after expiry", v)
		}
	}},

	{"list", func(s *suite) {
		kv := s.store.KV()
		keys := []string{"a", "a/", "a/1", "a/10", "a/2", "a0", "b", "\x00", "é", "z\xff", "z\xff\xff"}
		for _, k := range keys {
			for _, bucket := range []string{"x", "x2", "w"} {
				s.keep(kv, store.Record{Bucket: bucket, Key: k, Value: []byte(bucket + k)}, 0)
			}
		}
		sorted := []string{"\x00", "a", "a/", "a/1", "a/10", "a/2", "a0", "b", "z\xff", "z\xff\xff", "é"}
		s.listed(kv, "x", "", "", 100, sorted...)
		s.listed(kv, "x", "a", "", 100, "a", "a/", "a/1", "a/10", "a/2", "a0")
		s.listed(kv, "x", "a/", "", 100, "a/", "a/1", "a/10", "a/2")
		s.listed(kv, "x", "a/", "a/1", 100, "a/10", "a/2")
		s.listed(kv, "x", "a/", "a/1", 1, "a/10")
		s.listed(kv, "x", "a/", "a/11", 1, "a/2")
		s.listed(kv, "x", "z\xff", "", 9, "z\xff", "z\xff\xff")
		s.listed(kv, "x", "z\xff", "z\xff", 9, "z\xff\xff")
		s.listed(kv, "x", "c", "", 9)
		s.listed(kv, "x", "a", "b", 9)
		s.listed(kv, "y", "", "", 9)
		for limit := 1; limit < 5; limit++ {
			var got []string
			for after := ""; ; {
				page, err := kv.List(s.ctx, "x2", "", after, limit)
				if err != nil {
					s.Fatal(err)
				}
				if len(page) == 0 {
					break
				}
				for _, r := range page {
					got = append(got, r.Key)
					if r.Bucket != "x2" || string(r.Value) != "x2"+r.Key || r.Version == 0 {
						s.Errorf("listed %+v", r)
					}
				}
				after = page[len(page)-1].Key
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", sorted) {
				s.Errorf("pages of %d:\n got %q\nwant %q", limit, got, sorted)
			}
		}
	}},

	{"32 writers on one record", func(s *suite) {
		const each = 3
		kv := s.store.KV()
		errs := s.writers(func(int) error {
			for done := 0; done < each; {
				r, _, err := kv.Get(s.ctx, "b", "n")
				if err != nil {
					return err
				}
				n, _ := strconv.Atoi(string(r.Value))
				_, err = kv.Put(s.ctx, store.Record{Bucket: "b", Key: "n", Value: strconv.AppendInt(nil, int64(n+1), 10)}, r.Version)
				switch {
				case err == nil:
					done++
				case !errors.Is(err, store.ErrConflict):
					return err
				}
			}
			return nil
		})
		for _, err := range errs {
			s.Error(err)
		}
		r, _, err := kv.Get(s.ctx, "b", "n")
		if err != nil || string(r.Value) != strconv.Itoa(writers*each) {
			s.Errorf("counted %q (%v), want %d", r.Value, err, writers*each)
		}
	}},

	{"reopened", func(s *suite) {
		kv := s.store.KV()
		v := s.keep(kv, store.Record{Bucket: "b", Key: "k", Value: []byte("v"), Expires: time.Now().Add(time.Hour)}, 0)
		gone := s.keep(kv, store.Record{Bucket: "b", Key: "gone", Value: []byte("v")}, 0)
		if err := kv.Delete(s.ctx, "b", "gone", gone); err != nil {
			s.Fatal(err)
		}
		s.reopen()
		kv = s.store.KV()
		s.present(kv, "b", "k", "v", v)
		s.absent(kv, "b", "gone")
		again := s.keep(kv, store.Record{Bucket: "b", Key: "gone", Value: []byte("w")}, 0)
		if again == gone {
			s.Errorf("version %d is given again after deletion and reopening", gone)
		}
	}},
}

// keep puts and gives the new version.
func (s *suite) keep(kv store.KV, r store.Record, ifVersion uint64) uint64 {
	s.Helper()
	v, err := kv.Put(s.ctx, r, ifVersion)
	if err != nil {
		s.Fatalf("put %s/%s if %d: %v", r.Bucket, r.Key, ifVersion, err)
	}
	return v
}

func (s *suite) absent(kv store.KV, bucket, key string) {
	s.Helper()
	if r, ok, err := kv.Get(s.ctx, bucket, key); ok || err != nil {
		s.Errorf("get %s/%s: %+v %v %v, want none", bucket, key, r, ok, err)
	}
}

func (s *suite) present(kv store.KV, bucket, key, value string, version uint64) {
	s.Helper()
	r, ok, err := kv.Get(s.ctx, bucket, key)
	if err != nil || !ok || r.Bucket != bucket || r.Key != key || string(r.Value) != value || r.Version != version {
		s.Errorf("get %s/%s: %+v %v %v, want %q of version %d", bucket, key, r, ok, err, value, version)
	}
}

// holds compares the value of a record of the bucket b.
func (s *suite) holds(kv store.KV, key, value string) {
	s.Helper()
	if r, ok, err := kv.Get(s.ctx, "b", key); err != nil || !ok || string(r.Value) != value {
		s.Errorf("get b/%s: %q %v %v, want %q", key, r.Value, ok, err, value)
	}
}

// listed compares the keys of one List.
func (s *suite) listed(kv store.KV, bucket, prefix, after string, limit int, want ...string) {
	s.Helper()
	rs, err := kv.List(s.ctx, bucket, prefix, after, limit)
	if err != nil {
		s.Fatalf("list %q %q %q: %v", bucket, prefix, after, err)
	}
	var got []string
	for _, r := range rs {
		got = append(got, r.Key)
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		s.Errorf("list of %q by %q after %q, %d:\n got %q\nwant %q", bucket, prefix, after, limit, got, want)
	}
}
