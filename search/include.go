package search

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Include is one _include or _revinclude: Source:P[:Target] (R4 search.html#include). It applies to matches; with
// Iterate to what other includes have brought, too, whatever its type.
type Include struct {
	Source  string              // type that has the reference; "" is every type: *
	P       *r4.SearchParameter // the reference; nil is every one of the source: Source:*
	Target  string              // "" is any
	Iterate bool
	Params  *parameters.Set // what there is to refer by, where P is nil; nil is R4's
}

// References are the parameters by which a resource of the type is included, or, in reverse, includes.
func (i Include) References(typ string) []*r4.SearchParameter {
	switch {
	case i.Source != "" && i.Source != typ:
		return nil
	case i.P != nil:
		return []*r4.SearchParameter{i.P}
	}
	var out []*r4.SearchParameter
	for _, p := range i.Params.Params(typ) {
		if p.Type == r4.Reference && p.Expression != "" {
			out = append(out, p)
		}
	}
	return out
}

// refers says whether the reference p may name a resource of the type; a definition without targets names any.
func refers(p *r4.SearchParameter, typ string) bool {
	return len(p.Targets) == 0 || slices.Contains(p.Targets, typ)
}

// sources are the types whose resources i can include in reverse, or whose references it follows.
func (i Include) sources() []string {
	if i.Source != "" {
		return []string{i.Source}
	}
	return searchable()
}

// targets are the types that i can include of the references of some types.
func (i Include) targets(of []string) []string {
	if i.Target != "" {
		return []string{i.Target}
	}
	var out []string
	for _, typ := range of {
		for _, p := range i.References(typ) {
			if len(p.Targets) == 0 {
				return searchable()
			}
			out = append(out, p.Targets...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// searchable are the types that can be stored.
func searchable() []string {
	return slices.DeleteFunc(slices.Clone(r4.Resources()), func(typ string) bool { return !r4.Searchable(typ) })
}

// include reads *, Source:*, Source:param or one of these with :Target behind it.
func (p *parser) include(q *Query, pair Pair, reverse, iterate bool) *fhir.Error {
	if err := p.spend(1); err != nil {
		return err
	}
	inc := Include{Iterate: iterate}
	source, rest, more := strings.Cut(pair.Value, ":")
	if source == "*" && !more {
		rest, more = "*", true
	}
	code, target, typed := strings.Cut(rest, ":")
	switch {
	case source == "*" && code == "*" && (!typed || target != ""):
	case source == "" || !more || code == "" || typed && (target == "" || strings.Contains(target, ":")):
		return p.bad("an include is Type:parameter, Type:parameter:Target, Type:* or *: %q", shown(pair.Value))
	case !r4.Searchable(source):
		return p.bad("%q is no resource type%s", shown(source), suggestion(source, r4.Resources()))
	default:
		inc.Source = source
	}
	if code == "*" {
		inc.Params = p.o.Params
	} else {
		sp, err := p.lookup(inc.Source, code)
		if err != nil {
			return err
		}
		if sp.Type != r4.Reference {
			return p.unknown("%s of %s is no reference", sp.Code, inc.Source)
		}
		inc.P = sp
	}
	if typed {
		inc.Target = target
		if !r4.IsResource(target) {
			return p.bad("%q is no resource type%s", shown(target), suggestion(target, r4.Resources()))
		}
		if inc.P != nil {
			if err := p.target(inc.Source, inc.P, target); err != nil {
				return err
			}
		}
	}
	if !iterate {
		if reverse && inc.P != nil && !slices.ContainsFunc(p.types, func(t string) bool { return refers(inc.P, t) }) {
			return p.target(inc.Source, inc.P, p.types[0])
		}
		if side := inc.idle(p.types, reverse); side != "" {
			q.Ignored = append(q.Ignored, p.unknown("%s=%s adds nothing to matches of type %s; with %s:iterate it follows from what is included",
				pair.Name, shown(pair.Value), shown(side), pair.Name))
			return nil
		}
	}
	q.Self = append(q.Self, pair)
	list := &q.Include
	if reverse {
		list = &q.RevInclude
	}
	if !slices.Contains(*list, inc) {
		*list = append(*list, inc)
	}
	return nil
}

// idle are the types that are searched if i, which does not iterate, has nothing to do with any of them.
func (i Include) idle(searched []string, reverse bool) string {
	end := i.Source
	if reverse {
		end = i.Target
	}
	if end == "" || slices.Contains(searched, end) {
		return ""
	}
	return strings.Join(searched, ", ")
}
