package rows

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/recommend/corpus"
)

// BenchmarkCatalog shows what grows with the catalog and what must not: one
// prediction (scoring and top 20, over sessions that touch 250 to 350 entries
// each, so that the work is the same for all), and for each size the time to
// train and to open, the file and the memory. Clicks have UUIDs.
//
//	go test -run '^$' -bench Catalog -benchtime 300000x ./recommend/rows
func BenchmarkCatalog(b *testing.B) {
	for _, size := range []struct {
		items  int
		clicks int64
	}{{10_000, 1_000_000}, {100_000, 3_000_000}, {1_000_000, 10_000_000}} {
		var made *catalog // once, though the benchmark may be run several times
		b.Run(fmt.Sprintf("items=%d", size.items), func(b *testing.B) {
			if made == nil {
				made = makeCatalog(b, size.items, size.clicks)
			}
			made.measure(b)
		})
	}
}

// catalog is a trained and opened model with the sessions to ask it about.
type catalog struct {
	m       *Model
	asked   [][]uint32 // steps, newest first
	entries int        // touched by all of them
	train   time.Duration
	trained uint64 // bytes resident after the training, with the corpus
	open    time.Duration
	opened  uint64 // bytes resident of the opened model alone
}

func makeCatalog(b *testing.B, items int, clicks int64) *catalog {
	const held = 20_000 // sessions that are asked about
	g, err := dataset.Generate(dataset.GenerateOptions{Items: items, Clicks: clicks + 10*held, Seed: 1, UUIDs: true})
	if err != nil {
		b.Fatal(err)
	}
	var later [][]string
	builder := corpus.NewBuilder(corpus.Options{})
	taken := int64(0)
	for session, end := range g.All() {
		names := make([]string, len(session))
		for n, i := range session {
			names[n] = g.ID(i)
		}
		if taken += int64(len(session)); taken <= clicks {
			builder.Add(names, end)
		} else if len(later) < held {
			later = append(later, names)
		}
	}
	c := &catalog{}
	path := c.trainTo(b, builder)
	c.reopen(b, path)
	c.ask(later)
	return c
}

// trainTo trains and writes the model's file.
func (c *catalog) trainTo(b *testing.B, builder *corpus.Builder) string {
	begin := time.Now()
	all, err := builder.Build(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	m, err := Train(b.Context(), all, DefaultParams(), &BuildOptions{Workers: 2})
	if err != nil {
		b.Fatal(err)
	}
	c.train, c.trained = time.Since(begin), resident()
	f, err := os.CreateTemp("", "rows-*")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := m.WriteTo(f); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.Remove(f.Name()) })
	if err := all.Close(); err != nil {
		b.Fatal(err)
	}
	return f.Name()
}

func (c *catalog) reopen(b *testing.B, path string) {
	debug.FreeOSMemory()
	before := resident()
	begin := time.Now()
	var err error
	if c.m, err = Open(path); err != nil {
		b.Fatal(err)
	}
	c.open = time.Since(begin)
	c.opened = resident() - before
}

// ask keeps the prefixes of sessions that touch 250 to 350 entries.
func (c *catalog) ask(sessions [][]string) {
	for _, s := range sessions {
		steps := numbers(c.m, s...)
		slices.Reverse(steps)
		for n := range steps {
			touched := 0
			for _, i := range steps[n:min(len(steps), n+c.m.params.Last)] {
				if i != Unknown {
					touched += c.m.RowAt(i).Len()
				}
			}
			if touched >= 250 && touched <= 350 {
				c.asked = append(c.asked, steps[n:])
				c.entries += touched
			}
		}
	}
}

func (c *catalog) measure(b *testing.B) {
	s, dst := NewScratch(), make([]Scored, 0, 20)
	took := make([]time.Duration, 0, min(b.N, 1<<20))
	b.ResetTimer()
	for n := range b.N {
		begin := time.Now()
		s.Reset()
		c.m.Score(s, c.asked[n%len(c.asked)], nil)
		dst = c.m.Top(s, 20, nil, dst)
		if len(took) < cap(took) {
			took = append(took, time.Since(begin))
		}
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
	b.ReportMetric(float64(c.entries)/float64(len(c.asked)), "entries")
	b.ReportMetric(float64(c.m.Len()), "items")
	b.ReportMetric(c.train.Seconds(), "train-s")
	b.ReportMetric(float64(c.trained)/1e6, "train-MB")
	b.ReportMetric(c.open.Seconds()*1e3, "open-ms")
	b.ReportMetric(float64(c.opened)/1e6, "open-MB")
	b.ReportMetric(float64(c.m.Size())/1e6, "file-MB")
}

// resident is the process's memory: resident set where the system tells it, else
// what the runtime holds.
func resident() uint64 {
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		var size, pages uint64
		if _, err := fmt.Sscan(strings.TrimSpace(string(text)), &size, &pages); err == nil {
			return pages * uint64(os.Getpagesize())
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}
