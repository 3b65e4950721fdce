package embedding

import (
	"cmp"
	"context"
	"math"
	"sync/atomic"

	"github.com/viterin/vek/vek32"

	"github.com/nextbest/nextbest/internal/fault"
)

// ExactItems is up to how many items Neighbours compares all with all; above,
// it looks into the nearest buckets of an index only.
const ExactItems = 100_000

// maxNeighbours is how many neighbours can be asked for.
const maxNeighbours = 1000

const (
	queryBlock = 16 // items whose neighbours are looked for together
	scanBlock  = 64 // vectors that are compared with them while they are in the first cache
)

// NeighbourOptions are how neighbours are looked for; the zero value works.
type NeighbourOptions struct {
	Workers  int                     // goroutines; one per processor when 0
	Seed     uint64                  // of the index
	Exact    int                     // items up to which all are compared; ExactItems when 0
	Probes   int                     // buckets an item looks into when there is an index; a default when 0
	Skip     func(a, j uint32) bool  // items j that item a must not get; may be nil, called by several goroutines
	Progress func(done, total int64) // items; may be nil, calls do not overlap
}

// Neighbours are, for every item a, the k other items j of the largest
// Ê_a·Ê_j/Tau + Bias[j], best first and equal ones by number: Len()·k numbers,
// filled up with Unknown where there are fewer or a has no vector. Up to
// ExactItems items the result is exact. Above, an inverted index (k-means
// buckets; Sivic and Zisserman 2003, Jégou et al. 2011) finds most of them; its
// memory is that of the vectors and of the result again. The error is a fault of kind Invalid
// for a k outside 1 to 1000, or the context's.
func (m *Model) Neighbours(ctx context.Context, k int, o NeighbourOptions) ([]uint32, error) {
	if k < 1 || k > maxNeighbours {
		return nil, fault.Invalidf("neighbours", "the number of neighbours must be between 1 and %d", maxNeighbours)
	}
	s := newScan(m, k, o)
	passes := int64(1)
	if s.len() > cmp.Or(max(0, o.Exact), ExactItems) {
		passes = 1 + refinements
		if err := s.bucket(ctx); err != nil {
			return nil, err
		}
	}
	report := serial(o.Progress)
	s.report = func(done int64) { report(done/passes, int64(s.len())) }
	s.all(ctx)
	if s.index != nil {
		s.refine(ctx)
	}
	return s.found, ctx.Err()
}

// scan compares the vectors of a model with each other. Rows are the items
// that have a vector, in order of their numbers or, with an index, bucket by
// bucket.
type scan struct {
	m     *Model
	o     NeighbourOptions
	k     int
	items []uint32  // by row
	e     []float32 // by row: the vector
	bias  []float32 // by row
	index *buckets  // nil: all with all
	found []uint32  // the result

	report func(done int64) // rows times passes; may be called by several goroutines
}

func newScan(m *Model, k int, o NeighbourOptions) *scan {
	s := &scan{m: m, o: o, k: k}
	items := make([]uint32, 0, m.Len())
	for i := range uint32(m.Len()) {
		if m.Has(i) {
			items = append(items, i)
		}
	}
	if len(items) == m.Len() {
		s.items, s.e, s.bias = items, m.E, m.Bias
	} else {
		s.order(items)
	}
	return s
}

// order lays the rows out in the order of items.
func (s *scan) order(items []uint32) {
	s.items, s.bias = items, make([]float32, len(items))
	s.e = make([]float32, len(items)*s.m.Dim)
	for r, i := range items {
		s.bias[r] = s.m.Bias[i]
		copy(s.row(r), s.m.Row(i))
	}
}

func (s *scan) len() int { return len(s.items) }

func (s *scan) row(r int) []float32 { return s.e[r*s.m.Dim : (r+1)*s.m.Dim] }

// all finds every row's neighbours.
func (s *scan) all(ctx context.Context) {
	s.found = unknown(s.m.Len() * s.k)
	s.pass(ctx, 0, s.found, (*query).scan)
}

