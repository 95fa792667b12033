package words

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/conformance/r4"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("%s:%d:\n got %q\nwant %q", path, i+1, append(g, "")[min(i, len(g))], append(w, "")[min(i, len(w))])
		}
	}
}

func scopes(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/scopes.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

func german(t *testing.T) Texts {
	t.Helper()
	f, err := os.Open("testdata/de.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	texts, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// Every kind of scope in English, and in a language that is a table only.
func TestSentences(t *testing.T) {
	for _, c := range []struct {
		file, lang string
		texts      Texts
	}{{"en.txt", "en", nil}, {"de.txt", "de", german(t)}} {
		var b strings.Builder
		for _, s := range scopes(t) {
			text, in := c.texts.Sentence(s, c.lang)
			fmt.Fprintf(&b, "%s\n    %s: %s\n", s, in, text)
		}
		golden(t, c.file, b.String())
	}
}

// S2-16: what an administrator says of a scope is what is read, in the language that it was said in.
func TestOwnTexts(t *testing.T) {
	texts := german(t)
	for _, c := range []struct{ scope, lang, want, in string }{
		{"patient/Immunization.rs", "de", "Den Impfpass lesen", "de"}, // was given as v1
		{"patient/Immunization.read", "de-CH", "Den Impfpass lesen", "de-CH"},
		{"patient/Immunization.rs", "en", "Read and search immunizations of this patient", "en"},
		{"patient/Goal.rs", "en-IE", "See your goals", "en"},
		{"patient/Goal.rs", "ga", "See your goals", "en"},
		{"patient/Goal.rs", "", "See your goals", "en"},
		{"patient/CarePlan.rs", "en", "Read and search plans of this patient", "en"},
		{"patient/Encounter.rs", "de-AT", "Visiten dieses Patienten lesen und suchen", "de-AT"},
		{"patient/Encounter.rs", "de", "Besuche dieses Patienten lesen und suchen", "de"},
		{"openid", "fr", "Savoir que c'est vous", "fr"},
		{"launch", "fr", "Know what was open when the app was started", "en"},
		{"patient/Encounter.rs", "fr", "Read and search encounters of this patient", "en"},
		{"__mine", "de", "Die Schnittstelle des Labors benutzen", "de"},
		{"__mine", "en", "Use the permission “__mine”", "en"},
	} {
		if text, in := texts.Sentence(c.scope, c.lang); text != c.want || in != c.in {
			t.Errorf("%s in %s: %q in %s, want %q in %s", c.scope, c.lang, text, in, c.want, c.in)
		}
	}
	if text, in := texts.Type("Observation", "de"); text != "Befunde" || in != "de" {
		t.Errorf("%q in %s", text, in)
	}
	if text, in := texts.Type("Goal", "de"); text != "goals" || in != "en" {
		t.Errorf("%q in %s", text, in)
	}
	if text, in := texts.About("Observation", "de"); text != "Messungen, Laborwerte, Vitalzeichen" || in != "de" {
		t.Errorf("%q in %s", text, in)
	}
	if text, in := texts.About("Goal", "fr"); text != "What the treatment is to reach" || in != "en" {
		t.Errorf("%q in %s", text, in)
	}
}

func TestReadRefuses(t *testing.T) {
	for text, why := range map[string]string{
		`{"en": {"scopes": {"patient/Obervation.rs": "x"}}}`:  "Obervation",
		`{"en": {"scopes": {"patient/Goal.rs openid": "x"}}}`: "not one scope",
		`{"en": {"scope": {}}}`:                               "unknown field",
		`{"de": {"verbs": {"r": "lesen"}}}`:                   `de: sentences has no "patient"`,
		`{"de": {"verbs": {"r": "lesen"}}, "de-AT": {}}`:      "sentences has no",
		`[`: "read texts of scopes",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", text, err, why)
		}
	}
}

// Every type has a name that can stand in a sentence, and every entry of the table is of a type that is there.
func TestEveryTypeHasAName(t *testing.T) {
	for _, typ := range r4.Resources() {
		name, in := Texts(nil).Type(typ, "en")
		if in != "en" || name == "" || strings.ContainsFunc(name[:1], unicode.IsUpper) ||
			english.Types[typ] == name && name == taken(typ) {
			t.Errorf("%s: %q is empty, begins with a capital, or is in the table for nothing", typ, name)
		}
	}
	for _, m := range []map[string]string{english.Types, english.About} {
		for _, typ := range slices.Sorted(maps.Keys(m)) {
			if typ != "*" && !r4.IsResource(typ) {
				t.Errorf("%s is no type", typ)
			}
		}
	}
	for _, level := range levels {
		if english.Sentences[level] == "" {
			t.Errorf("no sentence for %s", level)
		}
	}
}

// Two scopes that allow different things are never said alike: letters, level, type and constraint are all in the
// sentence.
func TestSentencesDiffer(t *testing.T) {
	said := map[string]string{}
	for _, level := range []string{"patient", "user", "system"} {
		for _, typ := range append([]string{"*"}, r4.Resources()...) {
			for letters := scope.Letters(1); letters <= scope.All; letters++ {
				s := level + "/" + typ + "." + letters.String()
				text, _ := Texts(nil).Sentence(s, "en")
				if other := said[text]; other != "" {
					t.Fatalf("%s and %s are both %q", s, other, text)
				}
				said[text] = s
			}
		}
	}
}

func TestValuesAreNoPatterns(t *testing.T) {
	text, _ := Texts(nil).Sentence("patient/Observation.rs?code=%7Btype%7D", "en")
	if want := "Read and search observations of this patient, only code {type}"; text != want {
		t.Errorf("%q, want %q", text, want)
	}
}
