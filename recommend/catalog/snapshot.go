package catalog

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// None is the number of a group or variant that does not exist.
const None = ^uint32(0)

// Bounds of what is indexed: attributes beyond them are kept in the items and
// cannot be filtered on.
const (
	maxColumns = 256
	maxWords   = 32 // words of a name that can be searched for
)

// Snapshot is a catalog as ranking reads it: immutable but for the live price
// and availability of its items, safe for any number of readers.
//
// Variants are the items, numbered by item id, so that a smaller number is a
// smaller id. Groups are what is ranked: the variants that share a group_id,
// or one item on its own; they are numbered by their smallest variant.
type Snapshot struct {
	version  string
	ids      []string
	items    []atomic.Pointer[Item]
	variants map[string]uint32 // item id to variant
	groups   map[string]uint32 // group_id to group
	keys     []string          // group key by group
	groupOf  []uint32
	memOff   []uint32 // groups+1 offsets into members
	members  []uint32
	fresh    []uint32 // groups by publication, newest first, then number

	columns   map[string]*column
	words     *column // words of the names
	published *column
	priced    *column // prices as built

	live live
}

// live is what changes under a snapshot: one word or bit per variant, read
// without a lock.
type live struct {
	available []atomic.Uint64 // bit per variant
	prices    []atomic.Uint64 // float bits, NaN for none
	moved     atomic.Pointer[[]uint32]

	mu      sync.Mutex // serialises writers
	patches []stamped  // newest last, one per item
	byItem  map[string]int
	isMoved map[uint32]struct{}
	seq     uint64
}

// Options are the circumstances of a build; the zero value works.
type Options struct {
	Version string    // a hash of the content when empty
	Carry   *Snapshot // live changes made to this one after Mark are made again
	Mark    uint64    // Carry's Mark when the items were read
}

// Build makes a snapshot of items; of two with one id the later counts. What
// Validate would refuse in an item is left out of the index.
func Build(items []Item) *Snapshot { return BuildFrom(items, Options{}) }

// BuildFrom is Build with options. To rebuild while patches arrive: take
// old.Mark(), read the items, BuildFrom with Carry and Mark, swap.
func BuildFrom(items []Item, opts Options) *Snapshot {
	list := distinct(items)
	s := &Snapshot{
		version:  opts.Version,
		ids:      make([]string, len(list)),
		items:    make([]atomic.Pointer[Item], len(list)),
		variants: make(map[string]uint32, len(list)),
		groups:   map[string]uint32{},
		columns:  map[string]*column{},
	}
	for v, it := range list {
		s.ids[v] = it.ItemID
		s.items[v].Store(it)
		s.variants[it.ItemID] = uint32(v)
	}
	s.buildGroups(list)
	s.buildFields(list)
	s.buildAttributes(list)
	s.buildFresh()
	s.buildLive(list)
	if s.version == "" {
		s.version = hash(list)
	}
	if opts.Carry != nil {
		s.carry(opts.Carry, opts.Mark)
	}
	return s
}

// distinct is a copy of the items by id, the last of each.
func distinct(items []Item) []*Item {
	list := make([]*Item, len(items))
	for n := range items {
		it := items[n]
		list[n] = &it
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].ItemID < list[j].ItemID })
	kept := list[:0]
	for n, it := range list {
		if n+1 < len(list) && list[n+1].ItemID == it.ItemID {
			continue
		}
		kept = append(kept, it)
	}
	return kept
}

func groupKey(it *Item) string {
	if it.GroupID != "" {
		return it.GroupID
	}
	return it.ItemID
}

func (s *Snapshot) buildGroups(list []*Item) {
	s.groupOf = make([]uint32, len(list))
	numbers := make(map[string]uint32, len(list))
	sizes := []uint32{0}
	for v, it := range list {
		key := groupKey(it)
		g, ok := numbers[key]
		if !ok {
			g = uint32(len(s.keys))
			numbers[key] = g
			s.keys = append(s.keys, key)
			sizes = append(sizes, 0)
		}
		if it.GroupID != "" {
			s.groups[key] = g
		}
		s.groupOf[v] = g
		sizes[g+1]++
	}
	for n := 1; n < len(sizes); n++ {
		sizes[n] += sizes[n-1]
	}
	s.memOff = sizes
	s.members = make([]uint32, len(list))
	next := append([]uint32(nil), sizes...)
	for v, g := range s.groupOf {
		s.members[next[g]] = uint32(v)
		next[g]++
	}
}

