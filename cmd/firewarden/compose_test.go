package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/firewarden/firewarden/internal/config"
	"github.com/firewarden/firewarden/internal/program"
	"github.com/firewarden/firewarden/store/mongo/mongotest"
)

// compose is a compose file, as far as ours say something.
type compose struct {
	Name     string
	Services map[string]service
	Networks map[string]struct{ Internal bool }
	Volumes  map[string]any
}

type service struct {
	Image       string
	Build       string
	Entrypoint  []string
	Command     []string
	Hostname    string
	Environment map[string]string
	Ports       []string
	Networks    []string
	NetworkMode string `yaml:"network_mode"`
	Volumes     []string
	Tmpfs       []string
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct {
		Test              []string
		Interval, Timeout time.Duration
		StartPeriod       time.Duration `yaml:"start_period"`
		StartInterval     time.Duration `yaml:"start_interval"`
	}
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	StopGrace   string   `yaml:"stop_grace_period"`
	Restart     string
}

const (
	ourImage      = "firewarden:" + version
	databaseImage = "mongo:8.0" // the series of MongoDB 8 that is supported longest
)

// named are images of a version: of a tag that tells major and minor number.
var named = regexp.MustCompile(`^[a-z][a-z0-9./-]*:\d+\.\d+(\.\d+)?(-[a-z]+)?$`)

func composeFiles(t *testing.T) map[string]compose {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(program.Root, "docker-compose*.yml"))
	if err != nil || len(paths) != 3 {
		t.Fatalf("compose files: %v %v", paths, err)
	}
	all := map[string]compose{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var anchors map[string]any // x-… are for the file itself
		var c compose
		if err := yaml.Unmarshal(text, &anchors); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for k := range anchors {
			if strings.HasPrefix(k, "x-") {
				delete(anchors, k)
			}
		}
		plain, err := yaml.Marshal(anchors)
		if err != nil {
			t.Fatal(err)
		}
		d := yaml.NewDecoder(strings.NewReader(string(plain)))
		d.KnownFields(true)
		if err := d.Decode(&c); err != nil {
			t.Fatalf("%s: what this test does not know: %v", path, err)
		}
		all[filepath.Base(path)] = c
	}
	return all
}

// loaded is the configuration of a server with these variables alone.
func loaded(t *testing.T, environ []string, file string, args ...string) *config.Config {
	t.Helper()
	in := config.Input{Environ: environ, File: file, Flags: map[string]string{}}
	for _, a := range args {
		in.Sandbox = in.Sandbox || a == "sandbox"
		if key, ok := strings.CutPrefix(a, "--"); ok {
			in.Flags[key] = "true" // ours have switches only
		}
	}
	c, err := config.Load(in)
	if err != nil {
		t.Errorf("%v %v: %v", environ, args, err)
	}
	for _, note := range c.Notes {
		t.Error(note)
	}
	return c
}

var variable = regexp.MustCompile(`\$\{([A-Z_]+):-([^}]*)\}`)

func TestCompose(t *testing.T) {
	im, err := program.Dockerfile()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for file, c := range composeFiles(t) {
		t.Run(file, func(t *testing.T) {
			if names[c.Name] {
				t.Errorf("%s has the name %q of another one: they would share volumes", file, c.Name)
			}
			names[c.Name] = true
			published := 0
			for name, s := range c.Services {
				t.Run(name, func(t *testing.T) {
					published += len(s.Ports)
					s.check(t, &c)
					switch {
					case s.Image == ourImage:
						s.checkServer(t, &c, im)
					case s.Image == databaseImage && s.Entrypoint == nil:
						s.checkMember(t, &c, name)
					}
				})
			}
			if published != 1 {
				t.Errorf("%d ports are published", published)
			}
		})
	}
	// What interface.md and the pages say how to start.
	test := composeFiles(t)["docker-compose.test.yml"]
	if len(test.Services) != 1 || test.Services["firewarden"].Command[0] != "sandbox" || len(test.Volumes) > 0 {
		t.Errorf("the file for tests has %d services", len(test.Services))
	}
	cluster := composeFiles(t)["docker-compose.cluster.yml"]
	count := map[string]int{}
	for _, s := range cluster.Services {
		count[s.Image]++
	}
	if count[ourImage] != 2 || count[databaseImage] != 4 {
		t.Errorf("the cluster has %v", count)
	}
}

