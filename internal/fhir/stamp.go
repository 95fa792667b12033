package fhir

import (
	"slices"
	"time"
)

// Stamp is what the server sets in a resource that it stores. Zero fields leave the resource as it is.
type Stamp struct {
	ID          string
	VersionID   string
	LastUpdated time.Time // written as an instant in UTC with milliseconds
	// Keep are tags, security labels and profiles of the version before that an update omits (R4 "Resource.meta":
	// they stay unless removed by $meta-delete); nil for a create.
	Keep *Node // meta of the version before
	// Edits replace string values of the resource, e.g. urn:uuid: references of a transaction. Where an edit and the
	// stamp touch the same value the stamp wins.
	Edits []Edit
}

// Edit replaces the value of a node of the resource by a string, which is escaped as JSON needs.
type Edit struct {
	Node *Node
	Text string
}

// Stamp is the resource in compact form with id and meta set, written in one pass over the sender's bytes: the order
// of keys, the text of numbers and the escapes of strings stay. A missing id goes right after resourceType, a missing
// meta right after id; what else meta holds is kept.
func (r *Resource) Stamp(s Stamp) []byte {
	var space [8]splice
	var scratch [512]byte
	w := writer{cuts: space[:0], text: scratch[:0]}
	w.stamp(r.Root, s)
	for _, e := range s.Edits {
		if e.Node.Start >= r.Root.Start && e.Node.End <= r.Root.End {
			w.replace(e.Node)
			w.text = appendString(w.text, e.Text)
			w.done()
		}
	}
	slices.SortStableFunc(w.cuts, func(a, b splice) int { return a.start - b.start })

	out := make([]byte, 0, r.Root.End-r.Root.Start+len(w.text))
	at := r.Root.Start
	for _, c := range w.cuts {
		if c.start < at {
			continue // inside what the one before replaced
		}
		out = r.compact(out, at, c.start)
		out = append(out, w.text[c.from:c.to]...)
		at = c.end
	}
	return r.compact(out, at, r.Root.End)
}

// Compact is the resource without insignificant white space.
func (r *Resource) Compact() []byte { return r.Stamp(Stamp{}) }

// Edit is the resource in compact form with string values replaced.
func (r *Resource) Edit(edits []Edit) []byte { return r.Stamp(Stamp{Edits: edits}) }

// compact appends the document from offset a to b, which both lie between tokens, without insignificant white space.
func (r *Resource) compact(dst []byte, a, b int) []byte {
	src := r.Bytes[a-r.base : b-r.base]
	if !r.spaced {
		return append(dst, src...)
	}
	run := 0
	for i := 0; i < len(src); {
		switch c := src[i]; {
		case c == '"':
			for i++; src[i] != '"'; i++ {
				if src[i] == '\\' {
					i++
				}
			}
			i++
		case c <= ' ':
			dst = append(dst, src[run:i]...)
			for i++; i < len(src) && src[i] <= ' '; i++ {
			}
			run = i
		default:
			i++
		}
	}
	return append(dst, src[run:]...)
}

// A splice replaces the document's bytes [start, end) by text[from:to] of its writer.
type splice struct{ start, end, from, to int }

// writer collects the splices of a stamp and their text.
type writer struct {
	cuts []splice
	text []byte
}

func (w *writer) replace(n *Node) { w.open(n.Start, n.End) }
func (w *writer) insert(at int)   { w.open(at, at) }
func (w *writer) open(start, end int) {
	w.cuts = append(w.cuts, splice{start, end, len(w.text), len(w.text)})
}
func (w *writer) done() { w.cuts[len(w.cuts)-1].to = len(w.text) }

