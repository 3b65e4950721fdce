package evaluate

import (
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/nextbest/nextbest/recommend/rows"
)

// measure is what lists add up to, whoever made them.
type measure struct {
	items   Items
	most    float64 // clicks of the most clicked item
	shown   []bool
	chances Rates
	all     Rates
	ndcg    float64
	popular float64
}

func newMeasure(items Items) *measure {
	m := &measure{items: items, shown: make([]bool, items.Len())}
	for i := range uint32(items.Len()) {
		m.most = max(m.most, items.Count(i))
	}
	return m
}

// add takes in one list; slot is the target's in it, 0 when it is absent.
func (m *measure) add(list []rows.Scored, slot int, masked bool) {
	popularity := 0.
	for _, c := range list {
		m.shown[c.Item] = true
		popularity += m.items.Count(c.Item) / m.most
	}
	m.popular += popularity / float64(max(1, len(list)))
	m.all.add(slot)
	if !masked {
		m.chances.add(slot)
	}
	if slot > 0 {
		m.ndcg += 1 / math.Log2(float64(slot+1))
	}
}

// fill writes the rates; chances only where a policy takes some away.
func (m *measure) fill(o *Options, report *Report) {
	all := m.all.means()
	report.N, report.HR, report.MRR = all.N, all.HR, all.MRR
	n := float64(max(1, all.N))
	report.NDCG, report.Popularity = m.ndcg/n, m.popular/n
	report.Precision, report.Recall = report.HR/float64(o.Top), report.HR
	report.Coverage = 0
	for _, was := range m.shown {
		if was {
			report.Coverage++
		}
	}
	report.Coverage /= float64(max(1, len(m.shown)))
	if o.Exclude != ExcludeNone {
		chances := m.chances.means()
		report.Chances = &chances
	}
}

// slowest is the longest time that is told apart: a prediction above it
// counts as this long.
const slowest = int64(time.Minute)

// watch collects how long predictions take.
type watch struct {
	now   func() time.Time
	times *hdrhistogram.Histogram
	total time.Duration
	n     int
}

func newWatch(now func() time.Time) *watch {
	return &watch{now: now, times: hdrhistogram.New(1, slowest, 3)}
}

func (w *watch) took(begin time.Time) {
	d := w.now().Sub(begin)
	w.total += d
	w.n++
	_ = w.times.RecordValue(min(max(1, int64(d)), slowest)) // within the range: cannot fail
}

func (w *watch) fill(report *Report) {
	micros := func(q float64) float64 { return float64(w.times.ValueAtQuantile(q)) / 1000 }
	report.P50, report.P90, report.P99, report.P999 = micros(50), micros(90), micros(99), micros(99.9)
	if w.total > 0 {
		report.PerSecond = float64(w.n) / w.total.Seconds()
	}
}
