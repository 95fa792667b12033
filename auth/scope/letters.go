package scope

import "github.com/firewarden/firewarden/search"

// Letters are the interactions that a scope grants, each alone: c create, r read, u update, d delete, s search.
type Letters uint8

const order = "cruds" // the order of search.Create … search.Search and the only one allowed in a scope

// All are cruds.
const All Letters = 1<<len(order) - 1

// Has says whether l grants i.
func (l Letters) Has(i search.Interaction) bool { return l&(1<<i) != 0 }

// String are the letters in the order of SMART v2.
func (l Letters) String() string {
	var b []byte
	for i := range order {
		if l.Has(search.Interaction(i)) {
			b = append(b, order[i])
		}
	}
	return string(b)
}

// parseLetters reads the part behind the dot: read, write and * of v1, or letters of v2, in order, none twice.
func parseLetters(s string) (Letters, bool) {
	switch s {
	case "read":
		return 1<<search.Read | 1<<search.Search, true
	case "write":
		return 1<<search.Create | 1<<search.Update | 1<<search.Delete, true
	case "*":
		return All, true
	}
	var l Letters
	next := 0
	for _, c := range []byte(s) {
		for next < len(order) && order[next] != c {
			next++
		}
		if next == len(order) {
			return 0, false
		}
		l |= 1 << next
		next++
	}
	return l, l != 0
}
