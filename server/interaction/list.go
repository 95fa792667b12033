package interaction

import (
	"slices"
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// list is a Bundle of results that comes in pages: a searchset or a history.
type list struct {
	*Service
	kind    string
	path    string // below the base: Observation, Patient/1/_history; "" is the base
	query   string // what was understood, without the page; encoded
	bound   string // what cursors are bound to
	page    string // the sealed cursor of this page, "" for the first
	from    cursor // page
	total   int    // -1: not told
	entries int
	// parts says of a match whether it is answered itself, and what inside of it; nil: itself.
	parts func(search.World, *fhir.Resource) (itself bool, inside []*fhir.Resource)

	previous, next *cursor // of the pages beside this one; nil: there is none
}

// list begins the pages of what was asked. A cursor is bound to the kind of list, the path, the parameters and the
// caller's grant.
func (s *Service) list(kind, path string, c Caller, self []search.Pair) list {
	l := list{Service: s, kind: kind, path: path, query: queryOf(self), total: -1}
	l.bound = strings.Join([]string{kind, path, l.query, c.Grant}, "\n")
	return l
}

// open reads the cursor of the page that is asked for. Whatever is wrong with it, the answer is the same.
func (l *list) open(page string) error {
	if page == "" {
		return nil
	}
	l.page = page
	if l.Seal != nil {
		if b, ok := l.Seal.open(page, l.bound); ok {
			if l.from, ok = readCursor(b); ok {
				return nil
			}
		}
	}
	return fhir.Errorf(fhir.KindInvalid, "http._page", "_page is no page link of this search: take it from the Bundle's links unchanged")
}

// window is the page in an order, which descends as a rule; w has all but its place.
func (l *list) window(w plan.Window, ascending bool) plan.Window {
	w.After, w.At = l.from.position, l.from.at
	w.Back = l.from.back != ascending
	return w
}

// turn takes a page as it was read: its rows in the order of the list, and the pages beside it.
func (l *list) turn(page *plan.Page) {
	if l.page != "" {
		l.previous = l.from.other()
	}
	var further *cursor
	if page.Next != nil {
		further = &cursor{position: page.Next, back: l.from.back, seen: l.from.seen + len(page.Rows)}
	}
	if !l.from.back {
		l.next = further
		return
	}
	slices.Reverse(page.Rows)
	if l.next, l.previous = l.previous, further; further != nil {
		further.seen = max(l.from.seen-len(page.Rows), 0)
	}
}

// begin writes the Bundle up to its entries, with room for about size bytes of them.
func (l *list) begin(size int) ([]byte, error) {
	b := make([]byte, 0, size+512+4*len(l.query)+2*len(l.page))
	b = append(append(append(b, `{"resourceType":"Bundle","type":"`...), l.kind...), '"')
	if l.total >= 0 {
		b = strconv.AppendInt(append(b, `,"total":`...), int64(l.total), 10)
	}
	b = l.link(append(b, `,"link":[`...), "self", l.page)
	if l.Seal == nil {
		return append(b, ']'), nil
	}
	if l.page != "" || l.next != nil {
		b = l.link(append(b, ','), "first", "")
	}
	for _, beside := range [...]struct {
		relation string
		*cursor
	}{{"previous", l.previous}, {"next", l.next}} {
		if beside.cursor == nil {
			continue
		}
		sealed, err := l.Seal.seal(beside.bytes(), l.bound)
		if err != nil {
			return nil, err
		}
		b = l.link(append(b, ','), beside.relation, sealed)
	}
	return append(b, ']'), nil
}

func (l *list) link(b []byte, relation, page string) []byte {
	b = append(append(append(b, `{"relation":"`...), relation...), `","url":"`...)
	b = append(b, l.Base...)
	if l.path != "" {
		b = append(append(b, '/'), l.path...)
	}
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

// queryOf writes parameters as a query, all but which page is asked for.
func queryOf(params []search.Pair) string {
	var query []byte
	for _, p := range params {
		if p.Name == "_page" {
			continue
		}
		if len(query) > 0 {
			query = append(query, '&')
		}
		query = append(appendQuery(query, p.Name), '=')
		query = appendQuery(query, p.Value)
	}
	return string(query)
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
