package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/program"
)

func packed(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

const (
	good     = `{"resourceType":"Patient","id":"%s","gender":"female"}`
	bad      = `{"resourceType":"Patient","id":"%s","gender":"purple"}`
	request  = `{"resource":%s,"request":{"method":"PUT","url":"Patient/%s"}}`
	bundleOf = `{"resourceType":"Bundle","type":"%s","entry":[%s]}`
)

func patient(form, id string) string { return fmt.Sprintf(form, id) }

func put(form, id string) string { return fmt.Sprintf(request, patient(form, id), id) }

func bundled(kind string, entries ...string) string {
	return fmt.Sprintf(bundleOf, kind, strings.Join(entries, ","))
}

// collected are entries without requests.
func collected(resources ...string) string {
	return `{"resource":` + strings.Join(resources, `},{"resource":`) + `}`
}

// TestFormsOfFiles: what a file may look like, what is loaded of it and what is said of the rest.
func TestFormsOfFiles(t *testing.T) {
	lines := func(l ...string) string { return strings.Join(l, "\n") + "\n" }
	tests := []struct {
		name, file, text string
		patients         int      // loaded
		faults           []string // parts of what is said, in any order; none: all is well
	}{
		{"one resource", "p.json", patient(good, "a"), 1, nil},
		{"one resource, spread", "p.json", "\n{\n  \"resourceType\": \"Patient\",\n  \"id\": \"a\"\n}\n", 1, nil},
		{"no id", "p.json", `{"resourceType":"Patient"}`, 1, nil},
		{"gzip", "p.json.gz", packed(patient(good, "a")), 1, nil},
		{"gzip by its bytes", "p.json", packed(patient(good, "a")), 1, nil},
		{"another name", "patients", lines(patient(good, "a"), patient(good, "b")), 2, nil},
		{"lines", "p.ndjson", lines(patient(good, "a"), "", patient(good, "b")), 2, nil},
		{"lines without the last end", "p.ndjson", patient(good, "a") + "\r\n" + patient(good, "b"), 2, nil},
		{"lines named json", "p.json", lines(patient(good, "a"), bundled("transaction", put(good, "b"))), 2, nil},
		{"packed lines", "p.ndjson.gz", packed(lines(patient(good, "a"), patient(good, "b"))), 2, nil},
		{"many lines", "p.ndjson", many(250), 250, nil},
		{"the same id twice", "p.ndjson", lines(patient(good, "a"), patient(good, "a")), 1, nil},
		{"transaction", "b.json", bundled("transaction", put(good, "a"), put(good, "b")), 2, nil},
		{"batch", "b.json", bundled("batch", put(good, "a"), put(good, "b")), 2, nil},
		{"collection", "b.json", bundled("collection", collected(patient(good, "a"), patient(good, "b"))), 2, nil},
		{"answer of a search", "b.json", bundled("searchset", collected(patient(good, "a"))+`,{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"invalid"}]},"search":{"mode":"outcome"}}`), 1, nil},
		{"empty Bundle", "b.json", `{"resourceType":"Bundle","type":"transaction"}`, 0, nil},
		{"empty file", "b.ndjson", "", 0, nil},
		{"document stays a Bundle", "b.json", `{"resourceType":"Bundle","id":"d","type":"document","entry":[{"fullUrl":"urn:uuid:5b1f2c6e-0000-4000-8000-000000000001","resource":` + patient(good, "a") + `}]}`, 0, nil},

		{"faulty line", "p.ndjson", lines(patient(good, "a"), patient(bad, "b"), patient(good, "c")), 2, []string{"p.ndjson:2: code-invalid at Patient.gender"}},
		{"broken line", "p.ndjson", lines(patient(good, "a"), `{"resourceType":"Patient",`, patient(good, "c")), 2, []string{"p.ndjson:2: invalid at Patient"}},
		{"no FHIR", "p.ndjson", lines(`{"a":1}`, `[1]`, patient(good, "c")), 1, []string{"p.ndjson:1: ", "p.ndjson:2: "}},
		{"faulty entry of a batch", "b.json", bundled("batch", put(good, "a"), put(bad, "b"), put(good, "c")), 2, []string{"b.json:1: entry 1: code-invalid at Patient.gender"}},
		{"faulty entry of a transaction", "b.json", "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[\n" + put(good, "a") + ",\n" + put(bad, "b") + "]}", 0, []string{"b.json:3: entry 1: code-invalid at Patient.gender"}},
		{"faulty entry of a collection", "b.json", bundled("collection", collected(patient(good, "a"), patient(bad, "b"))), 1, []string{"b.json:1: entry 1: code-invalid at Patient.gender"}},
		{"the next Bundle", "b.ndjson", lines(bundled("transaction", put(bad, "a")), bundled("transaction", put(good, "b"))), 1, []string{"b.ndjson:1: entry 0: code-invalid"}},
		{"no request", "b.json", bundled("transaction", collected(patient(good, "a"))), 0, []string{"b.json:1: entry 0: "}},
		{"history", "b.json", `{"resourceType":"Bundle","type":"history"}`, 0, []string{"b.json:1: a history Bundle cannot be loaded"}},
		{"unknown type", "p.json", `{"resourceType":"Patiet","id":"a"}`, 0, []string{"p.json:1: "}},
		{"wrong id", "p.json", `{"resourceType":"Patient","id":"a b"}`, 0, []string{"p.json:1: "}},
		{"cut gzip", "p.json.gz", packed(patient(good, "a"))[:30], 0, []string{"unexpected EOF"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			code, out, errs := run(t, "load", "--store", dir, file(t, tt.file, tt.text))
			want := 0
			if tt.faults != nil {
				want = 1
			}
			if code != want {
				t.Errorf("ended with %d: %s", code, errs)
			}
			for _, part := range tt.faults {
				if !strings.Contains(errs, part) {
					t.Errorf("%q does not say %q", errs, part)
				}
			}
			if tt.patients > 0 && !strings.Contains(out, fmt.Sprintf("%12d Patient\n", tt.patients)) && tt.name != "the same id twice" {
				t.Errorf("the summary does not count %d patients:\n%s", tt.patients, out)
			}
			if stored := strings.Count(mustRun(t, "export", "--store", dir, "--type", "Patient"), "\n"); stored != tt.patients {
				t.Errorf("%d patients, want %d", stored, tt.patients)
			}
		})
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, patient(good, fmt.Sprintf("p%d", i)))
	}
	return b.String()
}

