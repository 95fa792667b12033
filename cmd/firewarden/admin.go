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
	"os"
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
			var b bytes.Buffer
			if err := json.Indent(&b, found, "", "  "); err != nil {
				return err
			}
			_, err = fmt.Fprintln(m.Stdout, strings.TrimSpace(b.String()))
			return err
		})
	}
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

// password is what was given, or one that is made up and printed.
func (m *Main) password(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	text, err := m.newKey()
	if err == nil {
		fmt.Fprintf(m.Stdout, "password %s\n", text)
	}
	return text, err
}

func newUserAdd(f *flag.FlagSet) runner {
	display := f.String("display", "", "`name` for people")
	person := f.String("fhir-user", "", "`reference` to the person's own resource, as in Practitioner/123")
	policy := f.String("policy", "", "`name` of what the user may see; without one it is nothing")
	password := f.String("password", "", "`password`; without one it is made up")
	administrator := f.Bool("administrator", false, "may change users, clients and keys")
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		name, err := one("user add", "name", args)
		if err != nil {
			return err
		}
		text, err := m.password(*password)
		if err != nil {
			return err
		}
		return a.call(ctx, "POST", "users", map[string]any{"name": name, "display": *display, "fhirUser": *person, "policy": *policy, "password": text, "administrator": *administrator}, nil)
	})
}

func newUserPasswd(f *flag.FlagSet) runner {
	password := f.String("password", "", "`password`; without one it is made up")
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		name, err := one("user passwd", "name", args)
		if err != nil {
			return err
		}
		text, err := m.password(*password)
		if err != nil {
			return err
		}
		return a.call(ctx, "PUT", "users/"+url.PathEscape(name)+"/password", map[string]any{"password": text}, nil)
	})
}

func newUserList(f *flag.FlagSet) runner {
	return administer(f, func(ctx context.Context, m *Main, a *administration, _ []string) error {
		var list []struct {
			Name, Display, FHIRUser, Policy string
			Administrator, Disabled         bool
		}
		if err := a.call(ctx, "GET", "users", nil, &list); err != nil {
			return err
		}
		return m.table("NAME\tDISPLAY\tIS\tPOLICY\t", len(list), func(i int) string {
			u := list[i]
			more := ""
			if u.Administrator {
				more = "administrator"
			}
			return strings.Join([]string{u.Name, u.Display, u.FHIRUser, u.Policy, more}, "\t")
		})
	})
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

// registration are the flags of a client.
type registration struct {
	name, scope, jwks, launch, method *string
	redirects, origins                several
}

// several is a flag that may be given several times.
type several []string

func (w *several) String() string     { return strings.Join(*w, " ") }
func (w *several) Set(v string) error { *w = append(*w, strings.Fields(v)...); return nil }

func registrationFlags(f *flag.FlagSet) *registration {
	r := &registration{
		name:   f.String("name", "", "`name` for people"),
		scope:  f.String("scope", "", "`scopes` that it is granted at most"),
		jwks:   f.String("jwks", "", "`URL|FILE` of its public keys (JWK Set)"),
		launch: f.String("launch-uri", "", "`URL` where an EHR launches it"),
		method: f.String("auth-method", "", "`method` by which it proves itself: none, client_secret_basic, client_secret_post, private_key_jwt"),
	}
	f.Var(&r.redirects, "redirect-uri", "`URI` to which it is answered; may be given several times")
	f.Var(&r.origins, "origin", "`origin` from which its pages call, as in https://app.example.org; may be given several times")
	return r
}

// apply puts what was given into a client's metadata.
func (r *registration) apply(c map[string]any) error {
	for name, v := range map[string]string{"client_name": *r.name, "scope": *r.scope, "launch_uri": *r.launch, "token_endpoint_auth_method": *r.method} {
		if v != "" {
			c[name] = v
		}
	}
	if len(r.redirects) > 0 {
		c["redirect_uris"] = r.redirects
	}
	if len(r.origins) > 0 {
		c["allowed_origins"] = r.origins
	}
	switch at := *r.jwks; {
	case at == "":
		return nil
	case strings.HasPrefix(at, "https://") || strings.HasPrefix(at, "http://"):
		delete(c, "jwks")
		c["jwks_uri"] = at
	default:
		text, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		if !json.Valid(text) {
			return fmt.Errorf("%s is no JSON", at)
		}
		delete(c, "jwks_uri")
		c["jwks"] = json.RawMessage(text)
	}
	if *r.method == "" {
		c["token_endpoint_auth_method"] = "private_key_jwt"
	}
	return nil
}

func newClientAdd(f *flag.FlagSet) runner {
	id := f.String("id", "", "`id`; without one it is made up")
	public := f.Bool("public", false, "it can keep no secret: an app in a browser or on a phone")
	backend := f.Bool("backend", false, "it is a backend service: no users, system/ scopes")
	introspects := f.Bool("introspects", false, "it may ask about every token")
	r := registrationFlags(f)
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		if len(args) > 0 {
			return usagef("client add takes no %q: give --id", args[0])
		}
		c := map[string]any{"introspects": *introspects, "grant_types": []string{"authorization_code", "refresh_token"}}
		if *id != "" {
			c["client_id"] = *id
		}
		if *backend {
			c["grant_types"] = []string{"client_credentials"}
		}
		if *public {
			c["token_endpoint_auth_method"] = "none"
		}
		if err := r.apply(c); err != nil {
			return err
		}
		var made struct {
			ID     string `json:"client_id"`
			Secret string `json:"client_secret"`
		}
		if err := a.call(ctx, "POST", "clients", c, &made); err != nil {
			return err
		}
		fmt.Fprintf(m.Stdout, "client_id %s\n", made.ID)
		if made.Secret != "" {
			fmt.Fprintf(m.Stdout, "client_secret %s\n", made.Secret)
		}
		return nil
	})
}

