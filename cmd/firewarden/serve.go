package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/auth/words"
	"github.com/firewarden/firewarden/internal/config"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/server"
	"github.com/firewarden/firewarden/server/ui"
)

// A site is a server that has been put together: its listeners, its store, its key.
type site struct {
	m        *Main
	c        *config.Config
	sandbox  bool
	scopes   scope.Set // of requests without a token
	listener net.Listener
	metrics  net.Listener // nil if there are none
	base     string
	data     *data
	key      adminKey
	seeded   string // what the sandbox put into an empty store
	log      *slog.Logger
	texts    words.Texts
	pages    *ui.Pages
	auth     *auth.Server
	setup    string // one-time link that makes the first administrator, "" if there is one
	server   *server.Server
}

func newServe(sandbox bool) func(*flag.FlagSet) runner {
	return func(*flag.FlagSet) runner {
		return func(ctx context.Context, m *Main, in *input, _ []string) error {
			c, scopes, err := in.load(sandbox)
			if err := m.tell(c, err); err != nil {
				return usageError(err.Error())
			}
			s := &site{m: m, c: c, sandbox: sandbox, scopes: scopes, log: m.logger(c)}
			return errors.Join(s.run(ctx), s.close())
		}
	}
}

// run serves until ctx ends and then lets the requests that have begun end.
func (s *site) run(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	s.announce()
	if s.m.Started != nil {
		a := Addresses{Listen: s.listener.Addr().String(), Base: s.base}
		if s.metrics != nil {
			a.Metrics = s.metrics.Addr().String()
		}
		s.m.Started(a)
	}
	working, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer func() { stop(); work.Wait() }() // before the store is closed
	work.Go(func() { s.maintain(working) })
	work.Go(func() {
		s.data.service.Parameters.Run(working, func(err error) { s.log.Error("own search parameters", slog.String("error", err.Error())) })
	})
	work.Go(func() {
		s.data.log.Run(working, func(err error) { s.log.Error("audit log", slog.String("error", err.Error())) })
	})
	ended := make(chan error, 2)
	go func() { ended <- s.server.Serve(s.listener) }()
	var figures http.Server
	if s.metrics != nil {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", s.server.Metrics())
		figures = http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
		go func() {
			if err := figures.Serve(s.metrics); !errors.Is(err, http.ErrServerClosed) {
				s.log.Error("metrics ended", slog.String("error", err.Error()))
			}
		}()
		defer figures.Close()
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	s.log.Info("stopping", slog.Duration("requests get", s.c.StopTimeout))
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.c.StopTimeout)
	defer cancel()
	if err := s.server.Shutdown(deadline); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			s.log.Warn("requests were cut off", slog.Duration("after", s.c.StopTimeout))
			return nil
		}
		return err
	}
	return nil
}

// maintain has the authorization server do what is due, until ctx ends.
func (s *site) maintain(ctx context.Context) {
	for {
		if err := s.auth.Maintain(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("signing keys", slog.String("error", err.Error()))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Minute):
		}
	}
}

