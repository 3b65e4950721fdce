package popular

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"sync"
)

// MaxPairs is how many pairs a row of Pairs holds at most.
const MaxPairs = 20

// Pair is an item that visitors look at in the same session as the row's.
type Pair struct {
	Key    string
	Weight float64 // share of the row's sessions that hold Key too, shrunk towards 0 where there are few; 0..1
}

// Pairs says which items go with which, for items that the model does not know
// yet: every pair has at least one of them. Immutable.
type Pairs struct {
	rows map[string][]Pair
	at   int64

	sort sync.Once
	keys []string // in order, once somebody asked
}

// PairsBuilder collects the pairs of a table. Not safe for concurrent use.
type PairsBuilder struct {
	at      int64
	numbers map[string]uint32
	rows    []uint32 // of each pair
	list    []Pair
}

// NewPairs is an empty table as of at (epoch ms), with room for about so many
// pairs.
func NewPairs(at int64, room int) *PairsBuilder {
	return &PairsBuilder{at: at, numbers: map[string]uint32{}, rows: make([]uint32, 0, room), list: make([]Pair, 0, room)}
}

// Add puts key into the row of an item, once each. Weights above 1 are cut;
// those that are not above 0 and an item's pair with itself are left out.
func (b *PairsBuilder) Add(row, key string, weight float64) {
	if !(weight > 0) || row == key {
		return
	}
	n, ok := b.numbers[row]
	if !ok {
		n = uint32(len(b.numbers))
		b.numbers[row] = n
	}
	b.rows = append(b.rows, n)
	b.list = append(b.list, Pair{Key: key, Weight: min(1, weight)})
}

// Build makes the table. Of every row it keeps the MaxPairs strongest, ties by
// key. The builder is spent.
func (b *PairsBuilder) Build() *Pairs {
	ends := make([]int, len(b.numbers)+1)
	for _, n := range b.rows {
		ends[n+1]++
	}
	for n := 1; n < len(ends); n++ {
		ends[n] += ends[n-1]
	}
	next, all := slices.Clone(ends), make([]Pair, len(b.list))
	for i, n := range b.rows {
		all[next[n]] = b.list[i]
		next[n]++
	}
	p := &Pairs{rows: make(map[string][]Pair, len(b.numbers)), at: b.at}
	for key, n := range b.numbers {
		row := all[ends[n]:ends[n+1]:ends[n+1]]
		slices.SortFunc(row, func(a, b Pair) int {
			return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Key, b.Key))
		})
		p.rows[key] = row[:min(len(row), MaxPairs)]
	}
	*b = PairsBuilder{}
	return p
}

// Row are the pairs of an item, strongest first, ties by key; nil for an item
// without any. Read only. It does not allocate.
func (p *Pairs) Row(key string) []Pair {
	if p == nil {
		return nil
	}
	return p.rows[key]
}

// All are the rows in the order of their keys. Read only.
func (p *Pairs) All() iter.Seq2[string, []Pair] {
	return func(yield func(string, []Pair) bool) {
		if p == nil {
			return
		}
		p.sort.Do(func() { p.keys = slices.Sorted(maps.Keys(p.rows)) })
		for _, key := range p.keys {
			if !yield(key, p.rows[key]) {
				return
			}
		}
	}
}

// Len is the number of rows.
func (p *Pairs) Len() int {
	if p == nil {
		return 0
	}
	return len(p.rows)
}

// At is the moment of the table in epoch ms, 0 when it has none.
func (p *Pairs) At() int64 {
	if p == nil {
		return 0
	}
	return p.at
}
