package interaction

import (
	"slices"
	"strconv"

	"github.com/firewarden/firewarden/conformance/subset"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// past are the parameters of a history (R4 http.html#history).
type past struct {
	plan.Times
	count     int
	ascending bool // oldest first
	part      subset.Subset
	page      string
	self      []search.Pair
}

// past reads the parameters of a history of the types. What every request may have (_format, _pretty) is left to the
// outside.
func (s *Service) past(types []string, params []search.Pair) (h past, err error) {
	h.count = s.count(-1)
	given := map[string]bool{}
	for _, p := range params {
		place := "http." + clip(p.Name)
		if given[p.Name] && p.Name != "_at" {
			return h, fhir.Errorf(fhir.KindValue, place, "%s is given twice", clip(p.Name))
		}
		given[p.Name] = true
		switch p.Name {
		case "_format", "_pretty":
			continue
		case "_page":
			h.page = p.Value
			continue
		case "_count":
			n, err := strconv.Atoi(p.Value)
			if err != nil || n < 0 {
				return h, fhir.Errorf(fhir.KindInvalid, place, "_count is a whole number from 0")
			}
			h.count = s.count(n)
		case "_since":
			at, err := fhir.ParseDateTime(p.Value, nil)
			if err != nil {
				return h, fhir.Errorf(fhir.KindInvalid, place, "_since is an instant, as 2026-11-22T08:00:00Z")
			}
			h.Since = at.Low
		case "_at":
			if err := h.at(p.Value); err != nil {
				return h, err
			}
		case "_sort":
			switch p.Value {
			case "_lastUpdated":
				h.ascending = true
			case "-_lastUpdated":
			default:
				return h, fhir.Errorf(fhir.KindValue, place, "a history is sorted by _lastUpdated or -_lastUpdated: %q", clip(p.Value))
			}
		case "_summary", "_elements":
			if p.Name == "_summary" && p.Value == "count" {
				h.count = 0
			}
		default:
			return h, fhir.Errorf(fhir.KindUnknownParam, place,
				"a history has no parameter %q, only _at, _count, _elements, _since, _sort and _summary", clip(p.Name))
		}
		h.self = append(h.self, p)
	}
	h.part, err = search.ParseSubset(types, params)
	return h, err
}

// at narrows the moments to those of a date: all that it may mean, or, with a prefix, those before or after.
func (h *past) at(value string) error {
	prefix, date := "", value
	if len(value) > 2 && slices.Contains([]string{"eq", "gt", "ge", "lt", "le", "sa", "eb"}, value[:2]) {
		prefix, date = value[:2], value[2:]
	}
	t, err := fhir.ParseDateTime(date, nil)
	if err != nil {
		return fhir.Errorf(fhir.KindInvalid, "http._at", "_at is a date or an instant with an optional prefix (eq gt ge lt le sa eb), as 2026-11-22 or ge2026-11-22T08:00:00Z")
	}
	switch prefix {
	case "gt", "sa":
		t.Low, t.High = t.High, fhir.MaxTime
	case "ge":
		t.High = fhir.MaxTime
	case "lt", "eb":
		t.Low, t.High = fhir.MinTime, t.Low
	case "le":
		t.Low = fhir.MinTime
	}
	if h.From == 0 && h.To == 0 {
		h.From, h.To = t.Low, t.High
	} else {
		h.From, h.To = max(h.From, t.Low), min(h.To, t.High)
	}
	return nil
}
