package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Model is a history of versions.
type Model struct {
	Base string
	log  []*Version            // in the order in which they were written
	of   map[string][]*Version // those of an instance
	ids  int                   // given by the server
	own  []string              // codes of Owns
}

// Version is one version of a resource.
type Version struct {
	Type, ID string
	Number   int
	At       time.Time
	Method   string
	Deleted  bool
	Logged   bool           // an event of the audit log: it is rendered when it is asked for, and nothing else is known of it
	JSON     map[string]any // numbers are json.Number; nil of a deletion
	Text     string         // as it was put
}

// New is an empty server with some of the search parameters of Owns.
func New(base string, own ...string) *Model {
	return &Model{Base: base, of: map[string][]*Version{}, own: own}
}

// Put writes a version; an empty body is a deletion.
func (m *Model) Put(typ, id, method string, body []byte, at time.Time) (*Version, error) {
	v := &Version{Type: typ, ID: id, Number: 1, At: at, Method: method, Deleted: len(body) == 0, Text: string(body)}
	if before := m.Last(typ, id); before != nil {
		v.Number = before.Number + 1
	}
	if !v.Deleted {
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&v.JSON); err != nil {
			return nil, fmt.Errorf("%s/%s: %w", typ, id, err)
		}
	}
	m.add(v)
	return v, nil
}

func (m *Model) add(v *Version) {
	m.log = append(m.log, v)
	m.of[v.Type+"/"+v.ID] = append(m.of[v.Type+"/"+v.ID], v)
}

// Last is the last version of an instance, perhaps a deletion; nil if there never was one.
func (m *Model) Last(typ, id string) *Version {
	if all := m.of[typ+"/"+id]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

// Version is a version of an instance by its number; nil if there never was one.
func (m *Model) Version(typ, id, number string) *Version {
	for _, v := range m.of[typ+"/"+id] {
		if strconv.Itoa(v.Number) == number {
			return v
		}
	}
	return nil
}

// Now is the current version of an instance; nil if there is none.
func (m *Model) Now(typ, id string) *Version {
	if v := m.Last(typ, id); v != nil && !v.Deleted {
		return v
	}
	return nil
}

// Current are the current resources of a type in the order in which they were first written; "" is every type.
func (m *Model) Current(typ string) (out []*Version) {
	for _, v := range m.log {
		if v.Number == 1 && (typ == "" || v.Type == typ) {
			if now := m.Now(v.Type, v.ID); now != nil {
				out = append(out, now)
			}
		}
	}
	return out
}

// Stored are the current resources of a type, or of all, but for what the audit log tells.
func (m *Model) Stored(typ string) []*Version {
	return slices.DeleteFunc(m.Current(typ), func(v *Version) bool { return v.Logged })
}

// Versions are all versions that are stored, in the order in which they were written.
func (m *Model) Versions() []*Version {
	return slices.DeleteFunc(slices.Clone(m.log), func(v *Version) bool { return v.Logged })
}

// live is the version itself or, of a deletion, the live one before it.
func (m *Model) live(v *Version) (live *Version) {
	for _, w := range m.of[v.Type+"/"+v.ID] {
		if w.Number <= v.Number && !w.Deleted {
			live = w
		}
	}
	return live
}

// values are the values at a path of member names, through all arrays.
func values(v any, path ...string) (out []any) {
	if list, ok := v.([]any); ok {
		for _, item := range list {
			out = append(out, values(item, path...)...)
		}
		return out
	}
	if len(path) == 0 {
		return []any{v}
	}
	if object, ok := v.(map[string]any); ok && object[path[0]] != nil {
		return values(object[path[0]], path[1:]...)
	}
	return nil
}

// at are the values at a path as it is written: "content.attachment.url".
func (v *Version) at(path string) []any { return values(v.JSON, strings.Split(path, ".")...) }

func text(v any) string {
	s, _ := v.(string)
	return s
}

// reference is what a Reference names.
type reference struct {
	typ, id, version string
	text             string // as written; "" of one that names by an identifier
	display          string // what people read
	elsewhere        bool   // on another server, or inside the resource
}

// local says whether it names a resource of this server.
func (r reference) local() bool { return !r.elsewhere && r.typ != "" && r.id != "" }

// reference reads the text of a reference.
func (m *Model) reference(s string) reference {
	r := reference{text: s}
	s = strings.TrimPrefix(s, m.Base+"/")
	r.elsewhere = strings.Contains(s, ":") || strings.HasPrefix(s, "#")
	parts := strings.Split(s, "/")
	if n := len(parts); n > 3 && parts[n-2] == "_history" {
		r.version, parts = parts[n-1], parts[:n-2]
	}
	if n := len(parts); n > 1 {
		r.typ, r.id = parts[n-2], parts[n-1]
	}
	return r
}

// references are what the References at paths name.
func (m *Model) references(v *Version, paths ...string) (out []reference) {
	for _, path := range paths {
		for _, x := range v.at(path) {
			switch x := x.(type) {
			case map[string]any:
				r := m.reference(text(x["reference"]))
				r.display = text(x["display"])
				if r.typ == "" {
					r.typ = text(x["type"])
				}
				for _, c := range v.at("contained") {
					if c := c.(map[string]any); r.text != "" && r.text == "#"+text(c["id"]) {
						r.typ = text(c["resourceType"])
					}
				}
				out = append(out, r)
			case string: // uri
				out = append(out, m.reference(x))
			}
		}
	}
	return out
}