// buildFields indexes what every item has besides attributes.
func (s *Snapshot) buildFields(list []*Item) {
	categories, words := newColumn(len(list)), newColumn(len(list))
	published, priced := newColumn(len(list)), newColumn(len(list))
	for n, it := range list {
		v := uint32(n)
		for _, path := range it.Categories {
			addCategory(categories, v, path)
		}
		w := wordReader{rest: it.Name}
		for i, word := 0, w.next(); i < maxWords && len(word) > 0; i, word = i+1, w.next() {
			words.text(v, string(word))
		}
		if ms, ok := publishedAt(it.PublishedAt); ok {
			published.number(v, ms)
		}
		if it.Price != nil && validPrice(*it.Price) {
			priced.number(v, *it.Price)
		}
	}
	s.columns["categories"] = categories.done()
	s.words, s.published, s.priced = words.done(), published.done(), priced.done()
}

// addCategory makes an item findable by the path, by every path above it and
// by the name of every level.
func addCategory(b *columnBuilder, v uint32, path string) {
	path = CategoryPath(path)
	if path == "" {
		return
	}
	b.text(v, path) // the most telling one first
	for n := range len(path) {
		if path[n] == '>' {
			b.text(v, path[:n])
		}
	}
	for level := range strings.SplitSeq(path, ">") {
		b.text(v, level)
	}
}

func (s *Snapshot) buildAttributes(list []*Item) {
	builders := map[string]*columnBuilder{}
	for n, it := range list {
		for _, name := range sortedNames(it.Attributes) {
			v, ok := parseValue(it.Attributes[name])
			if !ok || isField(name) {
				continue
			}
			b := builders[name]
			if b == nil {
				if len(builders) >= maxColumns {
					continue
				}
				b = newColumn(len(list))
				builders[name] = b
			}
			if v.isNumber {
				b.number(uint32(n), v.number)
			}
			for _, text := range v.texts {
				b.text(uint32(n), text)
			}
		}
	}
	for name, b := range builders {
		s.columns[name] = b.done()
	}
}

func (s *Snapshot) buildFresh() {
	at := make([]float64, len(s.keys))
	s.fresh = make([]uint32, len(s.keys))
	for g := range s.fresh {
		s.fresh[g] = uint32(g)
		for _, v := range s.Members(uint32(g)) {
			if ms := s.published.numberOf(v); ms > at[g] {
				at[g] = ms
			}
		}
	}
	sort.SliceStable(s.fresh, func(i, j int) bool { return at[s.fresh[i]] > at[s.fresh[j]] })
}

// numberOf is the number of variant v, NaN for none.
func (c *column) numberOf(v uint32) float64 {
	if c.numbers == nil {
		return math.NaN()
	}
	return c.numbers[v]
}

// hash identifies the content of a catalog.
func hash(list []*Item) string {
	d := xxhash.New()
	var size [8]byte
	text := func(t string) {
		binary.LittleEndian.PutUint64(size[:], uint64(len(t)))
		_, _ = d.Write(size[:])
		_, _ = d.WriteString(t)
	}
	for _, it := range list {
		for _, t := range [...]string{it.ItemID, it.GroupID, it.Name, it.URL, it.ImageURL, it.Currency, it.PublishedAt} {
			text(t)
		}
		text(strings.Join(it.Categories, "\x00"))
		if it.Price != nil {
			binary.LittleEndian.PutUint64(size[:], math.Float64bits(*it.Price))
			_, _ = d.Write(size[:])
		}
		text(fmt.Sprint(it.Available == nil || *it.Available))
		for _, name := range sortedNames(it.Attributes) {
			text(name)
			text(string(it.Attributes[name]))
		}
	}
	return fmt.Sprintf("%016x", d.Sum64())
}
