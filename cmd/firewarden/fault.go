package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// place is where something was in a file.
type place struct {
	source *source
	line   int
	entry  int    // index in a Bundle; -1 is none
	typ    string // of the resource; "" is not known
}

// say is what went wrong at the place. What is inside a resource of a Bundle is named as in the resource alone.
func (p place) say(err error) string {
	text := fmt.Sprintf("%s:%d: ", p.source.path, p.line)
	if p.entry >= 0 {
		text += fmt.Sprintf("entry %d: ", p.entry)
	}
	why := reason(err)
	if i, ok := entryOf(err); ok {
		in := fmt.Sprintf("Bundle.entry[%d]", i)
		if p.typ != "" {
			why = strings.ReplaceAll(why, in+".resource", p.typ)
		}
		why = strings.ReplaceAll(why, in, p.typ)
	}
	return text + why
}

// place is that of the whole document.
func (d document) place() place { return place{d.source, d.line, -1, ""} }

// entry is the place of an entry of a Bundle.
func (d document) entry(b *fhir.Resource, i int) place {
	p := d.place()
	for n := b.Root.Get("entry").First; n != nil; n = n.Next {
		if n.Index == i {
			p = place{d.source, d.lineOf(n), i, n.Get("resource").Str("resourceType")}
		}
	}
	return p
}

// lineOf is the line of the file on which a node of the document begins.
func (d document) lineOf(n *fhir.Node) int {
	return d.line + bytes.Count(d.text[:n.Start], []byte{'\n'})
}

// fault reports what was not loaded. Its error ends a strict load.
func (l *load) fault(p place, err error) error {
	l.progress.say("%s", p.say(err))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults++
	if l.strict {
		return errSaid
	}
	return nil
}

// reason is what an error says to people: all faults that it holds.
func reason(err error) string {
	var several fhir.Errors
	if !errors.As(err, &several) {
		return err.Error()
	}
	texts := make([]string, len(several))
	for i, e := range several {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "; ")
}

// refused says whether the error is about what was sent.
func refused(err error) bool {
	var several fhir.Errors
	var one *fhir.Error
	return errors.As(err, &several) || errors.As(err, &one)
}

// entryOf is the index of the entry that an error is at.
func entryOf(err error) (int, bool) {
	var several fhir.Errors
	var one *fhir.Error
	switch {
	case errors.As(err, &several) && len(several) > 0:
		one = several[0]
	case !errors.As(err, &one):
		return 0, false
	}
	rest, ok := strings.CutPrefix(one.Expression, "Bundle.entry[")
	number, _, closed := strings.Cut(rest, "]")
	i, err := strconv.Atoi(number)
	return i, ok && closed && err == nil
}
