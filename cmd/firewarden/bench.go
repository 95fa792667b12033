package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/firewarden/firewarden/internal/bench"
	"github.com/firewarden/firewarden/store/embedded"
	"github.com/firewarden/firewarden/store/mongo/bare"
)

// A benchmark measures a server: one that it starts as a process of its own, or one that runs already.
type benchmark struct {
	m      *Main
	run    bench.Run
	folder string         // of the store; "" if it is in a database
	bare   *bare.Database // nil: it is in a folder
	store  string         // what --store of the server says
	child  *child         // nil: somebody else's server
}

func newBench(f *flag.FlagSet) runner {
	patients := f.Int("patients", 200, "`number` of patients, about 150 resources each")
	window := f.Duration("window", 3*time.Second, "`time` of each measurement")
	only := f.String("only", "", "`ids` of shapes and workloads, with commas between, as in Q5,Q10,W2*")
	clients := f.Int("clients", 4, "`number` of connections of the searches and of the import")
	server := f.String("url", "", "`URL` of a server that runs already, lets everybody in and holds nothing")
	folder := f.String("store", "", "`folder` of the store, which is kept (default: a temporary one)")
	key := f.String("admin-key", os.Getenv("FIREWARDEN_ADMIN_KEY"), "the administrator's `key` of the server of --url, to measure tokens")
	keep := f.Bool("keep", false, "keep the temporary store")
	mongodb := f.String("mongodb", "", "`URI` of a replica set: the store is a new database there, beside whose figures stand those of the driver alone")
	return func(ctx context.Context, m *Main, _ *input, _ []string) error {
		if *patients < 1 || *clients < 1 || *window <= 0 {
			return usageError("--patients, --clients and --window are above 0")
		}
		b := &benchmark{m: m, folder: *folder}
		m.machine()
		b.run = bench.Run{World: bench.NewWorld(*patients), Window: *window, Clients: *clients, Only: *only, Out: m.Stdout}
		if *server != "" {
			u, err := url.Parse(*server)
			if err != nil || u.Scheme != "http" || u.Host == "" {
				return usagef("%q is no http URL, as in http://127.0.0.1:8080", *server)
			}
			b.run.Addr, b.run.Key = u.Host, *key
			if err := b.load(ctx); err != nil {
				return err
			}
			return b.measure(ctx)
		}
		if *mongodb != "" {
			return b.inDatabase(ctx, *mongodb, *keep)
		}
		if b.folder == "" {
			dir, err := os.MkdirTemp("", "firewarden-bench-")
			if err != nil {
				return err
			}
			b.folder = dir
			if *keep {
				defer fmt.Fprintf(m.Stdout, "store: %s\n", dir)
			} else {
				defer os.RemoveAll(dir)
			}
		} else if isStore(b.folder) {
			return fmt.Errorf("%s holds a store already: name an empty folder with --store", b.folder)
		}
		b.store = b.folder
		return errors.Join(b.own(ctx), b.child.kill())
	}
}

// inDatabase measures a server of our own on a new database.
func (b *benchmark) inDatabase(ctx context.Context, uri string, keep bool) (err error) {
	name := fmt.Sprintf("firewarden-bench-%d", os.Getpid())
	if b.store, err = bare.Named(uri, name); err != nil {
		return err
	}
	if b.bare, err = bare.Open(ctx, b.store); err != nil {
		return err
	}
	last := context.WithoutCancel(ctx)
	defer b.bare.Close(last)
	if keep {
		b.tell("database", "%s", name)
	} else {
		defer func() { err = errors.Join(err, b.bare.Drop(last)) }()
	}
	return errors.Join(b.own(ctx), b.child.kill())
}

