package server

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
)

// benchmarkGet sends the same request over keep-alive connections, one a processor, and reads answers of one length
// without looking into them: nearly all that is measured is the server.
func benchmarkGet(b *testing.B, addr, path string) {
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nAccept: application/fhir+json\r\nUser-Agent: bench\r\n\r\n")
	dial := func() net.Conn {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		return c
	}
	first := dial()
	first.Write(request)
	var head bytes.Buffer
	res, err := http.ReadResponse(bufio.NewReader(io.TeeReader(first, &head)), nil)
	if err != nil || res.StatusCode != 200 {
		b.Fatalf("%v %v", res, err)
	}
	io.Copy(io.Discard, res.Body)
	first.Close()
	size := head.Len()

	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		c, buf := dial(), make([]byte, size)
		defer c.Close()
		for pb.Next() {
			if _, err := c.Write(request); err != nil {
				b.Error(err)
				return
			}
			if _, err := io.ReadFull(c, buf); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkEmptyHandler is Fiber with a handler that does nothing: what every request costs.
func BenchmarkEmptyHandler(b *testing.B) {
	app := fiber.New(fiber.Config{DisableStartupMessage: true, CaseSensitive: true, StrictRouting: true})
	app.Get("/fhir/:type/:id", func(*fiber.Ctx) error { return nil })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go app.Listener(ln)
	defer app.Shutdown()
	benchmarkGet(b, ln.Addr().String(), "/fhir/Patient/1")
}

// BenchmarkReadHandler is a GET of a Patient of 2.3 KB from a store in memory. The goal is half the rate of
// BenchmarkEmptyHandler in the same run.
func BenchmarkReadHandler(b *testing.B) {
	w := open(b, nil)
	path, _ := w.created("Patient", patientOf(2300))
	benchmarkGet(b, strings.TrimPrefix(w.url, "http://"), path)
}

// BenchmarkHealthHandler is everything around an interaction: routing, headers, log, metrics.
func BenchmarkHealthHandler(b *testing.B) {
	w := open(b, nil)
	benchmarkGet(b, strings.TrimPrefix(w.url, "http://"), "/health/live")
}

func BenchmarkSearchHandler(b *testing.B) {
	w := open(b, nil)
	for range 20 {
		w.created("Patient", patientOf(2300))
	}
	benchmarkGet(b, strings.TrimPrefix(w.url, "http://"), "/fhir/Patient?family=smith&_count=20")
}

func BenchmarkMetadata(b *testing.B) {
	w := open(b, nil)
	benchmarkGet(b, strings.TrimPrefix(w.url, "http://"), "/fhir/metadata")
}

// patientOf is a Patient of about so many bytes.
func patientOf(size int) string {
	note := `{"use":"home","line":["12 Long Street"],"city":"Springfield","postalCode":"01234"},`
	n := max(1, (size-len(ann))/len(note))
	return strings.TrimSuffix(ann, "}") + `,"address":[` + strings.TrimSuffix(strings.Repeat(note, n), ",") + `]}`
}
