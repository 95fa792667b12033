package audit

// filter is a Bloom filter: it says of a word that it is not there, or that it may be, which is wrong once in a hundred
// times.
type filter []byte

// bitsOfWord and probes make one wrong answer in a hundred.
const (
	bitsOfWord = 10
	probes     = 7
)

// newFilter is the filter of words with these hashes.
func newFilter(hashes map[uint64]bool) filter {
	f := make(filter, (len(hashes)*bitsOfWord+7)/8+8)
	for h := range hashes {
		f.each(h, func(at uint64) bool { f[at/8] |= 1 << (at % 8); return true })
	}
	return f
}

// each calls with the bits of a hash until with is false.
func (f filter) each(h uint64, with func(uint64) bool) bool {
	step := h>>32 | 1
	for i := range uint64(probes) {
		if !with((h + i*step) % uint64(len(f)*8)) {
			return false
		}
	}
	return true
}

// has says whether one of the words may be there.
func (f filter) has(words []string) bool {
	if len(f) == 0 {
		return false
	}
	for _, w := range words {
		if f.each(word{w}.hash(), func(at uint64) bool { return f[at/8]&(1<<(at%8)) != 0 }) {
			return true
		}
	}
	return false
}
