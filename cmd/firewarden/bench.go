package main

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/firewarden/firewarden/internal/bench"
	"github.com/firewarden/firewarden/store/mongo/bare"
)

// A benchmark measures a server: one that it starts as a process of its own, or one that runs already.
type benchmark struct {
	m      *Main
	run    bench.Run
	sized  bench.Sized
	folder string         // of the store; "" if it is in a database
	bare   *bare.Database // nil: it is in a folder
	store  string         // what --store of the server says
	child  *child         // nil: somebody else's server
	audit  string         // value of the server's key audit
}

func newBench(f *flag.FlagSet) runner {
	patients := f.String("patients", "200", "`numbers` of patients, about 170 resources each, with commas between: one size after the other")
	window := f.Duration("window", 3*time.Second, "`time` of each measurement")
	only := f.String("only", "", "`ids` of shapes and workloads, with commas between, as in Q5,Q10,W2*")
	clients := f.Int("clients", 4, "`number` of connections of the searches and of the import")
	server := f.String("url", "", "`URL` of a server that runs already, lets everybody in and holds nothing")
	folder := f.String("store", "", "`folder` of the store, which is kept (default: a temporary one)")
	key := f.String("admin-key", os.Getenv("FIREWARDEN_ADMIN_KEY"), "the administrator's `key` of the server of --url, to measure tokens")
	keep := f.Bool("keep", false, "keep the temporary store")
	mongodb := f.String("mongodb", "", "`URI` of a replica set: a store in a new database there is measured behind one in a folder, and beside the driver alone")
	between := f.String("relay", "", "`address` at which to do nothing but send on by HTTP what is in the database of --mongodb: the bench starts this itself, as what a server is held against")
	report := f.String("report", "", "`file` (Markdown) whose tables of the bench are replaced by those of this run")
	return func(ctx context.Context, m *Main, _ *input, _ []string) error {
		if *between != "" {
			return relay(ctx, *mongodb, *between)
		}
		sizes, err := sizesOf(*patients)
		if err != nil {
			return err
		}
		if *clients < 1 || *window <= 0 {
			return usageError("--clients and --window are above 0")
		}
		if len(sizes) > 1 && (*server != "" || *folder != "") {
			return usageError("--url and --store are for one number of patients")
		}
		machine := machine()
		fmt.Fprintln(m.Stdout, machine)
		var measured []bench.Sized
		add := func(store string, n int, measure func(*benchmark) error) error {
			b := &benchmark{m: m, folder: *folder, audit: "all"}
			b.run = bench.Run{World: bench.NewWorld(n), Window: *window, Clients: *clients, Only: *only, Out: m.Stdout}
			b.sized = bench.Sized{Store: store, Patients: n, Resources: b.run.World.Resources()}
			err := measure(b)
			measured = append(measured, b.sized)
			return err
		}
		inFolder := func(b *benchmark) error { return b.inFolder(ctx, *keep) }
		for _, n := range sizes {
			switch {
			case *server != "":
				err = add("", n, func(b *benchmark) error { return b.other(ctx, *server, *key) })
			case *mongodb != "":
				if err = add("embedded", n, inFolder); err == nil {
					err = add("MongoDB", n, func(b *benchmark) error { return b.inDatabase(ctx, *mongodb, *keep) })
				}
			default:
				err = add("", n, inFolder)
			}
			if err != nil {
				return err
			}
		}
		if *report == "" {
			return nil
		}
		command, mark := fmt.Sprintf("firewarden bench --patients %s --window %s", *patients, *window), bench.Mark
		if *only != "" {
			command += fmt.Sprintf(" --only '%s'", *only)
		}
		if *mongodb != "" {
			command, mark = command+" --mongodb URI", bench.MarkMongoDB
		}
		return bench.WriteReport(*report, mark, fmt.Sprintf("`%s`: %s\n\n%s", command, machine, bench.Report(measured)))
	}
}

func sizesOf(list string) (out []int, err error) {
	for _, text := range strings.Split(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 {
			return nil, usagef("--patients %s: numbers above 0 with commas between, as in 200,2000", list)
		}
		out = append(out, n)
	}
	return out, nil
}

// other measures a server that runs already.
func (b *benchmark) other(ctx context.Context, server, key string) error {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return usagef("%q is no http URL, as in http://127.0.0.1:8080", server)
	}
	b.run.Addr, b.run.Key = u.Host, key
	if err := b.load(ctx); err != nil {
		return err
	}
	return b.measure(ctx)
}

// load stores the world.
func (b *benchmark) load(ctx context.Context) error {
	f, err := b.run.Load(ctx, b.run.Clients)
	if err != nil {
		return err
	}
	b.sized.Import = f
	b.tell("import", "%s patients, %s resources in %.1f s: %s resources a second, %.0f µs of CPU each", grouped(len(b.run.World.Patients)), grouped(f.Units),
		f.Elapsed.Seconds(), grouped(int(float64(f.Units)/f.Elapsed.Seconds())), float64(f.CPU.Microseconds()))
	return nil
}

// measure runs the shapes and the workloads.
func (b *benchmark) measure(ctx context.Context) error {
	defer func() { b.sized.Results, b.sized.Besides = b.run.Results, b.run.Besides }()
	fmt.Fprintln(b.m.Stdout)
	if err := b.run.Searches(ctx); err != nil {
		return err
	}
	if err := b.floor(ctx); err != nil {
		return err
	}
	b.sized.Memory = b.memory("memory after the searches")
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

func (b *benchmark) memory(what string) (peak int64) {
	if b.run.PID != 0 {
		now, most := bench.ProcessMemory(b.run.PID)
		b.tell(what, "%s now, %s at its highest", bytesOf(now), bytesOf(most))
		peak = most
	}
	return peak
}

func (b *benchmark) tell(what, format string, args ...any) {
	fmt.Fprintf(b.m.Stdout, "%-34s %s\n", what, fmt.Sprintf(format, args...))
}

func (b *benchmark) per(bytes int64) float64 {
	return float64(bytes) / float64(b.run.World.Resources()) / 1000
}

func bytesOf(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// machine says what the figures are made on, and how busy it is.
func machine() string {
	model := ""
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		_, rest, _ := strings.Cut(string(text), "model name")
		line, _, _ := strings.Cut(rest, "\n")
		model = ", " + strings.Trim(line, "\t: ")
	}
	out := fmt.Sprintf("firewarden %s%s, %s %s/%s, %s%s", version, revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH, plural(runtime.NumCPU(), "core"), model)
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		out += ", load before " + strings.Fields(string(text))[0]
	}
	return out
}
