package popular

import (
	"slices"
	"sort"
	"sync"
)

// MaxTrending is how many trending keys a table names.
const MaxTrending = 50

// minTrend is the trend from which on a key is named: about 5 % of keys whose
// interest is steady reach it by chance.
const minTrend = 2

// Table is what is popular at one moment: immutable.
type Table struct {
	at       int64
	byKey    []Entry
	trending []Entry // by trend, then key

	sort    sync.Once
	entries []Entry // by weight, then key, once somebody asked
}

// Entry is one key of a table.
type Entry struct {
	Key    string
	Weight float64 // decayed count
	Trend  float64 // standard errors above what is usual, 0 for nothing unusual
	recent float64
}

// FromCounts is a table of plain counts without trends.
func FromCounts(keys []string, counts []float64) *Table {
	t := &Table{byKey: make([]Entry, 0, len(keys))}
	for n, key := range keys {
		if n < len(counts) && counts[n] > 0 {
			t.byKey = append(t.byKey, Entry{Key: key, Weight: counts[n]})
		}
	}
	sort.SliceStable(t.byKey, func(i, j int) bool { return t.byKey[i].Key < t.byKey[j].Key })
	t.pickTrending()
	return t
}

// pickTrending keeps the strongest of those that trend.
func (t *Table) pickTrending() {
	for n := range t.byKey {
		e, list := &t.byKey[n], t.trending
		if e.Trend < minTrend || len(list) == MaxTrending && e.Trend <= list[MaxTrending-1].Trend {
			continue
		}
		at := sort.Search(len(list), func(i int) bool { return list[i].Trend < e.Trend })
		t.trending = slices.Insert(list[:min(len(list), MaxTrending-1)], at, *e)
	}
}

// Len is the number of keys.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return len(t.byKey)
}

// ByKey are all keys in their order. Read only.
func (t *Table) ByKey() []Entry {
	if t == nil {
		return nil
	}
	return t.byKey
}

// Entries are all keys, most popular first, ties by key. Read only. They are
// sorted when they are asked for: a table is made several times a second, and
// ranking orders the groups that it knows itself.
func (t *Table) Entries() []Entry {
	if t == nil {
		return nil
	}
	t.sort.Do(func() {
		t.entries = append([]Entry(nil), t.byKey...)
		sort.Slice(t.entries, func(i, j int) bool {
			a, b := &t.entries[i], &t.entries[j]
			return a.Weight > b.Weight || a.Weight == b.Weight && a.Key < b.Key
		})
	})
	return t.entries
}

// Trending are the keys that move more than usual, strongest first. Read only.
func (t *Table) Trending() []Entry {
	if t == nil {
		return nil
	}
	return t.trending
}

// At is the moment of the table in epoch ms, 0 when it has none.
func (t *Table) At() int64 {
	if t == nil {
		return 0
	}
	return t.at
}
