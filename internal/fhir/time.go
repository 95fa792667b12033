package fhir

import (
	"math"
	"time"
)

// Interval is a half-open span of time [Low, High) in microseconds since 1970-01-01T00:00:00Z. A partial date is the
// interval it names: 2020 is the whole year, 2020-01-01T10:00:00Z that second. Open ends of a Period are MinTime and
// MaxTime.
type Interval struct{ Low, High int64 }

// The ends of time.
const (
	MinTime = math.MinInt64
	MaxTime = math.MaxInt64
)

// AppendInstant appends t as a FHIR instant in UTC with milliseconds: 2026-11-22T08:00:00.123Z.
func AppendInstant(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}
