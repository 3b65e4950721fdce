//go:build unix

package recommend

import (
	"context"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRankVariety is what each kind costs beside an answer without, for a
// session that was shown 64 items.
func BenchmarkRankVariety(b *testing.B) {
	const items = 30_000
	e := benchEngine(b, items)
	for _, name := range []string{"off", "max", "list", "mmr", "two", "rows", "rotate", "fresh", "together"} {
		v := varieties()[name]
		reqs := benchRequests(b, items, func(r *Request) {
			r.Placement.Variety = v
			var ans Answer
			long := *r
			long.Limit, long.Placement.Variety = 64, Variety{}
			if err := e.Rank(context.Background(), &long, &ans); err != nil {
				b.Fatal(err)
			}
			r.Session.Shown = ids(&ans)
		})
		b.Run(name, func(b *testing.B) {
			var ans Answer
			b.ReportAllocs()
			begin := cpuTime(b)
			for n := 0; b.Loop(); n++ {
				if err := e.Rank(context.Background(), reqs[n%len(reqs)], &ans); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuTime(b)-begin)/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpuTime is what the process has used so far. Beside other work it tells more
// than the clock.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano())
}