func (w *writer) stamp(root *Node, s Stamp) {
	var typ, id, meta *Node
	for c := root.First; c != nil; c = c.Next {
		switch c.Name {
		case "resourceType":
			typ = c
		case "id":
			id = c
		case "meta":
			meta = c
		}
	}
	if typ == nil {
		return // no resource
	}
	after := typ.End
	if id != nil {
		after = id.End
		if s.ID != "" {
			w.replace(id)
			w.text = appendString(w.text, s.ID)
			w.done()
		}
	} else if s.ID != "" {
		w.insert(after)
		w.text = append(w.text, `,"id":`...)
		w.text = appendString(w.text, s.ID)
		w.done()
	}
	switch {
	case meta != nil && meta.JSON == Object && meta.First != nil:
		w.meta(meta, s)
	case meta != nil && (s.VersionID != "" || !s.LastUpdated.IsZero()):
		w.replace(meta)
		w.newMeta(s)
		w.done()
	case meta == nil:
		w.insert(after)
		w.text = append(w.text, `,"meta":`...)
		if !w.newMeta(s) {
			w.cuts = w.cuts[:len(w.cuts)-1]
		} else {
			w.done()
		}
	}
}

// newMeta writes a meta object; it says whether the stamp has anything to put in it.
func (w *writer) newMeta(s Stamp) bool {
	start := len(w.text)
	if s.VersionID != "" {
		w.text = appendString(append(w.text, `,"versionId":`...), s.VersionID)
	}
	if !s.LastUpdated.IsZero() {
		w.text = appendInstantString(append(w.text, `,"lastUpdated":`...), s.LastUpdated)
	}
	for _, name := range kept {
		w.keep(nil, s.Keep.Get(name), name)
	}
	if len(w.text) == start {
		return false
	}
	w.text[start] = '{'
	w.text = append(w.text, '}')
	return true
}

// kept are the lists of meta that outlive an update.
var kept = [...]string{"profile", "security", "tag"}

// meta splices into the meta that the sender gave.
func (w *writer) meta(meta *Node, s Stamp) {
	version, updated := meta.Get("versionId"), meta.Get("lastUpdated")
	if version != nil && s.VersionID != "" {
		w.replace(version)
		w.text = appendString(w.text, s.VersionID)
		w.done()
	}
	if updated != nil && !s.LastUpdated.IsZero() {
		w.replace(updated)
		w.text = appendInstantString(w.text, s.LastUpdated)
		w.done()
	}
	w.insert(meta.Start + 1)
	if version == nil && s.VersionID != "" {
		w.text = append(w.text, `"versionId":`...)
		w.text = append(appendString(w.text, s.VersionID), ',')
	}
	if updated == nil && !s.LastUpdated.IsZero() {
		w.text = append(w.text, `"lastUpdated":`...)
		w.text = append(appendInstantString(w.text, s.LastUpdated), ',')
	}
	w.done()
	if s.Keep == nil {
		return
	}
	for _, name := range kept {
		if have := meta.Get(name); have != nil && have.JSON == Array {
			w.insert(have.End - 1)
			n := w.keep(have, s.Keep.Get(name), "")
			w.done()
			if ext := meta.Get("_" + name); ext != nil && ext.JSON == Array && n > 0 { // stays parallel
				w.insert(ext.End - 1)
				for range n {
					w.text = append(w.text, ",null"...)
				}
				w.done()
			}
		} else if have == nil {
			w.insert(meta.End - 1)
			w.keep(nil, s.Keep.Get(name), name)
			w.done()
		}
	}
}

// keep writes the items of old that are not in have, each with a comma before it, and says how many; with a name,
// as a new member.
func (w *writer) keep(have, old *Node, name string) (n int) {
	old.Each(func(o *Node) {
		if o.JSON == Null || has(have, o) {
			return
		}
		if n == 0 && name != "" {
			w.text = append(w.text, ',')
			w.text = append(appendString(w.text, name), ':', '[')
		} else {
			w.text = append(w.text, ',')
		}
		w.text = o.AppendJSON(w.text)
		n++
	})
	if n > 0 && name != "" {
		w.text = append(w.text, ']')
	}
	return n
}

// has says whether the list has an item that is the same canonical or the same system|code as o.
func has(list, o *Node) (found bool) {
	list.Each(func(c *Node) {
		if c.JSON != o.JSON {
			return
		}
		if c.JSON == Object {
			found = found || c.Str("system") == o.Str("system") && c.Str("code") == o.Str("code")
		} else {
			found = found || c.Text == o.Text
		}
	})
	return found
}

func appendInstantString(dst []byte, t time.Time) []byte {
	return append(AppendInstant(append(dst, '"'), t), '"')
}
