package popular

import "sort"

// MaxTrending is how many trending keys a table names.
const MaxTrending = 50

// minTrend is the trend from which on a key is named: about 5 % of keys whose
// interest is steady reach it by chance.
const minTrend = 2

// Table is what is popular at one moment: immutable.
type Table struct {
	at       int64
	entries  []Entry // by weight, then key
	trending []Entry // by trend, then key
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
	t := &Table{entries: make([]Entry, 0, len(keys))}
	for n, key := range keys {
		if n < len(counts) && counts[n] > 0 {
			t.entries = append(t.entries, Entry{Key: key, Weight: counts[n]})
		}
	}
	t.order()
	return t
}

// order sorts the entries and picks what trends.
func (t *Table) order() {
	sort.Slice(t.entries, func(i, j int) bool {
		a, b := &t.entries[i], &t.entries[j]
		return a.Weight > b.Weight || a.Weight == b.Weight && a.Key < b.Key
	})
	for _, e := range t.entries {
		if e.Trend >= minTrend {
			t.trending = append(t.trending, e)
		}
	}
	sort.Slice(t.trending, func(i, j int) bool {
		a, b := &t.trending[i], &t.trending[j]
		return a.Trend > b.Trend || a.Trend == b.Trend && a.Key < b.Key
	})
	t.trending = t.trending[:min(len(t.trending), MaxTrending):min(len(t.trending), MaxTrending)]
}

// Len is the number of keys.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return len(t.entries)
}

// Entries are all keys, most popular first, ties by key. Read only.
func (t *Table) Entries() []Entry {
	if t == nil {
		return nil
	}
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
