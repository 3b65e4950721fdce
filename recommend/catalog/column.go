package catalog

import (
	"math"
	"sort"
)

// column is one attribute over all variants, both ways: from a variant to its
// values, so that a filter is tested in constant time, and from a value to its
// variants, so that a narrow filter is enumerated instead of searched for.
type column struct {
	dict   map[string]uint32 // text to code
	texts  []string          // by code
	off    []uint32          // variants+1 offsets into codes
	codes  []uint32
	posOff []uint32 // len(texts)+1 offsets into posts
	posts  []uint32 // variants by code, ascending

	numbers []float64 // by variant, NaN for none; nil when no variant has a number
	sorted  []uint32  // variants that have a number, by number, then variant
	present int       // variants that have any value
}

// columnBuilder collects values in the order of the variants.
type columnBuilder struct {
	col      *column
	variants int
}

func newColumn(variants int) *columnBuilder {
	return &columnBuilder{
		col:      &column{dict: map[string]uint32{}, off: make([]uint32, 1, variants+1)},
		variants: variants,
	}
}

// text adds a text of variant v; the same one twice counts once.
func (b *columnBuilder) text(v uint32, text string) {
	c := b.col
	b.advance(v)
	code, ok := c.dict[text]
	if !ok {
		code = uint32(len(c.texts))
		c.dict[text] = code
		c.texts = append(c.texts, text)
	}
	for _, have := range c.codes[c.off[len(c.off)-1]:] {
		if have == code {
			return
		}
	}
	c.codes = append(c.codes, code)
}

// number sets the number of variant v.
func (b *columnBuilder) number(v uint32, n float64) {
	c := b.col
	if c.numbers == nil {
		c.numbers = make([]float64, b.variants)
		for i := range c.numbers {
			c.numbers[i] = math.NaN()
		}
	}
	c.numbers[v] = n
}

// advance closes the lists of the variants before v.
func (b *columnBuilder) advance(v uint32) {
	for len(b.col.off) <= int(v) {
		b.col.off = append(b.col.off, uint32(len(b.col.codes)))
	}
}

func (b *columnBuilder) done() *column {
	c := b.col
	b.advance(uint32(b.variants))
	c.invert()
	c.sortNumbers()
	for v := range b.variants {
		if c.off[v+1] > c.off[v] || c.numbers != nil && !math.IsNaN(c.numbers[v]) {
			c.present++
		}
	}
	return c
}

// invert makes the postings: count, place, fill.
func (c *column) invert() {
	c.posOff = make([]uint32, len(c.texts)+1)
	for _, code := range c.codes {
		c.posOff[code+1]++
	}
	for n := 1; n < len(c.posOff); n++ {
		c.posOff[n] += c.posOff[n-1]
	}
	c.posts = make([]uint32, len(c.codes))
	next := append([]uint32(nil), c.posOff...)
	for v := range len(c.off) - 1 {
		for _, code := range c.codes[c.off[v]:c.off[v+1]] {
			c.posts[next[code]] = uint32(v)
			next[code]++
		}
	}
}

func (c *column) sortNumbers() {
	for v, n := range c.numbers {
		if !math.IsNaN(n) {
			c.sorted = append(c.sorted, uint32(v))
		}
	}
	sort.SliceStable(c.sorted, func(i, j int) bool { return c.numbers[c.sorted[i]] < c.numbers[c.sorted[j]] })
}

// valuesOf are the codes of variant v.
func (c *column) valuesOf(v uint32) []uint32 { return c.codes[c.off[v]:c.off[v+1]] }

// having are the variants with this code, ascending.
func (c *column) having(code uint32) []uint32 { return c.posts[c.posOff[code]:c.posOff[code+1]] }

// has reports whether variant v has any value.
func (c *column) has(v uint32) bool {
	return c.off[v+1] > c.off[v] || c.numbers != nil && !math.IsNaN(c.numbers[v])
}

// between are the variants whose number lies in lo..hi, ascending by number.
func (c *column) between(lo, hi float64) []uint32 {
	from := sort.Search(len(c.sorted), func(i int) bool { return c.numbers[c.sorted[i]] >= lo })
	to := sort.Search(len(c.sorted), func(i int) bool { return c.numbers[c.sorted[i]] > hi })
	if from >= to {
		return nil
	}
	return c.sorted[from:to]
}
