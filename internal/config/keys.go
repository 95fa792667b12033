package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Key is a key of the configuration.
type Key struct {
	Name, Default string
	Usage         string // one line, its `value` named in backquotes
	Switch        bool   // the flag needs no value

	mapping bool   // the file has a mapping of names to entries
	sandbox string // the sandbox's default, "" is Default
	set     func(c *Config, value string) error
	mask    func(value string) string // what may be shown of it; nil: all
}

var keys = slices.Concat(serverKeys, searchKeys, authKeys)

// serverKeys are those of the server itself; search.go and authorization.go have the others.
var serverKeys = []Key{
	{Name: "listen", Default: "127.0.0.1:8080", Usage: "`host:port` to answer on",
		set: func(c *Config, v string) error { return address(&c.Listen, v) }},
	{Name: "base-url", Usage: "`URL` by which clients reach the server; FHIR is at URL/fhir (default http://LISTEN, or https://LISTEN)",
		set: func(c *Config, v string) error { return base(&c.BaseURL, v) }},
	{Name: "tls-certificate", Usage: "`FILE` (PEM) with the certificate, and those between it and the root, that https is answered by; read again when it changes",
		set: func(c *Config, v string) error { c.TLSCertificate = v; return nil }},
	{Name: "tls-key", Usage: "`FILE` (PEM) with the key of tls-certificate",
		set: func(c *Config, v string) error { c.TLSKey = v; return nil }},
	{Name: "store", Default: "./firewarden-data", sandbox: Memory, Usage: "`folder` that keeps the data, memory:, or a replica set of MongoDB as mongodb://…", mask: maskURL,
		set: func(c *Config, v string) error { return place(&c.Store, v) }},
	{Name: "anonymous", Usage: "`scopes` of requests without a token, as in system/*.rs; empty: none gets in",
		set: func(c *Config, v string) error { c.Anonymous = strings.Join(strings.Fields(v), " "); return nil }},
	{Name: "admin-key", sandbox: "sandbox-admin", Usage: "the administrator's `key` (default: generated into the store's file admin-key)", mask: mask,
		set: func(c *Config, v string) error { return secret(&c.AdminKey, v) }},
	{Name: "metrics-listen", Default: "127.0.0.1:9090", Usage: "`host:port` of /metrics for Prometheus, or off",
		set: func(c *Config, v string) error {
			if v == "off" {
				c.MetricsListen = ""
				return nil
			}
			return address(&c.MetricsListen, v)
		}},
	{Name: "validation", Default: "structure", Usage: "`level` of checks before a resource is stored: structure, or off",
		set: func(c *Config, v string) error {
			if v == "profiles" {
				return errors.New("profiles are not checked yet: use structure")
			}
			return oneOf(&c.Validation, v, "off", "structure")
		}},
	{Name: "audit", Default: "all", Usage: "`what` is written to the audit log: all, writes or off",
		set: func(c *Config, v string) error { return oneOf(&c.Audit, v, "all", "writes", "off") }},
	{Name: "log-level", Default: "info", Usage: "`level`: debug, info, warn or error",
		set: func(c *Config, v string) error {
			var text string
			if err := oneOf(&text, v, "debug", "info", "warn", "error"); err != nil {
				return err
			}
			return c.LogLevel.UnmarshalText([]byte(text))
		}},
	{Name: "log-format", Default: "text", Usage: "`form` of the log: text, or json",
		set: func(c *Config, v string) error { return oneOf(&c.LogFormat, v, "text", "json") }},
	{Name: "public", Default: "false", Switch: true, Usage: "let a sandbox listen where other machines reach it",
		set: func(c *Config, v string) error { return truth(&c.Public, v) }},
	{Name: "hosts", Usage: "further `names` by which clients reach a server that listens on loopback only, as in fhir.internal dev.example.org:8443",
		set: func(c *Config, v string) error { return hosts(&c.Hosts, v) }},
	{Name: "proxies", Usage: "`networks` of reverse proxies, whose X-Forwarded-For says who asks: limits count by it, as in 10.0.0.0/8 127.0.0.1",
		set: func(c *Config, v string) error { return networks(&c.Proxies, v) }},
	{Name: "clients", Usage: "clients that are there at every start, a `list` in the file", mask: count,
		set: func(c *Config, v string) error { return list(&c.Clients, v) }},
	{Name: "users", Usage: "users that are there at every start, a `list` in the file", mask: count,
		set: func(c *Config, v string) error { return list(&c.Users, v) }},
	{Name: "policies", mapping: true, Usage: "what users may see, names and `rules` in the file; all, self, related, care-team and readonly are built in",
		set: func(c *Config, v string) error { return names(&c.Policies, v) }},
	{Name: "sandbox-jwks", Usage: "`URL|FILE` of the public keys (JWK Set) of sandbox-key and sandbox-backend",
		set: func(c *Config, v string) error { c.SandboxJWKS = v; return nil }},
	{Name: "scope-texts", Usage: "`FILE` (JSON) with what scopes are called on the consent page, by language",
		set: func(c *Config, v string) error { c.ScopeTexts = v; return nil }},
	{Name: "stop-timeout", Default: "10s", Usage: "`time` that requests get to end when the server stops",
		set: func(c *Config, v string) error { return duration(&c.StopTimeout, v, 0, time.Hour) }},
}

// planned are keys of the design that do nothing yet.
var planned = map[string]string{
	"load": "loading at start is not supported yet: use firewarden load",
}

