package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
)

// packer makes batches, one after the other. What it has to look up for each record it keeps from one to the next.
type packer struct {
	raw    []byte
	record Record
	hashes map[uint64]bool // of the words of a batch
	told   map[told]bool   // whose words are among them
	who    map[Who]bool
	whom   map[string]bool // patients whose words are among them
}

func newPacker() packer {
	return packer{hashes: map[uint64]bool{}, told: map[told]bool{}, who: map[Who]bool{}, whom: map[string]bool{}}
}

// batch makes the batch of records behind one with the sum before, and says how many events it has.
func (p *packer) batch(c codec, before [sha256.Size]byte, w waiting) (value []byte, events uint64) {
	p.raw = w.append(p.raw[:0])
	clear(p.hashes)
	clear(p.told)
	clear(p.who)
	clear(p.whom)
	for d := (reader{s: string(p.raw)}); len(d.s) > 0; {
		d.record(&p.record)
		events += p.note(&p.record)
	}
	f := newFilter(p.hashes)
	value = make([]byte, 0, mostHead+len(f)+len(p.raw)/2)
	value = append(append(value, format), before[:]...)
	value = binary.AppendUvarint(binary.AppendUvarint(value, uint64(len(w.places))), events)
	value = binary.AppendVarint(binary.AppendVarint(value, w.places[0].at), w.places[len(w.places)-1].at)
	value = append(binary.AppendUvarint(value, uint64(len(f))), f...)
	return c.enc.EncodeAll(p.raw, value), events
}

// note notes the words of the events of a record, and says how many there are.
func (p *packer) note(r *Record) (events uint64) {
	add := func(w word) bool {
		p.hashes[w.hash()] = true
		if w[0] == "Patient" && w[1] == "/" && !p.whom[w[2]] {
			p.whom[strings.Clone(w[2])] = true
		}
		return true
	}
	if !p.who[r.Who] {
		p.who[r.Who] = true
		r.Who.words(add)
	}
	for i := range r.Acts {
		a := &r.Acts[i]
		events += uint64(a.events())
		if t := a.told(); !p.told[t] {
			p.told[t] = true
			t.words(add)
		}
		wordsOf(a.Type, a.ID, add)
		for _, id := range a.Patients {
			wordsOf("Patient", id, add)
		}
	}
	return events
}

// patients are those whose words what was noted has.
func (p *packer) patients() []string { return slices.Collect(maps.Keys(p.whom)) }