// TestCollectionsKeepTheirReferences: entries without ids refer to each other by fullUrl.
func TestCollectionsKeepTheirReferences(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	const urn = "urn:uuid:5b1f2c6e-0000-4000-8000-000000000001"
	text := `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"` + urn + `","resource":{"resourceType":"Patient"}},` +
		`{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"` + urn + `"}}}]}`
	mustRun(t, "load", "--store", dir, file(t, "b.json", text))
	if out := mustRun(t, "export", "--store", dir, "--type", "Observation"); !strings.Contains(out, `"subject":{"reference":"Patient/`) {
		t.Errorf("the reference stayed: %s", out)
	}
}

func TestStrictStopsAtTheFirstFault(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"a.ndjson": patient(good, "a"), "b.json": patient(bad, "b"), "c.ndjson": patient(bad, "c")} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := run(t, "load", "--strict", "--store", filepath.Join(t.TempDir(), "store"), folder)
	if code != 1 || !strings.Contains(errs, "b.json:1") || strings.Contains(errs, "c.ndjson") || !strings.Contains(out, "1 fault ") {
		t.Errorf("code %d: %s%s", code, out, errs)
	}
}

// TestFoldersAreReadInOrder, and what is no FHIR in them is passed over, which is no fault.
func TestFoldersAreReadInOrder(t *testing.T) {
	folder := t.TempDir()
	organization := `{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Organization","identifier":[{"system":"urn:o","value":"1"}]},` +
		`"request":{"method":"POST","url":"Organization","ifNoneExist":"identifier=urn:o|1"}}]}`
	patient := `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","managingOrganization":{"reference":"Organization?identifier=urn:o|1"}},"request":{"method":"POST","url":"Patient"}}]}`
	for name, text := range map[string]string{
		"00.ndjson":       organization + "\n" + patient + "\n",
		"sub/10.ndjson":   strings.Repeat(patient+"\n", 20),
		"02.json":         organization,
		"manifest.json":   `[{"file":"00.ndjson"}]`,
		"notes.txt":       "nothing",
		".hidden/99.json": "{",
	} {
		path := filepath.Join(folder, name)
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := run(t, "load", "--store", filepath.Join(t.TempDir(), "store"), folder)
	if code != 0 || !strings.Contains(out, "          21 Patient\n           1 Organization\n1 were there already") || !strings.Contains(errs, "manifest.json: passed over") {
		t.Errorf("code %d: %s%s", code, out, errs)
	}
	// Named, it is meant to be FHIR.
	if code, _, errs := run(t, "load", "--store", filepath.Join(t.TempDir(), "store"), filepath.Join(folder, "manifest.json")); code != 1 || !strings.Contains(errs, "manifest.json:1: ") {
		t.Errorf("code %d: %s", code, errs)
	}
}

// TestLoadIntoAServer: the same as into a store; the key is found.
func TestLoadIntoAServer(t *testing.T) {
	text := bundled("batch", put(good, "a"), put(bad, "b")) + "\n" + bundled("transaction", put(bad, "c")) + "\n" + patient(good, "d") + "\n" + patient(bad, "e") + "\n"
	f := file(t, "mixed.ndjson", text)
	dir := filepath.Join(t.TempDir(), "store")
	for name, r := range map[string]*running{
		"sandbox": start(t, "sandbox"),
		"serve":   start(t, "serve", "--store", dir, "--admin-key", "correct-horse-battery"),
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"load", "--to", r.url, f}
			if name == "serve" {
				if code, _, errs := run(t, args...); code != 1 || !strings.Contains(errs, "wants a key") {
					t.Errorf("without the key: %d %s", code, errs)
				}
				if code, _, errs := run(t, append(args, "--token", "wrong-horse-battery")...); code != 1 || !strings.Contains(errs, "wants a key") {
					t.Errorf("with a wrong key: %d %s", code, errs)
				}
				args = append(args, "--admin-key", "correct-horse-battery")
				r.token = "correct-horse-battery"
			}
			code, out, errs := run(t, args...)
			if code != 1 || !strings.Contains(out, "2 Patient\n3 faults") {
				t.Errorf("code %d: %s", code, out)
			}
			for _, part := range []string{"mixed.ndjson:1: entry 1: code-invalid at Patient.gender", "mixed.ndjson:2: entry 0: code-invalid at Patient.gender", "mixed.ndjson:4: code-invalid at Patient.gender"} {
				if !strings.Contains(errs, part) {
					t.Errorf("%q does not say %q", errs, part)
				}
			}
			r.get("/fhir/Patient/a")
			r.get("/fhir/Patient/d")
		})
	}
}

