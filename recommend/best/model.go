// Package best is the session model "best": item-item rows bring the
// candidates, an item embedding looks at the session as a whole, and a small
// network that learned from later sessions puts the best forty into order.
//
// Where there is too little data for a part, the model does without: rows and
// their hand-set order (pre) always work, the network joins when it beats that
// order on sessions it has not seen, and so does the embedding. A new site grows
// into the full model by training again.
package best

import (
	"hash/maphash"
	"math"
	"sort"
	"strings"
	"time"

	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/embedding"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/recommend/snapshot"
)

// Unknown is the index of an item that the model does not hold: as a step it
// keeps its place and contributes nothing.
const Unknown = rows.Unknown

// Scored is a candidate and its score.
type Scored = rows.Scored

// Model is trained: immutable, safe for any number of readers, until Close.
// Items are numbered in the order of their ids' bytes, so that a smaller number
// is a smaller id and breaks ties.
type Model struct {
	params  Params
	about   About
	version string
	size    int64
	file    *snapshot.File // what the slices are views of; nil for a model in memory

	ids     string
	idOff   []uint32             // Len()+1 offsets into ids
	counts  []uint32             // clicks by item
	traits  []float32            // traitWords by item
	rowOff  []uint32             // Len()+1 offsets, in entries
	entries []uint32             // entryWords by entry
	vectors *embedding.Quantised // nil: the model does without
	near    []uint32             // Params().Neighbours by item, filled up with Unknown; empty without vectors
	rankers [policies]*ranker    // nil: pre is the order

	tables *tables
	decay  []float32 // exp(-b/delta) of the b-th newest step
	seed   maphash.Seed
	slots  []uint32 // open addressing of ids: 1 + item, 0 is free
}

// About is what a model says of its training.
type About struct {
	TrainedAt time.Time `json:"trained_at"`
	Seed      uint64    `json:"seed"`
	Latest    float64   `json:"latest"`   // end of the newest session, days since the epoch
	Sessions  int       `json:"sessions"` // trained on
	Clicks    int       `json:"clicks"`
	Embedding bool      `json:"embedding"` // kept: it did better on held-out sessions than the model without
	Stages    []Stage   `json:"stages"`    // what was compared, by policy
}

// Len is the number of items.
func (m *Model) Len() int { return len(m.counts) }

// Entries is the number of entries in all rows.
func (m *Model) Entries() int { return len(m.entries) / entryWords }

// ID is the id of item i; it ends with Close.
func (m *Model) ID(i uint32) string { return m.ids[m.idOff[i]:m.idOff[i+1]] }

// Index is the number of the item with this id; Unknown and false when the
// model has never seen it.
func (m *Model) Index(id string) (uint32, bool) {
	mask := uint64(len(m.slots) - 1)
	for h := maphash.String(m.seed, id) & mask; m.slots[h] != 0; h = (h + 1) & mask {
		if n := m.slots[h] - 1; m.ID(n) == id {
			return n, true
		}
	}
	return Unknown, false
}

// Count is the number of clicks on item i in training.
func (m *Model) Count(i uint32) float64 { return float64(m.counts[i]) }

// Params are the parameters the model was trained with.
func (m *Model) Params() Params { return m.params }

// About says how the model was trained and what was kept.
func (m *Model) About() About { return m.about }

// TrainedAt is when the model was built, to the millisecond.
func (m *Model) TrainedAt() time.Time { return m.about.TrainedAt }

// Latest is the end of the newest training session in days since the epoch.
func (m *Model) Latest() float64 { return m.about.Latest }

// Sessions is the number of sessions trained on.
func (m *Model) Sessions() uint64 { return uint64(m.about.Sessions) }

// Clicks is the number of clicks trained on.
func (m *Model) Clicks() uint64 { return uint64(m.about.Clicks) }

// Version identifies the model's content: 16 hex digits, the same for the
// same sessions, parameters, seed and training time.
func (m *Model) Version() string { return m.version }

// Embedded reports whether the model has an embedding.
func (m *Model) Embedded() bool { return m.vectors != nil }

// Ranked reports whether the policy has a ranker; without, pre is the order.
func (m *Model) Ranked(policy Policy) bool { return m.ranker(policy) != nil }

// InputStats are the mean and the standard deviation of every input over the
// candidates that the policy's ranker learned from: what a drift is measured
// against. ok is false without a ranker.
func (m *Model) InputStats(policy Policy) (mean, sd [Inputs]float32, ok bool) {
	r := m.ranker(policy)
	if r == nil {
		return mean, sd, false
	}
	return r.mean, r.sd, true
}

// Popular are the k items with the most clicks, ties by item id.
func (m *Model) Popular(k int) []uint32 {
	order := make([]uint32, m.Len())
	for i := range order {
		order[i] = uint32(i)
	}
	sort.SliceStable(order, func(x, y int) bool { return m.counts[order[x]] > m.counts[order[y]] })
	return order[:max(0, min(k, len(order)))]
}

// AppendRow appends the row of item i, strongest entry first: what is most
// related to it, by B0.
func (m *Model) AppendRow(dst []Scored, i uint32) []Scored {
	for row := m.row(i); len(row) >= entryWords; row = row[entryWords:] {
		dst = append(dst, Scored{Item: row[0], Score: decodeWeight(uint16(row[1]))})
	}
	return dst
}

// AddRow adds w times the row of item i to sums: one hop from an item that a
// profile names. Unknown is ignored.
func (m *Model) AddRow(sums *rows.Scratch, i uint32, w float32) {
	if !m.has(i) {
		return
	}
	for row := m.row(i); len(row) >= entryWords; row = row[entryWords:] {
		sums.Add(row[0], w*decodeWeight(uint16(row[1])))
	}
}

// row is the entries of item i, entryWords each.
func (m *Model) row(i uint32) []uint32 {
	return m.entries[entryWords*uint64(m.rowOff[i]) : entryWords*uint64(m.rowOff[i+1])]
}

// has reports whether the item is one of the model's; Unknown is not.
func (m *Model) has(item uint32) bool { return uint64(item) < uint64(len(m.counts)) }

// name takes the ids over from the corpus, whose memory ends before the model.
func (m *Model) name(c *corpus.Corpus) {
	var all strings.Builder
	m.idOff = make([]uint32, 1, c.Len()+1)
	for i := range uint32(c.Len()) {
		all.WriteString(c.ID(i))
		m.idOff = append(m.idOff, uint32(all.Len()))
	}
	m.ids = all.String()
}

// prepare makes the weights of the steps.
func (m *Model) prepare() {
	m.tables = newTables()
	m.decay = make([]float32, m.params.Last)
	for b := range m.decay {
		m.decay[b] = float32(math.Exp(-float64(b) / m.params.Delta))
	}
}

// index makes the table of ids.
func (m *Model) index() {
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