// floor times the driver alone at what the shapes Q1 and Q4 read.
func (b *benchmark) floor(ctx context.Context) {
	if b.bare == nil {
		return
	}
	patient := func(rng *mathrand.Rand) string {
		return "Patient/" + bench.PatientID(rng.IntN(len(b.run.World.Patients)))
	}
	b.run.Floor(ctx, "Q1", "the driver alone: read by id", func(rng *mathrand.Rand) error {
		_, err := b.bare.Read(ctx, patient(rng))
		return err
	})
	b.run.Floor(ctx, "Q4", "the driver alone: patient, one page", func(rng *mathrand.Rand) error {
		_, _, err := b.bare.Chart(ctx, "Observation", patient(rng), bench.PageSize)
		return err
	})
}

// disk says what the store takes.
func (b *benchmark) disk(ctx context.Context, what string) error {
	size, more := bench.FolderSize(b.folder), ""
	if b.bare != nil {
		var indexes int64
		var err error
		if size, indexes, err = b.bare.Size(ctx); err != nil {
			return err
		}
		more = ", " + bytesOf(indexes) + " of it indexes"
	}
	b.tell(what, "%s, %.2f KB a resource%s", bytesOf(size), b.per(size), more)
	return nil
}

// own measures a server of our own, from its first start to its last stop.
func (b *benchmark) own(ctx context.Context) error {
	if err := b.start(ctx); err != nil {
		return err
	}
	if err := b.load(ctx); err != nil {
		return err
	}
	if err := b.child.stop(); err != nil {
		return err
	}
	if err := b.disk(ctx, "disk after import and stop"); err != nil {
		return err
	}
	if err := b.restart(ctx, "start to first read"); err != nil {
		return err
	}
	measured := b.measure(ctx)
	if err := b.child.kill(); err != nil {
		return errors.Join(measured, err)
	}
	if err := b.restart(ctx, "start to first read after kill -9"); err != nil {
		return errors.Join(measured, err)
	}
	if err := b.child.stop(); err != nil {
		return errors.Join(measured, err)
	}
	if b.bare != nil {
		return errors.Join(measured, b.disk(ctx, "disk at the end"))
	}
	return errors.Join(measured, b.compact(ctx))
}

// load stores the world.
func (b *benchmark) load(ctx context.Context) error {
	f, err := b.run.Load(ctx, b.run.Clients)
	if err != nil {
		return err
	}
	b.tell("import", "%s patients, %s resources in %.1f s: %s resources a second, %.0f µs of CPU each", grouped(len(b.run.World.Patients)), grouped(f.Units),
		f.Elapsed.Seconds(), grouped(int(float64(f.Units)/f.Elapsed.Seconds())), float64(f.CPU.Microseconds()))
	return nil
}

// measure runs the shapes and the workloads.
func (b *benchmark) measure(ctx context.Context) error {
	fmt.Fprintln(b.m.Stdout)
	if err := b.run.Searches(ctx); err != nil {
		return err
	}
	b.floor(ctx)
	b.memory("memory after the searches")
	fmt.Fprintln(b.m.Stdout)
	if err := b.run.Tokens(ctx); err != nil {
		return err
	}
	fmt.Fprintln(b.m.Stdout)
	if err := b.run.Workloads(ctx); err != nil {
		return err
	}
	b.memory("memory after the workloads")
	if n := b.run.Wrong(); n > 0 {
		return fmt.Errorf("%s gave a wrong answer", plural(n, "measurement"))
	}
	return nil
}

func (b *benchmark) memory(what string) {
	if b.run.PID != 0 {
		now, peak := bench.ProcessMemory(b.run.PID)
		b.tell(what, "%s now, %s at its highest", bytesOf(now), bytesOf(peak))
	}
}

