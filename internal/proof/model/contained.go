package model

// containment is _contained (R4 search.html#contained): what resources of a type inside of others are.
type containment struct {
	of  string // true, both; "" is: it is not asked for
	typ string
	is  func(*Version) bool
}

// contained are the resources inside.
func (v *Version) contained() (inside []*Version) {
	for _, c := range v.at("contained") {
		o, _ := c.(map[string]any)
		inside = append(inside, &Version{Type: text(o["resourceType"]), ID: text(o["id"]), JSON: o})
	}
	return inside
}

// contains says whether a resource is what is asked for by what is inside of it, or with both itself. What is inside
// counts for who may search its type as a whole.
func (f *Found) contains(v *Version) bool {
	itself, inside := f.by(v)
	return itself || len(inside) > 0
}

// by says what of a resource is what is asked for: itself, resources inside.
func (f *Found) by(v *Version) (itself bool, inside []*Version) {
	itself = f.within.of == "both" && v.Type == f.within.typ && f.within.is(v)
	if !f.a.whole(f.within.typ) {
		return itself, nil
	}
	for _, c := range v.contained() {
		if c.Type == f.within.typ && f.within.is(c) {
			inside = append(inside, c)
		}
	}
	return itself, inside
}

// Inside are the resources that are answered of a match where those inside are: by #id, "" is itself. known is false where
// the model cannot say what is shown of them.
func (f *Found) Inside(v *Version) (parts map[string]map[string]any, known bool) {
	itself, inside := f.by(v)
	known = true
	if parts = map[string]map[string]any{}; itself {
		parts[""], known = f.subset.of(v, false)
	}
	for _, c := range inside {
		parts["#"+c.ID], known = f.subset.of(c, false)
	}
	return parts, known
}
