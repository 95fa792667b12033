package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Mutant is a function, or a variable of a package, with one change.
type Mutant struct {
	ID   string `json:"id"`   // hash of the other fields, and of how often the same change stands before it in the function
	Kind string `json:"kind"` // of its target
	File string `json:"file"` // below the module, with slashes
	Func string `json:"func"` // or the variable
	Op   string `json:"op"`   // operator
	Was  string `json:"was"`
	Now  string `json:"now"`
	Body string `json:"body"` // hash of the function as it was: what is known of a mutant is known of that

	at   int    // where in the file the switch over mutants of the function begins; 0 for a variable
	code string // the statements of the case
}

// read makes the mutants of a file of the module at root.
func read(root string, t target, file string) ([]Mutant, error) {
	src, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return nil, err
	}
	return mutate(src, t, file)
}

// mutate makes the mutants of a source file, in the order of the source.
func mutate(src []byte, t target, file string) ([]Mutant, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	m := maker{fset: fset, target: t, file: file, times: map[string]int{}}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Body != nil && t.has(d.Name.Name) {
				m.function(d)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if v, ok := s.(*ast.ValueSpec); ok && d.Tok == token.VAR && len(v.Values) == 1 && len(v.Names) == 1 && t.has(v.Names[0].Name) {
					m.variable(v)
				}
			}
		}
	}
	return m.out, nil
}

// maker collects the mutants of a file.
type maker struct {
	fset   *token.FileSet
	target target
	file   string
	times  map[string]int
	out    []Mutant
}

// function makes the mutants of a function. A case of the switch is a call of a function literal, so that labels, named
// results and defers are its own.
func (m *maker) function(d *ast.FuncDecl) {
	literal := &ast.FuncLit{Type: &ast.FuncType{Params: &ast.FieldList{}, Results: d.Type.Results}, Body: d.Body}
	name := d.Name.Name
	if d.Recv != nil {
		name = strings.TrimPrefix(m.text(d.Recv.List[0].Type), "*") + "." + name
	}
	m.all(d, d.Body, name, func() (int, string) {
		code := m.text(literal) + "()\n"
		if d.Type.Results != nil {
			code = "return " + code
		} else {
			code += "return\n"
		}
		return m.fset.Position(d.Body.Lbrace).Offset + 1, code
	})
}

// variable makes the mutants of a variable's value, which are assigned when the program starts.
func (m *maker) variable(v *ast.ValueSpec) {
	if _, ok := v.Values[0].(*ast.CompositeLit); !ok {
		return
	}
	m.all(v, v, v.Names[0].Name, func() (int, string) {
		return 0, v.Names[0].Name + " = " + m.text(v.Values[0]) + "\n"
	})
}

// all makes the mutants by the changes of n, which is the whole or a part of it.
func (m *maker) all(whole, n ast.Node, name string, code func() (int, string)) {
	body := hash(m.text(whole))
	for _, c := range changes(n) {
		was := m.line(c.was)
		undo := c.do()
		now := ""
		if c.now != nil {
			now = m.line(c.now())
		}
		x := Mutant{Kind: m.target.kind, File: m.file, Func: name, Op: c.op, Was: was, Now: now, Body: body}
		x.at, x.code = code()
		undo()
		if _, err := parser.ParseFile(token.NewFileSet(), "", "package p; func _() {\n"+x.code+"}", 0); err != nil {
			continue // a composite literal where a block may begin
		}
		key := strings.Join([]string{x.File, x.Func, x.Op, x.Was, x.Now}, "\x00")
		m.times[key]++
		x.ID = hash(fmt.Sprintf("%s\x00%d", key, m.times[key]))
		m.out = append(m.out, x)
	}
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:5])
}

// text is the source of a node.
func (m *maker) text(n ast.Node) string {
	var b bytes.Buffer
	if err := format.Node(&b, m.fset, n); err != nil {
		return ""
	}
	return b.String()
}

// line is the source of a node in one short line.
func (m *maker) line(n ast.Node) string {
	const most = 100
	s := strings.Join(strings.Fields(m.text(n)), " ")
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return s
}

// target is code of one kind in the files of a package.
type target struct {
	kind  string
	dir   string
	files []string
	only  []string // functions and variables; none: all
	but   []string // functions and variables that decide nothing
}

func (t target) has(name string) bool {
	return (len(t.only) == 0 || slices.Contains(t.only, name)) && !slices.Contains(t.but, name)
}
