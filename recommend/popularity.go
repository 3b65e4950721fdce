package recommend

import (
	"math"
	"slices"

	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/popular"
)

// popularity is what is popular and trending, by group. It is made anew
// several times a second while events come in, so what only depends on items
// and model is taken over from one to the next.
type popularity struct {
	order    []uint32  // groups with any popularity, most popular first, ties by number
	share    []float64 // of the most popular one's weight, by group
	trending []uint32  // strongest first
	trend    []float64 // share of the strongest, by place in trending
	variant  []float64 // weight by variant; chooses among those of a group; nil where all are alone

	counted *counts
	places  []place // of the table's keys, in their order
}

// place is what an id of the table names in the catalog.
type place struct{ group, variant uint32 }

// counts are the model's clicks, by group and by variant: where popularity
// starts from.
type counts struct{ group, variant []float64 }

// newPopularity adds the live counts up with the model's, which weigh as much
// as a hundred live clicks: enough to start with, little once there is life.
func newPopularity(st, old *state) popularity {
	var p popularity
	sameItems := old != nil && old.snap == st.snap
	if sameItems && old.model == st.model {
		p.counted = old.pop.counted
	} else {
		p.counted = newCounts(st.snap, st.model, &st.join)
	}
	entries := st.popular.ByKey()
	if sameItems {
		p.places = placesOf(st.snap, entries, old.popular.ByKey(), old.pop.places)
	} else {
		p.places = placesOf(st.snap, entries, nil, nil)
	}
	p.share = slices.Clone(p.counted.group)
	p.variant = slices.Clone(p.counted.variant)
	for n, at := range p.places {
		if at.group == catalog.None {
			continue
		}
		p.share[at.group] += entries[n].Weight
		if at.variant != catalog.None && p.variant != nil {
			p.variant[at.variant] += entries[n].Weight
		}
	}
	p.rank()
	p.addTrends(st.snap, st.popular)
	return p
}

func newCounts(snap *catalog.Snapshot, m Model, j *join) *counts {
	c := &counts{group: make([]float64, snap.Groups())}
	if snap.Len() != snap.Groups() {
		c.variant = make([]float64, snap.Len())
	}
	if m == nil || m.Clicks() == 0 {
		return c
	}
	unit := countsWeight / float64(m.Clicks())
	for i, g := range j.toGroup {
		if g == catalog.None {
			continue
		}
		weight := m.Count(uint32(i)) * unit
		c.group[g] += weight
		if v := j.toVariant[i]; v != catalog.None && c.variant != nil {
			c.variant[v] += weight
		}
	}
	return c
}

// placesOf looks the keys of a table up. Most were in the last table too, in
// the same order.
func placesOf(snap *catalog.Snapshot, entries, before []popular.Entry, known []place) []place {
	places := make([]place, len(entries))
	at := 0
	for n := range entries {
		key := entries[n].Key
		for at < len(known) && before[at].Key != key && before[at].Key < key {
			at++
		}
		if at < len(known) && before[at].Key == key {
			places[n] = known[at]
			continue
		}
		places[n].group, places[n].variant = snap.Resolve(key)
	}
	return places
}

// rank turns the sums in share into shares and puts the groups in order.
func (p *popularity) rank() {
	keys := make([]uint64, 0, len(p.share))
	for g, w := range p.share {
		// Equal sums must be equal in whatever order they were added up.
		rounded := float32(w)
		if p.share[g] = float64(rounded); w > 0 {
			keys = append(keys, uint64(^math.Float32bits(rounded))<<32|uint64(g))
		}
	}
	sortKeys(keys)
	p.order = make([]uint32, len(keys))
	for n, key := range keys {
		p.order[n] = uint32(key)
	}
	if len(keys) > 0 {
		most := p.share[p.order[0]]
		for _, g := range p.order {
			p.share[g] /= most
		}
	}
}

// sortKeys sorts by the upper half of the keys, of which those with the same
// keep their order: a radix sort in three passes, a tenth of what comparing
// costs.
func sortKeys(keys []uint64) {
	const digit = 11
	from, to := keys, make([]uint64, len(keys))
	for shift := 32; shift < 64; shift += digit {
		var at [1 << digit]int
		for _, key := range from {
			at[key>>shift&(1<<digit-1)]++
		}
		sum := 0
		for d, n := range at {
			at[d] = sum
			sum += n
		}
		for _, key := range from {
			d := key >> shift & (1<<digit - 1)
			to[at[d]] = key
			at[d]++
		}
		from, to = to, from
	}
	copy(keys, from)
}

func (p *popularity) addTrends(snap *catalog.Snapshot, t *popular.Table) {
	for _, e := range t.Trending() {
		g, _ := snap.Resolve(e.Key)
		if g == catalog.None || slices.Contains(p.trending, g) {
			continue
		}
		p.trending = append(p.trending, g)
		p.trend = append(p.trend, e.Trend/t.Trending()[0].Trend)
	}
}