func newClientSet(f *flag.FlagSet) runner {
	r := registrationFlags(f)
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		id, err := one("client set", "id", args)
		if err != nil {
			return err
		}
		path := "clients/" + url.PathEscape(id)
		var c map[string]any
		if err := a.call(ctx, "GET", path, nil, &c); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		for _, name := range []string{"created", "by", "anyLoopback"} { // what the server knows itself
			delete(c, name)
		}
		if err := r.apply(c); err != nil {
			return err
		}
		return a.call(ctx, "PUT", path, c, nil)
	})
}

func newClientPasswd(f *flag.FlagSet) runner {
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		id, err := one("client passwd", "id", args)
		if err != nil {
			return err
		}
		var made struct {
			Secret string `json:"client_secret"`
		}
		if err := a.call(ctx, "POST", "clients/"+url.PathEscape(id)+"/secret", nil, &made); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		fmt.Fprintf(m.Stdout, "client_secret %s\n", made.Secret)
		return nil
	})
}

func newClientList(f *flag.FlagSet) runner {
	return administer(f, func(ctx context.Context, m *Main, a *administration, _ []string) error {
		var list []struct {
			ID     string   `json:"client_id"`
			Name   string   `json:"client_name"`
			Method string   `json:"token_endpoint_auth_method"`
			Grants []string `json:"grant_types"`
			By     string
		}
		if err := a.call(ctx, "GET", "clients", nil, &list); err != nil {
			return err
		}
		return m.table("ID\tNAME\tPROVES ITSELF BY\tGRANTS\tBY", len(list), func(i int) string {
			c := list[i]
			return strings.Join([]string{c.ID, c.Name, c.Method, strings.Join(c.Grants, " "), c.By}, "\t")
		})
	})
}

func newTokenMint(f *flag.FlagSet) runner {
	client := f.String("client", "", "`id` of the client that it is for")
	scope := f.String("scope", "", "`scopes`, as in 'patient/*.rs'")
	patient := f.String("patient", "", "`id` of the patient in context")
	user := f.String("user", "", "`name` of the user whose policy bounds it")
	life := f.Duration("life", time.Hour, "`time` that it is good for, an hour at most")
	return administer(f, func(ctx context.Context, m *Main, a *administration, _ []string) error {
		if *client == "" || *scope == "" {
			return usageError("token mint needs --client and --scope")
		}
		var made struct {
			Token string `json:"access_token"`
		}
		body := map[string]any{"client": *client, "scope": *scope, "patient": *patient, "user": *user, "life": life.String()}
		if err := a.call(ctx, "POST", "tokens", body, &made); err != nil {
			return err
		}
		fmt.Fprintln(m.Stdout, made.Token)
		return nil
	})
}

func newTokenExplain(f *flag.FlagSet) runner {
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		token, err := one("token explain", "token", args)
		if err != nil {
			return err
		}
		if token == "-" {
			text, err := io.ReadAll(io.LimitReader(m.Stdin, 1<<20))
			if err != nil {
				return err
			}
			token = strings.TrimSpace(string(text))
		}
		var e struct {
			Active                bool
			Client, User, Patient string
			Expires               int64
			Scopes                []struct{ Scope, Text string }
			Types                 []struct {
				Type string
				Sets map[string]string
			}
		}
		if err := a.call(ctx, "POST", "tokens/explain", map[string]any{"token": token}, &e); err != nil {
			return err
		}
		if !e.Active {
			return errors.New("the token opens nothing: it is expired, revoked, or not one of this server")
		}
		fmt.Fprintf(m.Stdout, "client %s, user %s, patient %s, until %s\n\n", orNone(e.Client), orNone(e.User), orNone(e.Patient), time.Unix(e.Expires, 0).UTC().Format(time.RFC3339))
		if err := m.table("SCOPE\tMEANS", len(e.Scopes), func(i int) string { return e.Scopes[i].Scope + "\t" + e.Scopes[i].Text }); err != nil {
			return err
		}
		fmt.Fprintln(m.Stdout)
		var rows []string
		for _, t := range e.Types {
			for _, letters := range alike(t.Sets) {
				rows = append(rows, t.Type+"\t"+letters+"\t"+t.Sets[letters[:1]])
			}
		}
		return m.table("TYPE\tMAY\tWHERE", len(rows), func(i int) string { return rows[i] })
	})
}

// alike are the letters of equal sets together, in the order of cruds.
func alike(sets map[string]string) (groups []string) {
	for _, l := range strings.Split("cruds", "") {
		set, ok := sets[l]
		if !ok {
			continue
		}
		found := false
		for i, g := range groups {
			if sets[g[:1]] == set {
				groups[i], found = g+l, true
			}
		}
		if !found {
			groups = append(groups, l)
		}
	}
	return groups
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
