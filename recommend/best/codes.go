package best

import (
	"math"
	"sort"
)

// An entry of a row is stored in twelve bytes: the item, its weight as a 16-bit
// float and six values as 8-bit codes. A code stands for a value of a table
// that grows evenly in the logarithm that the ranker sees, so that reading the
// logarithm is a load.

// A rate v is seen as ln(1+1000·v): rates well below .001 are as good as 0, and
// 0 is seen as 0.
const rateScale = 1000

func seenRate(v float64) float64 { return math.Log1p(rateScale * v) }

// codebook is the 256 values of a code, ascending.
type codebook struct {
	value [256]float32 // what a code stands for
	seen  [256]float32 // the same as the ranker sees it
}

// encode is the code whose seen value is nearest to x, of two as near ones the
// smaller.
func (b *codebook) encode(x float64) uint8 {
	n := sort.Search(len(b.seen)-1, func(n int) bool {
		return (float64(b.seen[n])+float64(b.seen[n+1]))/2 >= x
	})
	return uint8(n)
}

// tables are the codebooks of the file's format.
type tables struct {
	rate  codebook // f1, f2, f3 and co', 0..1; seen as ln(1+1000·v)
	times codebook // n1; seen as ln(1+n)
	age   codebook // days; seen as ln(1+days)
}

const (
	exactTimes = 32      // counts below are kept as they are
	topTimes   = 1 << 31 // no count is larger
	maxAge     = 1000.   // days; what is older is as old
	ageAbsent  = 8       // ln(1+days) where there is no entry
	codeAbsent = 255     // of an age: there is no entry
)

func newTables() *tables {
	t := &tables{}
	for n := range t.rate.seen {
		x := seenRate(1) * float64(n) / 255
		t.rate.seen[n], t.rate.value[n] = float32(x), float32(math.Expm1(x)/rateScale)
	}
	for n := range t.times.seen {
		x := float64(n)
		if n >= exactTimes {
			x = exactTimes * math.Pow(topTimes/exactTimes, float64(n-exactTimes)/float64(255-exactTimes))
		}
		t.times.seen[n], t.times.value[n] = float32(math.Log1p(x)), float32(x)
	}
	for n := range codeAbsent {
		x := math.Log1p(maxAge) * float64(n) / (codeAbsent - 1)
		t.age.seen[n], t.age.value[n] = float32(x), float32(math.Expm1(x))
	}
	t.age.seen[codeAbsent], t.age.value[codeAbsent] = ageAbsent, float32(math.Inf(1))
	return t
}

// A weight is a float of 6 bits exponent and 10 bits fraction, from 2^-56 to
// almost 2^8, with a relative error of at most 2^-11. Smaller weights become
// the smallest, larger ones the largest.
const (
	weightLow  = (127 - 56) << 23 // bits of 2^-56 as a float32
	weightDrop = 23 - 10          // bits of the fraction that are left out
)

func encodeWeight(x float64) uint16 {
	b := math.Float32bits(float32(x))
	if !(x > 0) || b < weightLow {
		return 0
	}
	b += 1 << (weightDrop - 1) // to the nearest
	return uint16(min((b-weightLow)>>weightDrop, math.MaxUint16))
}

func decodeWeight(code uint16) float32 {
	return math.Float32frombits(uint32(code)<<weightDrop + weightLow)
}

// entryWords is how many words an entry takes.
const entryWords = 3

// entry is one entry of a row, taken apart.
type entry struct {
	item     uint32
	weight   uint16 // B0
	first    uint8  // f1
	second   uint8  // f2
	third    uint8  // f3
	together uint8  // co'
	times    uint8  // n1
	age      uint8
}

// pack appends the entry's words. The kernel takes them apart itself.
func (e entry) pack(dst []uint32) []uint32 {
	return append(dst, e.item,
		uint32(e.weight)|uint32(e.first)<<16|uint32(e.second)<<24,
		uint32(e.third)|uint32(e.together)<<8|uint32(e.times)<<16|uint32(e.age)<<24)
}

func unpack(w []uint32) entry {
	return entry{
		item: w[0], weight: uint16(w[1]), first: uint8(w[1] >> 16), second: uint8(w[1] >> 24),
		third: uint8(w[2]), together: uint8(w[2] >> 8), times: uint8(w[2] >> 16), age: uint8(w[2] >> 24),
	}
}
