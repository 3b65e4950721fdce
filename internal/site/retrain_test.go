package site

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store/memory"
)

// retraining is a site in a synctest bubble that trains every six hours.
func retraining(t *testing.T, name string, db *memory.Store, turns *Turns, judged func(*learn.GateReport)) (st *Site, end func()) {
	sessions := session.New(session.Config{Source: db, Salt: []byte("0123456789abcdef0123456789abcdef")})
	collector := ingest.New(ingest.Config{Sessions: sessions, Log: db})
	st, err := Open(t.Context(), Config{
		Name: name, Store: db, Sessions: sessions, Collector: collector, Turns: turns, Judged: judged, Logger: slog.New(slog.DiscardHandler),
		Settings: Settings{Train: quick(), TrainEvery: 6 * time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	return st, func() {
		if err := collector.Close(context.Background()); err != nil {
			t.Error(err)
		}
		st.Close()
	}
}

// A site trains by itself at its time, through the gate, and grows: first there
// is nothing to train on, then a first model, then one that is not worse.
func TestTrainsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // a training that a tick began knows nothing of the test's wait
		var reasons []string
		st, end := retraining(t, "shop", memory.New(), nil, func(r *learn.GateReport) {
			mu.Lock()
			defer mu.Unlock()
			reasons = append(reasons, r.Reason)
		})
		defer end()
		pass := func(d time.Duration) []string {
			<-time.After(d)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(reasons)
		}
		if got := pass(7 * time.Hour); len(got) > 0 {
			t.Errorf("without data: %v", got)
		}
		if _, err := st.ImportEvents(t.Context(), walks("old", 1500, 10, time.Now())); err != nil {
			t.Fatal(err)
		}
		if got := pass(time.Hour); len(got) > 0 {
			t.Errorf("before its time: %v", got)
		}
		if got := pass(5 * time.Hour); !slices.Equal(got, []string{learn.GateBetter}) {
			t.Errorf("the first model: %v", got)
		}
		_, first, err := st.Models(t.Context())
		if err != nil || first == "" {
			t.Fatalf("no active model: %v", err)
		}
		if _, err := st.ImportEvents(t.Context(), walks("new", 300, .2, time.Now())); err != nil {
			t.Fatal(err)
		}
		if got := pass(6 * time.Hour); !slices.Equal(got, []string{learn.GateBetter, learn.GateNotWorse}) {
			t.Errorf("the second model: %v", got)
		}
		if _, second, err := st.Models(t.Context()); err != nil || second == first {
			t.Errorf("active is %s still, %v", second, err)
		}
	})
}

// Two sites of one process do not train at the same time, and one that waits
// for its turn ends when the program does.
func TestTrainingsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns()
		if err := turns.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		var judged atomic.Int32
		a, endA := retraining(t, "a", memory.New(), turns, func(*learn.GateReport) { judged.Add(1) })
		_, endB := retraining(t, "b", memory.New(), turns, nil)
		defer endB()
		if _, err := a.ImportEvents(t.Context(), walks("old", 1500, 10, time.Now())); err != nil {
			t.Fatal(err)
		}
		<-time.After(7 * time.Hour)
		synctest.Wait()
		if judged.Load() > 0 {
			t.Error("trained while it was another's turn")
		}
		turns.give()
		synctest.Wait()
		if n := judged.Load(); n != 1 {
			t.Errorf("%d trainings in its turn, want 1", n)
		}
		if err := turns.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-time.After(6 * time.Hour)
		endA()
	})
}
