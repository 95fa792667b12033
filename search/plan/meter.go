package plan

import (
	"context"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Meter is a Source that counts what it is asked, for Explain.
type Meter struct {
	Source
	Asked int // questions
	Reads int // index entries and documents read for them
}

// Read implements Source.
func (m *Meter) Read(ctx context.Context, k Key) (Row, bool, error) {
	m.Asked++
	m.Reads++
	return m.Source.Read(ctx, k)
}

// Version implements Source.
func (m *Meter) Version(ctx context.Context, k Key, version uint64) (Row, bool, error) {
	m.Asked++
	m.Reads++
	return m.Source.Version(ctx, k, version)
}

// Select implements Source.
func (m *Meter) Select(ctx context.Context, b Bound, w Window) (Page, error) {
	page, err := m.Source.Select(ctx, b, w)
	m.Asked++
	m.Reads += page.Read
	return page, err
}

// Targets implements Source. It counts what is found: an engine reads at least that much.
func (m *Meter) Targets(ctx context.Context, b Bound, p *r4.SearchParameter, max int) ([]fhir.Reference, bool, error) {
	refs, more, err := m.Source.Targets(ctx, b, p, max)
	m.Asked++
	m.Reads += len(refs)
	return refs, more, err
}

// Changes implements Source.
func (m *Meter) Changes(ctx context.Context, c Changes, w Window) (Page, error) {
	page, err := m.Source.Changes(ctx, c, w)
	m.Asked++
	m.Reads += page.Read
	return page, err
}