// TestTheKeyIsFound in the folder of the store that the environment names, for a server of this machine.
func TestTheKeyIsFound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	r := start(t, "serve", "--store", dir)
	var out, errs program.Output
	m := Main{Args: []string{"load", "--to", r.url, file(t, "p.json", patient(good, "a"))}, Env: []string{"FIREWARDEN_STORE=" + dir}, Stdout: &out, Stderr: &errs}
	if code := m.Run(t.Context()); code != 0 || !strings.Contains(out.String(), "1 Patient\n") {
		t.Errorf("code %d: %s%s", code, out.String(), errs.String())
	}
}

// TestAServerThatDies ends the load: it says so, and what was stored.
func TestAServerThatDies(t *testing.T) {
	var calls atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == "GET":
			fmt.Fprint(w, `{"resourceType":"Bundle","type":"searchset"}`)
		case calls.Add(1) == 1:
			fmt.Fprint(w, `{"resourceType":"Bundle","type":"transaction-response","entry":[{"response":{"status":"201 Created"}}]}`)
		default:
			panic(http.ErrAbortHandler)
		}
	}))
	defer s.Close()
	one := bundled("transaction", put(good, "a")) + "\n"
	code, out, errs := run(t, "load", "--jobs", "1", "--to", s.URL, file(t, "b.ndjson", one+one+one))
	if code != 1 || !strings.Contains(out, "1 Patient\n") || !strings.Contains(errs, "EOF") || calls.Load() != 2 {
		t.Errorf("code %d after %d calls: %s%s", code, calls.Load(), out, errs)
	}
}

