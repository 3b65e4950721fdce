package cached

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
	"github.com/nextbest/nextbest/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watched is a store whose reads of profiles and histories are counted and
// can be stopped behind the read.
type watched struct {
	store.Store
	reads  atomic.Int64
	before func(context.Context) error // the read, when set
	behind func()                      // the read, when set
}

func (w *watched) Profile(ctx context.Context, site, id string) (*profile.Profile, error) {
	w.reads.Add(1)
	if w.before != nil {
		if err := w.before(ctx); err != nil {
			return nil, err
		}
	}
	p, err := w.Store.Profile(ctx, site, id)
	if w.behind != nil {
		w.behind()
	}
	return p, err
}

func (w *watched) BuiltIn(ctx context.Context, site, owner, except string) (*profile.Profile, error) {
	w.reads.Add(1)
	return w.Store.BuiltIn(ctx, site, owner, except)
}

func (w *watched) History(ctx context.Context, site, owner string, limit int) ([]event.Record, error) {
	w.reads.Add(1)
	return w.Store.History(ctx, site, owner, limit)
}

func newWatched(t testing.TB, opts Options) (*Store, *watched) {
	t.Helper()
	w := &watched{Store: memory.New()}
	if opts.Random == nil {
		opts.Random = func() float64 { return 0.5 } // no spread
	}
	s, err := New(w, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, w
}

// pass lets time pass in a synctest bubble.
func pass(d time.Duration) { <-time.After(d) }

func put(t *testing.T, s store.Store, id, segment string) {
	t.Helper()
	must(t, s.PutProfiles(t.Context(), "s", "one", []profile.Profile{{ID: id, Segments: []string{segment}}}))
	must(t, s.ActivateProfiles(t.Context(), "s", "one"))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want reads a profile and compares its segment; "" for none.
func want(t *testing.T, s store.Store, id, segment string) {
	t.Helper()
	p, err := s.Profile(t.Context(), "s", id)
	must(t, err)
	got := ""
	if p != nil {
		got = p.Segments[0]
	}
	if got != segment {
		t.Fatalf("the profile of %s is %q, not %q", id, got, segment)
	}
}

func wantReads(t *testing.T, w *watched, n int64) {
	t.Helper()
	if got := w.reads.Load(); got != n {
		t.Fatalf("the store was read %d times, not %d", got, n)
	}
}

// G10, with the callers certainly waiting together.
func TestThousandMissesAreOneRead(t *testing.T) {
	for _, inline := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, w := newWatched(t, Options{Inline: inline})
			put(t, s, "v", "x")
			gate := make(chan struct{})
			w.before = func(context.Context) error { <-gate; return nil }
			var group sync.WaitGroup
			for range 1000 {
				group.Go(func() { want(t, s, "v", "x") })
			}
			synctest.Wait()
			close(gate)
			group.Wait()
			wantReads(t, w, 1)
		})
	}
}

// G10, with callers that come as they come: some miss just before the read
// ends and ask just after.
func TestManyMissesAreOneRead(t *testing.T) {
	for _, inline := range []bool{false, true} {
		s, w := newWatched(t, Options{Inline: inline})
		put(t, s, "v", "x")
		var group sync.WaitGroup
		start := make(chan struct{})
		for range 1000 {
			group.Go(func() {
				<-start
				if _, err := s.Profile(context.Background(), "s", "v"); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		group.Wait()
		wantReads(t, w, 1)
	}
}

func TestFirstCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := newWatched(t, Options{})
		put(t, s, "v", "x")
		gate := make(chan struct{})
		w.before = func(ctx context.Context) error {
			select {
			case <-gate:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := s.Profile(ctx, "s", "v")
			left <- err
		}()
		synctest.Wait()
		var group sync.WaitGroup
		group.Go(func() { want(t, s, "v", "x") })
		synctest.Wait()
		leave()
		if err := <-left; fault.KindOf(err) != fault.Unavailable {
			t.Errorf("the caller who left is told %v", err)
		}
		close(gate)
		group.Wait()
		wantReads(t, w, 1)
	})
}

// G14: a store that never answers costs the deadline of one read.
func TestStoreThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := newWatched(t, Options{LoadTimeout: 300 * time.Millisecond})
		put(t, s, "v", "x")
		w.before = func(ctx context.Context) error { <-ctx.Done(); return store.ContextError(ctx) }
		start := time.Now()
		_, err := s.Profile(t.Context(), "s", "v")
		if fault.KindOf(err) != fault.Unavailable || time.Since(start) != 300*time.Millisecond {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		w.before = nil
		want(t, s, "v", "x") // an error is not kept
	})
}

func TestStaleWhileRevalidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := newWatched(t, Options{Soft: time.Minute, Hard: time.Hour})
		put(t, s, "v", "old")
		want(t, s, "v", "old")
		put(t, w.Store, "v", "new") // another process
		pass(time.Minute - 1)
		want(t, s, "v", "old")
		synctest.Wait()
		wantReads(t, w, 1)
		pass(2)
		gate := make(chan struct{})
		w.before = func(context.Context) error { <-gate; return nil }
		for range 10 {
			want(t, s, "v", "old") // at once, and one refresh beside
		}
		close(gate)
		synctest.Wait()
		wantReads(t, w, 2)
		want(t, s, "v", "new")
		put(t, w.Store, "v", "newest")
		pass(time.Hour + 1)
		want(t, s, "v", "newest") // too old to be shown
		wantReads(t, w, 3)
	})
}

func TestStaleWhileTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := newWatched(t, Options{Soft: time.Minute, Hard: time.Hour})
		put(t, s, "v", "old")
		want(t, s, "v", "old")
		w.before = func(context.Context) error { return fault.Unavailablef("store", "away") }
		pass(2 * time.Minute)
		for range 100 {
			want(t, s, "v", "old")
			synctest.Wait()
		}
		wantReads(t, w, 2) // not one for every request
		pass(retryAfter)
		want(t, s, "v", "old")
		synctest.Wait()
		wantReads(t, w, 3)
		pass(time.Hour)
		if _, err := s.Profile(t.Context(), "s", "v"); fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("past its hard end: %v", err)
		}
	})
}

func TestNothingIsKeptShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := newWatched(t, Options{Empty: 10 * time.Second})
		for range 3 {
			want(t, s, "v", "")
		}
		wantReads(t, w, 1)
		put(t, w.Store, "v", "x") // another process
		want(t, s, "v", "")
		pass(20*time.Second + 1)
		want(t, s, "v", "x")
		wantReads(t, w, 2)
	})
}

func TestJitter(t *testing.T) {
	for random, soft := range map[float64]time.Duration{0: 90 * time.Second, 0.5: 100 * time.Second, 0.9999999: 110 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s, w := newWatched(t, Options{Soft: 100 * time.Second, Hard: time.Hour, Random: func() float64 { return random }})
			put(t, s, "v", "x")
			want(t, s, "v", "x")
			pass(soft - time.Millisecond)
			want(t, s, "v", "x")
			synctest.Wait()
			wantReads(t, w, 1)
			pass(2 * time.Millisecond)
			want(t, s, "v", "x")
			synctest.Wait()
			wantReads(t, w, 2)
		})
	}
}

// A read that began before a write and ends after it gives its old value to
// nobody who started after the write was acknowledged.
func TestWriteDuringARead(t *testing.T) {
	writes := map[string]func(t *testing.T, s *Store){
		"PutProfiles": func(t *testing.T, s *Store) {
			must(t, s.PutProfiles(t.Context(), "s", "one", []profile.Profile{{ID: "v", Segments: []string{"new"}}}))
		},
		"ActivateProfiles": func(t *testing.T, s *Store) {
			must(t, s.PutProfiles(t.Context(), "s", "two", []profile.Profile{{ID: "v", Segments: []string{"new"}}}))
			must(t, s.ActivateProfiles(t.Context(), "s", "two"))
		},
		"EraseVisitor": func(t *testing.T, s *Store) {
			must(t, s.EraseVisitor(t.Context(), "s", "v", time.UnixMilli(1000)))
		},
		"Append": func(t *testing.T, s *Store) {
			must(t, s.Append(t.Context(), ingest.Write{Visitors: []session.Visitor{{Site: "s", ID: "v", ErasedAt: 1000}}}))
		},
	}
	for name, write := range writes {
		duringARead(t, name, Options{}, write)
		duringARead(t, name+" inline", Options{Inline: true}, write)
	}
}

func duringARead(t *testing.T, name string, opts Options, write func(*testing.T, *Store)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, w := newWatched(t, opts)
			put(t, s, "v", "old")
			after := "new"
			if strings.HasPrefix(name, "EraseVisitor") || strings.HasPrefix(name, "Append") {
				after = ""
			}
			gate := make(chan struct{})
			w.behind = func() { <-gate } // it has read the old value
			var group sync.WaitGroup
			group.Go(func() { want(t, s, "v", "old") })
			synctest.Wait()
			w.behind = nil
			write(t, s)
			want(t, s, "v", after)
			close(gate)
			group.Wait()
			synctest.Wait()
			want(t, s, "v", after)
		})
	})
}

// Readers beside a writer: whoever starts after the acknowledgement of write n
// sees n or later, also while entries are refreshed all the time.
func TestNoStaleReadUnderLoad(t *testing.T) {
	for _, inline := range []bool{false, true} {
		noStaleRead(t, Options{Soft: time.Nanosecond, Hard: time.Hour, Inline: inline})
	}
}

