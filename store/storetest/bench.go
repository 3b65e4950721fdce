package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
)

// Bench measures what a request waits for.
func Bench(b *testing.B, open func(t testing.TB) store.Store) {
	b.Helper()
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprintf("Append%d", n), func(b *testing.B) { benchAppend(b, open(b), n) })
	}
	b.Run("AppendParallel", func(b *testing.B) { benchParallel(b, open(b)) })
	b.Run("Rehydrate96", func(b *testing.B) { benchRehydrate(b, open(b)) })
	b.Run("ScanLog", func(b *testing.B) { benchScan(b, open(b)) })
	b.Run("Profile", func(b *testing.B) { benchProfile(b, open(b)) })
	b.Run("Visitor", func(b *testing.B) { benchVisitor(b, open(b)) })
}

// click is an event as a shop sends it.
func click(visitor string, n int64) event.Record {
	r := rec("shop", visitor, "f3b0c442-98fc-4c14-9afb-f4c8996fb924", fmt.Sprintf("0190f5c0-%012d", n), base+n)
	r.Kind, r.Seq, r.ItemID = event.Click, uint32(n), "85123A"
	r.Context = []byte(`{"path":"/p/85123A","referrer":"https://shop.example/"}`)
	return r
}

func benchAppend(b *testing.B, s store.Store, size int) {
	recs := make([]event.Record, size)
	id, n := "", int64(0)
	b.ReportAllocs()
	for b.Loop() {
		for i := range recs {
			if n%20 == 0 { // 20 clicks a session
				id = fmt.Sprintf("visitor-%08d", n/20)
			}
			recs[i] = click(id, n)
			n++
		}
		must(b, s.Append(b.Context(), ingest.Write{Records: recs}))
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/event")
}

func benchParallel(b *testing.B, s store.Store) {
	var n atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		recs := make([]event.Record, 1)
		for pb.Next() {
			i := n.Add(1)
			recs[0] = click(fmt.Sprintf("visitor-%08d", i/20), i)
			if err := s.Append(b.Context(), ingest.Write{Records: recs}); err != nil {
				b.Errorf("append: %v", err)
				return
			}
		}
	})
}

const (
	benchSessions = 500
	benchEvents   = 96
)

// fill stores sessions of 96 events each.
func fill(b *testing.B, s store.Store) {
	b.Helper()
	for v := range benchSessions {
		recs := make([]event.Record, benchEvents)
		for i := range recs {
			recs[i] = click(numbered("v", v), int64(i))
		}
		must(b, s.Append(b.Context(), ingest.Write{
			Records:  recs,
			Visitors: []session.Visitor{{Site: "shop", ID: numbered("v", v), Session: "x", SessionAt: base, Lasting: true}},
		}))
	}
}

func benchRehydrate(b *testing.B, s store.Store) {
	fill(b, s)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		recs, _, err := s.SessionEvents(b.Context(), keyOf(click(numbered("v", n%benchSessions), 0)), benchEvents)
		must(b, err)
		if len(recs) != benchEvents {
			b.Fatalf("%d records", len(recs))
		}
	}
}

func benchScan(b *testing.B, s store.Store) {
	fill(b, s)
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		_, n, err := s.ScanLog(b.Context(), "shop", nil, 0, func(event.Record) error { return nil })
		must(b, err)
		rows += n
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "records/s")
}

func benchProfile(b *testing.B, s store.Store) {
	p := fullProfile("")
	p.Vector = make([]float32, 64)
	for n := range benchSessions {
		p.ID = numbered("v", n)
		activate(b, s, "shop", "one", p)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if got, err := s.Profile(b.Context(), "shop", numbered("v", n%benchSessions)); err != nil || got == nil {
			b.Fatalf("profile %v (%v)", got, err)
		}
	}
}

func benchVisitor(b *testing.B, s store.Store) {
	fill(b, s)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if v, err := s.Visitor(b.Context(), "shop", numbered("v", n%benchSessions)); err != nil || v.ID == "" {
			b.Fatalf("visitor %v (%v)", v, err)
		}
	}
}
