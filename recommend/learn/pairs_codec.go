package learn

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
)

// encode appends the state, the same bytes for the same state: the ids in
// order, each with its visits; the pairs in order, by places of ids; the
// sessions of both generations and who made what, in the order of their hashes.
func (p *pairing) encode(dst []byte) []byte {
	ids := p.ids()
	place := make(map[string]uint64, len(ids))
	dst = binary.AppendVarint(dst, p.newest)
	dst = binary.AppendUvarint(dst, uint64(len(ids)))
	for n, id := range ids {
		place[id] = uint64(n)
		dst = binary.AppendUvarint(dst, uint64(len(id)))
		dst = append(dst, id...)
		var visits fading
		if x := p.items[id]; x != nil {
			visits = x.visits
		}
		dst = visits.encode(dst)
	}
	keys := p.inOrder()
	dst = binary.AppendUvarint(dst, uint64(len(keys)))
	for _, key := range keys {
		x := p.pairs[key]
		dst = binary.AppendUvarint(dst, place[key.a])
		dst = binary.AppendUvarint(dst, place[key.b])
		dst = x.ba.encode(x.ab.encode(dst))
		dst = append(dst, byte(len(x.makers)))
		for _, m := range x.makers {
			dst = binary.LittleEndian.AppendUint32(dst, m.visitor)
			dst = binary.LittleEndian.AppendUint32(dst, m.block)
		}
	}
	dst = encodeVisits(dst, p.young, place)
	dst = encodeVisits(dst, p.old, place)
	return p.made.encode(dst)
}

// ids are all ids of pairs and sessions, in order.
func (p *pairing) ids() []string {
	all := make(map[string]struct{}, len(p.items))
	for id := range p.items {
		all[id] = struct{}{}
	}
	for _, visits := range [...]map[uint64]*visit{p.young, p.old} {
		for _, v := range visits {
			for _, id := range v.items {
				all[id] = struct{}{}
			}
		}
	}
	return sortedKeys(all)
}

func encodeVisits(dst []byte, visits map[uint64]*visit, place map[string]uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(visits)))
	for _, session := range sortedKeys(visits) {
		v := visits[session]
		dst = binary.LittleEndian.AppendUint64(dst, session)
		dst = binary.AppendVarint(dst, v.last)
		dst = append(dst, byte(len(v.items)))
		for _, id := range v.items {
			dst = binary.AppendUvarint(dst, place[id])
		}
	}
	return dst
}

func (f *fading) encode(dst []byte) []byte {
	if f.sum == 0 {
		return binary.AppendUvarint(dst, 0)
	}
	// Reversed, the zeroes of a small whole number come first.
	dst = binary.AppendUvarint(dst, reverse(math.Float64bits(f.sum)))
	return binary.AppendVarint(dst, f.at)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// decodePairing reads what encode wrote; anything else fails the reader.
func decodePairing(r *stateReader) *pairing {
	p := newPairing()
	p.newest = r.varint()
	ids := make([]string, r.count(2))
	visits := make([]fading, len(ids))
	for n := range ids {
		ids[n] = r.text()
		visits[n] = r.fading()
		r.check(n == 0 || ids[n-1] < ids[n])
	}
	for range r.count(5) {
		p.decodePair(r, ids, visits)
	}
	p.young, p.old = r.visits(ids), r.visits(ids)
	for session := range p.old {
		r.check(p.young[session] == nil)
	}
	p.made = r.set(maxPairBlocks)
	r.check(len(p.pairs) <= maxPairs)
	return p
}

func (p *pairing) decodePair(r *stateReader, ids []string, visits []fading) {
	a, b := r.below(len(ids)), r.below(len(ids))
	x := &pair{ab: r.fading(), ba: r.fading(), makers: make([]maker, r.few(pairMakers))}
	for n := range x.makers {
		x.makers[n] = maker{visitor: r.uint32(), block: r.uint32()}
	}
	if r.check(a < b); r.failed {
		return
	}
	key := pairKey{ids[a], ids[b]}
	r.check(p.pairs[key] == nil)
	item := func(n int) *pairItem {
		it := p.items[ids[n]]
		if it == nil {
			it = &pairItem{id: ids[n], visits: visits[n]}
			p.items[ids[n]] = it
		}
		it.pairs++
		return it
	}
	x.a, x.b = item(a), item(b)
	p.pairs[key] = x
}

func (r *stateReader) fading() fading {
	bits := r.uvarint()
	if bits == 0 {
		return fading{}
	}
	f := fading{sum: math.Float64frombits(reverse(bits)), at: r.varint()}
	r.check(f.sum > 0 && !math.IsInf(f.sum, 0))
	return f
}

// visits are the sessions of one generation.
func (r *stateReader) visits(ids []string) map[uint64]*visit {
	n := r.count(10)
	out := make(map[uint64]*visit, n)
	for range n {
		session := r.uint64()
		v := &visit{last: r.varint(), items: make([]string, r.few(lookBack))}
		for i := range v.items {
			if at := r.below(len(ids)); !r.failed {
				v.items[i] = ids[at]
			}
		}
		r.check(out[session] == nil)
		out[session] = v
	}
	r.check(n <= maxVisits)
	return out
}
