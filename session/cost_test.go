package session_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/google/uuid"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

func TestOpenDoesNotAllocate(t *testing.T) {
	n := newNode(newSource(), newClock(), nil)
	for i := range 80 {
		n.send(t, full, ev(fmt.Sprint("e", i), event.View, fmt.Sprint("i", i), int64(i)))
		n.send(t, full, ev(fmt.Sprint("s", i), event.Impression, fmt.Sprint("i", i), int64(i)))
	}
	var v session.View
	ctx := context.Background()
	allocs := testing.AllocsPerRun(200, func() {
		if err := n.Open(ctx, full, "e79", &v); err != nil || len(v.Steps) != session.MaxSteps {
			t.Fatalf("%v, %d steps", err, len(v.Steps))
		}
	})
	if allocs != 0 {
		t.Errorf("opening a session allocates %v times", allocs)
	}
}

// foldNew makes a session of distinct items as a browser does: UUIDs everywhere.
func foldNew(n *session.Sessions, i, events int) {
	key := session.Key{Site: "demo", Visitor: uuid.NewString(), Session: uuid.NewString()}
	recs := make([]event.Record, events)
	for j := range recs {
		recs[j] = ev(uuid.NewString(), event.View, fmt.Sprintf("85%03d%c%d", (i+j)%1000, 'A'+j%26, j/26), int64(j))
	}
	n.Fold(session.Visitor{Site: "demo", ID: key.Visitor, Session: key.Session, SessionAt: recs[events-1].Time}, key, recs)
}

// ringOfSession is how many entries a ring has.
const ringOfSession = 96

func memoryPerSession(count, events int) float64 {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	n := session.New(session.Config{Source: newSource(), Now: newClock().Now})
	before := heap()
	for i := range count {
		foldNew(n, i, events)
	}
	used := heap() - before
	runtime.KeepAlive(n)
	return float64(used) / float64(count)
}

func TestASessionIsSmall(t *testing.T) {
	for _, c := range []struct{ events, most int }{{10, 2048}, {session.MaxSteps, 6144}, {ringOfSession, 6400}} {
		got := memoryPerSession(5000, c.events)
		t.Logf("a session of %d events takes %.0f bytes with its visitor", c.events, got)
		if got > float64(c.most) {
			t.Errorf("%.0f bytes for %d events, at most %d are meant", got, c.events, c.most)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	n := newNode(newSource(), newClock(), nil)
	p, err := n.Locate(context.Background(), full, n.clk.Now())
	if err != nil {
		b.Fatal(err)
	}
	for i := range 10 {
		n.Fold(p.Visitor, p.Key, []event.Record{ev(uuid.NewString(), event.View, fmt.Sprint("i", i), int64(i))})
	}
	var v session.View
	b.ReportAllocs()
	for b.Loop() {
		if err := n.Open(context.Background(), full, "", &v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenPseudonym(b *testing.B) {
	n := newNode(newSource(), newClock(), nil)
	who := with(full, func(w *session.Who) { w.Consent, w.SessionID = event.ConsentSession, "s1" })
	var v session.View
	b.ReportAllocs()
	for b.Loop() {
		if err := n.Open(context.Background(), who, "", &v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFoldNewSession(b *testing.B) {
	n := session.New(session.Config{Source: newSource(), Now: newClock().Now, Max: 100_000})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		foldNew(n, i, 10)
		i++
	}
}
