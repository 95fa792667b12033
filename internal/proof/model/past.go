package model

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// past is a history of types, or of one instance.
func (a *access) past(letter byte, types []string, id, query string) (out Answer, known bool) {
	types = slices.DeleteFunc(slices.Clone(types), func(typ string) bool { return !a.granted(letter, typ) })
	if len(types) == 0 {
		return Answer{Status: http.StatusForbidden}, true
	}
	if id != "" {
		if last := a.Last(types[0], id); last == nil || !a.visible(letter, last) {
			return Answer{Status: http.StatusNotFound}, true
		}
	}
	var since, from, to time.Time
	for _, p := range Pairs(query) {
		switch p[0] {
		case "_since":
			since, _ = time.Parse(time.RFC3339, p[1])
		case "_at":
			from, to = moments(p[1])
		case "_sort":
			out.Ascending = p[1] == "_lastUpdated"
		case "_count":
			out.Count = p[1] == "0"
		default:
			return out, false
		}
	}
	for _, v := range slices.Backward(a.log) {
		if v.Logged && id == "" {
			continue // which has no history but its own
		}
		if slices.Contains(types, v.Type) && (id == "" || v.ID == id) && !v.At.Before(since) && a.visible(letter, v) && a.lasts(letter, v, from, to) {
			out.Past = append(out.Past, v)
		}
	}
	out.Status = http.StatusOK
	return out, true
}

// moments are those that _at names, the second not among them; none is none of them.
func moments(value string) (from, to time.Time) {
	prefix := strings.TrimRight(value, "0123456789-:TZ.")
	from, err := time.Parse(time.RFC3339, value[len(prefix):])
	if err != nil {
		return from, to
	}
	to = from.Add(time.Second)
	first, last := time.Unix(0, 0), time.Unix(1<<40, 0)
	switch prefix {
	case "ge":
		return from, last
	case "gt":
		return to, last
	case "lt":
		return first, from
	case "le":
		return first, to
	}
	return from, to
}

// lasts says whether a version was the last one that shows, at one of these moments.
func (a *access) lasts(letter byte, v *Version, from, to time.Time) bool {
	if to.IsZero() {
		return true
	}
	for _, w := range a.of[v.Type+"/"+v.ID] {
		if w.Number > v.Number && a.visible(letter, w) {
			return v.At.Before(to) && w.At.After(from)
		}
	}
	return v.At.Before(to)
}