// Keys are all keys in the order of the documentation.
func Keys() []Key { return slices.Clone(keys) }

// Names are the names of all keys.
func Names() []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return names
}

func address(to *string, v string) error {
	host, port, err := net.SplitHostPort(v)
	if n, e := strconv.Atoi(port); err != nil || e != nil || n < 0 || n > 65535 || strings.ContainsAny(host, " /") {
		return fmt.Errorf("%q is no address: write host:port, as in 127.0.0.1:8080", v)
	}
	*to = v
	return nil
}

// loopback says whether only this machine reaches the address.
func loopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	return local(host)
}

// local says whether a name is this machine's own.
func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func base(to *string, v string) error {
	*to = ""
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return fmt.Errorf("%q is no URL of http or https, as in https://fhir.example.org", v)
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.ForceQuery:
		return errors.New("a base URL has no user, query or fragment")
	case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/fhir"):
		return errors.New("leave /fhir out: FHIR is at BASE/fhir")
	}
	*to = strings.TrimRight(v, "/")
	return nil
}

// Place is where the store is, without what nobody should read of the URI of a database: credentials and options.
func (c *Config) Place() string {
	if !IsMongoDB(c.Store) {
		return c.Store
	}
	place, _, _ := strings.Cut(c.Store, "?")
	return maskURL(place)
}

// IsMongoDB says whether a store is the URI of a database of MongoDB.
func IsMongoDB(store string) bool {
	return strings.HasPrefix(store, "mongodb://") || strings.HasPrefix(store, "mongodb+srv://")
}

func place(to *string, v string) error {
	scheme, rest, ok := strings.Cut(v, ":")
	switch {
	case v == "":
		return errors.New("it is empty: write a folder, memory:, or mongodb://…")
	case v == Memory:
	case IsMongoDB(v):
	case v == "memory":
		return errors.New("write memory: with the colon (./memory is a folder)")
	case ok && (strings.HasPrefix(rest, "//") || scheme == "memory" || scheme == "mongodb"):
		return fmt.Errorf("there are no stores of the kind %q: use a folder, memory:, or mongodb://…", scheme)
	}
	*to = v
	return nil
}

func hosts(to *[]string, v string) error {
	*to = strings.Fields(strings.ToLower(v))
	for _, h := range *to {
		if u, err := url.Parse("http://" + h); err != nil || u.Host != h || u.User != nil {
			return fmt.Errorf("%q is no host, as in fhir.internal or fhir.internal:8443", h)
		}
	}
	return nil
}

func networks(to *[]netip.Prefix, v string) error {
	*to = nil
	for _, word := range strings.Fields(v) {
		p, err := netip.ParsePrefix(word)
		if ip, bad := netip.ParseAddr(word); bad == nil {
			p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil {
			return fmt.Errorf("%q is no network, as in 10.0.0.0/8 or 127.0.0.1", word)
		}
		*to = append(*to, p.Masked())
	}
	return nil
}

func secret(to *string, v string) error {
	*to = ""
	if v == "" {
		return nil
	}
	if len(v) < 12 {
		return errors.New("a key has 12 characters or more")
	}
	if i := strings.IndexFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }); i >= 0 {
		return errors.New("a key has letters, digits and signs of ASCII only, and no blanks")
	}
	*to = v
	return nil
}

func oneOf(to *string, v string, allowed ...string) error {
	if slices.Contains(allowed, v) {
		*to = v
		return nil
	}
	if near := Near(v, allowed); near != "" {
		return fmt.Errorf("%q is not known: did you mean %s?", v, near)
	}
	return fmt.Errorf("%q is not known: use %s", v, strings.Join(allowed, " or "))
}

func truth(to *bool, v string) error {
	var text string
	err := oneOf(&text, v, "true", "false")
	*to = text == "true"
	return err
}

// duration takes a length of time between two.
func duration(to *time.Duration, v string, least, most time.Duration) error {
	d, err := time.ParseDuration(v)
	switch {
	case err != nil || d < 0:
		return fmt.Errorf("%q is no length of time, as in 10s or 1m30s", v)
	case d < least || d > most:
		return fmt.Errorf("%s is not between %s and %s", d, least, most)
	}
	*to = d
	return nil
}

// list takes a JSON array of objects; what is in them is for others to read.
func list(to *json.RawMessage, v string) error {
	*to = nil
	if v == "" {
		return nil
	}
	var entries []map[string]any
	if err := json.Unmarshal([]byte(v), &entries); err != nil {
		return errors.New("a list of entries with names and values was expected")
	}
	*to = json.RawMessage(v)
	return nil
}

// names is a mapping of names to entries.
func names(to *json.RawMessage, v string) error {
	*to = nil
	if v == "" {
		return nil
	}
	var entries map[string]map[string]any
	if err := json.Unmarshal([]byte(v), &entries); err != nil {
		return errors.New("names with entries of names and values were expected")
	}
	*to = json.RawMessage(v)
	return nil
}

// count says how many entries a list has: they may hold secrets.
func count(v string) string {
	var entries []any
	if json.Unmarshal([]byte(v), &entries) != nil {
		return ""
	}
	return fmt.Sprintf("(%d)", len(entries))
}

func mask(v string) string {
	if v == "" {
		return ""
	}
	return "********"
}

// maskURL hides what a URL says before the host.
func maskURL(v string) string {
	scheme, rest, ok := strings.Cut(v, "://")
	if at := strings.LastIndexByte(rest, '@'); ok && at >= 0 {
		return scheme + "://********" + rest[at:]
	}
	return v
}
