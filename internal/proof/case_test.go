package proof

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// Case is a token, a world, another world that differs in what the token may not see, and what is asked.
type Case struct {
	Token     model.Token
	Others    []model.Token `json:",omitempty"` // of who asks, too
	Strangers []model.Token `json:",omitempty"` // of who reads, too, and need not see the same in both worlds
	Own       []string      `json:",omitempty"` // search parameters beyond R4's that are defined, of model.Owns
	World     []Op
	Other     []Op `json:",omitempty"` // nil: there is one world only; else as many as World
	Requests  []Request
	Audit     bool `json:",omitempty"` // it is about the audit log: what was written and asked before is found there
}

// Op is one write of whoever made the world; without a body it deletes, with Skip it is not there.
type Op struct {
	Type, ID string
	Body     json.RawMessage `json:",omitempty"`
	Skip     bool            `json:",omitempty"`
}

// absent says whether an op does nothing: there is nothing to delete.
func (o Op) absent(live bool) bool { return o.Skip || o.Body == nil && !live }

// defined is a world behind the definitions of its own search parameters.
func (c *Case) defined(world []Op) (all []Op) {
	for _, code := range c.Own {
		all = append(all, Op{Type: "SearchParameter", ID: code, Body: json.RawMessage(`{"resourceType":"SearchParameter","id":"` + code + `","url":"http://sp/` + code + `","name":"Alpha","status":"active","description":"beta","code":"` +
			code + `",` + model.Owns[code].Definition + "}")})
	}
	return append(all, world...)
}

// Request is one HTTP request below the FHIR base; ../ begins a path beside it.
type Request struct {
	Method string
	Path   string            // with the query
	Body   string            `json:",omitempty"`
	Header map[string]string `json:",omitempty"`
	As     int               `json:",omitempty"` // who asks: 0 is the Token of the case, n the n-th of Others, or maker, or below it a stranger
	Page   int               `json:",omitempty"` // instead of a path: the second page of the request so many before
	In     int               `json:",omitempty"` // of a stranger: 1 only in World, 2 only in Other, at the time of the request before
	Event  int               `json:",omitempty"` // which event of the log the word EVENT stands for

	cut bool // only the first page is there
}

// maker asks as whoever made the world, who may do everything.
const maker = -1

// token is that of who asks.
func (c *Case) token(q Request) model.Token {
	switch q.As {
	case maker:
		return model.Token{Scopes: []model.Scope{{Level: "system", Type: "*", Letters: "cruds"}}}
	case 0:
		return c.Token
	}
	if q.As < maker {
		return c.Strangers[maker-q.As-1]
	}
	return c.Others[q.As-1]
}

// modelled is the i-th request as the model is asked.
func (r Request) modelled(i int) model.Request {
	return model.Request{Method: r.Method, Path: page.ReplaceAllString(r.Path, ""), Body: r.Body, Header: r.Header, At: asked(i)}
}

// page is where a cursor stands in a path.
var page = regexp.MustCompile(`[?&]_page=[A-Za-z0-9_-]+`)

func (r Request) String() string {
	text := r.Method + " " + r.Path
	if r.As != 0 || r.Page != 0 || r.In != 0 {
		text = fmt.Sprintf("as %d, page after %d, in %d: %s", r.As, r.Page, r.In, text)
	}
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
	fmt.Fprintf(&b, "own parameters %q; token %s; patient %q, policy %q of %q\n", c.Own, c.Token, c.Token.Patient, c.Token.Policy, c.Token.User)
	for i, t := range c.Others {
		fmt.Fprintf(&b, "%d: %s; patient %q, policy %q of %q\n", i+1, t, t.Patient, t.Policy, t.User)
	}
	for i, t := range c.Strangers {
		fmt.Fprintf(&b, "%d: %s; patient %q, policy %q of %q\n", maker-i-1, t, t.Patient, t.Policy, t.User)
	}
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
