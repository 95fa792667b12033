package search

import "strings"

// split cuts s at each sep that is not escaped (R4 search.html#escaping). The parts keep their escapes.
func split(s string, sep byte) []string {
	n := 1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			n++
		}
	}
	parts := make([]string, 0, n)
	from := 0
	for i := 0; i < len(s) && len(parts) < n-1; i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	return append(parts, s[from:])
}

// unescape resolves \, \| \$ \\. A backslash before anything else stands for itself.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`,|$\`, s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// nearest is the word that differs least from s, "" if all differ in more than a third of s.
func nearest(s string, words []string) string {
	best, limit := "", max(2, len(s)/3)+1
	for _, w := range words {
		if d := distance(s, w, limit); d < limit {
			best, limit = w, d
		}
	}
	return best
}

// distance is the number of edits (insert, delete, replace, swap of neighbours; case counts nothing) between two
// short names, or limit if it is no less.
func distance(a, b string, limit int) int {
	const longest = 64
	if len(a) > longest || len(b) > longest || max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	var rows [3][longest + 1]int
	before, last, now := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := range len(a) {
		now[0] = i + 1
		for j := range len(b) {
			d := last[j]
			if lower(a[i]) != lower(b[j]) {
				d++
			}
			d = min(d, last[j+1]+1, now[j]+1)
			if i > 0 && j > 0 && lower(a[i]) == lower(b[j-1]) && lower(a[i-1]) == lower(b[j]) {
				d = min(d, before[j-1]+1)
			}
			now[j+1] = d
		}
		before, last, now = last, now, before
	}
	return min(last[len(b)], limit)
}

func lower(c byte) byte {
	if c-'A' <= 'Z'-'A' {
		c |= 0x20
	}
	return c
}
