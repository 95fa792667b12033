package ui

import (
	"io"

	"github.com/firewarden/firewarden/auth"
)

// Docs is the API in words: what the server answers, row by row of its table.
type Docs struct {
	auth.Frame
	Base       string // of the server
	SMART      bool   // there is an authorization server
	Operations []Operation
	Parameters []Parameter // of every search
}

// Operation is a method on a path.
type Operation struct {
	Method, Path  string // as OpenAPI writes it: /fhir/{type}/{id}
	Title, Detail string
	Group         string // under which it is listed
	Open          bool   // without a token
}

// Parameter is a search parameter that every type has.
type Parameter struct{ Name, Text string }

// RenderDocs writes the page.
func (p *Pages) RenderDocs(w io.Writer, d Docs) error {
	v := docs{Docs: d}
	for _, o := range d.Operations {
		n := len(v.Groups)
		if n == 0 || v.Groups[n-1].Name != o.Group {
			v.Groups = append(v.Groups, operations{Name: o.Group})
			n++
		}
		list := &v.Groups[n-1].List
		if k := len(*list); k == 0 || (*list)[k-1].Title != o.Title {
			*list = append(*list, action{Operation: o})
		}
		last := &(*list)[len(*list)-1]
		last.Ways = append(last.Ways, o)
	}
	return p.draw(w, "docs", d.Frame, v, p.nav("/docs")...)
}

type docs struct {
	Docs
	Groups []operations
}

type operations struct {
	Name string
	List []action
}

// action is what several operations in a row do.
type action struct {
	Operation
	Ways []Operation
}