// start starts a server on a free port; it gets the same one each time, because references are resolved by it.
func (b *benchmark) start(ctx context.Context) error {
	if b.run.Addr == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		b.run.Addr = l.Addr().String()
		l.Close()
	}
	var err error
	if b.run.Key == "" {
		b.run.Key = rand.Text()
	}
	b.child, err = startChild("serve", "--store", b.store, "--listen", b.run.Addr, "--base-url", "http://"+b.run.Addr, "--admin-key", b.run.Key,
		"--anonymous", "system/*.cruds", "--metrics-listen", "off", "--log-level", "error", "--token-limit", "1000000000/1m")
	if err != nil {
		return err
	}
	b.run.PID = b.child.cmd.Process.Pid
	return b.child.until(ctx, b.run.Addr, "/health/ready")
}

// restart measures the time from the start of the process to the answer of the first read.
func (b *benchmark) restart(ctx context.Context, what string) error {
	begun := b.m.Now()
	if err := b.start(ctx); err != nil {
		return err
	}
	if err := b.child.until(ctx, b.run.Addr, "/fhir/Patient/"+bench.PatientID(0)); err != nil {
		return err
	}
	b.tell(what, "%.0f ms", float64(b.m.Now().Sub(begun).Microseconds())/1000)
	return nil
}

// compact measures what is left when the store has put everything in its final order.
func (b *benchmark) compact(ctx context.Context) error {
	s, err := embedded.Open(embedded.Options{Dir: b.folder})
	if err != nil {
		return err
	}
	versions := s.Stats().Instances
	if err := errors.Join(s.Compact(ctx), s.Close()); err != nil {
		return err
	}
	if s, err = embedded.Open(embedded.Options{Dir: b.folder}); err != nil { // removes the old log
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	size := bench.FolderSize(b.folder)
	b.tell("disk at the end, compacted", "%s, %s instances, %.2f KB each", bytesOf(size), grouped(versions), float64(size)/float64(versions)/1000)
	return nil
}

func (b *benchmark) tell(what, format string, args ...any) {
	fmt.Fprintf(b.m.Stdout, "%-34s %s\n", what, fmt.Sprintf(format, args...))
}

func (b *benchmark) per(bytes int64) float64 {
	return float64(bytes) / float64(b.run.World.Resources()) / 1000
}

func bytesOf(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// machine says what the figures were made on.
func (m *Main) machine() {
	model := ""
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		_, rest, _ := strings.Cut(string(text), "model name")
		line, _, _ := strings.Cut(rest, "\n")
		model = ", " + strings.Trim(line, "\t: ")
	}
	fmt.Fprintf(m.Stdout, "firewarden %s%s, %s %s/%s, %s%s", version, revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH, plural(runtime.NumCPU(), "core"), model)
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Fprintf(m.Stdout, ", load before %s", strings.Fields(string(text))[0])
	}
	fmt.Fprintln(m.Stdout)
}

// child is a server of this program in a process of its own.
type child struct {
	cmd   *exec.Cmd
	said  bytes.Buffer // what it wrote; read only after it has ended
	ended chan struct{}
	err   error // of Wait
}

func startChild(args ...string) (*child, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(binary, args...), ended: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = &c.said, &c.said
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// until waits for a 200 of path.
func (c *child) until(ctx context.Context, addr, path string) error {
	deadline := time.Now().Add(2 * time.Minute)
	for {
		client := bench.Dial(addr)
		res, err := client.Get(path)
		client.Close()
		if err == nil && res.Status == 200 {
			return nil
		}
		select {
		case <-c.ended:
			return fmt.Errorf("the server ended: %v: %s", c.err, strings.TrimSpace(c.said.String()))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server does not answer at %s%s: %v, status %d", addr, path, err, res.Status)
		}
	}
}

// stop lets the server end as it should.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the server: %w", err)
	}
	<-c.ended
	if c.err != nil {
		return fmt.Errorf("the server ended: %w: %s", c.err, strings.TrimSpace(c.said.String()))
	}
	return nil
}

// kill ends the server at once, if it runs.
func (c *child) kill() error {
	if c == nil {
		return nil
	}
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the server: %w", err)
	}
	<-c.ended
	return nil
}
