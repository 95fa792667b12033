package history

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is as much of a FHIR server as a Client needs, with a fault that comes now and then.
type server struct {
	mu    sync.Mutex
	made  []stored // all versions, the oldest first
	now   map[string]stored
	fault string
	odds  int // one in so many
}

type stored struct {
	id      string
	version int
	body    json.RawMessage
}

type entry struct {
	Resource json.RawMessage
	Request  struct{ Method, URL, IfMatch string }
}

func (s *server) faulty(what string) bool {
	return strings.Contains(s.fault, what) && rand.IntN(s.odds) == 0
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faulty("busy") {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if s.faulty("rude") {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	switch {
	case r.Method == "GET" && name == "Basic/_history":
		s.list(w, s.made)
	case r.Method == "GET" && name == "Basic":
		var all []stored
		for _, v := range s.now {
			all = append(all, v)
		}
		s.list(w, all)
	case r.Method == "GET":
		v := s.now[name]
		if s.faulty("old reads") {
			v = s.made[slices.IndexFunc(s.made, func(v stored) bool { return "Basic/"+v.id == name })]
		}
		w.Write(v.full())
	case name == "":
		var b struct{ Entry []entry }
		json.NewDecoder(r.Body).Decode(&b)
		s.transact(w, b.Entry)
	default:
		e := entry{}
		e.Request.Method, e.Request.URL, e.Request.IfMatch = r.Method, name, r.Header.Get("If-Match")
		json.NewDecoder(r.Body).Decode(&e.Resource)
		value := r.Header.Get("If-None-Exist")
		if value != "" && !strings.Contains(s.fault, "blind conditions") {
			value = value[strings.Index(value, "|")+1:]
			if slices.ContainsFunc(s.made, func(v stored) bool { return strings.Contains(string(v.body), value) }) {
				return
			}
		}
		status, v := s.write(e)
		if s.faulty("lost answers") {
			w.Header().Set("Retry-After", "1")
			status = http.StatusServiceUnavailable
		}
		w.Header().Set("Location", fmt.Sprintf("Basic/%s/_history/%d", v.id, v.version))
		w.WriteHeader(status)
	}
}

// write carries out one write.
func (s *server) write(e entry) (status int, v stored) {
	id := strings.TrimPrefix(e.Request.URL, "Basic/")
	if e.Request.Method == "POST" {
		id = fmt.Sprintf("made-%d", len(s.made))
	}
	before := s.now["Basic/"+id]
	if m := e.Request.IfMatch; m != "" && m != etag(before.version) && !s.faulty("blind updates") {
		return http.StatusPreconditionFailed, v
	}
	v = stored{id, before.version + 1, e.Resource}
	if s.faulty("lost writes") && before.version == 0 {
		return http.StatusCreated, v
	}
	s.made, s.now["Basic/"+id] = append(s.made, v), v
	return http.StatusCreated, v
}

func (s *server) transact(w http.ResponseWriter, entries []entry) {
	for _, e := range entries {
		at := s.now[e.Request.URL]
		if m := e.Request.IfMatch; m != "" && m != etag(at.version) {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
	}
	var said []string
	for i, e := range entries {
		if i > 0 && s.faulty("torn transactions") {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, v := s.write(e)
		said = append(said, fmt.Sprintf(`{"response":{"location":"Basic/%s/_history/%d"}}`, v.id, v.version))
	}
	fmt.Fprintf(w, `{"entry":[%s]}`, strings.Join(said, ","))
}

func (v stored) full() []byte {
	var r map[string]any
	json.Unmarshal(v.body, &r)
	r["id"], r["meta"] = v.id, map[string]any{"versionId": fmt.Sprint(v.version), "lastUpdated": "2026-01-01T00:00:00Z"}
	text, _ := json.Marshal(r)
	return text
}

func (s *server) list(w http.ResponseWriter, all []stored) {
	var entries []string
	for _, v := range slices.Backward(all) {
		entries = append(entries, `{"resource":`+string(v.full())+`}`)
	}
	fmt.Fprintf(w, `{"entry":[%s]}`, strings.Join(entries, ","))
}

// TestClient: of a server that keeps its word nothing is said, of one that does not it is found.
func TestClient(t *testing.T) {
	for fault, want := range map[string]string{
		"": "", "busy": "",
		"rude":              "503 without Retry-After",
		"blind updates":     "lost update",
		"lost writes":       "lost: the",
		"torn transactions": "torn: the transaction",
		"old reads":         "was answered",
		"lost answers":      "",

		"lost answers, blind conditions": "doubled: the conditional create",
	} {
		s := &server{now: map[string]stored{}}
		h := httptest.NewServer(s)
		c := New(h.URL)
		if err := c.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		s.fault, s.odds = fault, 3
		s.mu.Unlock()
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			for deadline := time.Now().Add(time.Minute); c.Acknowledged() < 300 && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			stop()
		}()
		c.Write(ctx, 8)
		s.mu.Lock()
		s.fault = ""
		s.mu.Unlock()
		state, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Join(append(c.Complaints(), Check(c.Ops(), state)...), "\n")
		if want == "" && said != "" || !strings.Contains(said, want) {
			t.Errorf("%q: found %.500q, not %q", fault, said, want)
		}
		h.Close()
	}
}
