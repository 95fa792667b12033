package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store/audit"
)

// exchange is one request and its answer. It is used again after the request: nothing may keep it, and strings of the
// request are copied before they go further (fasthttp uses their memory again).
type exchange struct {
	s     *Server
	c     *fiber.Ctx
	req   *fasthttp.Request
	res   *fasthttp.Response
	route *route

	begun  time.Time
	id     string // request id
	caller interaction.Caller
	who    audit.Who
	faults []error      // what of the caller's access opens nothing, and why: for the log
	trail  *audit.Trail // of a request that is an access
	typ    string       // resource type of the path
	pretty bool
	body   bodyReader
	ctx    context.Context // of the interaction, see context
	cancel context.CancelFunc
	fault  error    // why the answer is an error, for the log
	text   [64]byte // for headers, until the next one
	tag    [24]byte // the ETag
}

// handle is the one handler of all routes: who asks, in which format, for which type; then the row's own part.
func (s *Server) handle(r route) fiber.Handler {
	if r.serve == nil {
		r.serve = (*exchange).notYet
	}
	fhirPath := strings.HasPrefix(r.path, "/fhir")
	return func(c *fiber.Ctx) error {
		x := s.begin(c, &r)
		defer x.end() // a defer of its own, so that end recovers from panics
		if fhirPath {
			x.cors()
		}
		err := x.prepare()
		if err == nil {
			err = r.serve(x)
		}
		if err != nil {
			x.fail(err)
		}
		return nil
	}
}

func (s *Server) begin(c *fiber.Ctx, r *route) *exchange {
	x := s.exchanges.Get().(*exchange)
	*x = exchange{s: s, c: c, req: c.Request(), res: c.Response(), route: r, begun: time.Now()}
	x.body.begin(x.req)
	x.id = requestID(x.req.Header.PeekBytes(hRequestID))
	if x.id == "" {
		x.id = s.o.NewRequestID()
	}
	x.set(hRequestID, x.id)
	x.setBytes(hNoSniff, vNoSniff)
	s.metrics.inFlight.Inc()
	return x
}

// prepare finds what the path's row needs to know.
func (x *exchange) prepare() error {
	if err := x.checkHost(); err != nil {
		return err
	}
	if hidesSlash(x.req.URI()) {
		return x.unknownPath()
	}
	x.trail = x.audited()
	if !x.route.open {
		if err := x.authenticate(); err != nil {
			return err
		}
		x.notice(x.caller.Access)
		x.caller.Settled = x.notice
	}
	if err := x.negotiate(); err != nil && (x.route.codes != "" || x.route.op != "") {
		return err
	}
	if name := x.c.Params("type"); name != "" {
		i, ok := slices.BinarySearch(r4.Resources(), name)
		if !ok || !r4.Searchable(name) {
			_, err := search.Parse(strings.Clone(name), nil, search.Options{}) // names the type that was perhaps meant
			return err
		}
		x.typ = r4.Resources()[i] // our own string
	}
	if x.s.o.Trace && !x.route.open {
		x.trace(x.needs())
	}
	return nil
}

// context is that of the interaction: it ends Limits.Request after the first call.
func (x *exchange) context() context.Context {
	if x.ctx == nil {
		x.ctx, x.cancel = context.WithTimeout(x.trail.In(context.Background()), x.s.o.Limits.Request)
	}
	return x.ctx
}

// param is a segment of the path, copied.
func (x *exchange) param(name string) string { return strings.Clone(x.c.Params(name)) }

// end finishes every exchange, also one that panicked: metrics and the one line of the log.
func (x *exchange) end() {
	if p := recover(); p != nil {
		x.s.o.Logger.Error("panic", slog.String("request", x.id), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		x.fail(fmt.Errorf("panic: %v", p))
	}
	if x.cancel != nil {
		x.cancel()
	}
	x.ended()
	if !x.body.drain(x.s.o.Limits.Body) {
		x.res.SetConnectionClose() // the rest of the body is not the next request
	}
	status, took := x.res.StatusCode(), time.Since(x.begun)
	x.s.metrics.inFlight.Dec()
	x.s.metrics.answered(x.route.method, x.route.label, status, took)
	x.log(status, took)
	s := x.s
	*x = exchange{}
	s.exchanges.Put(x)
}

// log writes the line of the request. It holds nothing of the URL but the pattern and the type: ids and parameters
// are of patients.
func (x *exchange) log(status int, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case status >= http.StatusInternalServerError:
		level = slog.LevelError
	case len(x.faults) > 0:
		level = slog.LevelWarn
	}
	ctx := context.Background()
	if !x.s.o.Logger.Enabled(ctx, level) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 12),
		slog.String("method", x.route.method),
		slog.String("route", x.route.label),
		slog.String("type", x.typ),
		slog.Int("status", status),
		slog.Duration("took", took),
		slog.String("request", x.id),
	)
	if x.fault != nil {
		if level == slog.LevelError {
			attrs = append(attrs, slog.String("error", x.fault.Error()))
		} else { // a client's fault may quote the client
			attrs = append(attrs, slog.String("error", fhir.KindOf(x.fault).Code()))
		}
	}
	x.s.o.Logger.LogAttrs(ctx, level, "request", x.denial(attrs)...)
}

// requestID is the client's X-Request-Id where it is harmless: up to 64 letters, digits, - _ and dots.
func requestID(b []byte) string {
	if len(b) == 0 || len(b) > 64 {
		return ""
	}
	for _, c := range b {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return ""
		}
	}
	return string(b)
}