// TestABusyServerIsAskedAgain, later and later, as it says; what it refuses for good is not.
func TestABusyServerIsAskedAgain(t *testing.T) {
	var calls atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := calls.Add(1); {
		case n == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case n == 2:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		case n == 3:
			fmt.Fprint(w, `{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"201 Created"}}]}`)
		default:
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"processing","diagnostics":"no","expression":["Bundle.entry[0]"]}]}`)
		}
	}))
	defer s.Close()
	var slept []time.Duration
	r := &remote{base: s.URL, client: s.Client(), wait: func(_ context.Context, d time.Duration) error {
		slept = append(slept, d)
		return nil
	}}
	if answer, err := r.do(t.Context(), "POST", s.URL, []byte("{}")); err != nil || !strings.Contains(string(answer), "201") {
		t.Fatalf("%s, %v", answer, err)
	}
	if len(slept) != 2 || slept[0] != 250*time.Millisecond || slept[1] != 7*time.Second {
		t.Errorf("slept %v", slept)
	}
	_, err := r.do(t.Context(), "POST", s.URL, []byte("{}"))
	if i, ok := entryOf(err); err == nil || !refused(err) || !ok || i != 0 || calls.Load() != 4 {
		t.Errorf("a refusal: %v after %d calls", err, calls.Load())
	}
}

// TestExport: what is loaded comes out again byte for byte but for meta, from a store and from a server, and loads into
// another store.
func TestExport(t *testing.T) {
	first, second := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "store")
	out, again, served := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "again"), filepath.Join(t.TempDir(), "served")
	mustRun(t, "load", "--store", first, "../../store/storetest/truth/testdata")
	summary := mustRun(t, "export", "--store", first, "--out", out)
	if !strings.Contains(summary, "         186 Observation\n") || !strings.Contains(summary, "408 resources in 14 files") {
		t.Errorf("export:\n%s", summary)
	}
	mustRun(t, "load", "--store", second, out)
	mustRun(t, "export", "--store", second, "--out", again)
	r := start(t, "serve", "--store", first, "--base-url", "http://127.0.0.1:8080")
	mustRun(t, "export", "--server", r.url, "--token", strings.TrimSpace(read(t, filepath.Join(first, "admin-key"))), "--out", served)
	files, _ := filepath.Glob(filepath.Join(out, "*.ndjson"))
	if len(files) != 14 {
		t.Fatalf("%d files", len(files))
	}
	for _, f := range files {
		name := filepath.Base(f)
		if read(t, f) != read(t, filepath.Join(served, name)) {
			t.Errorf("%s: a server exports something else than its store", name)
		}
		if a, b := withoutUpdated(read(t, f)), withoutUpdated(read(t, filepath.Join(again, name))); a != b {
			t.Errorf("%s differs after another load:\n%.300s\n%.300s", name, a, b)
		}
	}
	if code, _, errs := run(t, "export", "--store", second, "--out", again); code != 1 || !strings.Contains(errs, "file exists") {
		t.Errorf("a file that is there: %d %s", code, errs)
	}
}

// withoutUpdated removes the moment of storing, and the order, which among resources of one moment is that of storing.
func withoutUpdated(ndjson string) string {
	lines := strings.Split(ndjson, "\n")
	for i, l := range lines {
		before, rest, ok := strings.Cut(l, `"lastUpdated":"`)
		if ok {
			_, rest, _ = strings.Cut(rest, `"`)
			lines[i] = before + rest
		}
	}
	return strings.Join(slices.Sorted(slices.Values(lines)), "\n")
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
