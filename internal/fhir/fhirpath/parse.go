package fhirpath

// node is a node of the syntax tree.
type node struct {
	op   nodeOp
	text string // identifier, function, operator, literal
	unit string // of a quantity literal
	args []*node
	pos  int
}

type nodeOp uint8

const (
	nName     nodeOp = iota + 1 // text: identifier
	nCall                       // text(args…)
	nDot                        // args[0].args[1]
	nIndex                      // args[0][args[1]]
	nUnary                      // text args[0]
	nBinary                     // args[0] text args[1]
	nIs                         // args[0] is text
	nAs                         // args[0] as text
	nString                     // literals: text
	nNumber                     //
	nBoolean                    //
	nDate                       //
	nTime                       //
	nQuantity                   // text unit
	nEmpty                      // {}
	nConst                      // %text
	nSpecial                    // $text
)

// maxNesting bounds the depth of a syntax tree, and by it the recursion of parser, compiler and evaluation.
const maxNesting = 100

type parser struct {
	src   string
	toks  []token
	i     int
	depth int
}

// parse reads an expression (FHIRPath N1, "Grammar").
func parse(src string) (*node, error) {
	toks, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &parser{src: src, toks: toks}
	n, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tEnd {
		return nil, syntax(src, t.pos, "unexpected "+t.text)
	}
	return n, nil
}

// levels are the binary operators, loosest first.
var levels = [...][]string{
	{"implies"},
	{"or", "xor"},
	{"and"},
	{"in", "contains"},
	{"=", "~", "!=", "!~"},
	{"<=", "<", ">", ">="},
	{"|"},
	{"is", "as"},
	{"+", "-", "&"},
	{"*", "/", "div", "mod"},
}

func (p *parser) peek() token { return p.toks[p.i] }

func (p *parser) symbol(s string) bool {
	if t := p.peek(); t.kind == tSymbol && t.text == s {
		p.i++
		return true
	}
	return false
}

func (p *parser) expect(s string) error {
	if !p.symbol(s) {
		return syntax(p.src, p.peek().pos, "expected "+s)
	}
	return nil
}

// operator takes the next token if it is one of the operators of the level.
func (p *parser) operator(level int) (token, bool) {
	t := p.peek()
	if t.kind == tSymbol || t.kind == tName {
		for _, s := range levels[level] {
			if t.text == s {
				p.i++
				return t, true
			}
		}
	}
	return t, false
}

func (p *parser) expression(level int) (*node, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.expression(level + 1)
	if err != nil {
		return nil, err
	}
	// Operators of one level nest to the left: a | b | c | … is as deep as it is long.
	for n := 0; ; n++ {
		t, ok := p.operator(level)
		if !ok {
			return left, nil
		}
		if n == 10*maxNesting {
			return nil, syntax(p.src, t.pos, "too many operators")
		}
		if t.text == "is" || t.text == "as" {
			typ, err := p.typeName()
			if err != nil {
				return nil, err
			}
			op := nIs
			if t.text == "as" {
				op = nAs
			}
			left = &node{op: op, text: typ, args: []*node{left}, pos: t.pos}
			continue
		}
		right, err := p.expression(level + 1)
		if err != nil {
			return nil, err
		}
		if t.text == "|" && left.op == nBinary && left.text == "|" {
			left.args = append(left.args, right)
			continue
		}
		left = &node{op: nBinary, text: t.text, args: []*node{left, right}, pos: t.pos}
	}
}

func (p *parser) typeName() (string, error) {
	t := p.peek()
	if t.kind != tName && t.kind != tQuoted {
		return "", syntax(p.src, t.pos, "expected the name of a type")
	}
	p.i++
	if p.peek().kind == tSymbol && p.peek().text == "." && (t.text == "FHIR" || t.text == "System") {
		p.i++
		u := p.peek()
		if u.kind != tName && u.kind != tQuoted {
			return "", syntax(p.src, u.pos, "expected the name of a type")
		}
		p.i++
		return t.text + "." + u.text, nil
	}
	return t.text, nil
}

func (p *parser) unary() (*node, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, syntax(p.src, p.peek().pos, "nested too deep")
	}
	defer func() { p.depth-- }()
	t := p.peek()
	if t.kind == tSymbol && (t.text == "+" || t.text == "-") {
		p.i++
		x, err := p.unary()
		if err != nil {
			return nil, err
		}
		return &node{op: nUnary, text: t.text, args: []*node{x}, pos: t.pos}, nil
	}
	return p.postfix()
}

// postfix is a term with its .invocations and [indexers].
func (p *parser) postfix() (*node, error) {
	left, err := p.term()
	if err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		t := p.peek()
		if n == 10*maxNesting {
			return nil, syntax(p.src, t.pos, "path too long")
		}
		switch {
		case p.symbol("."):
			right, err := p.invocation()
			if err != nil {
				return nil, err
			}
			left = &node{op: nDot, args: []*node{left, right}, pos: t.pos}
		case p.symbol("["):
			i, err := p.expression(0)
			if err != nil {
				return nil, err
			}
			if err := p.expect("]"); err != nil {
				return nil, err
			}
			left = &node{op: nIndex, args: []*node{left, i}, pos: t.pos}
		default:
			return left, nil
		}
	}
}

func (p *parser) term() (*node, error) {
	t := p.peek()
	lit := func(op nodeOp) (*node, error) {
		p.i++
		return &node{op: op, text: t.text, pos: t.pos}, nil
	}
	switch t.kind {
	case tString:
		return lit(nString)
	case tDate:
		return lit(nDate)
	case tTime:
		return lit(nTime)
	case tConst:
		return lit(nConst)
	case tNumber:
		n, _ := lit(nNumber)
		switch u := p.peek(); {
		case u.kind == tString:
			p.i++
			n.op, n.unit = nQuantity, u.text
		case u.kind == tName && calendar[u.text] != "":
			p.i++
			n.op, n.unit = nQuantity, calendar[u.text]
		}
		return n, nil
	case tName:
		if t.text == "true" || t.text == "false" {
			return lit(nBoolean)
		}
	case tSymbol:
		switch {
		case p.symbol("("):
			n, err := p.expression(0)
			if err != nil {
				return nil, err
			}
			return n, p.expect(")")
		case p.symbol("{"):
			return &node{op: nEmpty, pos: t.pos}, p.expect("}")
		}
	}
	return p.invocation()
}

// calendar are the calendar durations, by the singular.
var calendar = map[string]string{
	"year": "year", "years": "year", "month": "month", "months": "month", "week": "week", "weeks": "week",
	"day": "day", "days": "day", "hour": "hour", "hours": "hour", "minute": "minute", "minutes": "minute",
	"second": "second", "seconds": "second", "millisecond": "millisecond", "milliseconds": "millisecond",
}

func (p *parser) invocation() (*node, error) {
	t := p.peek()
	switch t.kind {
	case tSpecial:
		p.i++
		return &node{op: nSpecial, text: t.text, pos: t.pos}, nil
	case tName, tQuoted:
		p.i++
	default:
		what := t.text
		if t.kind == tEnd {
			what = "end"
		}
		return nil, syntax(p.src, t.pos, "unexpected "+what)
	}
	n := &node{op: nName, text: t.text, pos: t.pos}
	if !p.symbol("(") {
		return n, nil
	}
	n.op = nCall
	if p.symbol(")") {
		return n, nil
	}
	for {
		a, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, a)
		if p.symbol(")") {
			return n, nil
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
	}
}
