package proof

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/proof/model"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/server"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/storetest"
)

// site is a server whose store, clock, randomness and caller are those of the case at hand.
type site struct {
	service *interaction.Service
	caller  *scope.Access // of requests
	http    *http.Client
	clock   time.Time
	ids     int
	pages   map[int]string // of the case at hand: the second page of the answers of a request
	journal
}

// began is the moment of the first write of a world; the others follow by a second, requests after a month.
var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// current is the access of the case at hand.
type current struct{ s *site }

func (c current) Allowed(i search.Interaction, typ string) search.Expr {
	return c.s.caller.Allowed(i, typ)
}
func (c current) Content(i search.Interaction, typ string) search.Expr {
	return c.s.caller.Content(i, typ)
}
func (c current) UpdateCreates(typ string) bool { return c.s.caller.UpdateCreates(typ) }
func (c current) Attaches(i search.Interaction, typ string) search.Expr {
	return c.s.caller.Attaches(i, typ)
}
func (c current) Shares(i search.Interaction, typ string) scope.Shares {
	return c.s.caller.Shares(i, typ)
}
func (c current) Settled() bool { return c.s.caller.Settled() }
func (c current) Settle(params func() (*parameters.Set, error), find func(search.Query) (search.Panel, error)) (search.Access, error) {
	return c.s.caller.Settle(params, find)
}

// errorsOnly is a log of what a server says of its own faults: the answers do not tell.
type errorsOnly struct{ t testing.TB }

func (l errorsOnly) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelError
}
func (l errorsOnly) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l errorsOnly) WithGroup(string) slog.Handler      { return l }
func (l errorsOnly) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool { l.t.Logf("%s: %s", r.Message, a); return true })
	return nil
}

func newSite(t testing.TB) *site {
	s := &site{}
	s.service = &interaction.Service{
		Indexer: &index.Indexer{Base: storetest.Base},
		Base:    storetest.Base,
		NewID:   func() string { s.ids++; return fmt.Sprintf("new-%d", s.ids) },
		Now:     func() time.Time { return s.clock },

		ConditionalDelete: interaction.DeleteMultiple,
	}
	s.openLog(t)
	srv := server.New(server.Options{Service: s.service, Anonymous: current{s}, Version: "test", Date: "2026-01-01", Trace: true, Audit: s.log,
		NewRequestID: func() string { return s.request }, Logger: slog.New(errorsOnly{t})})
	ln := &pipes{accept: make(chan net.Conn), done: make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	s.http = &http.Client{Transport: &http.Transport{DialContext: ln.dial, DisableCompression: true}}
	t.Cleanup(func() {
		s.http.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := errors.Join(srv.Shutdown(ctx), <-served); err != nil {
			t.Errorf("shut down: %v", err)
		}
	})
	return s
}

// fill makes a world in a new store.
func (s *site) fill(st store.Store, ops []Op) error {
	seal, err := interaction.NewSeal(bytes.Repeat([]byte("k"), 32), rand.NewChaCha8([32]byte{}))
	if err != nil {
		return err
	}
	s.service.Store, s.service.Parameters, s.service.Seal, s.ids, s.pages = st, nil, seal, 0, map[int]string{}
	if s.log != nil {
		if err := s.logOver(st); err != nil {
			return err
		}
	}
	versions, live, bodies := map[string]uint64{}, map[string]bool{}, map[string][]byte{}
	for i, o := range ops {
		at := o.Type + "/" + o.ID
		row := plan.Row{Type: o.Type, ID: o.ID, Version: versions[at] + 1, LastUpdated: moment(i).UnixMicro(), Method: http.MethodPut}
		w := store.Write{Row: row, Before: bodies[at]}
		switch {
		case o.absent(live[at]):
			continue
		case o.Body == nil:
			w.Deleted, w.Method = true, http.MethodDelete
		default:
			res, err := fhir.Parse(slices.Clone(o.Body), fhir.DefaultLimits)
			if err != nil {
				return fmt.Errorf("%s: %w", o.Body, err)
			}
			w.Body = res.Stamp(fhir.Stamp{ID: o.ID, VersionID: strconv.FormatUint(row.Version, 10), LastUpdated: moment(i)})
			if w.Resource, err = fhir.Parse(w.Body, fhir.DefaultLimits); err != nil {
				return err
			}
		}
		read := store.Read{Type: o.Type, ID: o.ID, Version: versions[at]}
		s.clock = moment(i)
		if err := s.service.Store.Commit(s.writing(i), store.Commit{Writes: []store.Write{w}, Reads: []store.Read{read}}); err != nil {
			return fmt.Errorf("%s %s: %w", at, o.Body, err)
		}
		versions[at], live[at], bodies[at] = row.Version, o.Body != nil, w.Body
	}
	return s.written()
}

// define indexes what is stored by the search parameters that are defined there, if there are any, and waits for it.
func (s *site) define(own int) error {
	if own == 0 {
		return nil
	}
	p, err := interaction.OpenParameters(context.Background(), s.service.Store)
	if err != nil {
		return err
	}
	s.service.Parameters = p
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		var failure error
		p.Run(ctx, func(err error) {
			if fhir.KindOf(err) != fhir.KindTransient { // else it is tried again
				failure = errors.Join(failure, err)
				cancel()
			}
		})
		done <- failure
	}()
	for p.Set().Record().Building() && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		return err
	}
	if status := p.Status(); len(status.Parameters) != own || slices.ContainsFunc(status.Parameters, func(p interaction.ParameterStatus) bool { return p.Status != "ready" }) {
		return fmt.Errorf("%d own search parameters: %+v", own, status)
	}
	return nil
}

