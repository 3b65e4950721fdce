package embedding

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/viterin/vek/vek32"
)

const (
	rowsPerBucket = 256 // aimed at
	sampleRows    = 32  // per bucket, from which the centres are learned
	rounds        = 6   // of k-means
	defaultProbes = 16
	maxBuckets    = 1 << 14
	refinements   = 2 // rounds in which rows meet their neighbours' neighbours
)

// buckets group the rows of a scan around centres. A row looks into those
// buckets whose members promise the best scores: by the mean of their vectors
// and by how popular (biased) their upper members are.
type buckets struct {
	centres []float32 // directions
	means   []float32 // by bucket: mean of its vectors over Tau
	lift    []float32 // by bucket: its upper bias
	first   []int     // by bucket: its first row; one more at the end
	probes  int
}

// bucket builds the index and orders the rows by it.
func (s *scan) bucket(ctx context.Context) error {
	n := max(1, min(s.len()/rowsPerBucket, maxBuckets))
	x := &buckets{probes: s.o.Probes}
	if x.probes <= 0 {
		x.probes = defaultProbes
	}
	x.probes = min(x.probes, n)
	s.learn(ctx, x, n)
	if err := ctx.Err(); err != nil {
		return err
	}
	bucket := make([]uint32, s.len())
	s.assign(ctx, x, s.e, bucket)
	if err := ctx.Err(); err != nil {
		return err
	}
	s.group(x, bucket, n)
	s.describe(x, n)
	return nil
}

// learn finds the centres from a sample of rows by spherical k-means (Dhillon
// and Modha 2001).
func (s *scan) learn(ctx context.Context, x *buckets, n int) {
	dim, r := s.m.Dim, rand.New(rand.NewPCG(s.o.Seed, 2))
	rows := r.Perm(s.len())[:min(s.len(), n*sampleRows)]
	sample := make([]float32, 0, len(rows)*dim)
	for _, row := range rows {
		sample = append(sample, s.row(row)...)
	}
	x.centres = slices.Clone(sample[:n*dim])
	bucket := make([]uint32, len(rows))
	for range rounds {
		s.assign(ctx, x, sample, bucket)
		if ctx.Err() != nil {
			return
		}
		clear(x.centres)
		for k, b := range bucket {
			addScaled(x.centres[int(b)*dim:int(b+1)*dim], sample[k*dim:(k+1)*dim], 1)
		}
		for b := range n {
			centre := x.centres[b*dim : (b+1)*dim]
			if unit(centre) == 0 { // nobody's: start from another row
				k := r.IntN(len(rows))
				copy(centre, sample[k*dim:(k+1)*dim])
			}
		}
	}
}

// assign finds the nearest centre of each row of e.
func (s *scan) assign(ctx context.Context, x *buckets, e []float32, bucket []uint32) {
	const block = 64
	dim, n := s.m.Dim, len(x.centres)/s.m.Dim
	spread(s.o.Workers, (len(bucket)+block-1)/block, func(k int) {
		if ctx.Err() != nil {
			return
		}
		rows := bucket[k*block : min((k+1)*block, len(bucket))]
		var best [block]float32
		scores := make([]float32, scanBlock)
		for c := 0; c < n; c += scanBlock {
			end := min(c+scanBlock, n)
			for r := range rows {
				row := (k*block + r) * dim
				dots(scores[:end-c], x.centres[c*dim:end*dim], e[row:row+dim])
				if at := vek32.ArgMax(scores[:end-c]); c == 0 || scores[at] > best[r] {
					best[r], rows[r] = scores[at], uint32(c+at)
				}
			}
		}
	})
}

// group orders the rows by bucket, within one by item.
func (s *scan) group(x *buckets, bucket []uint32, n int) {
	x.first = make([]int, n+1)
	for _, b := range bucket {
		x.first[b+1]++
	}
	for b := range n {
		x.first[b+1] += x.first[b]
	}
	next := slices.Clone(x.first)
	items := make([]uint32, len(bucket))
	for r, b := range bucket {
		items[next[b]] = s.items[r]
		next[b]++
	}
	s.index = x
	s.order(items)
}

