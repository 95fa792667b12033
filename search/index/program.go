package index

import (
	"slices"
	"sync"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/fhir/fhirpath"
)

// program is what extracts the values of one or of all parameters from resources of one type. It does not change.
type program struct {
	set    fhirpath.Set
	leaves []leaf // by path number of set
	evals  []eval // expressions that are no paths
}

// leaf is a clause of a parameter's expression, or what is made of the items that it selects.
type leaf struct {
	p      *r4.SearchParameter
	system string            // what a code without a system has
	parts  map[string]*parts // Composite: by the type of the element
	in     []string          // compartments that a reference makes the resource a member of
	main   bool              // the main date
	link   bool              // NumLink
	shows  bool              // it is Shows of the type
}

type eval struct {
	leaf
	expr *fhirpath.Expr
}

// parts are the components of a composite in one type of element.
type parts struct {
	num    uint16 // of the composite
	leaves []leaf // of each component
	set    fhirpath.Set
	of     []int               // component of each path of set
	evals  []evalOf            // expressions that are no paths
	joined bool                // all of them are tokens or references: there are terms for all together
	paired *r4.SearchParameter // the parameter of the codes, where there are pairs
}

type evalOf struct {
	part int
	expr *fhirpath.Expr
}

// programs are compiled from the tables of r4 when they are first needed.
var programs struct {
	sync.RWMutex
	types      map[string]*program
	parameters map[parameterOf]*program
}

// parameterOf is a parameter in a type: those of every type have other paths in each.
type parameterOf struct {
	p   *r4.SearchParameter
	typ string
}

// nothing is the program of types that R4 does not have.
var nothing program

// name is the type's name in the tables: keys must not be views of a client's body, which would stay in memory, and
// unknown names must not fill it.
func name(typ string) (string, bool) {
	t := r4.TypeOf(typ)
	if t == nil {
		return "", false
	}
	return t.Name, true
}

// own are the programs of types with own parameters, for one set of them. It is filled as they are needed.
type own struct {
	params *parameters.Set
	types  sync.Map // type → *program
}

// With is x with a server's own parameters: Entries are also those of the parameters that params indexes by.
func (x *Indexer) With(params *parameters.Set) *Indexer {
	y := *x
	y.own = &own{params: params}
	return &y
}

// all is the program of all parameters of a type, own ones too.
func (x *Indexer) all(typ string) *program {
	if x.own == nil {
		return all(typ)
	}
	more := x.own.params.Indexed(typ)
	if len(more) == 0 {
		return all(typ)
	}
	if g, ok := x.own.types.Load(typ); ok {
		return g.(*program)
	}
	typ, _ = name(typ) // Indexed knows it
	g, _ := x.own.types.LoadOrStore(typ, compile(typ, slices.Concat(r4.Params(typ), links[typ], more)))
	return g.(*program)
}

// all is the program of all parameters of R4 of a type.
func all(typ string) *program {
	programs.RLock()
	g := programs.types[typ]
	programs.RUnlock()
	if g != nil {
		return g
	}
	typ, ok := name(typ)
	if !ok {
		return &nothing
	}
	g = compile(typ, append(slices.Clip(r4.Params(typ)), links[typ]...))
	programs.Lock()
	defer programs.Unlock()
	if programs.types == nil {
		programs.types = map[string]*program{}
	}
	programs.types[typ] = g
	return g
}

// parameter is the program of one parameter.
func parameter(p *r4.SearchParameter, typ string) *program {
	programs.RLock()
	g := programs.parameters[parameterOf{p, typ}]
	programs.RUnlock()
	if g != nil {
		return g
	}
	typ, ok := name(typ)
	if !ok {
		return &nothing
	}
	g = compile(typ, []*r4.SearchParameter{p})
	programs.Lock()
	defer programs.Unlock()
	if programs.parameters == nil {
		programs.parameters = map[parameterOf]*program{}
	}
	programs.parameters[parameterOf{p, typ}] = g
	return g
}

// Link is the parameter of NumLink of a type: what of DocumentReference, Media and DiagnosticReport names a Binary, and the
// securityContext of a Binary. nil for other types.
func Link(typ string) *r4.SearchParameter {
	if list := links[typ]; list != nil {
		return list[0]
	}
	return nil
}

// Shows is the parameter of a type of which the resources are visible through all that they refer to by it (search.Every): the
// securityContext of a Binary, the targets of a Provenance. nil for other types.
func Shows(typ string) *r4.SearchParameter {
	switch typ {
	case "Binary":
		return Link(typ)
	case "Provenance":
		return r4.Lookup(typ, "target")
	}
	return nil
}

