package evaluate

import (
	"cmp"
	"context"
	"slices"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/rows"
)

// rules are weighted rules "after a comes b", a row of them for every item: the
// models sr and ar. A session's newest items name what their rules say, the
// b-th newest with weight 1/b².
type rules struct {
	*vocabulary
	offsets []int // Len()+1 offsets into cols and weights
	cols    []uint32
	weights []float32
	last    int
	params  Params
	s       *rows.Scratch
}

// ruleParams are the parameters of both models.
func ruleParams(last int) []Param {
	return []Param{
		{Name: "last", Summary: "newest items whose rules count", Default: float64(last), Whole: true, Tune: []float64{1, 2, 3, 5, 10}},
		{Name: "top", Summary: "rules kept per item, the strongest", Default: 100, Whole: true},
	}
}

// count adds what a session says about the rules of item a, which is in it.
type count func(sums *ruleSums, session []uint32, a uint32)

// trainRules adds the sessions up, item by item.
func trainRules(ctx context.Context, t *Train, count count) (Model, error) {
	last, top := int(t.Params["last"]), int(t.Params["top"])
	if err := checkRules(last, top); err != nil {
		return nil, err
	}
	c, err := t.corpus(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	r := &rules{vocabulary: newVocabulary(c), offsets: []int{0}, last: last, params: t.Params, s: rows.NewScratch()}
	sums := &ruleSums{weights: make([]float64, c.Len()), met: make([]uint64, c.Len())}
	for a := range uint32(c.Len()) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.append(sums.of(c, a, count), top)
		t.Progress("train", int64(a)+1, int64(c.Len()))
	}
	return r, nil
}

func checkRules(last, top int) error {
	if last < 1 || top < 1 {
		return fault.Invalidf("invalid_param", "last and top must be whole numbers of 1 or more")
	}
	return nil
}

// rule is one entry of a row.
type rule struct {
	item   uint32
	weight float64
}

// ruleSums adds up one item's rules.
type ruleSums struct {
	weights []float64 // by item
	touched []uint32
	met     []uint64 // by item: the session in which once saw it
	session uint64   // number of the running one
	row     []rule
}

func (s *ruleSums) add(b uint32, weight float64) {
	if s.weights[b] == 0 {
		s.touched = append(s.touched, b)
	}
	s.weights[b] += weight
}

// once is add for items that count once a session.
func (s *ruleSums) once(b uint32, weight float64) {
	if s.met[b] != s.session {
		s.met[b] = s.session
		s.add(b, weight)
	}
}

// of is the rules of item a, strongest first, ties by item; valid until the
// next call.
func (s *ruleSums) of(c *corpus.Corpus, a uint32, count count) []rule {
	for _, n := range c.Posts(a) {
		s.session++
		count(s, c.Session(int(n)), a)
	}
	s.row = s.row[:0]
	for _, b := range s.touched {
		s.row = append(s.row, rule{item: b, weight: s.weights[b]})
		s.weights[b] = 0
	}
	s.touched = s.touched[:0]
	slices.SortFunc(s.row, func(x, y rule) int {
		return cmp.Or(cmp.Compare(y.weight, x.weight), cmp.Compare(x.item, y.item))
	})
	return s.row
}

func (r *rules) append(row []rule, top int) {
	for _, e := range row[:min(top, len(row))] {
		r.cols = append(r.cols, e.item)
		r.weights = append(r.weights, float32(e.weight))
	}
	r.offsets = append(r.offsets, len(r.cols))
}

func (r *rules) Items() Items { return r.vocabulary }
func (r *rules) Params() any  { return r.params }
func (r *rules) Bytes() int64 { return int64(8*len(r.cols) + 8*len(r.offsets)) }

func (r *rules) Recommend(steps []uint32, k int, skip func(uint32) bool, dst []rows.Scored) []rows.Scored {
	r.s.Reset()
	for b, item := range steps[:min(len(steps), r.last)] {
		if item == rows.Unknown {
			continue
		}
		fade := 1 / float32((b+1)*(b+1))
		for n := r.offsets[item]; n < r.offsets[item+1]; n++ {
			r.s.Add(r.cols[n], fade*r.weights[n])
		}
	}
	return r.s.Top(k, skip, dst)
}
