package parameters

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// Record is what is stored of all own parameters: which there are, under which numbers, and since when.
type Record struct {
	Generation uint64            // of what is indexed
	Own        []Own             // in the order of their numbers
	Last       uint16            // the last number given; numbers are never given again
	Types      map[string]uint64 // the generation in which the parameters of a type changed last
}

// Own is one own parameter.
type Own struct {
	Definition
	Num   uint16
	From  uint64 // the generation that began to index by it
	Until uint64 // the generation that ceased to; 0: none
	Live  bool   // all resources are indexed by it
}

// Numbers of own parameters: behind all of R4's, before those of internal terms.
const (
	FirstNum uint16 = 0x8000
	LastNum  uint16 = 0xFEFF
)

// ReadRecord reads a stored record; no bytes are the empty record.
func ReadRecord(b []byte) (r Record, err error) {
	if len(b) == 0 {
		return r, nil
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("the record of search parameters: %w", err)
	}
	return r, nil
}

// Bytes are r as it is stored.
func (r Record) Bytes() ([]byte, error) { return json.Marshal(r) }

// active are the parameters that are indexed by at a generation.
func (o *Own) active(generation uint64) bool {
	return o.From <= generation && (o.Until == 0 || o.Until > generation)
}

// Next is the record for these definitions, which are all there are. A definition that has changed is another parameter:
// it has a new number and must be built. Of two that clash the one that was there first counts, then the one with the lesser
// id: see Clash. changed says whether anything is indexed otherwise.
func (r Record) Next(definitions []Definition) (next Record, changed bool) {
	definitions = slices.SortedFunc(slices.Values(definitions), func(a, b Definition) int { return cmp.Compare(a.ID, b.ID) })
	next = r
	next.Generation++
	next.Own = slices.Clone(r.Own)
	next.Types = map[string]uint64{}
	for typ, g := range r.Types {
		next.Types[typ] = g
	}
	touch := func(o *Own) {
		changed = true
		for _, typ := range o.Bases {
			next.Types[typ] = next.Generation
		}
	}
	kept := map[string]bool{}
	for i := range next.Own {
		o := &next.Own[i]
		if o.Until != 0 {
			continue
		}
		if at := slices.IndexFunc(definitions, func(d Definition) bool { return d.ID == o.ID }); at >= 0 && definitions[at].same(&o.Definition) {
			kept[o.ID] = true
			continue
		}
		o.Until, o.Live = next.Generation, false
		touch(o)
	}
	for _, d := range definitions {
		if kept[d.ID] || len(d.Bases) == 0 || next.Last == LastNum || next.Clash(&d) != nil {
			continue
		}
		next.Last = max(next.Last+1, FirstNum)
		next.Own = append(next.Own, Own{Definition: d, Num: next.Last, From: next.Generation})
		touch(&next.Own[len(next.Own)-1])
	}
	if !changed {
		return r, false
	}
	return next, true
}

// Clash is the parameter of another definition that has the code on one of the types, nil if there is none.
func (r Record) Clash(d *Definition) *Own {
	for i := range r.Own {
		o := &r.Own[i]
		if o.Until == 0 && o.ID != d.ID && o.Code == d.Code &&
			slices.ContainsFunc(d.Bases, func(b string) bool { return slices.Contains(o.Bases, b) }) {
			return o
		}
	}
	return nil
}

// Done is the record when all resources are indexed as a generation says: what is built is live, what is no more is
// forgotten.
func (r Record) Done(generation uint64) Record {
	r.Own = slices.DeleteFunc(slices.Clone(r.Own), func(o Own) bool { return o.Until != 0 && o.Until <= generation })
	for i := range r.Own {
		if o := &r.Own[i]; o.Until == 0 && o.From <= generation {
			o.Live = true
		}
	}
	return r
}

// Halted is the record with nothing that can be searched by: all is building. What is indexed stays.
func (r Record) Halted() Record {
	r.Own = slices.Clone(r.Own)
	for i := range r.Own {
		r.Own[i].Live = false
	}
	return r
}

// Building says whether there is anything that Done would change.
func (r Record) Building() bool {
	return slices.ContainsFunc(r.Own, func(o Own) bool { return o.Until != 0 || !o.Live })
}

// Repeats says whether d says what e says, under another id: a definition that was loaded twice. The second is stored and
// not used.
func (d *Definition) Repeats(e *Definition) bool { return d.same(e) }

// same says whether two definitions index alike.
func (d *Definition) same(e *Definition) bool {
	return d.URL == e.URL && d.Code == e.Code && d.Type == e.Type && slices.Equal(d.Bases, e.Bases) && d.Expression == e.Expression &&
		slices.Equal(d.Targets, e.Targets) && slices.Equal(d.Components, e.Components)
}
