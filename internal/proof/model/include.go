package model

import "slices"

// Included are the versions that come with a page of matches.
func (f Found) Included(page []*Version) []*Version {
	have := map[*Version]bool{}
	for _, v := range page {
		have[v] = true
	}
	var out []*Version
	for rows, iterated := page, false; len(rows) > 0; iterated = true {
		var next []*Version
		for _, v := range rows {
			for _, i := range f.includes {
				if iterated && !i.iterate {
					continue
				}
				for _, w := range f.a.include(v, i) {
					if !have[w] {
						have[w] = true
						next = append(next, w)
					}
				}
			}
		}
		out = append(out, next...)
		rows = next
	}
	return out
}

func (a *access) include(v *Version, i inclusion) (out []*Version) {
	if !i.reverse {
		if i.source != "" && i.source != v.Type {
			return nil
		}
		for _, r := range a.refer(v, i.code) {
			if !r.local() || i.target != "" && r.typ != i.target {
				continue
			}
			now := a.Last(r.typ, r.id)
			for _, w := range a.log {
				if w.Type == r.typ && w.ID == r.id && !w.Deleted && (r.version == "" && w == now || r.version == number(w)) && a.seen(w, everyHeight) && a.seen(a.live(now), everyHeight) {
					out = append(out, w)
				}
			}
		}
		return out
	}
	if i.target != "" && i.target != v.Type {
		return nil
	}
	sources := a.Current(i.source)
	if i.source == "" { // that refer here, whatever they are: as in a search of all types
		sources = a.Stored("")
	}
	for _, w := range sources {
		names := slices.ContainsFunc(a.refer(w, i.code), func(r reference) bool { return r.local() && r.typ == v.Type && r.id == v.ID })
		if names && a.allowed('s', w, everyHeight) {
			out = append(out, w)
		}
	}
	return out
}

// refer are the references of one parameter of a resource, or of all.
func (a *access) refer(v *Version, code string) (out []reference) {
	for name, p := range all(v.Type, a.own) {
		if p.kind == "reference" && (code == "" || code == name) {
			out = append(out, a.holds(v, p)...)
		}
	}
	return out
}
