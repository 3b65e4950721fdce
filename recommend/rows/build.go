package rows

import (
	"context"
	"math"
	"sort"
	"sync"

	"github.com/nextbest/nextbest/internal/fault"
)

// chunkRows is how many rows a worker takes at a time: enough to make taking
// cheap, few enough to stop soon and to share popular rows between workers.
const chunkRows = 256

// chunk is the finished rows of one range of items.
type chunk struct {
	sizes   []uint32
	cols    []uint32
	weights []float32
}

// rows computes all rows, chunk by chunk, and puts them together in order:
// the result is the same for any number of workers.
func (c *corpus) rows(ctx context.Context, m *Model, opts *BuildOptions) error {
	chunks := make([]chunk, (len(c.ids)+chunkRows-1)/chunkRows)
	var mu sync.Mutex // guards next, done and Progress
	next, done := 0, 0
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() != nil {
			return len(chunks)
		}
		next++
		return next - 1
	}
	finish := func(n int, ready chunk) {
		mu.Lock()
		defer mu.Unlock()
		chunks[n] = ready
		done++
		if opts.Progress != nil {
			opts.Progress(min(done*chunkRows, len(c.ids)), len(c.ids))
		}
	}
	var wg sync.WaitGroup
	for range max(1, opts.Workers) {
		wg.Go(func() {
			w := newRowWorker(c)
			for n := take(); n < len(chunks); n = take() {
				finish(n, w.chunk(n*chunkRows, m.mass))
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return m.join(chunks)
}

// join puts the chunks' rows one after the other.
func (m *Model) join(chunks []chunk) error {
	entries := 0
	for _, c := range chunks {
		entries += len(c.cols)
	}
	if entries > math.MaxUint32 {
		return fault.Invalidf("too_many_entries", "the rows hold more than 2^32 entries; lower top")
	}
	m.rowOff = make([]uint32, 1, m.Len()+1)
	m.cols = make([]uint32, 0, entries)
	m.weights = make([]float32, 0, entries)
	end := uint32(0)
	for n, c := range chunks {
		for _, size := range c.sizes {
			end += size
			m.rowOff = append(m.rowOff, end)
		}
		m.cols = append(m.cols, c.cols...)
		m.weights = append(m.weights, c.weights...)
		chunks[n] = chunk{} // joined: let its memory go
	}
	return nil
}

// rowWorker computes rows one at a time in a dense line of sums.
type rowWorker struct {
	c       *corpus
	follow  [maxGap]float64 // exp(-(gap-1)/tw) by gap-1
	sums    []float64       // C of the row at hand, by item
	touched []uint32
}

func newRowWorker(c *corpus) *rowWorker {
	w := &rowWorker{c: c, sums: make([]float64, len(c.ids))}
	for g := range w.follow {
		w.follow[g] = math.Exp(-float64(g) / c.params.TW)
	}
	return w
}

func (w *rowWorker) chunk(from int, mass []float64) chunk {
	to := min(from+chunkRows, len(w.c.ids))
	var out chunk
	for i := from; i < to; i++ {
		mass[i] = w.sum(uint32(i))
		before := len(out.cols)
		w.keep(mass[i]+w.c.params.Lambda, &out)
		out.sizes = append(out.sizes, uint32(len(out.cols)-before))
	}
	return out
}

// sum fills the sums with C_i· and returns G_ii.
func (w *rowWorker) sum(i uint32) (mass float64) {
	c, a := w.c, w.c.params.A
	for _, s := range c.posts[c.postOff[i]:c.postOff[i+1]] {
		weight := c.weights[s]
		unique := c.unique[c.uniqOff[s]:c.uniqOff[s+1]]
		size := float64(len(unique))
		mass += a * weight / (size * size)
		for _, j := range unique {
			w.add(j, a*weight/size)
		}
		items := c.items[c.offsets[s]:c.offsets[s+1]]
		for p, j := range items[:len(items)-1] {
			if j != i {
				continue
			}
			mass += (1 - a) * weight
			for g, k := range items[p+1 : min(p+1+maxGap, len(items))] {
				w.add(k, (1-a)*weight*w.follow[g])
			}
		}
	}
	return mass
}

func (w *rowWorker) add(j uint32, x float64) {
	if x <= 0 { // a is 0 or 1, or a session so old that its weight is nothing
		return
	}
	if w.sums[j] == 0 {
		w.touched = append(w.touched, j)
	}
	w.sums[j] += x
}

// keep appends the largest sums, divided, to out and clears the sums.
func (w *rowWorker) keep(by float64, out *chunk) {
	top := w.c.params.Top
	better := func(x, y uint32) bool {
		return w.sums[x] > w.sums[y] || w.sums[x] == w.sums[y] && x < y
	}
	best := w.touched
	if len(best) > top {
		nthElement(best, top, better)
		best = best[:top]
	}
	sort.Slice(best, func(x, y int) bool { return better(best[x], best[y]) })
	for _, j := range best {
		if weight := float32(w.sums[j] / by); weight > 0 && !math.IsInf(float64(weight), 0) {
			out.cols = append(out.cols, j)
			out.weights = append(out.weights, weight)
		}
	}
	for _, j := range w.touched {
		w.sums[j] = 0
	}
	w.touched = w.touched[:0]
}

// nthElement moves the n best of list to its front, in any order
// (quickselect with the middle of three as pivot).
func nthElement(list []uint32, n int, better func(x, y uint32) bool) {
	for lo, hi := 0, len(list)-1; lo < hi; {
		pivot := middle(list[lo], list[(lo+hi)/2], list[hi], better)
		i, j := lo, hi
		for i <= j {
			for better(list[i], pivot) {
				i++
			}
			for better(pivot, list[j]) {
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

func middle(x, y, z uint32, better func(x, y uint32) bool) uint32 {
	if better(y, x) {
		x, y = y, x
	}
	if better(z, y) {
		y = z
		if better(y, x) {
			y = x
		}
	}
	return y
}
