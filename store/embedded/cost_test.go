package embedded

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

// cpu is what the process has used: unlike elapsed time it does not count what
// else runs on the machine.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func reportCPU(b *testing.B, since time.Duration) {
	b.ReportMetric(float64(cpu()-since)/float64(b.N)/1e3, "cpu-µs/op")
}

const costVisitors = 100_000

// filled is a store in a folder, as it is after a while: most of it in tables.
func filled(b *testing.B) *Store {
	b.Helper()
	s, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	for v := 0; v < costVisitors; v += 100 {
		var w ingest.Write
		for i := v; i < v+100; i++ {
			id := fmt.Sprintf("visitor-%08d", i*7919%costVisitors)
			for n := range 3 {
				w.Records = append(w.Records, event.Record{
					Site: "shop", Visitor: id, Session: "session-1", ReceivedAt: 1_700_000_000_000, Lasting: true,
					Event: event.Event{ID: fmt.Sprintf("0190f5c0-%012d", i*10+n), Kind: event.View, ItemID: "85123A", TS: 1_700_000_000_000 + int64(n), Time: 1_700_000_000_000 + int64(n)},
				})
			}
			w.Visitors = append(w.Visitors, session.Visitor{Site: "shop", ID: id, Session: "session-1", SessionAt: 1_700_000_000_000, Lasting: true})
		}
		if err := s.Append(b.Context(), w); err != nil {
			b.Fatal(err)
		}
		if err := s.PutHistory(b.Context(), w.Records); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.db.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := s.db.Compact(b.Context(), []byte{0}, []byte{255}, false); err != nil {
		b.Fatal(err)
	}
	return s
}

func BenchmarkUnknown(b *testing.B) {
	s := filled(b)
	ids := make([]string, 1<<16)
	for i := range ids {
		ids[i] = fmt.Sprintf("visitor-%07dx", i*7919%(costVisitors/10))
	}
	known := func(id string) string { return id[:15] + "3" }
	for _, read := range []struct {
		name string
		do   func(id string) error
	}{
		{"Visitor", func(id string) error { _, err := s.Visitor(b.Context(), "shop", id); return err }},
		{"SessionEvents", func(id string) error {
			_, _, err := s.SessionEvents(b.Context(), session.Key{Site: "shop", Visitor: id, Session: "session-1"}, 512)
			return err
		}},
		{"BuiltIn", func(id string) error { _, err := s.BuiltIn(b.Context(), "shop", id, "session-1"); return err }},
		{"KnownVisitor", func(id string) error { _, err := s.Visitor(b.Context(), "shop", known(id)); return err }},
		{"KnownBuiltIn", func(id string) error { _, err := s.BuiltIn(b.Context(), "shop", known(id), "s"); return err }},
	} {
		b.Run(read.name, func(b *testing.B) {
			b.ReportAllocs()
			since := cpu()
			for n := 0; b.Loop(); n++ {
				if err := read.do(ids[n%len(ids)]); err != nil {
					b.Fatal(err)
				}
			}
			reportCPU(b, since)
		})
	}
}

// BenchmarkCommit is what an acknowledged click costs when many wait together;
// run it with -cpu 1.
func BenchmarkCommit(b *testing.B) {
	for _, parallel := range []int{1, 32} {
		b.Run(fmt.Sprint(parallel), func(b *testing.B) {
			s, err := Open(b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = s.Close() })
			var n atomic.Int64
			b.SetParallelism(parallel)
			b.ReportAllocs()
			since := cpu()
			b.RunParallel(func(pb *testing.PB) {
				w := ingest.Write{Records: make([]event.Record, 1)}
				for pb.Next() {
					i := n.Add(1)
					id := fmt.Sprintf("visitor-%08d", i/4*7919%1_000_003)
					w.Records[0] = event.Record{
						Site: "shop", Visitor: id, Session: "f3b0c442-98fc-4c14-9afb-f4c8996fb924", ReceivedAt: 1_700_000_000_000, Lasting: true,
						Event: event.Event{ID: fmt.Sprintf("0190f5c0-%012d", i), Kind: event.Click, ItemID: "85123A", TS: 1_700_000_000_000 + i, Time: 1_700_000_000_000 + i},
					}
					w.Visitors = nil
					if i%4 == 0 {
						w.Visitors = []session.Visitor{{Site: "shop", ID: id, Session: "f3b0c442-98fc-4c14-9afb-f4c8996fb924", SessionAt: i, Lasting: true}}
					}
					if err := s.Append(b.Context(), w); err != nil {
						b.Errorf("append: %v", err)
						return
					}
				}
			})
			reportCPU(b, since)
		})
	}
}
