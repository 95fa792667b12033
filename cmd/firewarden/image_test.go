package main

import (
	"debug/elf"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/firewarden/firewarden/internal/program"
)

func TestImageIsPlain(t *testing.T) {
	im, err := program.Dockerfile()
	if err != nil {
		t.Fatal(err)
	}
	if len(im.From) != 2 || im.From[1] != "scratch" || !named.MatchString(im.From[0]) {
		t.Errorf("made from %v", im.From)
	}
	goes, err := os.ReadFile(filepath.Join(program.Root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if v := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(goes); !strings.HasPrefix(im.From[0], "golang:"+string(v[1])) {
		t.Errorf("built by %s, go.mod wants %s", im.From[0], v[1])
	}
	if uid, _, _ := strings.Cut(im.User, ":"); uid == "" || uid == "0" || uid == "root" {
		t.Errorf("runs as %q", im.User)
	}
	if !slices.Equal(im.Entry, []string{"/firewarden"}) || !slices.Equal(im.Command, []string{"serve"}) || !slices.Equal(im.Check, []string{"/firewarden", "health"}) {
		t.Errorf("runs %v %v, asks %v", im.Entry, im.Command, im.Check)
	}
	if c := loaded(t, im.Env, ""); !strings.HasSuffix(c.Listen, ":"+im.Expose) {
		t.Errorf("exposes %s and listens on %s", im.Expose, c.Listen)
	}
	for _, line := range im.Unproven {
		t.Errorf("this test does not know what this does: %s", line)
	}
}

// TestImageRuns runs what the image would hold, where nothing else is: a static binary on a root that cannot be written
// to, as the image's user.
func TestImageRuns(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: that the image's files are enough to run. To change root takes root")
	}
	im, err := program.Dockerfile()
	if err != nil {
		t.Fatal(err)
	}
	bin := program.Path(t)
	file, err := elf.Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	if libraries, err := file.ImportedLibraries(); err != nil || len(libraries) > 0 || slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Errorf("the binary is not static: %v %v", libraries, err)
	}
	file.Close()

	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range im.Copies {
		from := strings.Replace(c.From, "/out", filepath.Dir(bin), 1)
		to := filepath.Join(dir, c.To)
		if strings.HasSuffix(c.To, "/") {
			to = filepath.Join(to, filepath.Base(from))
		}
		command := fmt.Sprintf("mkdir -p %q && cp -r %q %q", filepath.Dir(to), from, to)
		if c.Owner != "" {
			command += fmt.Sprintf(" && chown -R %s %q", c.Owner, to)
		}
		if said, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", command, err, said)
		}
	}
	if err := syscall.Mount(dir, dir, "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	if err := syscall.Mount(dir, dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	contained := func(args ...string) *exec.Cmd {
		uid, gid, _ := strings.Cut(im.User, ":")
		u, _ := strconv.ParseUint(uid, 10, 32)
		g, _ := strconv.ParseUint(gid, 10, 32)
		c := exec.Command(im.Entry[0], args...)
		c.Dir, c.Env = im.Workdir, slices.Clone(im.Env)
		c.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: uint32(u), Gid: uint32(g), NoSetGroups: true}}
		return c
	}

	port := program.FreePort(t)
	at := "127.0.0.1:" + port
	p := talk(t, program.Launch(t, contained("sandbox", "--public", "--listen", at, "--metrics-listen", "off"), "http://"+at), "sandbox")
	if n := p.count("/fhir/Patient"); n == 0 {
		t.Error("no patients")
	}
	if said, err := contained(append(im.Check[1:], "--listen", at)...).CombinedOutput(); err != nil {
		t.Errorf("the health check: %v %s", err, said)
	}
	p.Kill()
	if said, err := contained(append(im.Check[1:], "--listen", at)...).CombinedOutput(); err == nil {
		t.Errorf("the health check of a dead server: %s", said)
	}
	if said, err := contained("serve", "--listen", at).CombinedOutput(); err == nil || !strings.Contains(string(said), "read-only") {
		t.Errorf("a root that cannot be written to: %v %s", err, said)
	}

	volume := filepath.Join(dir, im.Workdir)
	if err := syscall.Mount("none", volume, "tmpfs", 0, "size=200m,uid=65532,gid=65532"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(volume, syscall.MNT_DETACH) })
	p = talk(t, program.Launch(t, contained(append(im.Command, "--listen", at, "--metrics-listen", "off")...), "http://"+at), "serve")
	if res, body := p.do("GET", "/fhir/metadata", ""); res.StatusCode != http.StatusOK || !strings.Contains(string(body), "http://localhost:8080/fhir") {
		t.Errorf("metadata: %s %.200s", res.Status, body)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("the stop: %v %s", err, p.Log.String())
	}
}
