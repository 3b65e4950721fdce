package evaluate

import (
	"context"
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/recommend/rows"
)

// replay is the test sessions in the numbers of the model's items, newest
// item first: every prefix of a session is then a tail of its list.
type replay struct {
	o       *Options
	model   Model
	n       int // predictions
	items   []uint32
	offsets []int
	seen    []uint32 // the running prefix's items, for the policy
	skip    func(item uint32) bool
	list    []rows.Scored
}

func newReplay(o *Options, model Model, test *dataset.Sessions) *replay {
	r := &replay{o: o, model: model, offsets: []int{0}, list: make([]rows.Scored, 0, o.Top)}
	number := make([]uint32, test.Items())
	for i := range number {
		number[i] = rows.Unknown
		if item, ok := model.Items().Index(test.ID(uint32(i))); ok {
			number[i] = item
		}
	}
	for n := range test.Len() {
		session := test.Session(n)
		for i := len(session) - 1; i >= 0; i-- {
			r.items = append(r.items, number[session[i]])
		}
		r.offsets = append(r.offsets, len(r.items))
		if len(session) > 1 {
			r.n += o.targets(len(session))
		}
	}
	switch o.Exclude {
	case ExcludeCurrent:
		r.skip = func(item uint32) bool { return item == r.seen[0] }
	case ExcludeSeen:
		r.skip = r.skipSeen
	}
	return r
}

// targets is how many items of a session of that length are predicted.
func (o *Options) targets(length int) int {
	if o.LastOnly {
		return 1
	}
	return length - 1
}

func (r *replay) skipSeen(item uint32) bool {
	for _, s := range r.seen {
		if s == item {
			return true
		}
	}
	return false
}

// each calls fn with every prefix, newest item first, and the item that came
// next.
func (r *replay) each(ctx context.Context, stage string, fn func(steps []uint32, target uint32)) error {
	done := 0
	for n := range len(r.offsets) - 1 {
		if err := ctx.Err(); err != nil {
			return err
		}
		session := r.items[r.offsets[n]:r.offsets[n+1]]
		if len(session) < 2 {
			continue
		}
		for left := r.o.targets(len(session)); left > 0; left-- {
			fn(session[left:], session[left-1])
			done++
		}
		r.o.Progress(stage, int64(done), int64(r.n))
	}
	return nil
}

func (r *replay) recommend(steps []uint32) []rows.Scored {
	r.seen = steps
	r.list = r.model.Recommend(steps, r.o.Top, r.skip, r.list)
	return r.list
}

// score fills in how good the lists are.
func (r *replay) score(ctx context.Context, report *Report) error {
	items := r.model.Items()
	most := 0.
	for i := range uint32(items.Len()) {
		most = max(most, items.Count(i))
	}
	shown := make([]bool, items.Len())
	err := r.each(ctx, "score", func(steps []uint32, target uint32) {
		list := r.recommend(steps)
		popularity := 0.
		for n, c := range list {
			shown[c.Item] = true
			popularity += items.Count(c.Item) / most
			if c.Item == target {
				report.HR++
				report.MRR += 1 / float64(n+1)
				report.NDCG += 1 / math.Log2(float64(n+2))
			}
		}
		report.Popularity += popularity / float64(max(1, len(list)))
	})
	if err != nil {
		return err
	}
	for _, was := range shown {
		if was {
			report.Coverage++
		}
	}
	n := float64(r.n)
	report.N = r.n
	report.HR /= n
	report.MRR /= n
	report.NDCG /= n
	report.Popularity /= n
	report.Precision = report.HR / float64(r.o.Top)
	report.Recall = report.HR
	report.Coverage /= float64(items.Len())
	return nil
}

// slowest is the longest time that is told apart: a prediction above it
// counts as this long.
const slowest = int64(time.Minute)

// time fills in how fast the lists are made: everything a second time, on one
// goroutine, scoring and top alone.
func (r *replay) time(ctx context.Context, report *Report) error {
	took := hdrhistogram.New(1, slowest, 3)
	now, total := r.o.Now, time.Duration(0)
	err := r.each(ctx, "time", func(steps []uint32, _ uint32) {
		begin := now()
		r.recommend(steps)
		d := now().Sub(begin)
		total += d
		took.RecordValue(min(max(1, int64(d)), slowest)) // within the range: cannot fail
	})
	if err != nil {
		return err
	}
	micros := func(q float64) float64 { return float64(took.ValueAtQuantile(q)) / 1000 }
	report.P50, report.P90, report.P99, report.P999 = micros(50), micros(90), micros(99), micros(99.9)
	if total > 0 {
		report.PerSecond = float64(r.n) / total.Seconds()
	}
	return nil
}
