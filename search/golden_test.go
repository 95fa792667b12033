package search_test

import (
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden reads testdata/*.txt: blocks of a request and of what its caller may see, then what becomes of it at each
// step. A block's input is
//
//	# remark
//	GET Type?query                 (as in a URL; "lenient" behind it for Prefer: handling=lenient)
//	allow Type all                 one line for each scope of a type, * for any type;
//	allow Type in:Patient/1 k=v    members of a compartment that satisfy a search
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for block := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n\n") {
				got := golden(t, block)
				if got != block && !*update {
					t.Errorf("got\n%s\n\nwant\n%s", got, block)
				}
				out = append(out, got)
			}
			if *update {
				if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

var goldenOptions = search.Options{
	Base: "http://localhost/fhir",
	Now:  time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC),
}

// golden writes a block anew from its input.
func golden(t *testing.T, block string) string {
	t.Helper()
	var out strings.Builder
	var request string
	access := scopes{}
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "#":
		case "GET":
			request = rest
		case "allow":
			typ, what, _ := strings.Cut(rest, " ")
			access[typ] = append(access[typ], what)
		default:
			continue // output
		}
		out.WriteString(line + "\n")
	}
	if request == "" {
		return strings.TrimSpace(out.String()) // a remark
	}
	o := goldenOptions
	request, o.Lenient = strings.CutSuffix(request, " lenient")
	typ, query, _ := strings.Cut(request, "?")
	q, err := search.Query{}, error(nil)
	if typ == "" {
		q, err = search.ParseTypes([]string{"Encounter", "Location", "Observation", "Patient"}, pairs(t, query), o)
	} else {
		q, err = search.Parse(typ, pairs(t, query), o)
	}
	if err != nil {
		return out.String() + "error      " + err.Error()
	}
	for _, e := range q.Ignored {
		out.WriteString("ignored    " + e.Error() + "\n")
	}
	parsed, guarded := []search.Branch{{Type: typ, Where: q.Where}}, search.Guard(q, access)
	each := []search.Guarded{guarded}
	if typ == "" {
		parsed, each = q.Branches, guarded.Members()
	}
	p, err := plan.Lower(guarded, nil)
	if err != nil {
		return out.String() + "error      " + err.Error()
	}
	for i, b := range parsed {
		p := p
		if typ == "" {
			p = p.Members()[i]
		}
		out.WriteString("parsed     " + b.Where.String() + "\n")
		out.WriteString("guarded    " + each[i].Where().String() + "\n")
		out.WriteString("simplified " + plan.Explain(p))
	}
	return strings.TrimSpace(out.String())
}

// pairs reads a query string in its order.
func pairs(t testing.TB, query string) []search.Pair {
	t.Helper()
	var out []search.Pair
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			t.Fatal(err)
		}
		if value, err = url.QueryUnescape(value); err != nil {
			t.Fatal(err)
		}
		out = append(out, search.Pair{Name: name, Value: value})
	}
	return out
}

// scopes is an Access written down: for each type (or *), sets as in an allow line. Letters count nothing.
type scopes map[string][]string

func (s scopes) Allowed(_ search.Interaction, typ string) search.Expr {
	var any search.Or
	for _, set := range append(s[typ], s["*"]...) {
		var all search.And
		for word := range strings.FieldsSeq(set) {
			all = append(all, s.expr(typ, word))
		}
		any = append(any, all)
	}
	return any
}

func (s scopes) expr(typ, word string) search.Expr {
	if word == "all" {
		return search.All
	}
	if c, ok := strings.CutPrefix(word, "in:"); ok {
		return search.In{Compartment: fhir.ParseReference(c, "")}
	}
	if c, ok := strings.CutPrefix(word, "in-any:"); ok {
		return search.InAny{Panel: search.NewPanel(strings.Split(c, ","))}
	}
	if c, ok := strings.CutPrefix(word, "only:"); ok {
		return search.Only{Compartment: fhir.ParseReference(c, "")}
	}
	name, value, _ := strings.Cut(word, "=")
	q, err := search.Parse(typ, []search.Pair{{Name: name, Value: value}}, search.Options{})
	if err != nil {
		return search.None // a scope that cannot be evaluated is not granted
	}
	return q.Where
}
