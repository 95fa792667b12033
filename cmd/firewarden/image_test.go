package main

import (
	"debug/elf"
	"encoding/json"
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
)

// root is the folder of the module.
const root = "../.."

// image is what the Dockerfile says.
type image struct {
	from     []string // of the stages
	builds   []string // commands of the first stage
	copies   []imageCopy
	env      []string
	user     string
	workdir  string
	expose   string
	check    []string // health check
	entry    []string
	command  []string
	unproven []string // instructions that readImage does not know
}

// imageCopy is a COPY of the last stage, out of the first one.
type imageCopy struct{ from, to, owner string }

// readImage reads the Dockerfile: as much of its language as ours needs.
func readImage(text string) (im image) {
	for _, line := range strings.Split(strings.ReplaceAll(text, "\\\n", " "), "\n") {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		last := len(im.from) > 1
		switch {
		case word == "" || strings.HasPrefix(word, "#"):
		case word == "FROM":
			im.from = append(im.from, strings.Fields(rest)[0])
		case word == "RUN" && !last:
			im.builds = append(im.builds, rest)
		case word == "COPY" && !last, word == "WORKDIR" && !last, word == "VOLUME" && last:
		case word == "COPY" && strings.HasPrefix(rest, "--from=build "):
			c, args := imageCopy{}, strings.Fields(rest)[1:]
			if owner, ok := strings.CutPrefix(args[0], "--chown="); ok {
				c.owner, args = owner, args[1:]
			}
			c.from, c.to = args[0], args[1]
			im.copies = append(im.copies, c)
		case word == "ENV" && last:
			im.env = append(im.env, strings.Fields(rest)...)
		case word == "USER" && last:
			im.user = rest
		case word == "WORKDIR" && last:
			im.workdir = rest
		case word == "EXPOSE" && last:
			im.expose = rest
		case word == "HEALTHCHECK" && last:
			_, list, _ := strings.Cut(rest, " CMD ")
			json.Unmarshal([]byte(list), &im.check)
		case word == "ENTRYPOINT" && last:
			json.Unmarshal([]byte(rest), &im.entry)
		case word == "CMD" && last:
			json.Unmarshal([]byte(rest), &im.command)
		default:
			im.unproven = append(im.unproven, line)
		}
	}
	return im
}

func dockerfile() (image, error) {
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	return readImage(string(text)), err
}

// build runs the commands of the Dockerfile that make what the image holds. They write below out instead of /out.
func (im *image) build(out string) error {
	for _, command := range im.builds {
		if strings.HasPrefix(command, "go mod download") {
			continue // the build does so
		}
		c := exec.Command("sh", "-euc", strings.ReplaceAll(command, "/out", out))
		c.Dir = root
		if text, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, text)
		}
	}
	return nil
}

func TestImageIsPlain(t *testing.T) {
	im, err := dockerfile()
	if err != nil {
		t.Fatal(err)
	}
	if len(im.from) != 2 || im.from[1] != "scratch" || !named.MatchString(im.from[0]) {
		t.Errorf("made from %v", im.from)
	}
	goes, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if v := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(goes); !strings.HasPrefix(im.from[0], "golang:"+string(v[1])) {
		t.Errorf("built by %s, go.mod wants %s", im.from[0], v[1])
	}
	if uid, _, _ := strings.Cut(im.user, ":"); uid == "" || uid == "0" || uid == "root" {
		t.Errorf("runs as %q", im.user)
	}
	if !slices.Equal(im.entry, []string{"/firewarden"}) || !slices.Equal(im.command, []string{"serve"}) || !slices.Equal(im.check, []string{"/firewarden", "health"}) {
		t.Errorf("runs %v %v, asks %v", im.entry, im.command, im.check)
	}
	if c := loaded(t, im.env, ""); !strings.HasSuffix(c.Listen, ":"+im.expose) {
		t.Errorf("exposes %s and listens on %s", im.expose, c.Listen)
	}
	for _, line := range im.unproven {
		t.Errorf("this test does not know what this does: %s", line)
	}
}

// TestImageRuns runs what the image would hold, where nothing else is: a static binary on a root that cannot be written
// to, as the image's user.
func TestImageRuns(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: that the image's files are enough to run. To change root takes root")
	}
	im, err := dockerfile()
	if err != nil {
		t.Fatal(err)
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
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
	for _, c := range im.copies {
		from := strings.Replace(c.from, "/out", filepath.Dir(bin), 1)
		to := filepath.Join(dir, c.to)
		if strings.HasSuffix(c.to, "/") {
			to = filepath.Join(to, filepath.Base(from))
		}
		command := fmt.Sprintf("mkdir -p %q && cp -r %q %q", filepath.Dir(to), from, to)
		if c.owner != "" {
			command += fmt.Sprintf(" && chown -R %s %q", c.owner, to)
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
		uid, gid, _ := strings.Cut(im.user, ":")
		u, _ := strconv.ParseUint(uid, 10, 32)
		g, _ := strconv.ParseUint(gid, 10, 32)
		c := exec.Command(im.entry[0], args...)
		c.Dir, c.Env = im.workdir, slices.Clone(im.env)
		c.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: uint32(u), Gid: uint32(g), NoSetGroups: true}}
		return c
	}

	port := freePort(t)
	at := "127.0.0.1:" + port
	p := launch(t, contained("sandbox", "--public", "--listen", at, "--metrics-listen", "off"), "http://"+at)
	p.token = "sandbox-admin"
	if n := p.count("/fhir/Patient"); n == 0 {
		t.Error("no patients")
	}
	if said, err := contained(append(im.check[1:], "--listen", at)...).CombinedOutput(); err != nil {
		t.Errorf("the health check: %v %s", err, said)
	}
	p.cmd.Process.Kill()
	p.wait()
	if said, err := contained(append(im.check[1:], "--listen", at)...).CombinedOutput(); err == nil {
		t.Errorf("the health check of a dead server: %s", said)
	}
	if said, err := contained("serve", "--listen", at).CombinedOutput(); err == nil || !strings.Contains(string(said), "read-only") {
		t.Errorf("a root that cannot be written to: %v %s", err, said)
	}

	volume := filepath.Join(dir, im.workdir)
	if err := syscall.Mount("none", volume, "tmpfs", 0, "size=200m,uid=65532,gid=65532"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(volume, syscall.MNT_DETACH) })
	p = launch(t, contained(append(im.command, "--listen", at, "--metrics-listen", "off")...), "http://"+at)
	if res, body := p.do("GET", "/fhir/metadata", ""); res.StatusCode != http.StatusOK || !strings.Contains(string(body), "http://localhost:8080/fhir") {
		t.Errorf("metadata: %s %.200s", res.Status, body)
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.wait(); err != nil {
		t.Errorf("the stop: %v %s", err, p.log.String())
	}
}
