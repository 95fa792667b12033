package proof

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// scene draws a case of one world: plain is without what proof/model does not know.
func (d drawing) scene(plain bool) *Case {
	c := &Case{}
	if d.oneIn(3) {
		for _, code := range slices.Sorted(maps.Keys(model.Owns)) {
			if d.oneIn(3) {
				c.Own = append(c.Own, code)
			}
		}
	}
	d.own = c.Own
	c.Token = d.token()
	d.pool = d.pooled(c.Token)
	c.World = d.world(40)
	if len(c.modelled(c.World).Touches(c.Token)) == 0 && !d.oneIn(8) {
		c.Token = model.Token{Patient: "A", Scopes: append(c.Token.Scopes, model.Scope{Level: "patient", Type: "*", Letters: "cruds"})}
	}
	d.liked = granted(c.Token)
	if d.oneIn(4) {
		for range 1 + d.upTo(1) {
			c.Others = append(c.Others, d.kin(c.Token))
		}
		c.Requests = d.turns(c, plain)
	} else {
		c.Requests = d.requests(plain)
	}
	return c
}

// kin draws a token that opens more than another one, or less, or something else.
func (d drawing) kin(t model.Token) model.Token {
	t.Scopes = slices.Clone(t.Scopes)
	i := d.upTo(len(t.Scopes) - 1)
	switch s := &t.Scopes[i]; d.upTo(6) {
	case 0:
		t.Patient = d.one("A", "B", "C", "")
	case 1:
		s.Where = ""
	case 2:
		s.Letters, s.Where = "crus", d.constraint(s.Type)
	case 3:
		s.Letters = "rs"
	case 4:
		if t.Policy != "" {
			other := d.token()
			t.Policy, t.User = other.Policy, other.User
		}
	case 5:
		t.Scopes = append(t.Scopes, d.token().Scopes...)
	case 6:
		return d.token()
	}
	return t
}

// granted are the types that a token names; of * all.
func granted(t model.Token) (out []string) {
	for _, s := range t.Scopes {
		if s.Type == "*" {
			return nil
		}
		out = append(out, s.Type)
	}
	return out
}

// requests draws what is asked, in its order.
func (d drawing) requests(plain bool) []Request {
	list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Request {
		d := drawing{t, d.pool, d.liked, d.own, d.audit}
		switch d.upTo(12) {
		case 0:
			return Request{} // as what fails shrinks
		case 7, 8, 10:
			return d.write()
		case 9:
			return d.bundle(plain)
		}
		return d.read(plain)
	}), 10, 40).Draw(d.T, "requests")
	return slices.DeleteFunc(list, func(r Request) bool { return r.Method == "" })
}

// turns draws what the tokens of a case read in turns, with each other's cursors, and what whoever made the world writes
// in between.
func (d drawing) turns(c *Case, plain bool) (all []Request) {
	for _, turn := range rapid.SliceOfN(rapid.Custom(func(t *rapid.T) (out []Request) {
		d := drawing{t, d.pool, d.liked, d.own, d.audit}
		switch d.upTo(5) {
		case 0:
			return nil // as what fails shrinks
		case 1:
			return []Request{d.made()}
		}
		q := d.read(plain)
		if d.oneIn(3) {
			typ := d.typ()
			q = Request{Method: http.MethodGet, Path: d.one("/"+typ, "", "/"+typ+"/_history", "/_history", "/"+typ+"/"+d.id(typ)+"/_history", "/Patient/A/*") + "?_count=1"}
		}
		q.As = d.upTo(len(c.Others))
		if out = append(out, q); !strings.Contains(q.Path+q.Body, "_count=") {
			return out
		}
		if d.oneIn(3) {
			out = append(out, d.made())
		}
		return append(out, Request{Method: http.MethodGet, As: d.upTo(len(c.Others)), Page: len(out)})
	}), 5, 20).Draw(d.T, "turns") {
		all = append(all, turn...)
	}
	return all
}

// made draws a write of whoever made the world: something moves, or is deleted, and policies change.
func (d drawing) made() Request {
	typ := d.one(d.written(), "Patient", "CareTeam", "RelatedPerson")
	r := Request{Method: http.MethodDelete, Path: "/" + typ + "/" + d.id(typ), As: maker}
	if !d.oneIn(4) {
		r.Method, r.Header = http.MethodPut, map[string]string{"Content-Type": fhirJSON}
		r.Body = string(d.resource(typ, r.Path[len(typ)+2:]))
	}
	return r
}