// check checks what holds for every service.
func (s *service) check(t *testing.T, c *compose) {
	if !named.MatchString(s.Image) {
		t.Errorf("image %q is not of a named version", s.Image)
	}
	for to, on := range s.DependsOn {
		other, ok := c.Services[to]
		switch {
		case !ok:
			t.Errorf("depends on %s, which is not there", to)
		case on.Condition == "service_healthy" && other.Healthcheck.Test == nil, on.Condition == "service_completed_successfully" && other.Restart != "",
			on.Condition != "service_healthy" && on.Condition != "service_completed_successfully":
			t.Errorf("waits for %s to be %s", to, on.Condition)
		}
	}
	once := slices.ContainsFunc(keysOf(c.Services), func(name string) bool {
		for to, on := range c.Services[name].DependsOn {
			if on.Condition == "service_completed_successfully" && c.Services[to].Image == s.Image && slices.Equal(c.Services[to].Entrypoint, s.Entrypoint) {
				return true
			}
		}
		return false
	})
	if h := s.Healthcheck; !once && (len(h.Test) < 2 || h.Test[0] != "CMD" || h.Interval < time.Second || h.Timeout < time.Second) {
		t.Errorf("health check %+v", h)
	}
	for _, p := range s.Ports {
		if !strings.HasPrefix(p, "127.0.0.1:") || !strings.HasSuffix(p, ":8080") {
			t.Errorf("publishes %s: only this machine is to reach it, at 8080", p)
		}
	}
	for _, n := range s.Networks {
		if _, ok := c.Networks[n]; !ok {
			t.Errorf("network %s is not declared", n)
		}
	}
	for _, v := range s.Volumes {
		from, to, _ := strings.Cut(v, ":")
		if strings.HasPrefix(from, ".") {
			if _, err := os.Stat(filepath.Join(program.Root, from)); err != nil || !strings.HasSuffix(to, ":ro") {
				t.Errorf("volume %s: %v", v, err)
			}
		} else if _, ok := c.Volumes[from]; !ok {
			t.Errorf("volume %s is not declared", from)
		}
	}
	for name, value := range s.Environment {
		if regexp.MustCompile(`(?i)pass|secret|key|token|credential`).MatchString(name) || strings.Contains(value, "@") {
			t.Errorf("a secret in the file: %s", name)
		}
	}
}

// checkServer checks a service that is ours: every variable is a key of the configuration, and the values fit.
func (s *service) checkServer(t *testing.T, c *compose, im program.Image) {
	if s.Build != "." || !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") ||
		!slices.Contains(s.Tmpfs, im.Workdir) {
		t.Errorf("may do more than it must: %+v", s)
	}
	if command, _ := find(s.Command); command == nil {
		t.Errorf("there is no command %v", s.Command)
	}
	if !slices.Equal(s.Healthcheck.Test[1:], im.Check) {
		t.Errorf("health check %v, the image's is %v", s.Healthcheck.Test, im.Check)
	}
	environ := slices.Clone(im.Env)
	file := ""
	for name, value := range s.Environment {
		for _, m := range variable.FindAllStringSubmatch(value, -1) {
			if m[1] != name {
				t.Errorf("%s is asked for as %s", name, m[1])
			}
			value = strings.ReplaceAll(value, m[0], m[2])
		}
		if name == "FIREWARDEN_CONFIG" {
			file = drawSecrets(t, c)[value]
			continue
		}
		environ = slices.DeleteFunc(environ, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		environ = append(environ, name+"="+value)
	}
	got := loaded(t, environ, file, s.Command...)
	if got.Listen != "0.0.0.0:8080" || got.BaseURL != "http://localhost:8080" {
		t.Errorf("listens on %s, is known as %s", got.Listen, got.BaseURL)
	}
	if s.Command[0] == "serve" && (!config.IsMongoDB(got.Store) || got.Source("admin-key") != "firewarden.yaml:2") {
		t.Errorf("store %s, administrator's key of %s", got.Place(), got.Source("admin-key"))
	}
}

// checkMember checks a member of the replica set: nobody but servers and members reaches it, and only with a password.
func (s *service) checkMember(t *testing.T, c *compose, name string) {
	if len(s.Ports) > 0 || len(s.Networks) != 1 || !c.Networks[s.Networks[0]].Internal {
		t.Errorf("can be reached by %v on %v", s.Ports, s.Networks)
	}
	if !slices.Equal(s.Command, []string{"--replSet", mongotest.Set, "--keyFile", "/secrets/keyfile"}) || s.Hostname != name {
		t.Errorf("%s runs with %v", s.Hostname, s.Command)
	}
	if !slices.ContainsFunc(s.Volumes, func(v string) bool { return strings.HasSuffix(v, ":/data/db") }) {
		t.Error("its data are in no named volume")
	}
	if s.Environment["MEMBER"] != name+":27017" || !slices.Contains(strings.Split(s.Environment["MEMBERS"], ","), s.Environment["MEMBER"]) {
		t.Errorf("%v", s.Environment)
	}
	for _, m := range strings.Split(s.Environment["MEMBERS"], ",") {
		host, _, _ := strings.Cut(m, ":")
		if c.Services[host].Image != databaseImage {
			t.Errorf("there is no member %s", host)
		}
	}
	if !slices.Contains(s.Healthcheck.Test, "/member.js") {
		t.Errorf("health check %v", s.Healthcheck.Test)
	}
}

func keysOf[V any](m map[string]V) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	return names
}

