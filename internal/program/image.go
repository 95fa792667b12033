package program

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Root is the folder of the module, seen from the packages that use this one.
const Root = "../.."

// Image is what the Dockerfile says.
type Image struct {
	From     []string // of the stages
	builds   []string // commands of the first stage
	Copies   []Copy
	Env      []string
	User     string
	Workdir  string
	Expose   string
	Check    []string // health check
	Entry    []string
	Command  []string
	Unproven []string // instructions that readImage does not know
}

// Copy is a COPY of the last stage, out of the first one.
type Copy struct{ From, To, Owner string }

// readImage reads the Dockerfile: as much of its language as ours needs.
func readImage(text string) (im Image) {
	for _, line := range strings.Split(strings.ReplaceAll(text, "\\\n", " "), "\n") {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		last := len(im.From) > 1
		switch {
		case word == "" || strings.HasPrefix(word, "#"):
		case word == "FROM":
			im.From = append(im.From, strings.Fields(rest)[0])
		case word == "RUN" && !last:
			im.builds = append(im.builds, rest)
		case word == "COPY" && !last, word == "WORKDIR" && !last, word == "VOLUME" && last:
		case word == "COPY" && strings.HasPrefix(rest, "--from=build "):
			c, args := Copy{}, strings.Fields(rest)[1:]
			if owner, ok := strings.CutPrefix(args[0], "--chown="); ok {
				c.Owner, args = owner, args[1:]
			}
			c.From, c.To = args[0], args[1]
			im.Copies = append(im.Copies, c)
		case word == "ENV" && last:
			im.Env = append(im.Env, strings.Fields(rest)...)
		case word == "USER" && last:
			im.User = rest
		case word == "WORKDIR" && last:
			im.Workdir = rest
		case word == "EXPOSE" && last:
			im.Expose = rest
		case word == "HEALTHCHECK" && last:
			_, list, _ := strings.Cut(rest, " CMD ")
			json.Unmarshal([]byte(list), &im.Check)
		case word == "ENTRYPOINT" && last:
			json.Unmarshal([]byte(rest), &im.Entry)
		case word == "CMD" && last:
			json.Unmarshal([]byte(rest), &im.Command)
		default:
			im.Unproven = append(im.Unproven, line)
		}
	}
	return im
}

// Dockerfile is the Dockerfile of the module.
func Dockerfile() (Image, error) {
	text, err := os.ReadFile(filepath.Join(Root, "Dockerfile"))
	return readImage(string(text)), err
}

// build runs the commands of the Dockerfile that make what the image holds. They write below out instead of /out.
func (im *Image) build(out string) error {
	for _, command := range im.builds {
		if strings.HasPrefix(command, "go mod download") {
			continue // the build does so
		}
		c := exec.Command("sh", "-euc", strings.ReplaceAll(command, "/out", out))
		c.Dir = Root
		if text, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, text)
		}
	}
	return nil
}

// Path is where the binary is, beside whatever else the image would hold.
func Path(t testing.TB) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// built builds once.
var built = sync.OnceValues(func() (string, error) {
	var err error
	if folder, err = os.MkdirTemp("", "firewarden-test-"); err != nil {
		return "", err
	}
	im, err := Dockerfile()
	if err != nil {
		return "", err
	}
	return filepath.Join(folder, "firewarden"), im.build(folder)
})

var folder string // of the binary

// Remove deletes what was built: at the end of a package's TestMain.
func Remove() {
	if folder != "" {
		os.RemoveAll(folder)
	}
}
