package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
)

func logGuarantees() []guarantee {
	return []guarantee{
		{"log/every_record_in_order", logInOrder},
		{"log/cursor_goes_on", logCursor},
		{"log/nothing_new_keeps_the_cursor", logNothingNew},
		{"log/callback_error_ends_it", logCallbackError},
		{"log/callback_may_use_the_store", logCallbackUsesStore},
		{"log/sites_stay_apart", logApart},
		{"log/refuses_a_bad_cursor", logBadCursor},
		{"log/hands_out_its_own_memory", logOwnMemory},
		{"log/never_skips_under_load", logNeverSkips},
		{"log/drop_by_hour", logDrop},
		{"log/late_receipt_comes_later", logLateReceipt},
		{"sweep/by_receipt", sweepByReceipt},
		{"sweep/daily_pseudonyms", sweepPseudonyms},
	}
}

func series(site string, n int) []event.Record {
	recs := make([]event.Record, n)
	for i := range recs {
		recs[i] = rec(site, numbered("v", i%3), "x", numbered("e", i), base+int64(i)*1000)
	}
	return recs
}

func logInOrder(t testing.TB, s store.Store) {
	recs := series("s", 20)
	recs[4] = full("s", "v", "x", "full", base-100) // neither ts nor receipt orders the log
	add(t, s, recs[:7]...)
	for i := 7; i < len(recs); i++ {
		add(t, s, recs[i])
	}
	same(t, "log", wholeLog(t, s, "s"), recs)
}

func logCursor(t testing.TB, s store.Store) {
	recs := series("s", 23)
	add(t, s, recs[:10]...)
	add(t, s, recs[10:20]...)
	var got []event.Record
	var from event.Cursor
	for len(got) < 20 {
		some, next := logFrom(t, s, "s", from, 7)
		if len(some) == 0 || len(some) > 7 {
			t.Fatalf("a page of 7 has %d records after %d of 20", len(some), len(got))
		}
		got, from = append(got, some...), next
	}
	add(t, s, recs[20:]...)
	some, _ := logFrom(t, s, "s", from, 0)
	same(t, "log by pages", append(got, some...), recs)
}

func logNothingNew(t testing.TB, s store.Store) {
	if _, next := logFrom(t, s, "s", nil, 5); len(next) != 0 {
		t.Fatalf("an empty log moves the cursor to %v", next)
	}
	add(t, s, series("s", 3)...)
	_, end := logFrom(t, s, "s", nil, 0)
	recs, next := logFrom(t, s, "s", end, 0)
	if len(recs) != 0 || !slices.Equal(end, next) {
		t.Fatalf("at the end: %d records, cursor %v, was %v", len(recs), next, end)
	}
}

func logCallbackError(t testing.TB, s store.Store) {
	recs := series("s", 5)
	add(t, s, recs...)
	seen := 0
	next, n, err := s.ScanLog(t.Context(), "s", nil, 0, func(event.Record) error {
		if seen++; seen == 3 {
			return stop{}
		}
		return nil
	})
	if !errors.Is(err, stop{}) || n != 2 || seen != 3 {
		t.Fatalf("error %v after %d of %d records", err, n, seen)
	}
	rest, _ := logFrom(t, s, "s", next, 0)
	same(t, "behind the failed record", rest, recs[2:])
}

func logCallbackUsesStore(t testing.TB, s store.Store) {
	recs := series("s", 3)
	add(t, s, recs...)
	_, n, err := s.ScanLog(t.Context(), "s", nil, 0, func(r event.Record) error {
		if err := s.PutHistory(t.Context(), []event.Record{r}); err != nil {
			return err
		}
		_, err := s.History(t.Context(), "s", r.Visitor, 1)
		return err
	})
	must(t, err)
	if n != 3 {
		t.Fatalf("%d of 3 records", n)
	}
}

func logApart(t testing.TB, s store.Store) {
	for i, site := range names() {
		add(t, s, rec(site, "v", "x", numbered("e", i), base))
	}
	for i, site := range names() {
		same(t, "log of "+site, idsOf(wholeLog(t, s, site)), []string{numbered("e", i)})
	}
	same(t, "log of an unknown site", wholeLog(t, s, "unknown"), []event.Record(nil))
}

func logBadCursor(t testing.TB, s store.Store) {
	add(t, s, series("s", 3)...)
	for _, bad := range []event.Cursor{{1}, []byte("not a cursor of this store at all")} {
		_, _, err := s.ScanLog(t.Context(), "s", bad, 0, func(event.Record) error { return nil })
		is(t, err, fault.Invalid)
	}
}

func logOwnMemory(t testing.TB, s store.Store) {
	recs := []event.Record{full("s", "v", "x", "1", base), full("s", "v", "x", "2", base)}
	recs[1].Context = []byte(`{"path":"/q"}`)
	add(t, s, recs...)
	first, cursor := logFrom(t, s, "s", nil, 1)
	kept := slices.Clone(cursor)
	second, _ := logFrom(t, s, "s", cursor, 1)
	same(t, "records of two scans", append(first, second...), recs)
	same(t, "the first cursor", cursor, kept)
}

