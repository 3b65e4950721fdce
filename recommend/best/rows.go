package best

import (
	"context"
	"math"
	"sort"
	"sync"

	"github.com/nextbest/nextbest/internal/fault"
)

// chunkItems is how many items a worker takes at a time: enough to make taking
// cheap, few enough to stop soon and to share popular items between workers.
const chunkItems = 256

// part is the finished rows of one range of items.
type part struct {
	sizes   []uint32
	entries []uint32
}

// buildRows fills in the rows and the items' statistics, chunk by chunk, and
// puts them together in order: the result is the same for any number of
// workers.
func (m *Model) buildRows(ctx context.Context, s *sums, workers int, progress func(done, total int64)) error {
	n := s.c.Len()
	parts := make([]part, (n+chunkItems-1)/chunkItems)
	items := make([]itemSums, n)
	err := inParts(ctx, len(parts), workers, func() func(int) {
		w := &rowWorker{summer: newSummer(s), tables: m.tables}
		return func(k int) { parts[k] = w.part(k*chunkItems, min((k+1)*chunkItems, n), items) }
	}, func(done int) { progress(int64(min(done*chunkItems, n)), int64(n)) })
	if err != nil {
		return err
	}
	m.describe(items)
	return m.join(parts)
}

// inParts does the parts 0..n-1 on some workers; start makes what one of them
// works with. done is called from one goroutine at a time. It stops early when
// the context ends and returns its error.
func inParts(ctx context.Context, n, workers int, start func() func(part int), done func(parts int)) error {
	var mu sync.Mutex // guards next, finished and done
	next, finished := 0, 0
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() != nil {
			return n
		}
		next++
		return next - 1
	}
	var wg sync.WaitGroup
	for range max(1, workers) {
		wg.Go(func() {
			do := start()
			for k := take(); k < n; k = take() {
				do(k)
				mu.Lock()
				finished++
				done(finished)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// rowWorker makes rows one at a time.
type rowWorker struct {
	*summer
	tables *tables
	best   []ranked
}

// ranked is a pair and its B0.
type ranked struct {
	item   uint32
	pair   uint32
	weight float64
}

func (w *rowWorker) part(from, to int, items []itemSums) part {
	var out part
	for a := from; a < to; a++ {
		items[a] = w.item(uint32(a))
		before := len(out.entries)
		w.row(&items[a], &out)
		out.sizes = append(out.sizes, uint32(len(out.entries)-before)/entryWords)
	}
	return out
}

// row appends the row of the pairs at hand: the largest B0, ties by item.
func (w *rowWorker) row(sum *itemSums, out *part) {
	w.best = w.best[:0]
	by := sum.mass + w.p.Lambda
	for n := range w.pairs {
		x := &w.pairs[n]
		weight := (w.p.A*x.together + (1-w.p.A)*x.follow) / by
		if weight > 0 && finite(weight) {
			w.best = append(w.best, ranked{item: x.item, pair: uint32(n), weight: weight})
		}
	}
	better := func(x, y ranked) bool { return x.weight > y.weight || x.weight == y.weight && x.item < y.item }
	if len(w.best) > w.p.Top {
		nthElement(w.best, w.p.Top, better)
		w.best = w.best[:w.p.Top]
	}
	sort.Slice(w.best, func(x, y int) bool { return better(w.best[x], w.best[y]) })
	for _, x := range w.best {
		out.entries = w.entry(sum, &w.pairs[x.pair], x.weight).pack(out.entries)
	}
}

// entry divides a pair's sums and takes the codes.
func (w *rowWorker) entry(sum *itemSums, x *pairSums, weight float64) entry {
	rate := func(x float64) uint8 { return w.tables.rate.encode(seenRate(x)) }
	days := min(max(w.latest-x.lastDay, 0), maxAge) // never right after: as old as can be
	return entry{
		item: x.item, weight: encodeWeight(weight),
		first: rate(x.first / (sum.first + 1)), second: rate(x.second / (sum.second + 1)),
		third: rate(x.third / (sum.third + 1)), together: rate(x.together / (sum.together + 1)),
		times: w.tables.times.encode(math.Log1p(float64(x.next))),
		age:   min(w.tables.age.encode(math.Log1p(days)), codeAbsent-1),
	}
}

// nthElement moves the n best of list to its front, in any order
// (quickselect with the middle of three as pivot).
func nthElement(list []ranked, n int, better func(x, y ranked) bool) {
	for lo, hi := 0, len(list)-1; lo < hi; {
		x, y, z := list[lo], list[(lo+hi)/2], list[hi]
		if better(y, x) {
			x, y = y, x
		}
		if better(z, y) {
			y = z
			if better(y, x) {
				y = x
			}
		}
		i, j := lo, hi
		for i <= j {
			for better(list[i], y) {
				i++
			}
			for better(y, list[j]) {
				j--
			}
			if i <= j {
				list[i], list[j] = list[j], list[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case n <= j:
			hi = j
		case n > i:
			lo = i
		default:
			return
		}
	}
}

// join puts the parts' rows one after the other.
func (m *Model) join(parts []part) error {
	words := 0
	for _, p := range parts {
		words += len(p.entries)
	}
	if words/entryWords > math.MaxUint32 {
		return fault.Invalidf("too_many_entries", "the rows hold more than 2^32 entries; lower top")
	}
	m.rowOff = make([]uint32, 1, m.Len()+1)
	m.entries = make([]uint32, 0, words)
	end := uint32(0)
	for n, p := range parts {
		for _, size := range p.sizes {
			end += size
			m.rowOff = append(m.rowOff, end)
		}
		m.entries = append(m.entries, p.entries...)
		parts[n] = part{} // joined: let its memory go
	}
	return nil
}
