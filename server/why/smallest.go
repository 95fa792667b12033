package why

import (
	"slices"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/server/interaction"
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
			with := func(typ string) *scope.Access { return access.With(first).With(name(typ, "r")) }
			var types []string
			types, err = e.seenThrough(e.of, with, i)
			for _, typ := range types {
				words = append(words, name(typ, "r"))
			}
			if err == nil {
				ok, err = through(words)
			}
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

// seenThrough are the types through which a resource may be visible, sorted: those that refer to it, and those that it
// refers to; of a Binary among them those through which that is. with is the access with r on a type, too.
func (e *explanation) seenThrough(of interaction.Instance, with func(typ string) *scope.Access, i search.Interaction) (types []string, err error) {
	var walk func(search.Expr)
	walk = func(x search.Expr) {
		switch x := x.(type) {
		case search.And, search.Or, search.Not:
			for _, y := range search.Parts(x) {
				walk(y)
			}
		case search.Has:
			types = append(types, x.Source)
		case search.Every:
			for _, r := range (search.World{Index: e.Service.Indexer}).References(x.P, of.Content) {
				if !r.Local() || err != nil {
					continue
				}
				types = append(types, r.Type)
				if r.Type != "Binary" || of.Row.Type == "Binary" {
					continue
				}
				var further []string
				var found bool
				var binary interaction.Instance
				if binary, found, err = e.Service.Instance(e.ctx, e.src, r.Type, r.ID); err == nil && found && !binary.Row.Deleted {
					further, err = e.seenThrough(binary, with, search.Read)
					types = append(types, further...)
				}
			}
		}
	}
	walk(search.GuardRead(of.Row.Type, of.Row.ID, i, with(of.Row.Type)).Allowed())
	slices.Sort(types)
	return slices.Compact(types), err
}
