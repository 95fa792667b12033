package audit

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// patients finds in whose compartment a resource is. It does so for whatever is read: of most types the elements that say
// so are at the top, and are found without parsing the resource.
type patients struct {
	index *index.Indexer
	types map[string]links
}

// links are what makes a type a member of the compartment.
type links struct {
	params []*r4.SearchParameter
	top    []string // the elements that params select, if all of them are at the top
}

var atTop = regexp.MustCompile(`^\w+\.(\w+)(\.where\(resolve\(\) is Patient\))?$`)

func newPatients(x *index.Indexer) patients {
	p := patients{x, map[string]links{}}
	for _, typ := range compartments.Types("Patient") {
		var l links
		simple := true
		for _, code := range compartments.Params("Patient", typ) {
			param := r4.Lookup(typ, code)
			if param == nil { // compartments.Own
				continue
			}
			l.params = append(l.params, param)
			for _, clause := range strings.Split(param.Expression, " | ") {
				m := atTop.FindStringSubmatch(clause)
				if m == nil {
					simple = false
				} else if !slices.Contains(l.top, m[1]) {
					l.top = append(l.top, m[1])
				}
			}
		}
		if !simple {
			l.top = nil
		}
		p.types[typ] = l
	}
	return p
}

// of appends the ids of the patients of a stored version; some of them may be there already (unique).
func (p patients) of(out []string, typ, id string, body []byte) []string {
	l, ok := p.types[typ]
	switch {
	case typ == "Patient":
		return append(out, id)
	case !ok || !news(out, body):
		return out
	case l.top != nil:
		if found, ok := p.scan(out, body, l.top); ok {
			return found
		}
	}
	res, err := fhir.Parse(body, fhir.Limits{Depth: 10_000, Bytes: len(body), Nodes: len(body)})
	if err != nil {
		return out // it was parsed when it was stored
	}
	for _, param := range l.params {
		for _, v := range p.index.Values(param, res) {
			out = p.one(out, v.Ref)
		}
	}
	return out
}

func (p patients) one(out []string, r fhir.Reference) []string {
	if r.Local() && r.Type == "Patient" {
		return append(out, r.ID)
	}
	return out
}

// unique puts each id once, in place, and in an order that says nothing of what an answer holds besides: who sees the
// events about two of the patients sees which is before the other.
func unique(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// recent is how many of the ids news looks at.
const recent = 4

// news says whether JSON may name a patient who is not the last of ids, or one of those just before: most of what a page
// holds is about whom the one before was about, and about nobody else.
func news(ids []string, json []byte) bool {
	if bytes.IndexByte(json, '\\') >= 0 {
		return true // a name may be written in other ways
	}
	ids = ids[max(len(ids)-recent, 0):]
	for {
		_, rest, ok := bytes.Cut(json, []byte("Patient/"))
		if !ok {
			return false
		}
		id := rest[:max(bytes.IndexByte(rest, '"'), 0)]
		if !slices.ContainsFunc(ids, func(known string) bool { return known == string(id) }) {
			return true
		}
		json = rest
	}
}

// scan reads the references in elements at the top of compact JSON; not ok where only a parser can tell.
func (p patients) scan(out []string, body []byte, elements []string) ([]string, bool) {
	i := 1 // behind the brace
	for i < len(body) && body[i] == '"' {
		end := text(body, i)
		if end >= len(body) || body[end] != ':' {
			return nil, false
		}
		name := body[i+1 : end-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			return nil, false
		}
		from := end + 1
		if i = value(body, from); i > len(body) {
			return nil, false
		}
		if slices.ContainsFunc(elements, func(e string) bool { return e == string(name) }) {
			v := body[from:i]
			if bytes.IndexByte(v, '\\') >= 0 || bytes.Contains(v, []byte(`"extension"`)) || bytes.Contains(v, []byte(`"identifier"`)) {
				return nil, false
			}
			for {
				const mark = `"reference":"`
				at := bytes.Index(v, []byte(mark))
				if at < 0 {
					break
				}
				v = v[at+len(mark):]
				out = p.one(out, fhir.ParseReference(string(v[:max(bytes.IndexByte(v, '"'), 0)]), p.index.Base))
			}
			if !news(out, body[i:]) {
				return out, true
			}
		}
		if i < len(body) && body[i] == ',' {
			i++
		}
	}
	return out, i == len(body)-1
}

// text is the place behind the string that begins at i.
func text(b []byte, i int) int {
	for i++; i < len(b); i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			break
		}
		slash := bytes.IndexByte(b[i:i+n], '\\')
		if slash < 0 {
			return i + n + 1
		}
		i += slash + 1 // what is escaped
	}
	return len(b) + 1
}

// value is the place behind the value that begins at i.
func value(b []byte, i int) int {
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			if i = text(b, i); depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // behind a number
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return len(b) + 1
}
