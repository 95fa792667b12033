package proof

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// outer makes of the entries for what is inside of a match, which stand one behind the other, one for the match.
func outer(entries []entry, want *model.Found, m *model.Model) (out []entry, err error) {
	for len(entries) > 0 {
		e := entries[0]
		if e.Search.Mode != "match" {
			out, entries = append(out, e), entries[1:]
			continue
		}
		url, _, _ := strings.Cut(e.FullURL, "#")
		typ, id, _ := strings.Cut(strings.TrimPrefix(url, m.Base+"/"), "/")
		v := m.Now(typ, id)
		if v == nil {
			return nil, fmt.Errorf("nothing is at %s", e.FullURL)
		}
		parts, known := want.Inside(v)
		for len(entries) > 0 && (entries[0].FullURL == url || strings.HasPrefix(entries[0].FullURL, url+"#")) {
			at := strings.TrimPrefix(entries[0].FullURL, url)
			if part := parts[at]; part == nil || known && canonical(entries[0].Resource) != canonical(part) {
				return nil, fmt.Errorf("at %s, want %s", entries[0].FullURL, canonical(part))
			}
			delete(parts, at)
			entries = entries[1:]
		}
		if len(parts) > 0 {
			return nil, fmt.Errorf("of %s is missing %v", url, parts)
		}
		e.Resource = map[string]any{"resourceType": typ, "id": id, "meta": map[string]any{"versionId": v.Number}}
		out = append(out, e)
	}
	return out, nil
}

// found compares the pages of a search.
func found(q Request, got []answer, want *model.Found, m *model.Model) string {
	groups := want.Groups
	if want.Only {
		groups = nil
	}
	var group []string // what is left of the group that comes
	number, count := 0, 0
	// A cursor stands somewhere in each type, which under another token may be anywhere: before its first row nothing of a
	// type has to come, nor all of the group that this one is in.
	first := map[string]int{} // the number of that group
	due := func(name string) bool {
		typ, _, _ := strings.Cut(name, "/")
		return q.Page == 0 || first[typ] > 0 && first[typ] < number
	}
	for i, a := range got {
		if a.previous {
			continue
		}
		b, err := read(a)
		if err != nil {
			return err.Error()
		}
		if i == 0 && (want.Told || want.Only) && !want.Inner && b.Total == nil || b.Total != nil && *b.Total != want.Total {
			return fmt.Sprintf("another total than %d: want %q", want.Total, names(slices.Concat(want.Groups...)))
		}
		if want.Inner {
			if b.Entry, err = outer(b.Entry, want, m); err != nil {
				return err.Error()
			}
		}
		var page []*model.Version
		var included []string
		for _, e := range b.Entry {
			switch e.Search.Mode {
			case "include":
				included = append(included, e.name())
			case "match":
				for len(groups) > 0 && !slices.Contains(group, e.name()) && !slices.ContainsFunc(group, due) {
					group, groups = names(groups[0]), groups[1:]
					number++
				}
				if !slices.Contains(group, e.name()) {
					return fmt.Sprintf("%s comes where one of %q is expected", e.name(), group)
				}
				group = slices.DeleteFunc(group, func(name string) bool { return name == e.name() })
				if typ, _, _ := strings.Cut(e.name(), "/"); first[typ] == 0 {
					first[typ] = number
				}
				count++
				v := m.Now(fmt.Sprint(e.Resource["resourceType"]), fmt.Sprint(e.Resource["id"]))
				if why := shown(e.Resource, func() (map[string]any, bool) { return want.Part(v, false) }); why != "" && !want.Inner {
					return why
				}
				page = append(page, v)
			}
		}
		comes := want.Included(page)
		expected := names(comes)
		slices.Sort(included)
		slices.Sort(expected)
		if !slices.Equal(included, expected) {
			return fmt.Sprintf("page %d, %q, includes %q, want %q", i+1, names(page), included, expected)
		}
		for _, e := range b.Entry {
			if i := slices.Index(names(comes), e.name()); e.Search.Mode == "include" {
				if why := shown(e.Resource, func() (map[string]any, bool) { return want.Part(comes[i], true) }); why != "" {
					return why
				}
			}
		}
	}
	if want.Most >= 0 && count > want.Most {
		return fmt.Sprintf("%d matches of %d at most", count, want.Most)
	}
	if whole := want.Most >= 0 && (q.Page > 0 || count == want.Most); len(got) > most || q.cut || whole {
		return ""
	}
	for ; ; number++ {
		if slices.ContainsFunc(group, due) {
			return fmt.Sprintf("missing: %q and %d groups", group, len(groups))
		}
		if len(groups) == 0 {
			return ""
		}
		group, groups = names(groups[0]), groups[1:]
	}
}
