package interaction

import (
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// list is a Bundle of results that comes in pages: a searchset or a history.
type list struct {
	*Service
	kind    string
	path    string // below the base: Observation, Patient/1/_history
	query   string // what was understood, without the page; encoded
	page    string // the cursor of this page, "" for the first
	bound   string // what cursors are bound to
	next    []byte // position of the next page
	total   int    // -1: not told
	entries int
}

// list begins the pages of what was asked. A cursor is bound to the kind of list, the path, the parameters and the
// caller's grant.
func (s *Service) list(kind, path string, c Caller, self []search.Pair) list {
	var query []byte
	for _, p := range self {
		if p.Name == "_page" {
			continue
		}
		if len(query) > 0 {
			query = append(query, '&')
		}
		query = append(appendQuery(query, p.Name), '=')
		query = appendQuery(query, p.Value)
	}
	l := list{Service: s, kind: kind, path: path, query: string(query), total: -1}
	l.bound = strings.Join([]string{kind, path, l.query, c.Grant}, "\n")
	return l
}

// open gives the position that a cursor holds. Whatever is wrong with it, the answer is the same.
func (l *list) open(cursor string) ([]byte, error) {
	if cursor == "" {
		return nil, nil
	}
	l.page = cursor
	if l.Seal != nil {
		if position, ok := l.Seal.open(cursor, l.bound); ok {
			return position, nil
		}
	}
	return nil, fhir.Errorf(fhir.KindInvalid, "http._page", "_page is no page link of this search: take it from the Bundle's links unchanged")
}

// begin writes the Bundle up to its entries, with room for about size bytes of them.
func (l *list) begin(size int) ([]byte, error) {
	b := make([]byte, 0, size+512+3*len(l.query)+2*len(l.page))
	b = append(append(append(b, `{"resourceType":"Bundle","type":"`...), l.kind...), '"')
	if l.total >= 0 {
		b = strconv.AppendInt(append(b, `,"total":`...), int64(l.total), 10)
	}
	b = l.link(append(b, `,"link":[`...), "self", l.page)
	if l.page != "" {
		b = l.link(append(b, ','), "first", "")
	}
	if l.next != nil && l.Seal != nil {
		cursor, err := l.Seal.seal(l.next, l.bound)
		if err != nil {
			return nil, err
		}
		b = l.link(append(b, ','), "next", cursor)
	}
	return append(b, ']'), nil
}

func (l *list) link(b []byte, relation, page string) []byte {
	b = append(append(append(b, `{"relation":"`...), relation...), `","url":"`...)
	b = append(append(append(b, l.Base...), '/'), l.path...)
	mark := byte('?')
	if l.query != "" {
		b = append(append(b, mark), l.query...)
		mark = '&'
	}
	if page != "" {
		b = append(append(append(b, mark), "_page="...), page...)
	}
	return append(b, `"}`...)
}

// entry opens an entry.
func (l *list) entry(b []byte) []byte {
	l.entries++
	if l.entries == 1 {
		return append(b, `,"entry":[{`...)
	}
	return append(b, `,{`...)
}

func (l *list) end(b []byte) []byte {
	if l.entries > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}

// appendQuery percent-encodes a name or value of a query: all but what RFC 3986 lets stand there, and of that not what
// separates parameters.
func appendQuery(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~:/,$@!*();", c) >= 0 {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}
