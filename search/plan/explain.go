package plan

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search/index"
)

// Explain prints the simplified expression of p and, indented, its nodes, then its order and includes. Values of the
// request are in it, those of resources are not.
func Explain(p Plan) string {
	b := &explainer{typ: p.typ}
	switch {
	case p.key != (Key{}):
		b.line(0, "read "+p.key.typ+"/"+p.key.id+" if "+p.allowed.String())
		return b.String()
	case p.history:
		for _, m := range p.members {
			b.line(0, "history "+m.typ+" if "+m.allowed.String())
		}
		return b.String()
	case p.members != nil:
		for _, m := range p.members {
			b.WriteString(Explain(m))
		}
		return b.String() + ExplainIncludes(p)
	}
	b.line(0, p.Where().String())
	n := p.node
	if n == nil {
		n = None{}
	}
	b.node(1, n)
	for _, k := range p.sort {
		s := "order " + map[bool]string{true: "-"}[k.Desc] + k.name()
		for _, l := range k.links {
			s += " " + l.typ + " if " + l.allowed.String()
		}
		b.line(0, s)
	}
	return b.String() + ExplainIncludes(p)
}

// ExplainIncludes prints the includes of p.
func ExplainIncludes(p Plan) string {
	b := &explainer{typ: p.typ}
	for _, inc := range p.includes {
		kind := "include "
		if inc.reverse {
			kind = "revinclude "
		}
		for _, of := range inc.of {
			b.line(0, kind+inc.name()+" "+of.typ+" if "+of.allowed.String())
		}
	}
	return b.String()
}

// name is Source:param, with * for any.
func (inc *include) name() string {
	source, code := "*", "*"
	if inc.Source != "" {
		source = inc.Source
	}
	if inc.P != nil {
		code = inc.P.Code
	}
	if inc.Iterate {
		code += " iterate"
	}
	return source + ":" + code
}

// explainer writes nodes of one type.
type explainer struct {
	strings.Builder
	typ string
}

func (b *explainer) line(depth int, s string) {
	for range depth {
		b.WriteString("  ")
	}
	b.WriteString(s)
	b.WriteByte('\n')
}

func (b *explainer) node(depth int, n Node) {
	switch n := n.(type) {
	case All:
		b.line(depth, "all")
	case None:
		b.line(depth, "none")
	case Term:
		b.line(depth, "term "+b.term(index.Term(n)))
	case Terms:
		list := make([]string, len(n))
		for i := range n {
			list[i] = quoted(n[i].Text)
		}
		b.line(depth, "terms "+b.name(n[0].Num)+" "+forms[n[0].Form]+" "+strings.Join(list, " "))
	case Prefix:
		b.line(depth, "prefix "+b.term(index.Term(n)))
	case Range:
		s := "range " + b.name(n.Num)
		if n.Unit != "" {
			s += " unit " + quoted(n.Unit)
		}
		b.line(depth, s+b.span(n.Num, " low", n.Low)+b.span(n.Num, " high", n.High))
	case And:
		b.list(depth, "and", n)
	case Or:
		b.list(depth, "or", n)
	case Not:
		b.list(depth, "not", []Node{n.X})
	case Verify:
		head := "verify"
		if n.Pairs != nil {
			head = "pairs, or verify"
		}
		b.list(depth, head, []Node{n.X})
	case every:
		b.line(depth, "refers by "+n.e.P.Code+" to nothing but what is seen")
	case ref:
		b.line(depth, "refers by "+n.p.Code+" to "+n.target)
		(&explainer{typ: n.target}).into(b, depth+1, n.of)
	case back:
		b.line(depth, "is referred to by "+n.p.Code+" of "+n.source)
		(&explainer{typ: n.source}).into(b, depth+1, n.of)
	}
}

// into writes a node of another type at the end of b.
func (e *explainer) into(b *explainer, depth int, n Node) {
	e.node(depth, n)
	b.WriteString(e.String())
}

func (b *explainer) list(depth int, head string, list []Node) {
	b.line(depth, head)
	for _, n := range list {
		b.node(depth+1, n)
	}
}

var forms = map[index.Form]string{
	index.FormCode: "code", index.FormSystemCode: "system|code", index.FormSystem: "system", index.FormNoSystem: "no-system",
	index.FormReference: "reference", index.FormID: "id", index.FormIdentifier: "identifier", index.FormIdentCode: "identifier-value",
	index.FormCanonical: "canonical", index.FormURI: "uri", index.FormString: "string", index.FormPrefix: "prefix",
	index.FormExact: "exact", index.FormPresent: "present", index.FormIn: "compartment", index.FormOnly: "patient",
	index.FormComposite: "composite", index.FormOfType: "of-type", index.FormWord: "word", index.FormGram: "gram",
}

func (b *explainer) term(t index.Term) string {
	s := b.name(t.Num) + " " + forms[t.Form]
	if t.Form != index.FormPresent {
		s += " " + quoted(t.Text)
	}
	return s
}

func (b *explainer) param(num uint16) *r4.SearchParameter {
	for _, p := range r4.Params(b.typ) {
		if p.Num == num {
			return p
		}
	}
	return nil
}

func (b *explainer) name(num uint16) string {
	switch num {
	case index.NumIn:
		return "in"
	case index.NumOnly:
		return "only"
	case index.NumLink:
		return "link"
	case index.NumContained:
		return "contained"
	case index.NumShared:
		return "shared"
	}
	if p := b.param(num); p != nil {
		return p.Code
	}
	return strconv.Itoa(int(num))
}

func (b *explainer) span(num uint16, name string, s Span) string {
	if s == (Span{}) {
		return ""
	}
	out := name
	if s.Min != "" {
		out += map[bool]string{false: " >= ", true: " > "}[s.MinOpen] + b.key(num, s.Min)
	}
	if s.Max != "" {
		out += map[bool]string{false: " <= ", true: " < "}[s.MaxOpen] + b.key(num, s.Max)
	}
	return out
}

// key prints the key of a date as a time, any other in hexadecimal.
func (b *explainer) key(num uint16, k index.Key) string {
	if p := b.param(num); p != nil && p.Type == r4.Date && len(k) == 8 {
		micro := int64(binary.BigEndian.Uint64([]byte(k)) ^ 1<<63)
		return time.UnixMicro(micro).UTC().Format(time.RFC3339Nano)
	}
	return hex.EncodeToString([]byte(k))
}

func quoted(s string) string { return strconv.Quote(s) }
