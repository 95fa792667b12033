package why

import (
	"slices"
	"strings"
	"time"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// values are what the resource has of a search parameter, each once, as a search would ask for it.
func (e *explanation) values(p *r4.SearchParameter) (has []string) {
	for _, v := range e.Service.Indexer.Values(p, e.of.Content) {
		if text := value(&v); text != "" && !slices.Contains(has, text) {
			has = append(has, text)
		}
	}
	return few(has)
}

// value is a value as a search would ask for it, "" if it is only text beside a code.
func value(v *index.Value) string {
	switch v.Type {
	case r4.Token:
		if v.System != "" || v.Code != "" {
			return strings.TrimPrefix(v.System+"|"+v.Code, "|")
		}
		return ""
	case r4.Reference:
		if v.Ref != (fhir.Reference{}) {
			return v.Ref.String()
		}
		if v.Identifier != nil {
			return value(v.Identifier)
		}
	case r4.Date:
		return interval(v.Time)
	case r4.Number, r4.Quantity:
		low, high := v.Low.String(), v.High.String()
		switch {
		case v.LowOpen:
			low = "…" + high
		case v.HighOpen:
			low += "…"
		case low != high:
			low += "…" + high
		}
		return strings.TrimSpace(low + " " + v.Code)
	case r4.Composite:
		var parts []string
		for _, of := range v.Parts {
			if len(of) > 0 {
				parts = append(parts, value(&of[0]))
			}
		}
		return strings.Join(parts, "$")
	}
	return v.Text
}

// interval is a span of time by its ends.
func interval(t fhir.Interval) string {
	const second = int64(time.Second / time.Microsecond)
	end := func(micro, open int64) string {
		if micro == open {
			return ""
		}
		return strings.TrimSuffix(time.UnixMicro(micro).UTC().Format(time.RFC3339), "T00:00:00Z")
	}
	from := end(t.Low, fhir.MinTime)
	if t.Low != fhir.MinTime && t.High != fhir.MaxTime && t.High-t.Low <= second {
		return from
	}
	return from + "…" + end(t.High, fhir.MaxTime)
}
