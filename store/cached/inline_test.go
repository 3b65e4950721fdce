package cached

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session/event"
)

// Who waits for another's read leaves with its own context.
func TestInlineWaiterLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := newWatched(t, Options{Inline: true})
		put(t, s, "v", "x")
		gate := make(chan struct{})
		w.before = func(ctx context.Context) error {
			if _, timed := ctx.Deadline(); timed {
				t.Error("a local read has a deadline")
			}
			<-gate
			return nil
		}
		first, second := make(chan error, 1), make(chan error, 1)
		ask := func(ctx context.Context, told chan error) {
			_, err := s.Profile(ctx, "s", "v")
			told <- err
		}
		go ask(t.Context(), first)
		synctest.Wait()
		ctx, leave := context.WithCancel(t.Context())
		go ask(ctx, second)
		synctest.Wait()
		leave()
		if err := <-second; fault.KindOf(err) != fault.Unavailable {
			t.Errorf("who left is told %v", err)
		}
		close(gate)
		must(t, <-first)
	})
}

// A stale entry is read again at once, and shown when that fails.
func TestInlineRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := newWatched(t, Options{Inline: true, Soft: time.Minute, Hard: time.Hour})
		put(t, s, "v", "old")
		want(t, s, "v", "old")
		put(t, w.Store, "v", "new") // another process
		pass(2 * time.Minute)
		w.before = func(context.Context) error { return fault.Unavailablef("store", "away") }
		for range 10 {
			want(t, s, "v", "old")
		}
		wantReads(t, w, 2)
		w.before = nil
		pass(retryAfter)
		want(t, s, "v", "new")
		wantReads(t, w, 3)
	})
}

// "There is none" gives way to what there is, and the other way round.
func TestNoneAndSome(t *testing.T) {
	for _, inline := range []bool{false, true} {
		s, w := newWatched(t, Options{Inline: inline})
		for round := range int64(3) {
			want(t, s, "v", "")
			want(t, s, "v", "")
			put(t, s, "v", "x")
			want(t, s, "v", "x")
			want(t, s, "v", "x")
			wantReads(t, w, 2*round+2)
			must(t, s.PutProfiles(t.Context(), "s", "two", nil))
			must(t, s.ActivateProfiles(t.Context(), "s", "two"))
		}
	}
}

// Of a visitor without a history nothing is read again, nor allocated.
func TestNoneCostsNothing(t *testing.T) {
	s, w := newWatched(t, Options{Inline: true})
	ask := func() {
		if p, err := s.BuiltIn(context.Background(), "s", "v", "now"); p != nil || err != nil {
			t.Fatalf("%v, %v", p, err)
		}
	}
	if n := testing.AllocsPerRun(100, ask); n != 0 {
		t.Errorf("%v allocations", n)
	}
	wantReads(t, w, 1)
}

// The learner stores what a visitor does in the running session: that there is
// nothing else stays known.
func TestOwnSessionLeavesNone(t *testing.T) {
	s, w := newWatched(t, Options{Inline: true})
	for n := range 5 {
		p, err := s.BuiltIn(t.Context(), "s", "v", "now")
		if must(t, err); p != nil {
			t.Fatalf("%+v", p)
		}
		must(t, s.PutHistory(t.Context(), []event.Record{{
			Site: "s", Visitor: "v", Session: "now", Event: event.Event{ID: numbered(int64(n)), ItemID: "a", Kind: event.View, TS: 1},
		}}))
	}
	wantReads(t, w, 1)
}

func BenchmarkNone(b *testing.B) {
	s, _ := newWatched(b, Options{Inline: true})
	ids := make([]string, 256)
	for i := range ids {
		ids[i] = fmt.Sprintf("visitor-%d", i)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if p, err := s.BuiltIn(b.Context(), "s", ids[n%len(ids)], "now"); p != nil || err != nil {
			b.Fatal(p, err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	s, _ := newWatched(b, Options{Inline: true})
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if p, err := s.BuiltIn(b.Context(), "s", numbered(int64(n)), "now"); p != nil || err != nil {
			b.Fatal(p, err)
		}
	}
}

func BenchmarkSome(b *testing.B) {
	s, _ := newWatched(b, Options{Inline: true})
	all := make([]profile.Profile, 5000)
	for i := range all {
		all[i].ID = numbered(int64(i))
	}
	ctx := context.Background()
	if err := s.PutProfiles(ctx, "s", "one", all); err != nil {
		b.Fatal(err)
	}
	if err := s.ActivateProfiles(ctx, "s", "one"); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if p, err := s.Profile(ctx, "s", all[n%len(all)].ID); p == nil || err != nil {
			b.Fatal(p, err)
		}
	}
}
