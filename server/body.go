package server

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/valyala/fasthttp"

	"github.com/firewarden/firewarden/internal/fhir"
)

// bodyReader reads the body of a request. Unlike fasthttp's stream it stays at its end.
type bodyReader struct {
	from io.Reader // nil: no body
	size int       // Content-Length; -1: chunked
	read int
	err  error // what ended it; io.EOF is the regular end
}

func (r *bodyReader) begin(req *fasthttp.Request) {
	if !req.IsBodyStream() {
		r.err = io.EOF
		return
	}
	r.from, r.size = req.BodyStream(), req.Header.ContentLength()
	if r.size == 0 {
		r.err = io.EOF
	}
}

func (r *bodyReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.from.Read(p)
	r.read += n
	r.err = err
	if err == nil && r.read == r.size {
		r.err = io.EOF
	}
	return n, r.err
}

// drain reads what is left, as much as once more the limit, and says whether the body ended. A client that still sends
// when the connection is closed may never see its answer.
func (r *bodyReader) drain(limit int) bool {
	if r.err == nil {
		io.Copy(io.Discard, io.LimitReader(r, int64(max(limit, 16<<20)))) // its end is in r.err
	}
	return r.err == io.EOF
}

// content is the body of the request, inflated if it is gzip, at most max bytes. The bytes are the caller's to keep.
func (x *exchange) content(max int) ([]byte, error) {
	if x.body.size > max {
		return nil, tooLong(max)
	}
	coding := bytes.TrimSpace(x.req.Header.PeekBytes(hContentEncoding))
	switch {
	case len(coding) == 0 || bytes.EqualFold(coding, []byte("identity")):
		return readAll(&x.body, x.body.size, max)
	case bytes.EqualFold(coding, vGzip) || bytes.EqualFold(coding, []byte("x-gzip")):
		z, _ := x.s.inflaters.Get().(*gzip.Reader)
		if z == nil {
			z = new(gzip.Reader)
		}
		defer x.s.inflaters.Put(z)
		var b []byte
		err := z.Reset(&x.body)
		if err == nil {
			b, err = readAll(z, -1, max)
		} else {
			err = broken(err)
		}
		if fhir.KindOf(err) == fhir.KindStructure && (x.body.err == nil || x.body.err == io.EOF) {
			return nil, fhir.Errorf(fhir.KindStructure, "http.Content-Encoding", "the body is not the gzip that its Content-Encoding says")
		}
		return b, err
	}
	return nil, fhir.Errorf(fhir.KindMediaType, "http.Content-Encoding", "the only coding of bodies is gzip")
}

// readAll reads to the end, at most max bytes. It takes memory as the bytes come, not as a header promises.
func readAll(r io.Reader, size, max int) ([]byte, error) {
	const promise = 1 << 20
	if size < 0 {
		size = 4 << 10
	}
	b := make([]byte, 0, min(size, promise)+1) // one more: the end is seen without growing
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case len(b) > max:
			return nil, tooLong(max)
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, broken(err)
		}
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(2*cap(b), max+1)), b...)
		}
	}
}

func tooLong(max int) error {
	return fhir.Errorf(fhir.KindTooLong, "", "the body is over the limit of %d bytes", max)
}

// broken is a body that ends early, comes too slowly, or is badly chunked.
func broken(err error) error {
	return &fhir.Error{Kind: fhir.KindStructure, Diagnostics: "the body cannot be read to its end", Err: err}
}
