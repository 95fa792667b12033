package search

import (
	"encoding/json"
	"strings"
	"unicode"

	"github.com/firewarden/firewarden/internal/fhir"
)

// filterNode is a part of a _filter as it is written (R4 search_filter.html): a test, or two parts joined.
type filterNode struct {
	join string      // "and", "or" or "not"; "" for a test
	a, b *filterNode // of and and or; a of not

	path  []filterStep
	op    string
	value string
	at    int // where it is in the text
}

// filterStep is one name of a path, with what the resources that it leads to must satisfy.
type filterStep struct {
	name  string // subject, subject:Patient, _has:Observation:patient:code
	where *filterNode
}

// filterReader reads the text of a _filter.
type filterReader struct {
	*parser
	text  string
	at    int
	depth int
}

func (p *parser) readFilter(text string) (*filterNode, *fhir.Error) {
	r := &filterReader{parser: p, text: text}
	n, err := r.filter()
	if err != nil {
		return nil, err
	}
	if r.blanks(); r.at < len(r.text) {
		return nil, r.wrong("and, or, or the end")
	}
	return n, nil
}

// wrong says what should stand at the place that is read.
func (r *filterReader) wrong(want string) *fhir.Error {
	rest := r.text[r.at:]
	if rest == "" {
		return r.bad("the filter ends where there should be %s", want)
	}
	return r.bad("the filter has %q at character %d, where there should be %s", shown(rest), r.at+1, want)
}

func (r *filterReader) blanks() {
	for r.at < len(r.text) && (r.text[r.at] == ' ' || r.text[r.at] == '\t') {
		r.at++
	}
}

// takes takes a sign.
func (r *filterReader) takes(c byte) bool {
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

// word is the word that stands at the place; it is not taken.
func (r *filterReader) word() string {
	end := r.at
	for end < len(r.text) && (r.text[end]|0x20 >= 'a' && r.text[end]|0x20 <= 'z') {
		end++
	}
	return r.text[r.at:end]
}

// filter is operands with and or or between them, read from left to right: neither binds more than the other.
func (r *filterReader) filter() (*filterNode, *fhir.Error) {
	if r.depth++; r.depth > maxDepth {
		return nil, r.bad("the filter goes too deep")
	}
	defer func() { r.depth-- }()
	left, err := r.operand()
	if err != nil {
		return nil, err
	}
	for {
		before := r.at
		r.blanks()
		join := strings.ToLower(r.word())
		if r.at == before && before > 0 && r.text[before-1] != ')' || join != "and" && join != "or" {
			r.at = before
			return left, nil
		}
		r.at += len(join)
		right, err := r.operand()
		if err != nil {
			return nil, err
		}
		left = &filterNode{join: join, a: left, b: right}
	}
}

// operand is a test, or a filter in parentheses, perhaps with not before it.
func (r *filterReader) operand() (*filterNode, *fhir.Error) {
	if err := r.spend(1); err != nil {
		return nil, err
	}
	r.blanks()
	start := r.at
	if strings.EqualFold(r.word(), "not") {
		r.at += len("not")
		if r.blanks(); r.at < len(r.text) && r.text[r.at] == '(' {
			x, err := r.operand()
			return &filterNode{join: "not", a: x}, err
		}
		r.at = start
	}
	if !r.takes('(') {
		return r.test()
	}
	x, err := r.filter()
	if err != nil {
		return nil, err
	}
	if r.blanks(); !r.takes(')') {
		return nil, r.wrong(") or and or or")
	}
	return x, nil
}

// test is path, operation and value.
func (r *filterReader) test() (*filterNode, *fhir.Error) {
	n := &filterNode{at: r.at}
	for {
		step := filterStep{name: r.name()}
		if step.name == "" {
			return nil, r.wrong("a search parameter")
		}
		if r.takes('[') {
			var err *fhir.Error
			if step.where, err = r.filter(); err != nil {
				return nil, err
			}
			if r.blanks(); !r.takes(']') {
				return nil, r.wrong("]")
			}
		}
		n.path = append(n.path, step)
		if !r.takes('.') {
			break
		}
	}
	if n.path[len(n.path)-1].where != nil {
		return nil, r.wrong("a . and a search parameter behind ]")
	}
	blanks := r.at
	r.blanks()
	n.op = strings.ToLower(r.word())
	if blanks == r.at || len(n.op) != 2 {
		return nil, r.wrong("a blank and an operation (eq ne co sw ew gt lt ge le ap sa eb pr po ss sb in ni re)")
	}
	r.at += len(n.op)
	blanks = r.at
	if r.blanks(); blanks == r.at {
		return nil, r.wrong("a blank and a value")
	}
	var err *fhir.Error
	n.value, err = r.value()
	return n, err
}

// name is the name of a parameter; with colons it has a type, or is _has.
func (r *filterReader) name() string {
	start := r.at
	for r.at < len(r.text) {
		c := r.text[r.at]
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || r.at > start && (c >= '0' && c <= '9' || c == '-' || c == ':')) {
			break
		}
		r.at++
	}
	return r.text[start:r.at]
}

// value is a JSON string, or whatever stands up to a blank, a ) or a ].
func (r *filterReader) value() (string, *fhir.Error) {
	rest := r.text[r.at:]
	if !strings.HasPrefix(rest, `"`) {
		end := strings.IndexFunc(rest, func(c rune) bool { return unicode.IsSpace(c) || c == ')' || c == ']' })
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return "", r.wrong("a value")
		}
		r.at += end
		return rest[:end], nil
	}
	end := 1
	for end < len(rest) && rest[end] != '"' {
		if rest[end] == '\\' {
			end++
		}
		end++
	}
	var s string
	if end >= len(rest) || json.Unmarshal([]byte(rest[:end+1]), &s) != nil {
		return "", r.wrong("a JSON string")
	}
	r.at += end + 1
	return s, nil
}