// moment is when the i-th write of a world was.
func moment(i int) time.Time { return began.Add(time.Duration(i) * time.Second) }

// as makes the token the caller's.
func (s *site) as(t model.Token) error {
	set, refused := scope.Parse(t.String())
	if refused != nil {
		return fmt.Errorf("scopes: %v", refused)
	}
	s.who = audit.Who{User: t.User, Subject: t.User, Client: "app", Token: "grant." + t.Patient, Patient: t.Patient, Scope: t.String()}
	c := scope.Context{Patient: t.Patient, Params: s.service.Parameters.Set()}
	c.Granted = c.Params.Record().Generation
	if t.Policy != "" {
		role, ok := scope.BuiltIn()[t.Policy]
		var err error
		if !ok {
			if role, err = scope.ParseRole("Patient?general-practitioner={user}", ""); err != nil {
				return err
			}
		}
		if c.User, err = role.For(fhir.ParseReference(t.User, "")); err != nil {
			return err
		}
	}
	s.caller = set.Access(c)
	return nil
}

// answer is what came back, without date and request id.
type answer struct {
	status   int
	header   string
	body     string
	path     string // without the cursor
	previous bool   // the page before the last one
}

func (a answer) String() string { return fmt.Sprintf("%d\n%s%s", a.status, a.header, a.body) }

var (
	cursor = regexp.MustCompile(`_page=[A-Za-z0-9_-]+`)
	links  = regexp.MustCompile(`"relation":"(next|previous)","url":"([^"]*)"`)
)

// most is how many further pages of a list are read.
const most = 8

// asked is the moment of the i-th request of a case; of two worlds' different ones the later has that of the earlier.
func asked(i int) time.Time { return began.AddDate(0, 1, 0).Add(time.Duration(i) * time.Second) }

// ask sends the i-th request of a case, and reads on where the answer is a list: all pages, and one back. There is no
// answer where there is no page to be asked for.
func (s *site) ask(i int, r Request) (all []answer, err error) {
	at := i
	if r.In == 2 {
		at--
	}
	if r.As < maker { // what it writes is refused: ids tell nothing of how often somebody has tried
		defer func(ids int) { s.ids = ids }(s.ids)
	}
	s.clock = asked(at)
	if r.Page > 0 {
		if r.Path = s.pages[i-r.Page]; r.Path == "" {
			return nil, nil
		}
	}
	for relation := "next"; ; {
		s.request = fmt.Sprintf("%d-%d", at, len(all))
		a, err := s.send(r)
		if err != nil {
			return all, err
		}
		body := a.body
		a.body = cursor.ReplaceAllStringFunc(body, func(s string) string { return "_page=" + strings.Repeat("*", len(s)-6) })
		a.path = page.ReplaceAllString(r.Path, "")
		a.previous = relation == "nothing"
		all = append(all, a)
		to := ""
		if strings.HasPrefix(body, `{"resourceType":"Bundle","type":"searchset"`) || strings.HasPrefix(body, `{"resourceType":"Bundle","type":"history"`) {
			for _, link := range links.FindAllStringSubmatch(body, -1) {
				if link[1] == relation {
					to = link[2]
				}
			}
			if to == "" && relation == "next" && len(all) > 1 {
				relation = "previous"
				for _, link := range links.FindAllStringSubmatch(body, -1) {
					if link[1] == relation {
						to = link[2]
					}
				}
			}
		}
		if to == "" || len(all) > most {
			return all, s.written()
		}
		r = Request{Method: http.MethodGet, Path: strings.TrimPrefix(to, storetest.Base)}
		if len(all) == 1 {
			s.pages[i] = r.Path
		}
		if relation == "previous" {
			relation = "nothing"
		}
	}
}

func (s *site) send(r Request) (answer, error) {
	at := "/fhir" + r.Path
	if page, beside := strings.CutPrefix(r.Path, ".."); beside {
		at = page
	}
	req, err := http.NewRequest(r.Method, "http://site"+at, strings.NewReader(r.Body))
	if err != nil {
		return answer{}, err
	}
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	res.Header.Del("Date")
	res.Header.Del("X-Request-Id")
	var header bytes.Buffer
	if err := res.Header.Write(&header); err != nil { // sorted
		return answer{}, err
	}
	return answer{status: res.StatusCode, header: header.String(), body: string(body)}, nil
}

// pipes is a listener that needs no network.
type pipes struct {
	accept chan net.Conn
	once   sync.Once
	done   chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, side := net.Pipe()
	select {
	case p.accept <- side:
		return client, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error { p.once.Do(func() { close(p.done) }); return nil }

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "proof", Net: "pipe"} }
