package model

import (
	"cmp"
	"strings"
	"time"
)

// mainDates are the dates by which searches without _sort are ordered, latest first.
var mainDates = map[string]string{"Observation": "effectiveDateTime", "Provenance": "recorded", "Slot": "start", "AuditEvent": "recorded"}

func (a *access) compare(x, y *Version, order []string, several bool) int {
	for _, key := range order {
		key, down := strings.CutPrefix(key, "-")
		p, q := a.first(x, key, down), a.first(y, key, down)
		switch {
		case p == "" || q == "":
			if c := cmp.Compare(b2i(p == ""), b2i(q == "")); c != 0 {
				return c
			}
		case p != q:
			if c := strings.Compare(p, q); down {
				return -c
			} else {
				return c
			}
		}
	}
	if c := strings.Compare(x.Type, y.Type); c != 0 || len(order) > 0 {
		return c
	}
	p, q := "", ""
	if path := mainDates[x.Type]; path != "" {
		p, q = least(x, path), least(y, path)
	}
	return strings.Compare(q, p)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func least(v *Version, path string) string {
	for _, x := range v.at(path) {
		return moment(text(x))
	}
	return ""
}

// moment is a date as a text; an instant with its milliseconds.
func moment(s string) string {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC().Format(instantLayout)
	}
	return s
}

const instantLayout = "2006-01-02T15:04:05.000Z"

// first is the value of a key that comes first, as a text that compares as the values do; "" is none.
func (a *access) first(v *Version, key string, down bool) (best string) {
	for _, s := range a.keys(v, key) {
		if s != "" && (best == "" || s != best && (s < best) != down) {
			best = s
		}
	}
	return best
}

func (a *access) keys(v *Version, key string) (out []string) {
	if head, rest, chained := strings.Cut(key, "."); chained {
		code, target, _ := strings.Cut(head, ":")
		p, _ := a.lookup(v.Type, code)
		for _, r := range a.holds(v, p) {
			if to := a.Now(r.typ, r.id); r.local() && r.typ == target && to != nil && a.allowed('s', to, everyHeight) {
				out = append(out, a.keys(to, rest)...)
			}
		}
		return out
	}
	if key == "_lastUpdated" {
		return []string{v.At.UTC().Format(instantLayout)}
	}
	p, _ := a.lookup(v.Type, key)
	switch p.kind {
	case "token":
		for _, c := range codings(v, p.paths) {
			out = append(out, c.code)
		}
	case "number", "quantity":
		for _, x := range a.held(v, p) {
			for _, low := range append(values(x, "low", "value"), values(x, "value")...) {
				x = low
			}
			out = append(out, rat(x).FloatString(9))
		}
		for i, s := range out {
			out[i] = strings.Repeat("0", 30-len(s)) + s
		}
	case "reference":
		for _, r := range a.holds(v, p) {
			switch {
			case r.local():
				out = append(out, r.typ+"/"+r.id)
			case r.elsewhere:
				out = append(out, r.text)
			}
		}
	default:
		for _, x := range a.held(v, p) {
			s := moment(text(x))
			if p.kind == "string" {
				s = strings.ToLower(s)
			}
			out = append(out, s)
		}
	}
	return out
}