func unknown(n int) []uint32 {
	out := make([]uint32, n)
	for k := range out {
		out[k] = Unknown
	}
	return out
}

// pass fills found, block by block of rows, with what look offers; part is its
// place among the passes.
func (s *scan) pass(ctx context.Context, part int64, found []uint32, look func(q *query, from, to int)) {
	var done atomic.Int64
	done.Store(part * int64(s.len()))
	blocks := (s.len() + queryBlock - 1) / queryBlock
	scratch := newPool(func() *query { return newQuery(s) })
	spread(s.o.Workers, blocks, func(block int) {
		if ctx.Err() != nil {
			return
		}
		q := scratch.get()
		defer scratch.put(q)
		from, to := block*queryBlock, min((block+1)*queryBlock, s.len())
		q.begin(from, to)
		look(q, from, to)
		q.keep(found, from, to)
		s.report(done.Add(int64(to - from)))
	})
}

// query is the scratch of one block of rows.
type query struct {
	s      *scan
	u      []float32 // the rows' vectors over Tau
	scores []float32
	best   [queryBlock]top
	probes top
	met    []uint32 // by row: the last row that it was offered to while refining
}

func newQuery(s *scan) *query {
	q := &query{s: s, u: make([]float32, queryBlock*s.m.Dim), scores: make([]float32, scanBlock)}
	for n := range q.best {
		q.best[n].max = s.k
	}
	if s.index != nil {
		q.probes.max = s.index.probes
	}
	return q
}

// begin takes the rows from..to-1.
func (q *query) begin(from, to int) {
	copy(q.u, q.s.e[from*q.s.m.Dim:to*q.s.m.Dim])
	vek32.MulNumber_Inplace(q.u, 1/q.s.m.Tau)
	for n := range q.best {
		q.best[n].list = q.best[n].list[:0]
	}
}

// scan offers the rows from..to-1 all rows, or those of their buckets.
func (q *query) scan(from, to int) {
	if q.s.index != nil {
		q.scanBuckets(from, to)
		return
	}
	for r := 0; r < q.s.len(); r += scanBlock {
		for n := from; n < to; n++ {
			q.compare(n-from, n, r, min(r+scanBlock, q.s.len()))
		}
	}
}

// compare offers the rows r..end-1, at most scanBlock, to the n-th of the
// block, which is the row self.
func (q *query) compare(n, self, r, end int) {
	s, dim := q.s, q.s.m.Dim
	scores := q.scores[:end-r]
	dots(scores, s.e[r*dim:end*dim], q.u[n*dim:(n+1)*dim])
	vek32.Add_Inplace(scores, s.bias[r:end])
	best := &q.best[n]
	floor := best.floor()
	if vek32.Max(scores) < floor {
		return
	}
	for k, x := range scores {
		if x < floor || r+k == self || s.o.Skip != nil && s.o.Skip(s.items[self], s.items[r+k]) {
			continue
		}
		best.offer(scored{item: s.items[r+k], score: x})
		floor = best.floor()
	}
}

// keep writes the block's neighbours into found.
func (q *query) keep(found []uint32, from, to int) {
	for n := from; n < to; n++ {
		out := found[int(q.s.items[n])*q.s.k:]
		for k, c := range q.best[n-from].list {
			out[k] = c.item
		}
	}
}

type scored struct {
	item  uint32
	score float32
}

// top keeps the best few, best first, equal ones by item.
type top struct {
	max  int
	list []scored
}

// floor is the score below which nothing gets in.
func (t *top) floor() float32 {
	if len(t.list) < t.max {
		return float32(math.Inf(-1))
	}
	return t.list[len(t.list)-1].score
}

func (t *top) offer(c scored) {
	n := len(t.list)
	if n < t.max {
		t.list = append(t.list, c)
	} else if n--; !before(c, t.list[n]) {
		return
	}
	for ; n > 0 && before(c, t.list[n-1]); n-- {
		t.list[n] = t.list[n-1]
	}
	t.list[n] = c
}

func before(a, b scored) bool { return a.score > b.score || a.score == b.score && a.item < b.item }
