package rows

import (
	"math"
	"sort"

	"github.com/nextbest/nextbest/recommend/corpus"
)

// rowWorker computes rows one at a time in a dense line of sums.
type rowWorker struct {
	t       *training
	c       *corpus.Corpus
	follow  [maxGap]float64 // exp(-(gap-1)/tw) by gap-1
	sums    []float64       // C of the row at hand, by item
	touched []uint32
	cols    []uint32  // of the row at hand
	weights []float32 // of the row at hand
}

func newRowWorker(t *training) *rowWorker {
	w := &rowWorker{t: t, c: t.c, sums: make([]float64, t.c.Len())}
	for g := range w.follow {
		w.follow[g] = math.Exp(-float64(g) / t.params.TW)
	}
	return w
}

// chunk appends the rows of the items from the from-th by popularity on.
func (w *rowWorker) chunk(from int, words []uint32) []uint32 {
	m := w.t.model
	for _, i := range m.popular[from:min(from+chunkRows, len(m.popular))] {
		m.mass[i] = w.sum(i)
		words = w.keep(m.mass[i]+w.t.params.Lambda, words)
	}
	return words
}

// sum fills the sums with C_i· and returns G_ii.
func (w *rowWorker) sum(i uint32) (mass float64) {
	c, a := w.c, w.t.params.A
	for _, s := range c.Posts(i) {
		weight := float64(w.t.weights[s])
		distinct := c.Distinct(int(s))
		size := float64(len(distinct))
		mass += a * weight / (size * size)
		for _, j := range distinct {
			w.add(j, a*weight/size)
		}
		items := c.Session(int(s))
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

// keep appends the row of the largest sums, divided, to words and clears the
// sums.
func (w *rowWorker) keep(by float64, words []uint32) []uint32 {
	top := w.t.params.Top
	better := func(x, y uint32) bool {
		return w.sums[x] > w.sums[y] || w.sums[x] == w.sums[y] && x < y
	}
	best := w.touched
	if len(best) > top {
		nthElement(best, top, better)
		best = best[:top]
	}
	sort.Slice(best, func(x, y int) bool { return better(best[x], best[y]) })
	w.cols, w.weights = w.cols[:0], w.weights[:0]
	for _, j := range best {
		if weight := float32(w.sums[j] / by); weight > 0 && !math.IsInf(float64(weight), 0) {
			w.cols, w.weights = append(w.cols, j), append(w.weights, weight)
		}
	}
	words = appendRow(words, w.cols, w.weights)
	for _, j := range w.touched {
		w.sums[j] = 0
	}
	w.touched = w.touched[:0]
	return words
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
