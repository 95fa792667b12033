package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/firewarden/firewarden/auth"
	own "github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/server/ui"
	"github.com/firewarden/firewarden/store/audit"
)

// Server answers HTTP requests. New makes one.
type Server struct {
	o          Options
	app        *fiber.App
	table      []route
	metrics    metrics
	key        [sha256.Size]byte // hash of the administrator's key
	metadata   statements
	pages      pages
	api        http.Handler // of administrators' scripts, if there is an authorization server
	unreadable route        // what no route can be found for
	exchanges  sync.Pool    // of *exchange
	inflaters  sync.Pool    // of *gzip.Reader
	deflaters  sync.Pool    // of *gzip.Writer

	mu       sync.Mutex // guards listener
	listener net.Listener
	stopping atomic.Bool
}

// Options are what a Server needs. Only Service is required.
type Options struct {
	Service *interaction.Service // its Base is the FHIR base of Location and of the CapabilityStatement
	// Anonymous is what a request without a token may do; nil: 401 for every FHIR request but metadata.
	Anonymous search.Access
	// Auth is the authorization server: it gives access tokens, and says on whose behalf they speak. nil: there is none.
	Auth     *auth.Server
	AdminKey string         // as a bearer token: the administrator, who may do everything; "" is nobody
	Hosts    []string       // names, with a port or without, by which it is called beside those of loopback; nil: whatever
	Proxies  []netip.Prefix // reverse proxies whose X-Forwarded-For says who asks
	Sandbox  bool           // says so on the pages
	Trace    bool           // answers name the scopes that let the request in: for sandboxes
	Pages    *ui.Pages      // nil: of Version and of the Service's Base
	Audit    *audit.Log     // of every access; nil: there is none
	Home     func() ui.Home // what the start page tells now; nil: where things are
	Version  string         // of the software
	Date     string         // of the CapabilityStatement, a FHIR dateTime; "" is the time of New

	Limits  Limits
	Logger  *slog.Logger                // nil: no log
	Ready   func(context.Context) error // nil: ready while it serves
	Metrics *prometheus.Registry        // nil: a new one

	Now          func() time.Time // of Date; nil is time.Now. Durations are measured, not told by it
	NewRequestID func() string    // nil: 64 random bits
}

// Limits bound requests. A zero field means that of DefaultLimits.
type Limits struct {
	Body    int           // bytes of a request's body, also after inflating it
	Form    int           // bytes of the form of a POST _search
	Header  int           // bytes of the request line and the headers
	Request time.Duration // of an interaction, from the end of the body on
	Upload  time.Duration // of reading a body, and of writing an answer
	Headers time.Duration // of reading the headers
	Idle    time.Duration // between two requests of a connection
}

// DefaultLimits hold where Options.Limits is zero.
var DefaultLimits = Limits{
	Body:    64 << 20,
	Form:    1 << 20,
	Header:  16 << 10,
	Request: time.Minute,
	Upload:  5 * time.Minute,
	Headers: 10 * time.Second,
	Idle:    2 * time.Minute,
}

// New makes a Server. It panics if the CapabilityStatement cannot be built, which only a fault in our own tables does.
func New(o Options) *Server {
	o.Limits = o.Limits.orDefault()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewRequestID == nil {
		o.NewRequestID = randomID
	}
	s := &Server{o: o, key: sha256.Sum256([]byte(o.AdminKey)), metrics: newMetrics(o.Metrics)}
	if o.Audit != nil {
		s.metrics.ofLog(o.Audit)
	}
	s.exchanges.New = func() any { return new(exchange) }
	if o.Auth != nil {
		s.api = o.Auth.API()
	}
	s.table = routes(o.Auth != nil)
	table := s.table
	date := o.Date
	if date == "" {
		date = o.Now().UTC().Format(time.RFC3339)
	}
	s.metadata.build = func(params *own.Set) document { return s.capabilityStatement(table, date, params) }
	s.metadata.of(o.Service.Parameters.Set())
	s.pages = s.makePages(table)

	s.app = fiber.New(fiber.Config{
		CaseSensitive:                true,
		StrictRouting:                true,
		UnescapePath:                 true,
		DisableStartupMessage:        true,
		DisableDefaultContentType:    true,
		DisablePreParseMultipartForm: true,
		StreamRequestBody:            true,        // we read bodies ourselves, after we know who sends them
		BodyLimit:                    math.MaxInt, // so the limit is ours
		ReadBufferSize:               o.Limits.Header,
		WriteBufferSize:              32 << 10, // a page of 20 is written at once
		ReadTimeout:                  o.Limits.Headers,
		WriteTimeout:                 o.Limits.Upload,
		IdleTimeout:                  o.Limits.Idle,
		ErrorHandler:                 s.protocolError,
	})
	s.register(table)
	h := s.app.Server()
	h.CloseOnShutdown = true
	h.HeaderReceived = func(h *fasthttp.RequestHeader) (c fasthttp.RequestConfig) {
		if h.ContentLength() != 0 && !h.IsGet() && !h.IsHead() {
			c.ReadTimeout = o.Limits.Upload
		}
		return c
	}
	serve := h.Handler
	h.Handler = func(c *fasthttp.RequestCtx) {
		if !known(c.Method()) { // Fiber answers these itself, in plain text
			c.Request.Header.SetMethod(http.MethodTrace) // a known method that no route has
		}
		serve(c)
	}
	return s
}

// Serve answers requests on ln until Shutdown; it returns nil then. One Server serves one listener.
func (s *Server) Serve(ln net.Listener) error {
	ln = &onceListener{Listener: ln}
	s.mu.Lock()
	s.listener = ln
	s.mu.Unlock()
	if s.stopping.Load() {
		return ln.Close()
	}
	if err := s.app.Listener(ln); err != nil && !s.stopping.Load() {
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	}
	return nil
}

// Shutdown takes no more connections, closes idle ones and waits until the requests that have begun are answered or
// ctx ends. Readiness is gone from its beginning.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	s.mu.Lock()
	ln := s.listener
	s.mu.Unlock()
	var closed error
	if ln != nil {
		closed = ln.Close() // also a listener that Serve has not handed on yet
	}
	if err := errors.Join(closed, s.app.ShutdownWithContext(ctx)); err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

// onceListener may be closed several times, by us and by fasthttp.
type onceListener struct {
	net.Listener
	once sync.Once
	err  error
}

func (l *onceListener) Close() error {
	l.once.Do(func() { l.err = l.Listener.Close() })
	return l.err
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	set(&d.Body, l.Body)
	set(&d.Form, l.Form)
	set(&d.Header, l.Header)
	set(&d.Request, l.Request)
	set(&d.Upload, l.Upload)
	set(&d.Headers, l.Headers)
	set(&d.Idle, l.Idle)
	return d
}

func set[T int | time.Duration](to *T, v T) {
	if v != 0 {
		*to = v
	}
}

func randomID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
