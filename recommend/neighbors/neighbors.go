// Package neighbors is the session neighbours: the past sessions that are most
// like a running one name what comes next. One Index serves a family of
// methods, from plain session kNN to VMIS-kNN, the method of Serenade
// (Kersbergen, Sprangers, Schelter: "Serenade: Low-Latency Session-Based
// Recommendation in e-Commerce at Scale", SIGMOD 2022).
//
// All of them look at the M newest sessions that share an item with the
// running one, keep the K most similar and add up what those hold. The M
// newest are found by merging the sessions of the items, newest first, so the
// cost of an answer is bounded by M and by the steps, whatever the size of the
// log, and nothing has to be looked up or evicted on the way.
package neighbors

import (
	"math"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/rows"
)

// Model is an index with a method: immutable, safe for any number of readers.
type Model struct {
	x *Index
	s scheme
}

// New makes a model of an index that has what the method needs. The error is a
// fault of kind Invalid.
func New(x *Index, method Method) (*Model, error) {
	if err := method.Validate(); err != nil {
		return nil, err
	}
	if need := method.Needs().Recent; x.recent < need {
		return nil, fault.Invalidf("index", "the index keeps %d sessions per item, the method looks at %d", x.recent, need)
	}
	return &Model{x: x, s: method.scheme(x)}, nil
}

// Index is the index the model works on.
func (m *Model) Index() *Index { return m.x }

// Bytes is the memory that the model takes, the index included.
func (m *Model) Bytes() int64 {
	return m.x.Bytes() + int64(8*len(m.s.session)+4*len(m.s.item)+4*len(m.s.near))
}

// Scratch is what one request works with: keep Scratches in a pool. The zero
// value works; not safe for concurrent use.
type Scratch struct {
	cursors []cursor
	heads   []uint32 // 1 + the session each cursor stands at, 0 at its end
	best    []neighbour
	sums    rows.Scratch
}

// NewScratch is an empty Scratch.
func NewScratch() *Scratch { return &Scratch{} }

// cursor walks through the sessions of one item of the running session.
type cursor struct {
	posts  []uint32 // what is left, newest first
	item   uint32
	weight float64 // for the similarity
	match  float64 // of neighbours whose newest common item this is
}

// neighbour is a similar session.
type neighbour struct {
	similarity float64
	session    uint32
	cursor     uint32 // of the newest common item
}

// Recommend overwrites dst with the k best next items of a session whose score
// is above 0, best first, ties by item number; items for which skip (may be
// nil) says true are left out. Steps and weights are those of Score. It does
// not allocate once w and dst have grown.
func (m *Model) Recommend(w *Scratch, steps []uint32, weights []float32, k int, skip func(item uint32) bool, dst []rows.Scored) []rows.Scored {
	w.sums.Reset()
	m.Score(w, &w.sums, steps, weights)
	return w.sums.Top(k, skip, dst)
}

// Score adds to sums the scores of what the neighbours of a session hold.
// steps are the session's items, newest first; an item that comes again counts
// at its newest step only, one that the index lacks keeps its place and finds
// nothing. weights multiply the weights of the steps, nil means 1 each; a step
// with a weight of 0 or less finds nothing. It does not allocate unless w or
// sums have to grow.
func (m *Model) Score(w *Scratch, sums *rows.Scratch, steps []uint32, weights []float32) {
	if m.s.last > 0 {
		steps = steps[:min(len(steps), m.s.last)]
	}
	distinct := m.open(w, steps, weights)
	m.find(w)
	var scale float64
	if m.s.relative {
		scale = w.scale()
	} else {
		scale = m.s.norm(len(steps), distinct)
	}
	for _, n := range w.best {
		c := &w.cursors[n.cursor]
		m.spread(n.session, c.item, float32(n.similarity*scale*c.match), sums)
	}
	clear(w.cursors) // a Scratch in a pool must not keep an old index alive
}

// scale makes the highest similarity 1.
func (w *Scratch) scale() float64 {
	top := 0.
	for _, n := range w.best {
		top = max(top, n.similarity)
	}
	if top == 0 {
		return 0
	}
	return 1 / top
}

