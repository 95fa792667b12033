package validate

import (
	"os"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/examples"
	"github.com/firewarden/firewarden/internal/fhir"
)

// faulty are the official examples that are wrong: file → "code at place" of their first fault.
func faulty(t testing.TB) map[string]string {
	t.Helper()
	b, err := os.ReadFile("testdata/faulty-examples.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		file, rest, _ := strings.Cut(line, "  ")
		place, why, _ := strings.Cut(rest, ": ")
		if why == "" {
			t.Fatalf("%s: the fault is not described", file)
		}
		out[file] = place
	}
	return out
}

func TestSample(t *testing.T) {
	known := faulty(t)
	n := 0
	for _, b := range examples.Sample(t) {
		res, err := fhir.Parse(b, fhir.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		checkExample(t, res.Type+"-"+res.ID+".json", res, known)
		n++
	}
	if n < 50 {
		t.Errorf("%d examples", n)
	}
}

func TestExamples(t *testing.T) {
	known := faulty(t)
	seen := 0
	for file, b := range examples.Official(t) {
		res, err := fhir.Parse(b, fhir.DefaultLimits)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if checkExample(t, file, res, known) {
			seen++
		}
	}
	if seen != len(known) {
		t.Errorf("%d of the %d faulty examples were seen", seen, len(known))
	}
}

// checkExample says whether the example is a known faulty one.
func checkExample(t *testing.T, file string, res *fhir.Resource, known map[string]string) bool {
	t.Helper()
	faults := Structure(res)
	want, isKnown := known[file]
	switch {
	case !isKnown && len(faults) > 0:
		t.Errorf("%s: %v", file, faults)
	case isKnown && len(faults) == 0:
		t.Errorf("%s: no fault was found, want %s", file, want)
	case isKnown && faults[0].Kind.Code()+" at "+faults[0].Expression != want:
		t.Errorf("%s: %v, want %s", file, faults[0], want)
	}
	return isKnown
}
