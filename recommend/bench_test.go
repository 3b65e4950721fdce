package recommend

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/popular"
	"github.com/nextbest/nextbest/recommend/profile"
)

// benchEngine is an engine with a model of so many items and a catalog. The
// model has a ranker for requests that leave nothing of the session out and, up
// to 50,000 items, an embedding: that takes long to train.
func benchEngine(tb testing.TB, items int) *Engine {
	p := best.DefaultParams()
	p.Dim, p.Epochs, p.Lists = 32, 1, 3000
	if items > 50_000 {
		p.Dim = 0
	}
	m := trainModel(tb, p, walks(items, items, 1))
	if !m.Ranked(best.None) {
		tb.Fatal("the model has no ranker")
	}
	e := New(Config{})
	e.SetModel(m)
	e.SetCatalog(catalog.Build(makeItems(items)))
	return e
}

// benchRequests are requests whose sessions of ten steps start all over the
// catalog, so that caches do not flatter.
func benchRequests(tb testing.TB, items int, change func(*Request)) []*Request {
	reqs := make([]*Request, 512)
	for n := range reqs {
		steps := make([]string, 10)
		for s := range steps {
			steps[s] = itemID((n*7919 + s*3) % items)
		}
		reqs[n] = ask(tb)
		reqs[n].ExcludeCurrent = false
		reqs[n].Session = viewOf(steps...)
		change(reqs[n])
	}
	return reqs
}

// BenchmarkRank reports p50 and p99 beside the mean.
func BenchmarkRank(b *testing.B) {
	for _, items := range []int{30_000, 200_000} {
		e := benchEngine(b, items)
		for _, bench := range []struct {
			name   string
			change func(*Request)
		}{
			{"session", func(*Request) {}},
			{"seen", func(r *Request) { r.ExcludeSeen = true }},
			{"capture", func(r *Request) { r.Capture = &Decision{} }},
			{"profile", func(r *Request) { r.Profile = someProfile() }},
			{"nobody", func(r *Request) { r.Session = nil }},
			{"filter25%", func(r *Request) { r.Filter = compileFilter(b, `{"attribute":"colour","op":"=","value":"k1"}`) }},
			{"filter1%", func(r *Request) { r.Filter = compileFilter(b, `{"attribute":"brand","op":"=","value":"b7"}`) }},
			{"filter.01%", func(r *Request) { r.Filter = compileFilter(b, `{"attribute":"rare","op":"=","value":"r77"}`) }},
			{"price", func(r *Request) { r.Filter = compileFilter(b, `{"attribute":"price","op":"<=","value":2}`) }},
		} {
			reqs := benchRequests(b, items, bench.change)
			b.Run(fmt.Sprintf("%dk/%s", items/1000, bench.name), func(b *testing.B) {
				var ans Answer
				h := hdrhistogram.New(1, int64(time.Second), 3)
				b.ReportAllocs()
				for n := 0; b.Loop(); n++ {
					start := time.Now()
					if err := e.Rank(context.Background(), reqs[n%len(reqs)], &ans); err != nil {
						b.Fatal(err)
					}
					_ = h.RecordValue(int64(time.Since(start)))
				}
				b.ReportMetric(float64(h.ValueAtQuantile(50)), "p50-ns")
				b.ReportMetric(float64(h.ValueAtQuantile(99)), "p99-ns")
			})
		}
	}
}

func someProfile() *profile.Profile {
	p := &profile.Profile{Version: "v1"}
	for n := range 30 {
		p.Affinities = append(p.Affinities, profile.Affinity{ItemID: itemID(n * 211 % 30_000), Weight: 1 / float64(n+1)})
	}
	return p
}

// BenchmarkSetPopular is what the learner does several times a second while
// events come in: a new table, swapped in.
func BenchmarkSetPopular(b *testing.B) {
	for _, items := range []int{17_000, 200_000} {
		b.Run(fmt.Sprintf("%dk", items/1000), func(b *testing.B) {
			e, c := benchEngine(b, items), popular.NewCounter(popular.Options{})
			for n := range items {
				c.Add(itemID(n), float64(1+n*7919%97), noon().Add(-time.Duration(n)*time.Second).UnixMilli())
			}
			var table, set time.Duration
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				now := noon().Add(time.Duration(n) * 250 * time.Millisecond)
				for k := range 100 {
					c.Add(itemID((n*31+k*k)%items), 1, now.UnixMilli())
				}
				start := time.Now()
				t := c.Table(now)
				made := time.Now()
				e.SetPopular(t)
				table, set = table+made.Sub(start), set+time.Since(made)
			}
			b.ReportMetric(float64(table.Microseconds())/float64(b.N), "table-µs")
			b.ReportMetric(float64(set.Microseconds())/float64(b.N), "set-µs")
		})
	}
}
