package fhir

import "math"

// Interval is a half-open span of time [Low, High) in microseconds since 1970-01-01T00:00:00Z. A partial date is the
// interval it names: 2020 is the whole year, 2020-01-01T10:00:00Z that second. Open ends of a Period are MinTime and
// MaxTime.
type Interval struct{ Low, High int64 }

// The ends of time.
const (
	MinTime = math.MinInt64
	MaxTime = math.MaxInt64
)