// open takes the addresses, opens the store and puts the server together.
func (s *site) open(ctx context.Context) (err error) {
	if s.listener, err = listen("listen", s.c.Listen); err != nil {
		return err
	}
	if s.c.MetricsListen != "" {
		s.metrics, err = listen("metrics-listen", s.c.MetricsListen)
		switch {
		case errors.Is(err, syscall.EADDRINUSE) && s.c.Default("metrics-listen"):
			s.log.Warn("no metrics: their address is in use, --metrics-listen names another", slog.String("address", s.c.MetricsListen))
		case err != nil:
			return err
		}
	}
	if s.c.TLS() {
		t, err := newCertificate(s.c, s.log)
		if err != nil {
			return err
		}
		s.listener = tls.NewListener(s.listener, t.settings())
	}
	host, _, _ := net.SplitHostPort(s.c.Listen)
	s.base = baseOf(s.c, net.JoinHostPort(host, strconv.Itoa(s.listener.Addr().(*net.TCPAddr).Port)))
	s.data, err = openData(ctx, s.m, s.c, s.base+"/fhir", mode(s.sandbox))
	if err != nil {
		return err
	}
	if s.key, err = s.m.administrator(s.c, s.data.folder); err != nil {
		return err
	}
	if s.data.embedded != nil { // nobody else has it open
		if err = s.data.log.Recover(ctx); err != nil {
			return err
		}
	}
	if s.sandbox {
		if s.seeded, err = s.seed(ctx); err != nil {
			return err
		}
	}
	if err = s.makePages(); err != nil {
		return err
	}
	if err = s.authorization(ctx); err != nil {
		return err
	}
	var anonymous search.Access
	if len(s.scopes.Data()) > 0 {
		anonymous = s.scopes.Access(scope.Context{})
	}
	s.server = server.New(server.Options{
		Service:   s.data.service,
		Anonymous: anonymous,
		Auth:      s.auth,
		AdminKey:  s.key.text,
		Audit:     s.data.log,
		Hosts:     s.hosts(),
		Proxies:   s.c.Proxies,
		Sandbox:   s.sandbox,
		Trace:     s.sandbox,
		Pages:     s.pages,
		Home:      s.home,
		Version:   version,
		Logger:    s.log,
		Ready:     s.data.ready,
		Now:       s.m.Now,
	})
	return nil
}

// hosts are the names by which a server is called that only this machine reaches; nil for one that others reach.
func (s *site) hosts() []string {
	if !s.c.Loopback() {
		return nil
	}
	names := slices.Clone(s.c.Hosts)
	if u, err := url.Parse(s.base); err == nil {
		names = append(names, strings.ToLower(u.Host), strings.ToLower(u.Hostname())) // a proxy may leave the port out
	}
	return names
}

// close gives back what open took.
func (s *site) close() error {
	var err error
	if s.data != nil {
		err = s.data.close()
	}
	for _, l := range []net.Listener{s.listener, s.metrics} {
		if l != nil {
			l.Close() // most often closed already
		}
	}
	return err
}

func listen(key, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: another program answers on %s: stop it, or choose another port, as in --%s 127.0.0.1:0: %w", key, address, key, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return l, nil
}

// announce says where everything is.
func (s *site) announce() {
	w := s.m.Stdout
	kind := ""
	if s.sandbox {
		kind = "   SANDBOX, synthetic data only"
	}
	fmt.Fprintf(w, "firewarden %s%s   store %s", version, kind, s.c.Place())
	if s.seeded != "" {
		fmt.Fprintf(w, "   %s", s.seeded)
	}
	lines := [][2]string{
		{"Start", s.base + "/"},
		{"FHIR", fmt.Sprintf("%-40s GET /fhir/metadata", s.base+"/fhir")},
		{"SMART", s.base + "/fhir/.well-known/smart-configuration"},
		{"API docs", s.base + "/docs"},
		{"Admin", s.key.told},
	}
	health := fmt.Sprintf("%-40s", s.base+"/health")
	if s.metrics != nil {
		health += " metrics http://" + s.metrics.Addr().String() + "/metrics"
	}
	lines = append(lines, [2]string{"Health", strings.TrimRight(health, " ")})
	fmt.Fprintln(w)
	for i, l := range lines {
		branch := "├─"
		if i == len(lines)-1 {
			branch = "└─"
		}
		fmt.Fprintf(w, "%s %-8s %s\n", branch, l[0], l[1])
	}
	s.announceUsers()
	if s.c.Anonymous != "" {
		fmt.Fprintf(w, "\nANONYMOUS ACCESS: whoever reaches %s may, without a token: %s\n(by %s)\n", s.listener.Addr(), s.c.Anonymous, s.c.Source("anonymous"))
	}
}

func (m *Main) logger(c *config.Config) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(m.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(m.Stderr, o))
}