// open sets a cursor for every distinct item that the index holds, and returns
// how many distinct items there are; unknown ones count one each.
func (m *Model) open(w *Scratch, steps []uint32, weights []float32) (distinct int) {
	w.cursors, w.heads = w.cursors[:0], w.heads[:0]
	for b, item := range steps {
		if item != rows.Unknown && contains(steps[:b], item) {
			continue
		}
		distinct++
		c := cursor{posts: m.x.Posts(item), item: item, weight: 1, match: 1}
		if m.s.weight != nil {
			c.weight = m.s.weight(b, len(steps))
		}
		if weights != nil {
			c.weight *= float64(weights[b])
		}
		if len(c.posts) == 0 || !(c.weight > 0) {
			continue
		}
		if m.s.match != nil {
			c.match = m.s.match(b)
		}
		w.cursors = append(w.cursors, c)
		w.heads = append(w.heads, c.posts[0]+1)
	}
	return distinct
}

func contains(steps []uint32, item uint32) bool {
	for _, s := range steps {
		if s == item {
			return true
		}
	}
	return false
}

// find leaves the K most similar of the M newest sessions in w.best. Each
// round takes the newest session that some cursor stands at, adds up the
// weights of those that stand there, in the order of the steps, and moves them
// on.
func (m *Model) find(w *Scratch) {
	w.best = w.best[:0]
	heads := w.heads
	at := uint32(0)
	for _, h := range heads {
		at = max(at, h)
	}
	for n := 0; n < m.s.m && at > 0; n++ {
		var next uint32
		found := neighbour{session: at - 1, cursor: math.MaxUint32}
		for i, h := range heads {
			if h == at {
				c := &w.cursors[i]
				found.similarity += c.weight
				found.cursor = min(found.cursor, uint32(i))
				h = 0
				if c.posts = c.posts[1:]; len(c.posts) > 0 {
					h = c.posts[0] + 1
				}
				heads[i] = h
			}
			next = max(next, h)
		}
		if m.s.session != nil {
			found.similarity *= m.s.session[found.session]
		}
		found.similarity = rounded(found.similarity)
		w.keep(found, m.s.k)
		at = next
	}
}

// rounded leaves out the last 16 of 53 bits: sums that differ only by the order
// of adding are equal, and the newer session wins.
func rounded(x float64) float64 {
	return math.Float64frombits((math.Float64bits(x) + 1<<15) &^ (1<<16 - 1))
}

// spread adds the items of a neighbour to the sums; common is the newest item
// that the neighbour shares.
func (m *Model) spread(session, common uint32, weight float32, sums *rows.Scratch) {
	items, places := m.x.Session(session)
	switch {
	case m.s.near != nil:
		m.spreadNear(items, places, common, weight, sums)
	case m.s.item != nil:
		for _, item := range items {
			sums.Add(item, weight*m.s.item[item])
		}
	default:
		for _, item := range items {
			sums.Add(item, weight)
		}
	}
}

// spreadNear is spread with weights that fade around the place of the common
// item.
func (m *Model) spreadNear(items []uint32, places []uint16, common uint32, weight float32, sums *rows.Scratch) {
	centre := 0
	for i, item := range items {
		if item == common {
			centre = int(places[i])
		}
	}
	for i, item := range items {
		distance := int(places[i]) - centre
		score := weight * m.s.near[max(distance, -distance)]
		if m.s.item != nil {
			score *= m.s.item[item]
		}
		sums.Add(item, score)
	}
}

// keep puts a session among the k most similar; of equals the newer one, which
// comes first, stays. Once there are k they are a heap with the worst on top.
func (w *Scratch) keep(n neighbour, k int) {
	if len(w.best) < k {
		w.best = append(w.best, n)
		if len(w.best) == k {
			for at := k/2 - 1; at >= 0; at-- {
				sink(w.best, at)
			}
		}
		return
	}
	if n.similarity > w.best[0].similarity {
		w.best[0] = n
		sink(w.best, 0)
	}
}

// worse orders by similarity, then by age.
func (n neighbour) worse(o neighbour) bool {
	return n.similarity < o.similarity || n.similarity == o.similarity && n.session < o.session
}

// sink moves the neighbour at a place of the heap down to where it belongs.
func sink(heap []neighbour, at int) {
	for {
		child := 2*at + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && heap[child+1].worse(heap[child]) {
			child++
		}
		if !heap[child].worse(heap[at]) {
			return
		}
		heap[at], heap[child] = heap[child], heap[at]
		at = child
	}
}
