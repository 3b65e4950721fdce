package rows

import (
	"hash/maphash"
	"math"
	"slices"
	"time"

	"github.com/nextbest/nextbest/recommend/snapshot"
)

// Unknown is the index of an item that the model does not hold: as a step it
// keeps its place and contributes nothing.
const Unknown = ^uint32(0)

// Model is a trained set of rows: immutable, safe for any number of readers.
// Items are numbered in the order of their ids' bytes, so that a smaller
// number is a smaller id and breaks ties.
type Model struct {
	params    Params
	trainedAt int64   // epoch ms
	latest    float64 // end of the newest session, days since the epoch
	sessions  uint64
	clicks    uint64
	checksum  uint64

	ids     string    // all ids, one after the other
	idOff   []uint32  // Len()+1 offsets into ids
	counts  []uint32  // clicks per item
	mass    []float64 // G: what a row's sums were divided by, without lambda
	popular []uint32  // the items by clicks, most first, ties by id
	words   []uint32  // the rows, that of the most popular item first: see row.go
	start   []uint32  // where an item's row starts in words
	entries int       // in all rows

	decay []float32 // exp(-b/delta) of the b-th newest step
	seed  maphash.Seed
	slots []uint32       // open addressing: 1 + item number, 0 is free
	file  *snapshot.File // what the slices above are views of; nil after Train
}

// Len is the number of items, and of rows.
func (m *Model) Len() int { return len(m.counts) }

// Entries is the number of entries in all rows.
func (m *Model) Entries() int { return m.entries }

// ID is the id of item i.
func (m *Model) ID(i uint32) string { return m.ids[m.idOff[i]:m.idOff[i+1]] }

// Index is the number of the item with this id; Unknown and false when the
// model has never seen it.
func (m *Model) Index(id string) (uint32, bool) {
	mask := uint64(len(m.slots) - 1)
	for h := maphash.String(m.seed, id) & mask; ; h = (h + 1) & mask {
		n := m.slots[h]
		if n == 0 {
			return Unknown, false
		}
		if m.ID(n-1) == id {
			return n - 1, true
		}
	}
}

// Count is the number of clicks on item i in training.
func (m *Model) Count(i uint32) float64 { return float64(m.counts[i]) }

// Mass is G of item i: the row holds C/(G+lambda), so C can be had back and
// new sessions be added to it.
func (m *Model) Mass(i uint32) float64 { return m.mass[i] }

// Params are the parameters the model was trained with.
func (m *Model) Params() Params { return m.params }

// TrainedAt is when the model was built, to the millisecond.
func (m *Model) TrainedAt() time.Time { return time.UnixMilli(m.trainedAt).UTC() }

// Latest is the end of the newest training session in days since the epoch:
// the moment at which a session weighs 1.
func (m *Model) Latest() float64 { return m.latest }

// Sessions is the number of sessions trained on.
func (m *Model) Sessions() uint64 { return m.sessions }

// Clicks is the number of clicks trained on.
func (m *Model) Clicks() uint64 { return m.clicks }

// Version identifies the model's content: 16 hex digits, the same for the
// same sessions, parameters and training time.
func (m *Model) Version() string { return hex64(m.checksum) }

// Popular are the k items with the most clicks, ties by item id.
func (m *Model) Popular(k int) []uint32 {
	return slices.Clone(m.popular[:max(0, min(k, len(m.popular)))])
}

// prepare makes what is derived from the content: the step weights and the
// index of ids.
func (m *Model) prepare() {
	m.decay = make([]float32, m.params.Last)
	for b := range m.decay {
		m.decay[b] = float32(math.Exp(-float64(b) / m.params.Delta))
	}
	size := 2
	for size < 2*m.Len() {
		size *= 2
	}
	m.seed = maphash.MakeSeed()
	m.slots = make([]uint32, size)
	mask := uint64(size - 1)
	for i := range uint32(m.Len()) {
		h := maphash.String(m.seed, m.ID(i)) & mask
		for m.slots[h] != 0 {
			h = (h + 1) & mask
		}
		m.slots[h] = i + 1
	}
}

func hex64(x uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[x>>(60-4*i)&15]
	}
	return string(b[:])
}