func noStaleRead(t *testing.T, opts Options) {
	s, _ := newWatched(t, opts)
	put(t, s, "v", numbered(0))
	var acknowledged atomic.Int64
	var group sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				least := numbered(acknowledged.Load())
				p, err := s.Profile(context.Background(), "s", "v")
				if err != nil || p == nil || p.Segments[0] < least {
					t.Errorf("read %v (%v), %s was acknowledged", p, err, least)
					return
				}
				recs, err := s.History(context.Background(), "s", "v", 1)
				if err != nil || len(recs) > 0 && recs[0].ID < least {
					t.Errorf("read %v (%v), %s was acknowledged", recs, err, least)
					return
				}
			}
		})
	}
	for n := int64(1); n <= 2000; n++ {
		r := event.Record{Site: "s", Visitor: "v", Event: event.Event{ID: numbered(n), TS: n, Kind: event.View}}
		must(t, s.PutHistory(t.Context(), []event.Record{r}))
		must(t, s.PutProfiles(t.Context(), "s", "one", []profile.Profile{{ID: "v", Segments: []string{numbered(n)}}}))
		acknowledged.Store(n)
	}
	close(stop)
	group.Wait()
}

func numbered(n int64) string { return fmt.Sprintf("%06d", n) }

// The running session of a visitor changes with every click; the profile made
// of the others stays cached.
func TestOwnSessionDoesNotOutdateBuiltIn(t *testing.T) {
	s, w := newWatched(t, Options{})
	put := func(session, id string) {
		t.Helper()
		must(t, s.PutHistory(t.Context(), []event.Record{{
			Site: "s", Visitor: "v", Session: session, Event: event.Event{ID: id, ItemID: id, Kind: event.View, TS: 1},
		}}))
	}
	items := func(n int, reads int64) {
		t.Helper()
		p, err := s.BuiltIn(t.Context(), "s", "v", "now")
		must(t, err)
		if p == nil || len(p.Affinities) != n {
			t.Fatalf("the built-in profile is %+v, wanted %d items", p, n)
		}
		wantReads(t, w, reads)
	}
	put("before", "1")
	items(1, 1)
	put("now", "2")
	put("now", "3")
	items(1, 1)
	put("elsewhere", "4")
	items(2, 2)
	put("now", "5")
	items(2, 2)
}

func TestInactiveUploadKeepsTheCache(t *testing.T) {
	s, w := newWatched(t, Options{})
	put(t, s, "v", "x")
	want(t, s, "v", "x")
	must(t, s.PutProfiles(t.Context(), "s", "next", []profile.Profile{{ID: "v"}}))
	want(t, s, "v", "x")
	wantReads(t, w, 1)
}

func TestHistoryIsTheCallersOwn(t *testing.T) {
	s, _ := newWatched(t, Options{})
	must(t, s.PutHistory(t.Context(), []event.Record{{Site: "s", Visitor: "v", Event: event.Event{ID: "1", Kind: event.View}}}))
	for range 2 {
		recs, err := s.History(t.Context(), "s", "v", 5)
		must(t, err)
		if len(recs) != 1 || recs[0].ID != "1" {
			t.Fatalf("history is %v", recs)
		}
		recs[0].ID = "overwritten"
	}
}

func TestMemoryIsBounded(t *testing.T) {
	const limit = 1 << 20
	s, w := newWatched(t, Options{MaxBytes: limit})
	const n, dims = 1000, 2000 // 8 KB each
	var all []profile.Profile
	for i := range n {
		all = append(all, profile.Profile{ID: numbered(int64(i)), Vector: make([]float32, dims), Segments: []string{"x"}})
	}
	must(t, s.PutProfiles(t.Context(), "s", "one", all))
	must(t, s.ActivateProfiles(t.Context(), "s", "one"))
	kept := 0
	for range 2 {
		for i := range n {
			want(t, s, numbered(int64(i)), "x")
			s.cache.kept.Wait()
		}
	}
	for i := range n {
		a := s.cache.generations.ask(query{group: profiles, kind: kindProfile, site: "s", id: numbered(int64(i))})
		if _, ok := s.cache.kept.Get(a.hash); ok {
			kept++
		}
	}
	if kept == 0 || kept > limit/(4*dims) {
		t.Fatalf("%d profiles of 8 KB are kept in 1 MiB", kept)
	}
	if reads := w.reads.Load(); reads < 2*n-2*limit/(4*dims)-2*recentSlots {
		t.Fatalf("only %d reads", reads)
	}
}

func TestPanicOfAReadIsAnError(t *testing.T) {
	s, w := newWatched(t, Options{})
	w.before = func(context.Context) error { panic("defect") }
	if _, err := s.Profile(t.Context(), "s", "v"); err == nil {
		t.Fatal("no error")
	}
}

func TestCloseEndsReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := newWatched(t, Options{LoadTimeout: time.Hour})
		w.before = func(ctx context.Context) error { <-ctx.Done(); return store.ContextError(ctx) }
		got := make(chan error, 1)
		go func() {
			_, err := s.Profile(context.Background(), "s", "v")
			got <- err
		}()
		synctest.Wait()
		must(t, s.Close())
		if err := <-got; fault.KindOf(err) != fault.Unavailable {
			t.Errorf("the read under way is told %v", err)
		}
		if _, err := s.Profile(t.Context(), "s", "v"); !isCode(err, "store_closed") {
			t.Errorf("a read after the end is told %v", err)
		}
	})
}

func isCode(err error, code string) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Code == code
}
