package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/firewarden/firewarden/"

// floors in order from the ground; a package's floor is that of the longest prefix that fits. Imports go down or stay
// within one floor.
var floors = []struct {
	prefix string
	floor  int
}{
	{"internal/fhir", 1}, {"internal/ucum", 1}, {"internal/house", 9},
	{"conformance", 2},
	{"compartments", 3},
	{"search", 4},
	{"store", 5},
	{"auth", 6},
	{"server", 7},
	{"internal/config", 1}, {"internal/synth", 1}, {"internal/bench", 8}, {"internal/browser", 9}, {"internal/proof", 9}, {"internal/proof/model", 1},
	{"internal/history", 1}, {"internal/examples", 1}, {"internal/program", 1}, {"internal/port", 1}, {"internal/mutants", 9},
	{"cmd", 8},
}

// rooms says which packages may import a library (a prefix of the import path).
var rooms = []struct {
	library string
	rooms   []string
}{
	{"github.com/gofiber/", []string{"server"}},
	{"github.com/valyala/fasthttp", []string{"server"}},
	{"github.com/ory/fosite", []string{"auth"}},
	{"go.mongodb.org/mongo-driver", []string{"store/mongo"}},
	{"github.com/chromedp/", []string{"internal/browser"}},
	{"github.com/cockroachdb/pebble", []string{"store/embedded"}},
	{"github.com/samply/golang-fhir-models", []string{"conformance", "server", "server/interaction"}},
}

// never are imports that the floors would allow and the plan forbids.
var never = []struct{ from, to, why string }{
	{"search", "auth", "the algebra knows no tokens"},
	{"search", "store", "the algebra knows no storage"},
	{"auth", "server", "the authorization server declares the pages that it needs as an interface"},
	{"store", "server", "engines know no HTTP"},
	{"store/embedded", "search", "engines know plans and entries, never queries"},
	{"store/mongo", "search", "engines know plans and entries, never queries"},
	{"server/interaction", "server", "interactions know no HTTP"},
}

func within(pkg, room string) bool { return pkg == room || strings.HasPrefix(pkg, room+"/") }

func floorOf(pkg string) int {
	best, floor := -1, 0
	for _, f := range floors {
		if within(pkg, f.prefix) && len(f.prefix) > best {
			best, floor = len(f.prefix), f.floor
		}
	}
	return floor
}

func TestImportsGoDownOnly(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	edges := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		rel, _ := filepath.Rel(root, filepath.Dir(path))
		pkg := filepath.ToSlash(rel)
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		test := strings.HasSuffix(path, "_test.go")
		if floorOf(pkg) == 0 {
			t.Errorf("%s: the package has no floor: name it in the plan of this test", pkg)
		}
		for _, spec := range f.Imports {
			to, _ := strconv.Unquote(spec.Path.Value)
			edges++
			check(t, pkg, to, filepath.Base(path), test)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if edges < 50 {
		t.Fatalf("read only %d imports: the walk is broken", edges)
	}
}

func check(t *testing.T, pkg, to, file string, test bool) {
	for _, r := range rooms {
		if !strings.HasPrefix(to, r.library) {
			continue
		}
		allowed := false
		for _, room := range r.rooms {
			// Tests of store/embedded bring their own file systems; no other test needs a library of another room.
			allowed = allowed || pkg == room || within(pkg, room) && room != "server" && room != "conformance"
		}
		if !allowed {
			t.Errorf("%s/%s imports %s, which belongs to %s", pkg, file, to, strings.Join(r.rooms, ", "))
		}
	}
	local, ours := strings.CutPrefix(to, module)
	if !ours || test {
		return // tests may look upstairs: a suite runs on the engines above it
	}
	if floorOf(local) > floorOf(pkg) {
		t.Errorf("%s/%s imports %s: imports go down only (floor %d to %d)", pkg, file, local, floorOf(pkg), floorOf(local))
	}
	for _, n := range never {
		exact := n.to == "search" // engines may import search/plan and search/index
		hit := within(local, n.to)
		if exact && within(pkg, "store") {
			hit = local == n.to
		}
		if n.from == "server/interaction" {
			hit = local == n.to
		}
		if within(pkg, n.from) && hit {
			t.Errorf("%s/%s imports %s: %s", pkg, file, local, n.why)
		}
	}
}

// TestUnrestrictedIsNamedRarely keeps the access of nobody in particular to the files that rebuild, seed or administer.
func TestUnrestrictedIsNamedRarely(t *testing.T) {
	allowed := map[string]bool{
		"search/guard.go":         true, // declares it
		"server/bearer.go":        true, // the administrator's key
		"cmd/firewarden/load.go":  true,
		"cmd/firewarden/seed.go":  true,
		"cmd/firewarden/store.go": true,
		"internal/bench/bench.go": true,

		"server/interaction/parameters.go": true, // reads what is to be indexed by
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		if strings.HasPrefix(rel, "store/storetest/") || allowed[rel] {
			return nil
		}
		for _, line := range strings.Split(string(src), "\n") {
			code, _, _ := strings.Cut(line, "//")
			if strings.Contains(code, "Unrestricted") {
				t.Errorf("%s names Unrestricted: only %d files may", rel, len(allowed))
				break
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