// logNeverSkips tails the log while several writers append. A record that
// became visible behind the reader's cursor would be missing in the end.
func logNeverSkips(t testing.TB, s store.Store) {
	const writers, writes = 4, 150
	var group sync.WaitGroup
	failed := make(chan error, writers)
	for w := range writers {
		group.Go(func() {
			for i := range writes {
				r := rec("s", numbered("v", w), "x", numbered("e", w*1000+i), base+int64(i)*hourMs/20)
				more := rec("s", numbered("v", w), "x", numbered("f", w*1000+i), base+int64(i)*hourMs/20)
				if err := s.Append(context.Background(), ingest.Write{Records: []event.Record{r, more}}); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	got := tail(t, s, done, writers*writes*2)
	select {
	case err := <-failed:
		t.Fatalf("append: %v", err)
	default:
	}
	slices.Sort(got)
	var want []string
	for _, word := range []string{"e", "f"} {
		for i := range writers * writes {
			want = append(want, numbered(word, i/writes*1000+i%writes))
		}
	}
	same(t, "ids in the log", got, want)
}

// tail reads the log by its cursor until nothing is left after done. More than
// twice as many as expected are too many.
func tail(t testing.TB, s store.Store, done <-chan struct{}, expected int) []string {
	t.Helper()
	var got []string
	var from event.Cursor
	for last := false; ; {
		recs, next := logFrom(t, s, "s", from, 16)
		got, from = append(got, idsOf(recs)...), next
		if last && len(recs) == 0 || len(got) > 2*expected {
			return got
		}
		select {
		case <-done:
			last = true
		default:
		}
	}
}

func logDrop(t testing.TB, s store.Store) {
	var recs []event.Record
	for i := range 8 {
		recs = append(recs, rec("s", "v", "x", numbered("e", i), base+int64(i)*hourMs/2)) // two in an hour
	}
	add(t, s, recs[:4]...)
	add(t, s, rec("other", "v", "x", "o", base))
	_, cursor := logFrom(t, s, "s", nil, 1)
	for _, r := range recs[4:] {
		add(t, s, r)
	}
	// recs[:4] came together: their hour is that of the newest.
	must(t, s.DropLog(t.Context(), "s", at(base+hourMs)))
	same(t, "log after dropping an hour that nothing is in", wholeLog(t, s, "s"), recs)
	must(t, s.DropLog(t.Context(), "s", at(base+3*hourMs-1)))
	same(t, "log", wholeLog(t, s, "s"), recs[4:])
	rest, _ := logFrom(t, s, "s", cursor, 0)
	same(t, "log behind a cursor that was dropped", rest, recs[4:])
	same(t, "another site's log", idsOf(wholeLog(t, s, "other")), []string{"o"})

	_, end := logFrom(t, s, "s", nil, 0)
	must(t, s.DropLog(t.Context(), "s", at(base+1000*hourMs)))
	same(t, "an empty log", wholeLog(t, s, "s"), []event.Record(nil))
	more := rec("s", "v", "x", "more", base+3*hourMs)
	add(t, s, more)
	rest, _ = logFrom(t, s, "s", end, 0)
	same(t, "log behind the old end", rest, []event.Record{more})
	_, ids := events(t, s, keyOf(more), 1)
	if len(ids) != 9 {
		t.Fatalf("dropping the log left %d of 9 events in the session", len(ids))
	}
}

func logLateReceipt(t testing.TB, s store.Store) {
	add(t, s, rec("s", "v", "x", "1", base+5*hourMs))
	_, cursor := logFrom(t, s, "s", nil, 0)
	late := rec("s", "v", "x", "2", base) // received hours before, kept now
	add(t, s, late)
	rest, _ := logFrom(t, s, "s", cursor, 0)
	same(t, "behind the cursor", rest, []event.Record{late})
}

func sweepByReceipt(t testing.TB, s store.Store) {
	now := at(base + 1000*hourMs)
	edge := now.Add(-store.SessionEventsKept).UnixMilli()
	var recs []event.Record
	for i, received := range []int64{base, edge - 1, edge, edge + 1} {
		r := rec("s", "v", "x", numbered("e", i), base+int64(i))
		r.ReceivedAt = received
		recs = append(recs, r)
	}
	old := rec("t", "v", "y", "old", base)
	add(t, s, append(recs, old)...)
	addHistory(t, s, recs...)
	must(t, s.Sweep(t.Context(), now))
	_, ids := events(t, s, keyOf(recs[0]), 0)
	same(t, "ids left", ids, []string{"e-0003", "e-0002"})
	_, ids = events(t, s, keyOf(old), 0)
	same(t, "ids left of another site", ids, []string(nil))
	same(t, "log", wholeLog(t, s, "s"), recs)
	same(t, "records in the history", len(history(t, s, "s", "v")), len(recs))
}

func sweepPseudonyms(t testing.TB, s store.Store) {
	now := at(base)
	edge := now.Add(-store.SessionEventsKept).UnixMilli()
	rows := []session.Visitor{
		{Site: "s", ID: "daily", SessionAt: edge - 1},
		{Site: "s", ID: "today", SessionAt: edge},
		{Site: "s", ID: "lasting", SessionAt: edge - hourMs, Lasting: true},
	}
	must(t, s.Append(t.Context(), ingest.Write{Visitors: rows}))
	must(t, s.Sweep(t.Context(), now))
	for i, want := range []session.Visitor{{}, rows[1], rows[2]} {
		got, err := s.Visitor(t.Context(), "s", rows[i].ID)
		must(t, err)
		same(t, rows[i].ID, got, want)
	}
}
