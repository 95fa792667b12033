package embedded

import (
	"bytes"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search/index"
)

// The base URL decides how absolute references are read. Few stores hold any: those that do not may be served under
// another URL (another port, say) as they are; the others must be indexed anew.

// basedKey is present from the first write on whose index may depend on the base URL.
var basedKey = append([]byte{keyMeta}, "based"...)

var (
	absolute = []byte(`"reference":"http`)
	escaped  = []byte(`\/`) // may spell any URL
	escaped4 = []byte(`\u00`)
)

// based says whether the index of a stored body may depend on the base URL: it has an absolute reference, or spells
// something below the base, as canonicals may.
func (s *Store) based(body []byte) bool {
	base := s.opts.Indexer.Base
	return bytes.Contains(body, absolute) || bytes.Contains(body, escaped) || bytes.Contains(body, escaped4) || base != "" && bytes.Contains(body, []byte(base+"/"))
}

// movable says whether the index is right under a new base URL too: nothing in it depends on the old one, and no
// canonical begins with the new one.
func (s *Store) movable(base string) (bool, error) {
	_, closer, err := get(s.db, basedKey)
	if closer != nil {
		return false, closer.Close()
	}
	if err != nil {
		return false, err
	}
	if base == "" {
		return true, nil
	}
	for i, typ := range s.types {
		for _, p := range slices.Concat(r4.Params(typ), s.indexing.Load().params.Indexed(typ)) {
			if p.Type != r4.Reference {
				continue
			}
			prefix := append(appendNum([]byte{keyTerm, byte(i + 1)}, p.Num), groupForm+byte(index.FormReference))
			if held, err := holds(s.db, appendEscaped(prefix, base+"/")); held || err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// holds says whether there is a key that begins with prefix.
func holds(r pebble.Reader, prefix []byte) (bool, error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return false, err
	}
	defer it.Close()
	return it.First(), it.Error()
}
