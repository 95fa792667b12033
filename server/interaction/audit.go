package interaction

import (
	"context"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/store/audit"
)

// asked notes a read for the audit log: what was asked, and whom it names. What it finds is noted where it is found, and
// writes that are carried out note themselves with their commit. To be followed by a deferred answered.
func (s *Service) asked(ctx context.Context, code, typ, id string, params []search.Pair) *audit.Doing {
	d := audit.Do(ctx, audit.Act{Code: code, Type: typ, ID: id})
	if d == nil {
		return nil
	}
	for i, p := range params {
		if audit.Secret(p.Name) {
			params = slices.Clone(params)
			params[i].Value = ""
		}
	}
	d.Query = queryOf(params)
	d.About(s.Named(typ, params)...)
	return d
}

// Named are the patients that parameters of a request for a type ask for by id.
func (s *Service) Named(typ string, params []search.Pair) (ids []string) {
	for _, p := range params {
		if p.Name != "_page" {
			ids = append(ids, s.named(typ, p)...)
		}
	}
	return ids
}

// named are those that one parameter asks for.
func (s *Service) named(typ string, p search.Pair) (ids []string) {
	name, modifier, _ := strings.Cut(p.Name, ":")
	of := ""
	switch {
	case typ == "Patient" && p.Name == "_id", name == "patient" && (modifier == "" || modifier == "Patient"), name == "subject" && modifier == "Patient":
		of = "Patient/"
	case name != "subject" || modifier != "":
		return nil
	}
	for v := range strings.SplitSeq(p.Value, ",") {
		if !strings.Contains(v, "/") {
			v = of + v
		}
		if r := fhir.ParseReference(v, s.Base); r.Local() && r.Type == "Patient" && fhir.ValidID(r.ID) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// answered notes how a read, or a write that came to nothing, ended.
func answered(d *audit.Doing, err *error) {
	if *err != nil {
		d.End(Status(*err))
	} else {
		d.End(200)
	}
}

// refused notes a write of a batch that came to nothing.
func (s *Service) refused(ctx context.Context, e *entry) {
	o := e.write
	if o == nil || e.err == nil {
		return
	}
	code, id := "update", o.id
	switch {
	case o.meta:
		code = "$meta-add"
	case o.letter == search.Delete:
		code = "delete"
	case o.letter == search.Create:
		code, id = "create", "" // nothing has the id that was made for it
	case o.reads:
		code = "patch"
	}
	d := audit.Do(ctx, audit.Act{Code: code, Type: o.typ, ID: id, Query: o.where})
	if params, err := Pairs(o.where); err == nil {
		d.About(s.Named(o.typ, params)...)
	}
	d.End(Status(e.err))
}
