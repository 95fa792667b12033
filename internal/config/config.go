package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config is the effective configuration of a server. Load makes one.
type Config struct {
	Listen         string // host:port; the host may be empty, the port may be 0
	BaseURL        string // without a final slash; "" is http://LISTEN, or https://LISTEN
	TLSCertificate string // files of what https is answered by; "" is http
	TLSKey         string
	Store          string // a folder, or Memory
	Anonymous      string // scopes of a request without a token
	AdminKey       string // "" is to be generated
	MetricsListen  string // host:port; "" is no metrics
	Validation     string // off, structure
	Audit          string // all, writes, off
	LogLevel       slog.Level
	LogFormat      string // text, json
	Public         bool   // a sandbox may be reached from other machines
	StopTimeout    time.Duration
	Clients        json.RawMessage // a list of clients that are declared; nil if there are none
	Users          json.RawMessage // likewise
	Policies       json.RawMessage // the policies that are declared, by name; nil if there are none
	SandboxJWKS    string          // URL or file of the keys of the sandbox's clients
	ScopeTexts     string          // file with texts of scopes, "" if there are none
	Hosts          []string        // host or host:port, beside those of Listen and BaseURL
	Search         Search
	Proxies        []netip.Prefix
	Auth           Auth

	// Notes are what looks like a mistake and is none for sure.
	Notes []string

	settings []Setting
}

// Memory is the store that is gone when the process ends.
const Memory = "memory:"

// Setting is the value of a key and where it comes from.
type Setting struct {
	Key    string
	Value  string // as written; masked where it is a secret
	Source string // "default", "FIREWARDEN_STORE", "--store", "firewarden.yaml:3"
}

// Input is where a configuration comes from.
type Input struct {
	Sandbox bool              // the sandbox has defaults of its own
	Flags   map[string]string // what was given on the command line, by key
	Environ []string          // as os.Environ
	File    string            // path of a YAML file; "" is that of FIREWARDEN_CONFIG, if any
}

// Load finds the value of every key. Its error tells every fault, one a line.
func Load(in Input) (*Config, error) {
	given := map[string]Setting{}
	c := &Config{}
	env, faults := c.environment(in.Environ)
	path, place := in.File, "--config"
	if e, ok := env["config"]; ok && path == "" {
		path, place = e.Value, e.Source
	}
	if path != "" {
		file, err := readFile(path)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", place, err))
		}
		for _, s := range file {
			given[s.Key] = s
		}
	}
	for k, s := range env {
		given[k] = s
	}
	for k, v := range in.Flags {
		given[k] = Setting{k, v, "--" + k}
	}
	for _, k := range keys {
		s, ok := given[k.Name]
		if !ok {
			s = Setting{k.Name, k.Default, "default"}
			if in.Sandbox && k.sandbox != "" {
				s.Value, s.Source = k.sandbox, "default of the sandbox"
			}
		}
		if err := k.set(c, s.Value); err != nil && (ok || s.Value != "") {
			faults = append(faults, fmt.Errorf("%s: %w", s.describe(), err))
		}
		if k.mask != nil {
			s.Value = k.mask(s.Value)
		}
		c.settings = append(c.settings, s)
	}
	if len(faults) == 0 {
		faults = c.together(in.Sandbox)
	}
	return c, errors.Join(faults...)
}

// together checks what depends on several keys.
func (c *Config) together(sandbox bool) (faults []error) {
	if c.Auth.Registration == "open" && !sandbox {
		faults = append(faults, fmt.Errorf("registration (%s): only a sandbox lets everybody register clients: use token or approval", c.Source("registration")))
	}
	if c.Search.PageSize > c.Search.MaxPageSize {
		faults = append(faults, fmt.Errorf("page-size (%s) is %d and max-page-size (%s) %d: a page cannot have more than it may have",
			c.Source("page-size"), c.Search.PageSize, c.Source("max-page-size"), c.Search.MaxPageSize))
	}
	if (c.TLSCertificate == "") != (c.TLSKey == "") {
		faults = append(faults, errors.New("tls-certificate and tls-key go together: name both files, or none"))
	}
	if c.TLS() && strings.HasPrefix(c.BaseURL, "http://") {
		faults = append(faults, fmt.Errorf("base-url (%s) is %s, and with tls-certificate the server answers https only", c.Source("base-url"), c.BaseURL))
	}
	if u, err := url.Parse(c.BaseURL); err == nil && u.Scheme == "http" && !local(u.Hostname()) && !sandbox {
		c.Notes = append(c.Notes, "base-url is http: passwords and tokens travel in clear; tls-certificate, or a reverse proxy, makes it https")
	}
	if c.Loopback() {
		return faults
	}
	if sandbox && !c.Public {
		faults = append(faults, fmt.Errorf("listen (%s): %q can be reached from other machines, and a sandbox lets everybody in: say --public if you want that", c.Source("listen"), c.Listen))
	}
	if c.BaseURL == "" {
		faults = append(faults, fmt.Errorf("base-url is required where listen is not loopback (%s: %q): say how clients reach the server, as in --base-url https://fhir.example.org", c.Source("listen"), c.Listen))
	}
	return faults
}

// TLS says whether the server answers https itself.
func (c *Config) TLS() bool { return c.TLSCertificate != "" }

// URL is that of a server that listens on an address.
func (c *Config) URL(address string) string {
	if c.TLS() {
		return "https://" + address
	}
	return "http://" + address
}

// Loopback says whether only this machine reaches the server.
func (c *Config) Loopback() bool { return loopback(c.Listen) }

// Settings are the values of all keys, secrets masked.
func (c *Config) Settings() []Setting { return c.settings }

// Source says where the value of a key comes from.
func (c *Config) Source(key string) string {
	i := slices.IndexFunc(c.settings, func(s Setting) bool { return s.Key == key })
	if i < 0 {
		return ""
	}
	return c.settings[i].Source
}

// Default says whether nobody has set the key.
func (c *Config) Default(key string) bool { return strings.HasPrefix(c.Source(key), "default") }

// describe names the key, and the place unless that says it already.
func (s Setting) describe() string {
	if s.Source == "--"+s.Key || s.Source == variable(s.Key) {
		return s.Source
	}
	return s.Key + " (" + s.Source + ")"
}

// environment are the FIREWARDEN_… variables by key.
func (c *Config) environment(environ []string) (env map[string]Setting, faults []error) {
	env = map[string]Setting{}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		rest, ok := strings.CutPrefix(name, "FIREWARDEN_")
		if !ok {
			continue
		}
		key := strings.ReplaceAll(strings.ToLower(rest), "_", "-")
		switch near := Near(key, Names()); {
		case slices.Contains(Names(), key) && name == variable(key) || key == "config":
			env[key] = Setting{key, value, name}
		case planned[key] != "":
			faults = append(faults, fmt.Errorf("%s: %s", name, planned[key]))
		case near != "":
			faults = append(faults, fmt.Errorf("%s: there is no key of this name: did you mean %s?", name, variable(near)))
		default: // Kubernetes and others make variables of the names of services
			c.Notes = append(c.Notes, name+" is no key of the configuration: it does nothing")
		}
	}
	return env, faults
}

// variable is the spelling of a key in the environment.
func variable(key string) string {
	return "FIREWARDEN_" + strings.ReplaceAll(strings.ToUpper(key), "-", "_")
}
