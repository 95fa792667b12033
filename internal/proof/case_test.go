package proof

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// Case is a token, a world, another world that differs in what the token may not see, and what is asked.
type Case struct {
	Token    model.Token
	World    []Op
	Other    []Op `json:",omitempty"` // nil: there is one world only; else as many as World
	Requests []Request
}

// Op is one write of whoever made the world; without a body it deletes, with Skip it is not there.
type Op struct {
	Type, ID string
	Body     json.RawMessage `json:",omitempty"`
	Skip     bool            `json:",omitempty"`
}

// absent says whether an op does nothing: there is nothing to delete.
func (o Op) absent(live bool) bool { return o.Skip || o.Body == nil && !live }

// Request is one HTTP request below the FHIR base; ../ begins a path beside it.
type Request struct {
	Method string
	Path   string            // with the query
	Body   string            `json:",omitempty"`
	Header map[string]string `json:",omitempty"`
}

func (r Request) String() string {
	text := r.Method + " " + r.Path
	for name, value := range r.Header {
		text += "\n" + name + ": " + value
	}
	if r.Body != "" {
		text += "\n" + r.Body
	}
	return text
}

func (c Case) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "token %s; patient %q, policy %q of %q\n", c.Token, c.Token.Patient, c.Token.Policy, c.Token.User)
	for i, o := range c.World {
		fmt.Fprintf(&b, "%2d %s/%s %s%s\n", i, o.Type, o.ID, o.Body, map[bool]string{true: "(not there)"}[o.Skip])
		if c.Other != nil && (o.Skip != c.Other[i].Skip || string(o.Body) != string(c.Other[i].Body)) {
			fmt.Fprintf(&b, "   in the other world %s%s\n", c.Other[i].Body, map[bool]string{true: "(not there)"}[c.Other[i].Skip])
		}
	}
	return b.String()
}

const cases = "testdata/cases"

// keep writes a case that has failed to a file, where TestCases finds it.
func (c Case) keep(t *testing.T) {
	b, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	name := filepath.Join(cases, hex.EncodeToString(sum[:6])+".json")
	if err := os.MkdirAll(cases, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("kept as internal/proof/%s", name)
}

// TestCases tries what once failed again.
func TestCases(t *testing.T) {
	files, err := filepath.Glob(cases + "/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no cases")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var c Case
			if err := json.Unmarshal(b, &c); err != nil {
				t.Fatal(err)
			}
			for name, open := range engines(t) {
				r := rig{site: newSite(t), open: open}
				if why := r.failure(t, &c); why != "" {
					t.Errorf("%s: %s\n%s", name, why, c)
				}
			}
		})
	}
}
