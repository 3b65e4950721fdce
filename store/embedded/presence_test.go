package embedded

import (
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"testing"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

func TestFilter(t *testing.T) {
	f, twice, seed := newFilter(), newFilter(), maphash.MakeSeed()
	hash := func(n int) uint64 { return maphash.Comparable(seed, n) }
	const entries = 300_000
	var all sync.WaitGroup
	for part := range 4 {
		all.Go(func() {
			for n := part; n < entries; n += 4 {
				if f.add(hash(n)); !f.has(hash(n)) {
					t.Errorf("%d is not found after it was added", n)
					return
				}
			}
			for n := part / 2; n < entries; n += 2 { // two add the same at once
				if twice.add(hash(n)); !twice.has(hash(n)) {
					t.Errorf("%d is not found after it was added", n)
					return
				}
			}
		})
	}
	all.Wait()
	for n := range entries {
		f.add(hash(n)) // again: counts once
		if !f.has(hash(n)) || !twice.has(hash(n)) {
			t.Fatalf("%d is not found", n)
		}
	}
	wrong := 0
	for n := entries; n < 2*entries; n++ {
		if f.has(hash(n)) {
			wrong++
		}
	}
	if wrong > entries/100 {
		t.Errorf("%d of %d that were not added are found", wrong, entries)
	}
	if n := f.len(); n < entries*99/100 || n > entries*101/100 {
		t.Errorf("%d are counted", n)
	}
}

func TestFilterIsBounded(t *testing.T) {
	f := newFilter()
	for range 100 {
		all := *f.layers.Load()
		f.widen(len(all))
	}
	total := 0
	for _, l := range *f.layers.Load() {
		total += 8 * len(l.words)
	}
	if total > filterBytes || total < filterBytes/2 {
		t.Errorf("%d bytes", total)
	}
}

func row(id string) []session.Visitor {
	return []session.Visitor{{Site: "s", ID: id, Session: "x", SessionAt: 1, Lasting: true}}
}

// known reports what memory says of an id.
func known(s *Store, id string) [2]bool {
	return [2]bool{s.presence.maybe(spaceVisitor, "s", id), s.presence.maybe(spaceHistory, "s", id)}
}

func TestPresence(t *testing.T) {
	files := MemoryFiles()
	s := openStore(t, "store", Options{Files: files, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	must(t, s.Append(t.Context(), ingest.Write{Visitors: row("visitor")}))
	must(t, s.PutHistory(t.Context(), []event.Record{record("owner", "e", 1), record("owner", "f", 2), record("other", "e", 1)}))
	s = s.Reopen(t).(*testStore)
	s.presence.began.Wait()
	must(t, s.Append(t.Context(), ingest.Write{Visitors: row("later")}))
	for id, want := range map[string][2]bool{
		"visitor": {true, false}, "later": {true, false}, "owner": {false, true}, "other": {false, true}, "nobody": {false, false},
	} {
		if got := known(s.Store, id); got != want {
			t.Errorf("%s: row and history %v, want %v", id, got, want)
		}
		v, err := s.Visitor(t.Context(), "s", id)
		must(t, err)
		recs, err := s.History(t.Context(), "s", id, 10)
		must(t, err)
		if got := [2]bool{v.ID != "", len(recs) > 0}; got != want {
			t.Errorf("%s: read %v, want %v", id, got, want)
		}
	}
	must(t, s.fillPresence(t.Context()))
	if got := known(s.Store, "later"); got != [2]bool{true, false} {
		t.Errorf("after it was made anew: %v", got)
	}
}

// Whoever is acknowledged is known, whenever the filter is made anew.
func TestPresenceUnderWrites(t *testing.T) {
	s := openStore(t, "store", Options{Files: MemoryFiles()})
	stop := make(chan struct{})
	var writers, filler sync.WaitGroup
	filler.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.fillPresence(t.Context()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for w := range 4 {
		writers.Go(func() {
			for n := range 500 {
				id := fmt.Sprintf("%d-%d", w, n)
				err := s.Append(t.Context(), ingest.Write{Visitors: row(id)})
				if err == nil {
					err = s.PutHistory(t.Context(), []event.Record{record(id, "e", 1)})
				}
				if err != nil || known(s.Store, id) != [2]bool{true, true} {
					t.Errorf("%s: %v (%v)", id, known(s.Store, id), err)
					return
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	filler.Wait()
	for w := range 4 {
		for n := range 500 {
			if id := fmt.Sprintf("%d-%d", w, n); known(s.Store, id) != [2]bool{true, true} {
				t.Fatalf("%s is lost", id)
			}
		}
	}
}

// A filling that the end of the store stops, or that fails, leaves things as
// they were.
func TestPresenceAfterAFailure(t *testing.T) {
	s := openStore(t, "store", Options{Files: MemoryFiles()})
	s.presence.began.Wait()
	must(t, s.Append(t.Context(), ingest.Write{Visitors: row("v")}))
	must(t, s.db.Set([]byte{spaceVisitor, 200}, nil, s.sync)) // no such key
	if err := s.fillPresence(t.Context()); err == nil {
		t.Fatal("a damaged key goes unnoticed")
	}
	if known(s.Store, "v") != [2]bool{true, false} || known(s.Store, "w") != [2]bool{false, false} {
		t.Fatal("the filter changed")
	}
	if s.presence.next.Load() != nil {
		t.Fatal("the unfinished filter is still noted to")
	}
}
