package embedded

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	// bitsPerEntry, of which checkBits are set, answers wrongly for about one
	// of 500 that are not in the filter.
	bitsPerEntry = 16
	checkBits    = 6
	blockWords   = 8 // an entry's bits lie in one cache line
	firstBlocks  = 1 << 10
	widening     = 4 // how much larger than the last a new layer is
	// filterBytes bounds a filter (40 million entries). Beyond it, it only
	// becomes wrong more often.
	filterBytes = 96 << 20
)

// filter tells of most hashes that are not in it that they are not, and of none
// that is. It grows. Its methods may be called concurrently.
type filter struct {
	grow   sync.Mutex
	layers atomic.Pointer[[]*layer] // each larger than the one before
}

// layer is a blocked Bloom filter.
type layer struct {
	words []atomic.Uint64
	n     atomic.Int64
}

func newLayer(blocks int) *layer { return &layer{words: make([]atomic.Uint64, blocks*blockWords)} }

func (l *layer) blocks() int { return len(l.words) / blockWords }

func (l *layer) full() bool { return l.n.Load() >= int64(len(l.words)*64/bitsPerEntry) }

// block is where the bits of a hash lie, and the bits: nine for each.
func (l *layer) block(h uint64) (words []atomic.Uint64, mixed uint64) {
	at, _ := bits.Mul64(h, uint64(l.blocks()))
	return l.words[at*blockWords:][:blockWords], h * 0x9e3779b97f4a7c15
}

func (l *layer) has(h uint64) bool {
	words, mixed := l.block(h)
	for range checkBits {
		if words[mixed>>61].Load()&(1<<(mixed>>55&63)) == 0 {
			return false
		}
		mixed <<= 9
	}
	return true
}

func (l *layer) add(h uint64) {
	words, mixed := l.block(h)
	for range checkBits {
		words[mixed>>61].Or(1 << (mixed >> 55 & 63))
		mixed <<= 9
	}
	l.n.Add(1)
}

func newFilter() *filter {
	f := new(filter)
	f.layers.Store(&[]*layer{newLayer(firstBlocks)})
	return f
}

func (f *filter) has(h uint64) bool {
	for _, l := range *f.layers.Load() {
		if l.has(h) {
			return true
		}
	}
	return false
}

func (f *filter) add(h uint64) {
	if f.has(h) {
		return
	}
	all := *f.layers.Load()
	last := all[len(all)-1]
	last.add(h)
	if last.full() {
		f.widen(len(all))
	}
}

// widen adds a layer if it still fits, unless somebody has since there were so
// many.
func (f *filter) widen(had int) {
	f.grow.Lock()
	defer f.grow.Unlock()
	all := *f.layers.Load()
	words := widening * len(all[had-1].words)
	total := words
	for _, l := range all {
		total += len(l.words)
	}
	if len(all) > had || total*8 > filterBytes {
		return
	}
	wider := append(all[:had:had], newLayer(words/blockWords))
	f.layers.Store(&wider)
}

// len is how many were added; one that two add at the same moment may count
// twice.
func (f *filter) len() int64 {
	n := int64(0)
	for _, l := range *f.layers.Load() {
		n += l.n.Load()
	}
	return n
}
