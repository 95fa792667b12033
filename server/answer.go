package server

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/gzip"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/server/interaction"
)

// worthGzip is the size from which compressing an answer saves more than it costs.
const worthGzip = 1 << 10

// send answers with a resource. Nobody may change body afterwards: it is sent, not copied.
func (x *exchange) send(status int, body []byte) {
	x.res.SetStatusCode(status)
	x.res.Header.SetContentTypeBytes(vFHIR)
	if x.pretty {
		body = fhir.Pretty(body)
	}
	if len(body) >= worthGzip && x.takesGzip() {
		x.res.Header.SetContentEncodingBytes(vGzip)
		x.s.deflate(x, body)
		return
	}
	x.res.SetBodyRaw(body)
}

// deflate writes body as gzip, at the level that costs least: what is sent once is compressed once.
func (s *Server) deflate(x *exchange, body []byte) {
	z, _ := s.deflaters.Get().(*gzip.Writer)
	if z == nil {
		z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level exists
	}
	z.Reset(x.res.BodyWriter())
	z.Write(body) // into memory: cannot fail
	z.Close()
	s.deflaters.Put(z)
}

// fail answers with the OperationOutcome of an error.
func (x *exchange) fail(err error) {
	if errors.Is(err, context.DeadlineExceeded) && fhir.KindOf(err) == fhir.KindException {
		err = &fhir.Error{Kind: fhir.KindTimeout, Diagnostics: "the request took longer than this server allows", Err: err}
	}
	x.fault = err
	x.res.ResetBody()
	status := interaction.Status(err)
	switch status {
	case http.StatusUnauthorized:
		x.setBytes(hAuthenticate, vBearer)
	case http.StatusMethodNotAllowed:
		x.set(hAllow, x.allowed())
	case http.StatusUnsupportedMediaType:
		if x.route.method == http.MethodPatch {
			x.set(hAcceptPatch, strings.Join(patchFormats, ", "))
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		x.setBytes(hRetryAfter, vSecond)
	}
	x.setBytes(hCacheControl, vNoStore)
	x.send(status, interaction.OperationOutcome(err))
}

// allowed is the Allow header of a refused method: the methods of the path but this one.
func (x *exchange) allowed() string {
	var list []string
	for m := range strings.SplitSeq(x.route.allow, ", ") {
		if m != x.route.method {
			list = append(list, m)
		}
	}
	return strings.Join(list, ", ")
}

// protocolError answers what fasthttp cannot read as a request; the connection is closed afterwards.
func (s *Server) protocolError(c *fiber.Ctx, err error) error {
	x := s.begin(c, &s.unreadable)
	defer x.end()
	e := &fhir.Error{Kind: fhir.KindInvalid, Diagnostics: "this is no HTTP/1.1 request", Err: err}
	status := http.StatusBadRequest
	var f *fiber.Error
	if errors.As(err, &f) {
		switch status = f.Code; status {
		case http.StatusRequestHeaderFieldsTooLarge:
			e.Kind = fhir.KindTooLong
			e.Diagnostics = "the address and the headers are too long: send a long search with POST to _search"
		case http.StatusRequestTimeout:
			e.Kind, e.Diagnostics = fhir.KindTimeout, "the request did not come to its end in time"
		case http.StatusRequestEntityTooLarge:
			e.Kind, e.Diagnostics = fhir.KindTooLong, "the body is too long"
		default:
			status = http.StatusBadRequest
		}
	}
	x.fail(e)
	x.res.SetStatusCode(status)
	return nil
}
