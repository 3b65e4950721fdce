package corpus

import (
	"bytes"
	"hash/maphash"
	"math"
	"slices"
)

// maxArena bounds the bytes of all ids: offsets have 32 bits.
const maxArena = math.MaxUint32

// ids numbers the distinct ids in the order they come: all bytes in one arena,
// and an open-addressing index over it. A map of strings would take three times
// the memory and keep the collector busy.
type ids struct {
	arena []byte
	ends  []uint32 // where the id ends in the arena
	slots []uint64 // upper half: of the id's hash, lower half: 1 + its number; 0 is free
	seed  maphash.Seed
}

func newIDs() ids {
	return ids{slots: make([]uint64, 1<<10), seed: maphash.MakeSeed()}
}

func (t *ids) len() int { return len(t.ends) }

// bytes is the n-th id.
func (t *ids) bytes(n uint32) []byte {
	from := uint32(0)
	if n > 0 {
		from = t.ends[n-1]
	}
	return t.arena[from:t.ends[n]]
}

// number is the number of an id, a new one when it has not come before; false
// when there is no room for a new one.
func (t *ids) number(id string) (uint32, bool) {
	hash := maphash.String(t.seed, id)
	tag, mask := hash>>32, uint64(len(t.slots)-1)
	h := hash & mask
	for ; t.slots[h] != 0; h = (h + 1) & mask {
		if n := uint32(t.slots[h]) - 1; t.slots[h]>>32 == tag && string(t.bytes(n)) == id {
			return n, true
		}
	}
	if len(t.arena)+len(id) > maxArena {
		return 0, false
	}
	t.arena = append(t.arena, id...)
	t.ends = append(t.ends, uint32(len(t.arena)))
	n := uint32(len(t.ends))
	t.slots[h] = tag<<32 | uint64(n)
	if 4*len(t.ends) > 3*len(t.slots) {
		t.grow()
	}
	return n - 1, true
}

// grow doubles the index.
func (t *ids) grow() {
	t.slots = make([]uint64, 2*len(t.slots))
	mask := uint64(len(t.slots) - 1)
	for n := range uint32(len(t.ends)) {
		hash := maphash.Bytes(t.seed, t.bytes(n))
		h := hash & mask
		for t.slots[h] != 0 {
			h = (h + 1) & mask
		}
		t.slots[h] = hash>>32<<32 | uint64(n+1)
	}
}

// sorted lists the numbers in the order of their ids' bytes. Eight bytes of
// each id stand beside its number, so that most comparisons stay in place.
func (t *ids) sorted() []uint32 {
	t.slots = nil
	type key struct {
		head uint64
		n    uint32
	}
	keys := make([]key, t.len())
	for n := range keys {
		id := t.bytes(uint32(n))
		k := key{n: uint32(n)}
		for at := range 8 {
			k.head <<= 8
			if at < len(id) {
				k.head |= uint64(id[at])
			}
		}
		keys[n] = k
	}
	slices.SortFunc(keys, func(a, b key) int {
		switch {
		case a.head < b.head:
			return -1
		case a.head > b.head:
			return 1
		}
		return bytes.Compare(t.bytes(a.n), t.bytes(b.n))
	})
	order := make([]uint32, len(keys))
	for at, k := range keys {
		order[at] = k.n
	}
	return order
}