// drawSecrets runs the service of that name here and gives its files by their paths in the containers.
func drawSecrets(t *testing.T, c *compose) map[string]string {
	t.Helper()
	s := c.Services["secrets"]
	if !slices.Equal(s.Entrypoint, []string{"sh", "/secrets.sh", "/secrets"}) || s.NetworkMode != "none" {
		t.Fatalf("secrets are drawn by %v", s.Entrypoint)
	}
	return secrets(t, s.Environment["MEMBERS"])
}

func secrets(t *testing.T, members string) map[string]string {
	t.Helper()
	dir, files, before := t.TempDir(), map[string]string{}, map[string]string{}
	me := fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
	for range 2 { // the second time changes nothing
		cmd := exec.Command("sh", filepath.Join(program.Root, "deploy/secrets.sh"), dir)
		cmd.Env = append(os.Environ(), "MEMBERS="+members, "MONGODB="+me, "FIREWARDEN="+me)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		paths, _ := filepath.Glob(filepath.Join(dir, "*"))
		if len(paths) != 4 {
			t.Errorf("files %v", paths)
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o400 {
				t.Errorf("%s: %v %v", path, info.Mode(), err)
			}
			text, _ := os.ReadFile(path)
			if before[path] != "" && before[path] != string(text) || len(text) < 48 {
				t.Errorf("%s has changed, or holds too little", path)
			}
			before[path], files["/secrets/"+filepath.Base(path)] = string(text), path
		}
	}
	return files
}

// TestComposeDatabase runs a member of the replica set as docker-compose.yml does, with its health check and secrets, and
// the server on it.
func TestComposeDatabase(t *testing.T) {
	mongosh := os.Getenv("FIREWARDEN_MONGOSH")
	if mongosh == "" {
		t.Skip("NOT TESTED: the health check of the database's container. Set FIREWARDEN_MONGOSH to a mongosh")
	}
	db := mongotest.Start(t, "--replSet", mongotest.Set)
	files := secrets(t, db.Address)
	db.Stop()
	db.With("--keyFile", files["/secrets/keyfile"])
	db.Restart(t)
	_, port, _ := net.SplitHostPort(db.Address)
	healthy := func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		check := exec.CommandContext(ctx, mongosh, "--quiet", "--norc", "--port", port, filepath.Join(program.Root, "deploy/member.js"))
		check.Env = append(os.Environ(), "HOME="+t.TempDir(), "MEMBERS="+db.Address, "MEMBER="+db.Address, "SECRETS="+filepath.Dir(files["/secrets/keyfile"]))
		said, err := check.CombinedOutput()
		t.Logf("the health check: %v %s", err, said)
		return err == nil
	}
	for tries := 0; !healthy(); tries++ {
		if tries == 10 {
			t.Fatal("the member does not become healthy")
		}
		time.Sleep(time.Second)
	}
	p := spawn(t, program.FreePort(t), "serve", "--config", files["/secrets/firewarden.yaml"])
	c := loaded(t, nil, files["/secrets/firewarden.yaml"])
	p.token = c.AdminKey
	if res, body := p.do("POST", "/fhir/Patient", `{"resourceType":"Patient"}`); res.StatusCode != 201 {
		t.Errorf("%s %s", res.Status, body)
	}
	if !healthy() {
		t.Error("the member is not healthy any more")
	}
	stranger := strings.Replace(c.Store, "://firewarden:", "://firewarden:x", 1)
	if code, _, said := run(t, "serve", "--listen", "127.0.0.1:0", "--store", stranger); code == done || !strings.Contains(said, "refuses user or password") {
		t.Errorf("a wrong password: %d %s", code, said)
	}
	if code, _, said := run(t, "serve", "--listen", "127.0.0.1:0", "--store", "mongodb://"+db.Address+"/firewarden?replicaSet="+mongotest.Set); code == done || !strings.Contains(said, "readWrite") {
		t.Errorf("no password: %d %s", code, said)
	}
}
