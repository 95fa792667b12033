package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/firewarden/firewarden/internal/config"
)

// administration is the API of a running server, for its administrator.
type administration struct {
	base   string // of the server, without a final slash
	key    string
	client http.Client
}

// administer makes a runner of one that talks to a running server, with the flag --server.
func administer(f *flag.FlagSet, do func(ctx context.Context, m *Main, a *administration, args []string) error) runner {
	server := f.String("server", "", "`URL` of the server (default http://127.0.0.1:8080)")
	return func(ctx context.Context, m *Main, in *input, args []string) error {
		a, err := openAdministration(ctx, in, *server)
		if err != nil {
			return err
		}
		return do(ctx, m, a, args)
	}
}

// openAdministration finds a server and a key that it takes.
func openAdministration(ctx context.Context, in *input, server string) (*administration, error) {
	if server == "" {
		server = "http://127.0.0.1:8080"
	}
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usagef("%q is no URL of a server, as in http://127.0.0.1:8080", server)
	}
	c, err := config.Load(in.Input)
	if err != nil {
		return nil, usageError(err.Error())
	}
	a := &administration{base: strings.TrimSuffix(strings.TrimRight(server, "/"), "/fhir"), client: http.Client{Timeout: time.Minute}}
	for _, a.key = range keysFor(c, u.Hostname()) {
		status, _, err := a.send(ctx, "GET", "users", nil)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			return nil, fmt.Errorf("no server answers at %s: start one (firewarden serve), or name another with --server", server)
		case err != nil:
			return nil, err
		case status == http.StatusOK:
			return a, nil
		case status == http.StatusNotFound:
			return nil, fmt.Errorf("%s has no administration: is it a Firewarden server?", server)
		}
	}
	return nil, fmt.Errorf("%s wants the administrator's key: give --admin-key or FIREWARDEN_ADMIN_KEY, or --store with the folder of the server's store, whose file admin-key holds it", server)
}

func (a *administration) send(ctx context.Context, method, path string, body any) (status int, answer []byte, err error) {
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return 0, nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+"/api/"+path, bytes.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+a.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := a.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// call expects success and reads the answer into to, unless that is nil.
func (a *administration) call(ctx context.Context, method, path string, body, to any) error {
	status, answer, err := a.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	if status >= 300 {
		var said struct{ Error string }
		if json.Unmarshal(answer, &said) != nil || said.Error == "" {
			return fmt.Errorf("the server answers with status %d", status)
		}
		return errors.New(said.Error)
	}
	if to == nil {
		return nil
	}
	if err := json.Unmarshal(answer, to); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	return nil
}

// alter changes members of what is at a path.
func (a *administration) alter(ctx context.Context, path, name string, change func(map[string]any) error) error {
	var have map[string]any
	if err := a.call(ctx, "GET", path, nil, &have); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := change(have); err != nil {
		return err
	}
	return a.call(ctx, "PUT", path, have, nil)
}

// one is the only argument.
func one(command, what string, args []string) (string, error) {
	if len(args) != 1 || args[0] == "" {
		return "", usagef("%s needs one %s", command, what)
	}
	return args[0], nil
}

func newShow(what string) func(*flag.FlagSet) runner {
	return func(f *flag.FlagSet) runner {
		return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
			name, err := one("show", "name", args)
			if err != nil {
				return err
			}
			var found json.RawMessage
			if err := a.call(ctx, "GET", what+"/"+url.PathEscape(name), nil, &found); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return m.printJSON(found)
		})
	}
}

// printJSON prints what the server answers, indented.
func (m *Main) printJSON(text json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintln(m.Stdout, strings.TrimSpace(b.String()))
	return err
}

func newRemove(what string) func(*flag.FlagSet) runner {
	return func(f *flag.FlagSet) runner {
		return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
			name, err := one("remove", "name", args)
			if err != nil {
				return err
			}
			if err := a.call(ctx, "DELETE", what+"/"+url.PathEscape(name), nil, nil); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			fmt.Fprintf(m.Stdout, "%s is removed\n", name)
			return nil
		})
	}
}

// table writes rows under their headings.
func (m *Main) table(head string, n int, row func(int) string) error {
	w := tabwriter.NewWriter(m.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, head)
	for i := range n {
		fmt.Fprintln(w, row(i))
	}
	return w.Flush()
}
