package config

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "firewarden.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOneKeyHasThreeSpellings(t *testing.T) {
	file := write(t, "store: from-file # a comment\nlisten: 127.0.0.1:1\nlog-level: warn\nanonymous: [system/Patient.rs, system/Observation.rs]\n")
	tests := []struct {
		name          string
		in            Input
		store, source string
	}{
		{"default", Input{}, "./firewarden-data", "default"},
		{"sandbox", Input{Sandbox: true}, "memory:", "default of the sandbox"},
		{"file", Input{File: file}, "from-file", "firewarden.yaml:1"},
		{"file of the environment", Input{Environ: []string{"FIREWARDEN_CONFIG=" + file}}, "from-file", "firewarden.yaml:1"},
		{"environment before file", Input{File: file, Environ: []string{"PATH=/bin", "FIREWARDEN_STORE=from-env"}}, "from-env", "FIREWARDEN_STORE"},
		{"flag before environment", Input{File: file, Environ: []string{"FIREWARDEN_STORE=from-env"}, Flags: map[string]string{"store": "from-flag"}}, "from-flag", "--store"},
		{"file before the sandbox's default", Input{Sandbox: true, File: file}, "from-file", "firewarden.yaml:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Load(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if c.Store != tt.store || c.Source("store") != tt.source {
				t.Errorf("store %q from %q, want %q from %q", c.Store, c.Source("store"), tt.store, tt.source)
			}
			if tt.in.File != "" && (c.LogLevel != slog.LevelWarn || c.Anonymous != "system/Patient.rs system/Observation.rs") {
				t.Errorf("log-level %v, anonymous %q: the rest of the file is lost", c.LogLevel, c.Anonymous)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	c, err := Load(Input{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:8080" || c.BaseURL != "" || c.Anonymous != "" || c.AdminKey != "" || c.MetricsListen != "127.0.0.1:9090" ||
		c.Validation != "structure" || c.LogLevel != slog.LevelInfo || c.LogFormat != "text" || c.Public || c.StopTimeout != 10*time.Second {
		t.Errorf("defaults: %+v", c)
	}
	c, err = Load(Input{Sandbox: true})
	if err != nil {
		t.Fatal(err)
	}
	if c.Store != "memory:" || c.Anonymous != "" || c.AdminKey != "sandbox-admin" {
		t.Errorf("defaults of the sandbox: %+v", c)
	}
}

func TestAnEmptyVariableIsAValue(t *testing.T) {
	c, err := Load(Input{Sandbox: true, Environ: []string{"FIREWARDEN_ANONYMOUS="}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Anonymous != "" {
		t.Errorf("anonymous is %q: an emptied variable must not open the sandbox", c.Anonymous)
	}
}

func TestWhatIsWrongIsRefused(t *testing.T) {
	env := func(lines ...string) Input { return Input{Environ: lines} }
	flag := func(key, value string) Input { return Input{Flags: map[string]string{key: value}} }
	tests := []struct {
		name string
		in   Input
		want []string // parts of the error
	}{
		{"misspelled variable", env("FIREWARDEN_STROE=x"), []string{"FIREWARDEN_STROE", "did you mean FIREWARDEN_STORE?"}},
		{"lower-case variable", env("FIREWARDEN_store=x"), []string{"FIREWARDEN_store", "FIREWARDEN_STORE"}},
		{"planned variable", env("FIREWARDEN_LOAD=x"), []string{"FIREWARDEN_LOAD", "not supported yet"}},
		{"misspelled key", Input{File: write(t, "listen: 127.0.0.1:0\nbase_url: http://x\n")}, []string{"firewarden.yaml:2", `"base_url"`, `did you mean "base-url"?`}},
		{"unknown key", Input{File: write(t, "colour: red\n")}, []string{"firewarden.yaml:1", `"colour"`, "listen, base-url"}},
		{"planned key", Input{File: write(t, "load:\n  - a\n")}, []string{"firewarden.yaml:1", "load", "not supported yet"}},
		{"repeated key", Input{File: write(t, "store: a\nstore: b\n")}, []string{"firewarden.yaml:2", "repeated"}},
		{"nested value", Input{File: write(t, "store:\n  folder: a\n")}, []string{"firewarden.yaml:2", "store", "one value"}},
		{"no mapping", Input{File: write(t, "- store\n")}, []string{"firewarden.yaml:1", "keys and values"}},
		{"no YAML", Input{File: write(t, "store: [\n")}, []string{"firewarden.yaml", "yaml"}},
		{"no file", Input{File: "nowhere/firewarden.yaml"}, []string{"--config", "nowhere/firewarden.yaml"}},
		{"wrong value in a file", Input{File: write(t, "\nlog-level: debgu\n")}, []string{"log-level (firewarden.yaml:2)", `"debgu"`, "did you mean debug?"}},
		{"listen without port", flag("listen", "8080"), []string{"--listen", `"8080"`, "host:port"}},
		{"listen with a wrong port", env("FIREWARDEN_LISTEN=127.0.0.1:99999"), []string{"FIREWARDEN_LISTEN", "host:port"}},
		{"emptied listen", env("FIREWARDEN_LISTEN="), []string{"FIREWARDEN_LISTEN"}},
		{"base URL of another scheme", flag("base-url", "ftp://x"), []string{"--base-url", "http or https"}},
		{"base URL with /fhir", flag("base-url", "http://x/fhir/"), []string{"leave /fhir out"}},
		{"base URL with a query", flag("base-url", "http://x?y"), []string{"query"}},
		{"other database", flag("store", "postgres://host/db"), []string{`"postgres"`}},
		{"memory without colon", flag("store", "memory"), []string{"memory:"}},
		{"short key", flag("admin-key", "secret"), []string{"--admin-key", "12"}},
		{"key with a blank", flag("admin-key", "correct horse battery"), []string{"--admin-key", "blanks"}},
		{"profiles", flag("validation", "profiles"), []string{"--validation", "not checked yet"}},
		{"other validation", flag("validation", "none"), []string{"--validation", "off or structure"}},
		{"audit", env("FIREWARDEN_AUDIT=some"), []string{"FIREWARDEN_AUDIT", "all", "writes"}},
		{"stop-timeout", flag("stop-timeout", "10"), []string{"--stop-timeout", "length of time"}},
		{"listen on all addresses", flag("listen", ":8080"), []string{"base-url is required", "--listen"}},
		{"listen on another address", flag("listen", "192.0.2.7:8080"), []string{"base-url is required"}},
		{"certificate without its key", flag("tls-certificate", "cert.pem"), []string{"tls-certificate and tls-key"}},
		{"certificate behind http", Input{Flags: map[string]string{"tls-certificate": "cert.pem", "tls-key": "key.pem", "base-url": "http://x"}}, []string{"base-url (--base-url)", "https only"}},
		{"public sandbox", Input{Sandbox: true, Flags: map[string]string{"listen": "0.0.0.0:8080", "base-url": "http://x"}}, []string{"listen (--listen)", "--public"}},
		{"issuers that are no list", env("FIREWARDEN_ISSUERS=x"), []string{"FIREWARDEN_ISSUERS", "list"}},
		{"open registration", flag("registration", "open"), []string{"registration (--registration)", "only a sandbox"}},
		{"other registration", flag("registration", "aproval"), []string{"did you mean approval?"}},
		{"longer than an hour", flag("access-life", "2h"), []string{"--access-life", "between 1s and 1h"}},
		{"keys of a day", flag("key-life", "24h"), []string{"--key-life", "72h"}},
		{"short secret", flag("key-secret", "short-secret"), []string{"--key-secret", "16"}},
		{"rate without a time", flag("login-limit", "10"), []string{"--login-limit", "10/15m"}},
		{"rate of none", flag("login-limit", "0/1m"), []string{"--login-limit", "no rate"}},
		{"origin with a path", flag("frame-ancestors", "https://x/y"), []string{"--frame-ancestors", "no origin"}},
		{"alias that is no mapping", flag("scope-aliases", "x=y"), []string{"--scope-aliases", "mapping"}},
		{"reach", flag("reach", "everywhere"), []string{"--reach"}},
		{"host with a path", flag("hosts", "a/b"), []string{"--hosts", "no host"}},
		{"proxy by name", flag("proxies", "proxy.internal"), []string{"--proxies", "no network"}},
		{"style", flag("style-url", "/style.json"), []string{"--style-url", "no URL"}},
		{"two faults", Input{Flags: map[string]string{"listen": "x", "store": ""}}, []string{"--listen", "--store"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(tt.in)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestOtherAddresses(t *testing.T) {
	for _, in := range []Input{
		{Flags: map[string]string{"listen": "localhost:0"}},
		{Flags: map[string]string{"listen": "[::1]:8080"}},
		{Flags: map[string]string{"listen": "127.1.2.3:8080"}},
		{Flags: map[string]string{"listen": ":8080", "base-url": "https://fhir.example.org/"}},
		{Sandbox: true, Flags: map[string]string{"listen": "0.0.0.0:8080", "base-url": "http://host:8080", "public": "true"}},
	} {
		c, err := Load(in)
		if err != nil {
			t.Errorf("%v: %v", in.Flags, err)
		}
		if strings.HasSuffix(c.BaseURL, "/") {
			t.Errorf("the base URL ends with a slash: %q", c.BaseURL)
		}
	}
}

func TestSecretsAreMasked(t *testing.T) {
	c, err := Load(Input{Environ: []string{"FIREWARDEN_ADMIN_KEY=correct-horse-battery"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.AdminKey != "correct-horse-battery" {
		t.Errorf("admin key %q", c.AdminKey)
	}
	for _, s := range c.Settings() {
		if strings.Contains(s.Value, "horse") {
			t.Errorf("%s shows the secret", s.Key)
		}
		if s.Key == "admin-key" && s.Value == "" {
			t.Error("a key that is set must not look empty")
		}
	}
	if got := maskURL("mongodb://u:p@ss@host/db"); got != "mongodb://********@host/db" {
		t.Errorf("masked: %s", got)
	}
}

func TestForeignVariablesAreNoted(t *testing.T) {
	c, err := Load(Input{Environ: []string{"FIREWARDEN_PORT_8080_TCP=tcp://10.0.0.1:8080"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "FIREWARDEN_PORT_8080_TCP") {
		t.Errorf("notes: %q", c.Notes)
	}
}

// Passwords in clear are worth a word, where they leave the machine.
func TestClearText(t *testing.T) {
	for base, want := range map[string]bool{"http://fhir.example.org": true, "https://fhir.example.org": false, "http://localhost:8080": false, "http://127.0.0.1": false, "http://[::1]:80": false, "": false} {
		c, err := Load(Input{Flags: map[string]string{"base-url": base}})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(c.Notes) == 1 && strings.Contains(c.Notes[0], "in clear"); got != want {
			t.Errorf("%q: notes %q", base, c.Notes)
		}
	}
}

func TestNear(t *testing.T) {
	for word, want := range map[string]string{
		"stroe": "store", "lisen": "listen", "baseurl": "base-url", "metrics": "metrics-listen", "admin": "admin-key",
		"port": "", "x": "", "": "", "service-host": "",
	} {
		if got := Near(word, Names()); got != want {
			t.Errorf("Near(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestListsOfEntries(t *testing.T) {
	file := write(t, "users:\n  - name: ann\n    password: correct horse\n  - {name: bob, administrator: true}\nclients: []\n")
	c, err := Load(Input{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Users); got != `[{"name":"ann","password":"correct horse"},{"administrator":true,"name":"bob"}]` || c.Clients != nil {
		t.Errorf("users %s, clients %s", got, c.Clients)
	}
	for _, s := range c.Settings() {
		if strings.Contains(s.Value, "horse") || s.Key == "users" && s.Value != "(2)" {
			t.Errorf("%s is shown as %s", s.Key, s.Value)
		}
	}
	for _, bad := range []string{"users: ann\n", "users: [ann, bob]\n", "users:\n  name: ann\n"} {
		if _, err := Load(Input{File: write(t, bad)}); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// TestKeysOfTheAuthorizationServer: each has its default, and takes what the file says.
func TestKeysOfTheAuthorizationServer(t *testing.T) {
	c, err := Load(Input{})
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Auth; a.Registration != "token" || a.AccessLife != time.Hour || a.BackendLife != 5*time.Minute || a.CodeLife != time.Minute || a.KeyLife != 90*24*time.Hour ||
		a.LoginLimit != (Rate{10, 15 * time.Minute}) || a.Reach != "public" || a.OldScopesOnly || a.FrameAncestors != nil && len(a.FrameAncestors) > 0 {
		t.Errorf("defaults: %+v", a)
	}
	c, err = Load(Input{File: write(t, `
registration: approval
scope-aliases:
  http://written: http://meant
frame-ancestors: [https://a.example, https://b.example]
key-life: 0s
refresh-life: 720h
token-limit: 100/1m
proxies: [10.0.0.0/8, "::1"]
hosts: [fhir.internal, dev:8443]
issuers:
  - issuer: https://id.example
    tokens: {validate: jwt, client_secret: s3cret}
`)})
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Auth; a.Registration != "approval" || a.Aliases["http://written"] != "http://meant" || len(a.FrameAncestors) != 2 || a.KeyLife != 0 || a.RefreshLife != 720*time.Hour ||
		a.TokenLimit != (Rate{100, time.Minute}) || len(c.Proxies) != 2 || len(c.Hosts) != 2 || !strings.Contains(string(a.Issuers), "https://id.example") {
		t.Errorf("of the file: %+v", a)
	}
	for _, s := range c.Settings() {
		if strings.Contains(s.Value, "s3cret") {
			t.Errorf("%s shows a secret", s.Key)
		}
	}
}
