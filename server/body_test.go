package server

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/program"
)

func zip(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

func TestBodies(t *testing.T) {
	const limit = 100_000
	w := open(t, func(o *Options) { o.Limits.Body = limit })
	fits := `{"resourceType":"Patient","x":"` + strings.Repeat("a", limit-33) + `"}`
	truncated := zip([]byte(fits))
	truncated = truncated[:len(truncated)-5]
	for _, c := range []struct {
		name, coding, body string
		status             int
		code               string
	}{
		{"empty", "", "", 400, "required"},
		{"blank", "", " \n ", 400, "required"},
		{"malformed", "", `{"resourceType":"Patient"`, 400, "invalid"},
		{"byte order mark", "", "\ufeff{}", 400, ""},
		{"over the limit", "", fits + "  ", 413, "too-long"},
		{"far over the limit", "", strings.Repeat(" ", 20*limit), 413, "too-long"},
		{"gzip of malformed", "gzip", string(zip([]byte("{"))), 400, "invalid"},
		{"x-gzip of malformed", "X-GZIP", string(zip([]byte("{"))), 400, "invalid"},
		{"identity", "identity", "{", 400, "invalid"},
		{"gzip of nothing", "gzip", string(zip(nil)), 400, "required"},
		{"gzip header only in name", "gzip", "{}", 400, "structure"},
		{"empty as gzip", "gzip", "", 400, "structure"},
		{"truncated gzip", "gzip", string(truncated), 400, "structure"},
		{"gzip with trailing garbage", "gzip", string(zip([]byte("{}"))) + "garbage", 400, "structure"},
		{"gzip bomb", "gzip", string(zip(make([]byte, 100*limit))), 413, "too-long"},
		{"gzip over the limit by one", "gzip", string(zip([]byte(fits + " "))), 413, "too-long"},
		{"deflate", "deflate", "{}", 415, "not-supported"},
		{"brotli", "br", "{}", 415, "not-supported"},
		{"gzip twice", "gzip, gzip", "{}", 415, "not-supported"},
	} {
		for _, chunked := range []bool{false, true} {
			var r io.Reader = strings.NewReader(c.body)
			if chunked {
				r = io.MultiReader(r) // its length is not known
			}
			req, err := http.NewRequest("POST", w.url+"/fhir/Patient", r)
			if err != nil {
				t.Fatal(err)
			}
			header := []string{"Content-Type", "application/fhir+json"}
			if c.coding != "" {
				header = append(header, "Content-Encoding", c.coding)
			}
			t.Run(fmt.Sprintf("%s,chunked=%v", c.name, chunked), func(t *testing.T) {
				a := w.send(req, header...)
				if c.code == "" && a.status == c.status {
					return
				}
				a.outcome(t, c.status, c.code)
			})
		}
	}
	if got := len(fits); got != limit {
		t.Errorf("the body at the limit has %d bytes", got)
	}
}

// raw sends bytes over a connection of their own and reads answers until it is closed.
func raw(t *testing.T, w *site, request string) []*http.Response {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(program.Patience))
	go func() {
		io.WriteString(c, request) // fails where the server has had enough
		c.(*net.TCPConn).CloseWrite()
	}()
	var all []*http.Response
	for r := bufio.NewReader(c); ; {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return all
		}
		b, err := io.ReadAll(res.Body)
		if err != nil {
			return all
		}
		res.Body = io.NopCloser(bytes.NewReader(b))
		all = append(all, res)
	}
}

