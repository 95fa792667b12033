package model

import (
	"net/http"
	"slices"
)

// meta is $meta of an instance, of a version, of a type, or of all.
func (a *access) meta(of []string) (out Answer, known bool) {
	switch len(of) {
	case 2:
		out, known = a.read(of[0], of[1], "", false)
	case 4:
		out, known = a.read(of[0], of[1], of[3], true)
	default:
		return a.labels(of), true
	}
	out.Meta = out.Status == http.StatusOK
	return out, known
}

// labels are the profiles, security labels and tags that what the caller may search has.
func (a *access) labels(types []string) Answer {
	if len(types) == 0 {
		types = Types()
	}
	types = slices.DeleteFunc(types, func(typ string) bool { return !a.granted('s', typ) })
	if len(types) == 0 {
		return Answer{Status: http.StatusForbidden}
	}
	out := Answer{Status: http.StatusOK, Labels: []string{}}
	for _, typ := range types {
		for _, v := range a.Stored(typ) {
			if !a.allowed('s', v, everyHeight) {
				continue
			}
			for _, name := range lists {
				for _, x := range v.at("meta." + name) {
					if label := name + " " + encoded(x); !slices.Contains(out.Labels, label) {
						out.Labels = append(out.Labels, label)
					}
				}
			}
		}
	}
	slices.Sort(out.Labels)
	return out
}