// describe computes what rows choose their buckets by.
func (s *scan) describe(x *buckets, n int) {
	dim := s.m.Dim
	x.means, x.lift = make([]float32, n*dim), make([]float32, n)
	for b := range n {
		from, to := x.first[b], x.first[b+1]
		if from == to {
			x.lift[b] = NoLogit
			continue
		}
		mean := x.means[b*dim : (b+1)*dim]
		for r := from; r < to; r++ {
			addScaled(mean, s.row(r), 1/(float32(to-from)*s.m.Tau))
		}
		x.lift[b] = upper(s.bias[from:to])
	}
}

// upper is the mean plus one standard deviation.
func upper(x []float32) float32 {
	mean := vek32.Mean(x)
	sum := 0.
	for _, v := range x {
		sum += float64(v-mean) * float64(v-mean)
	}
	return mean + float32(math.Sqrt(sum/float64(len(x))))
}

// scanBuckets compares the rows from..to-1 with the buckets they look into.
func (q *query) scanBuckets(from, to int) {
	s, x := q.s, q.s.index
	for n := from; n < to; n++ {
		q.choose(s.row(n))
		for _, b := range q.probes.list {
			end := x.first[b.item+1]
			for r := x.first[b.item]; r < end; r += scanBlock {
				q.compare(n-from, n, r, min(r+scanBlock, end))
			}
		}
	}
}

// choose finds the buckets for a vector.
func (q *query) choose(v []float32) {
	x, dim := q.s.index, q.s.m.Dim
	q.probes.list = q.probes.list[:0]
	for c := 0; c < len(x.lift); c += scanBlock {
		end := min(c+scanBlock, len(x.lift))
		scores := q.scores[:end-c]
		dots(scores, x.means[c*dim:end*dim], v)
		vek32.Add_Inplace(scores, x.lift[c:end])
		floor := q.probes.floor()
		for k, score := range scores {
			if score > floor {
				q.probes.offer(scored{item: uint32(c + k), score: score})
				floor = q.probes.floor()
			}
		}
	}
}

// refine offers every row the neighbours of its neighbours: who is near to the
// near is near (NN-descent; Dong, Moses and Li 2011). The buckets only have to
// find some of them.
func (s *scan) refine(ctx context.Context) {
	rows := unknown(s.m.Len())
	for r, i := range s.items {
		rows[i] = uint32(r)
	}
	for round := range refinements {
		better := unknown(len(s.found))
		s.pass(ctx, int64(1+round), better, func(q *query, from, to int) {
			for n := from; n < to; n++ {
				q.meet(n-from, n, rows)
			}
		})
		s.found = better
	}
}

// meet offers the row self, the n-th of the block, its neighbours and theirs.
func (q *query) meet(n, self int, rows []uint32) {
	s := q.s
	if q.met == nil {
		q.met = unknown(s.len())
	}
	q.met[self] = uint32(self)
	own := s.near(self)
	for _, a := range own {
		if a == Unknown {
			break
		}
		q.offerRow(n, self, int(rows[a]))
	}
	for _, a := range own {
		if a == Unknown {
			break
		}
		for _, j := range s.near(int(rows[a])) {
			if j == Unknown {
				break
			}
			q.offerRow(n, self, int(rows[j]))
		}
	}
}

// near are the neighbours found so far of a row.
func (s *scan) near(row int) []uint32 {
	i := int(s.items[row])
	return s.found[i*s.k : (i+1)*s.k]
}

// offerRow offers one row, once, to the n-th of the block.
func (q *query) offerRow(n, self, row int) {
	s, dim := q.s, q.s.m.Dim
	if q.met[row] == uint32(self) {
		return
	}
	q.met[row] = uint32(self)
	score := vek32.Dot(s.row(row), q.u[n*dim:(n+1)*dim]) + s.bias[row]
	if score < q.best[n].floor() || s.o.Skip != nil && s.o.Skip(s.items[self], s.items[row]) {
		return
	}
	q.best[n].offer(scored{item: s.items[row], score: score})
}