// A body that a route does not read must never be taken for the next request.
func TestUnreadBodyIsNotTheNextRequest(t *testing.T) {
	const limit = 100_000
	w := open(t, func(o *Options) { o.Limits.Body = limit; o.Anonymous = nil })
	inner := "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
	pad := strings.Repeat(" ", 20<<20)
	for _, c := range []struct {
		name, request string
		statuses      []int
	}{
		{"refused, short", fmt.Sprintf("POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(inner), inner), []int{401}},
		{"refused, then a request", fmt.Sprintf("POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s%s", len(inner), inner, inner), []int{401, 200}},
		{"refused, longer than a buffer", fmt.Sprintf("POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s%s%s", 50_000+len(inner), pad[:50_000], inner, inner), []int{401, 200}},
		{"refused, far too long", fmt.Sprintf("POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s%s", len(pad)+len(inner), pad, inner), []int{401}},
		{"a GET with a body", fmt.Sprintf("GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(inner), inner), []int{200}},
		{"chunked", fmt.Sprintf("POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n%s", len(inner), inner, inner), []int{401, 200}},
		{"badly chunked", "POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + inner, []int{401}},
		{"ends early", "POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n" + inner, nil},
	} {
		var got []int
		for _, r := range raw(t, w, c.request) {
			got = append(got, r.StatusCode)
		}
		if len(c.request) > 16<<20 && len(got) == 0 {
			continue // closed before the answer could be read
		}
		if c.statuses != nil && fmt.Sprint(got) != fmt.Sprint(c.statuses) {
			t.Errorf("%s: answers %v, want %v", c.name, got, c.statuses)
		}
		for _, status := range got {
			if c.statuses == nil && status < 400 {
				t.Errorf("%s: answered %d", c.name, status)
			}
		}
	}
}

func TestWhatIsNoRequestGetsAnOutcome(t *testing.T) {
	w := open(t, func(o *Options) { o.Limits.Header = 4096 })
	for _, c := range []struct {
		name, request string
		status        int
	}{
		{"no HTTP", "hello\r\n\r\n", 400},
		{"long header", "GET /fhir/metadata HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 10_000) + "\r\n\r\n", 431},
		{"long address", "GET /fhir/Patient?_id=" + strings.Repeat("a", 10_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
	} {
		answers := raw(t, w, c.request)
		if len(answers) != 1 {
			t.Errorf("%s: %d answers", c.name, len(answers))
			continue
		}
		a := answers[0]
		body, _ := io.ReadAll(a.Body)
		if a.StatusCode != c.status || a.Header.Get("Content-Type") != "application/fhir+json; charset=utf-8" ||
			!strings.Contains(string(body), `"OperationOutcome"`) || a.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %d %v %s", c.name, a.StatusCode, a.Header, body)
		}
	}
}

func TestFormIsLimited(t *testing.T) {
	w := open(t, func(o *Options) { o.Limits.Form = 1000 })
	form := "application/x-www-form-urlencoded"
	w.do("POST", "/fhir/Patient/_search", "name="+strings.Repeat("a", 2000), "Content-Type", form).outcome(t, 413, "too-long")
	w.do("POST", "/fhir/Patient/_search", "{}", "Content-Type", "application/fhir+json").outcome(t, 415, "not-supported")
	w.do("POST", "/fhir/Patient/_search", "_format=xml", "Content-Type", form).outcome(t, 406, "not-supported")
	w.do("POST", "/fhir/Patient/_search", "name=%FF", "Content-Type", form).outcome(t, 400, "invalid")
}

func TestReadAllTakesMemoryAsItComes(t *testing.T) {
	for _, n := range []int{0, 1, 4095, 4096, 4097, 1 << 20, 3<<20 + 1} {
		for _, size := range []int{-1, n} {
			b, err := readAll(bytes.NewReader(make([]byte, n)), size, 3<<20+1)
			if err != nil || len(b) != n {
				t.Errorf("%d bytes, said %d: got %d, %v", n, size, len(b), err)
			}
		}
	}
	if b, _ := readAll(strings.NewReader("x"), 60<<20, 64<<20); cap(b) > 2<<20 {
		t.Errorf("a promise of 60 MB took %d bytes", cap(b))
	}
	if _, err := readAll(strings.NewReader("four"), -1, 3); err == nil {
		t.Error("the limit does not hold")
	}
}