// SharedTerm is the term of what refers by p to something, and to nothing but types that all patients share.
func SharedTerm(p *r4.SearchParameter) Term { return Term{NumShared, FormCode, p.Code} }

// Shared says whether references are some, and all of them are to types that all patients share.
func Shared(refs []fhir.Reference) bool {
	return len(refs) > 0 && !slices.ContainsFunc(refs, func(r fhir.Reference) bool { return !r.Local() || !compartments.Shared(r.Type) })
}

// links are the elements that NumLink is made of: R4 has no search parameters for them.
var links = map[string][]*r4.SearchParameter{
	"DocumentReference": {link("DocumentReference", "content.attachment.url")},
	"Media":             {link("Media", "content.url")},
	"DiagnosticReport":  {link("DiagnosticReport", "presentedForm.url")},
	"Binary":            {link("Binary", "securityContext")},
}

func link(typ, path string) *r4.SearchParameter {
	return &r4.SearchParameter{Code: "(" + path + ")", Num: NumLink, Type: r4.Reference, Base: typ, Expression: typ + "." + path, CaseSensitive: true}
}

func compile(typ string, params []*r4.SearchParameter) *program {
	g := &program{}
	for _, p := range params {
		if p.Expression == "" || p.Type == r4.Special && p.Code != "near" {
			continue
		}
		x, err := fhirpath.Compile(p.Expression, typ, r4.Model{})
		if err != nil {
			continue // a test compiles all of them
		}
		l := leaf{p: p, main: p.Code != "" && p.Code == r4.MainDate(typ), link: p.Num == NumLink, shows: p == Shows(typ), parts: components(p, x)}
		if p.Type == r4.Reference && !l.link {
			for _, c := range compartments.Compartments() {
				if slices.Contains(compartments.Params(c, typ), p.Code) {
					l.in = append(l.in, c)
				}
			}
		}
		paths, ok := x.Paths()
		if !ok {
			g.evals = append(g.evals, eval{l, x})
			continue
		}
		for _, path := range paths {
			l.system = implied(path)
			g.set.Add(path)
			g.leaves = append(g.leaves, l)
		}
	}
	return g
}

// ImpliedSystem is the system that the values of a token parameter have where they name none: that of the required
// binding of a code. "" if there is none, or if there are several.
func ImpliedSystem(p *r4.SearchParameter) string {
	system := ""
	for i, l := range parameter(p, p.Base).leaves {
		if i > 0 && l.system != system {
			return ""
		}
		system = l.system
	}
	return system
}

// implied is the system of the codes that a path leads to.
func implied(path fhirpath.Path) string {
	typ, name := path.Last()
	if t := r4.TypeOf(typ); t != nil {
		if e := t.Field(name); e != nil && !e.Choice && e.Types[0].Code == "code" {
			return e.System()
		}
	}
	return ""
}

// swapped is the canonical of a composite whose two expressions stand in each other's place in R4 4.0.1.
const swapped = "http://hl7.org/fhir/SearchParameter/DocumentReference-relationship"

// components compiles the components of a composite for each type of element that it selects.
func components(p *r4.SearchParameter, x *fhirpath.Expr) map[string]*parts {
	if p.Type != r4.Composite {
		return nil
	}
	out := map[string]*parts{}
	for _, typ := range x.Types() {
		c := &parts{num: p.Num, joined: true, paired: PairCode(p)}
		for i, component := range p.Components {
			if p.URL == swapped {
				component.Expression = p.Components[1-i].Expression
			}
			c.add(component, typ)
		}
		out[typ] = c
	}
	return out
}

func (c *parts) add(component r4.Component, typ string) {
	p := &r4.SearchParameter{Code: component.Code, Type: component.Type, CaseSensitive: true}
	for _, d := range r4.ByURL(component.Definition) {
		p.CaseSensitive = p.CaseSensitive && d.CaseSensitive
	}
	l := leaf{p: p}
	c.joined = c.joined && (p.Type == r4.Token || p.Type == r4.Reference)
	x, err := fhirpath.Compile(component.Expression, typ, r4.Model{})
	if err != nil {
		c.leaves = append(c.leaves, l) // never has a value; a test compiles all of them
		return
	}
	if paths, ok := x.Paths(); ok {
		for _, path := range paths {
			l.system = implied(path)
			c.set.Add(path)
			c.of = append(c.of, len(c.leaves))
		}
	} else {
		c.evals = append(c.evals, evalOf{len(c.leaves), x})
	}
	c.leaves = append(c.leaves, l)
}
