package why

import (
	"slices"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/search"
)

// smallest are the fewest letters on the narrowest level that, granted beside what there is, let the interaction through:
// one scope, for a known category where the resource has one; of a type that is seen through others only (access.md,
// "Linked types"), with r on those. None if no scope would do. Each was tried, on the same snapshot.
func (e *explanation) smallest(access *scope.Access, i search.Interaction) ([]string, error) {
	through := func(words []string) (bool, error) {
		more := access
		for _, w := range words {
			more = more.With(w)
		}
		refusal, err := e.refused(more, i)
		return refusal == nil, err
	}
	for _, level := range access.Levels() {
		name := func(typ, letter string) string { return level.String() + "/" + typ + "." + letter }
		first := name(e.of.Row.Type, "cruds"[i:i+1])
		words := []string{first}
		ok, err := through(words)
		if err == nil && !ok {
			for _, typ := range e.seenThrough(access.With(first), i) {
				words = append(words, name(typ, "r"))
			}
			ok, err = through(words)
		}
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		for n := len(words) - 1; n >= 0 && len(words) > 1; n-- { // without what is not needed
			fewer := slices.Delete(slices.Clone(words), n, n+1)
			if ok, err = through(fewer); err != nil {
				return nil, err
			} else if ok {
				words = fewer
			}
		}
		return e.narrowed(words, through)
	}
	return nil, nil
}

// narrowed has a scope for a known category instead of the first one, if that does.
func (e *explanation) narrowed(words []string, through func([]string) (bool, error)) ([]string, error) {
	of, err := scope.ParseScope(words[0])
	if err != nil {
		return nil, err
	}
	for _, part := range of.Narrower() {
		narrow := append([]string{part}, words[1:]...)
		if ok, err := through(narrow); ok || err != nil {
			return narrow, err
		}
	}
	return words, nil
}

// seenThrough are the types through which the resource may be visible, sorted: those that refer to it, and those that it
// refers to.
func (e *explanation) seenThrough(access *scope.Access, i search.Interaction) (types []string) {
	var walk func(search.Expr)
	walk = func(x search.Expr) {
		switch x := x.(type) {
		case search.And:
			for _, y := range x {
				walk(y)
			}
		case search.Or:
			for _, y := range x {
				walk(y)
			}
		case search.Has:
			types = append(types, x.Source)
		case search.Every:
			for _, r := range (search.World{Index: e.Service.Indexer}).References(x.P, e.of.Content) {
				if r.Local() {
					types = append(types, r.Type)
				}
			}
		}
	}
	walk(search.GuardRead(e.of.Row.Type, e.of.Row.ID, i, access).Allowed())
	slices.Sort(types)
	return slices.Compact(types)
}
