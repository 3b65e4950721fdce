package storetest

import (
	"slices"
	"testing"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
)

func sessionGuarantees() []guarantee {
	return []guarantee{
		{"session/newest_first", sessionNewestFirst},
		{"session/limit_and_all_ids", sessionLimit},
		{"session/same_event_is_one_row", sessionOneRow},
		{"session/whole_record", sessionWholeRecord},
		{"session/names_stay_apart", sessionApart},
		{"session/ids_are_bounded", sessionIDsBounded},
		{"session/unknown_is_empty", sessionUnknown},
		{"append/keeps_no_buffer", appendKeepsNoBuffer},
		{"append/several_sites", appendSeveralSites},
		{"visitor/round_trip", visitorRoundTrip},
		{"visitor/last_write_wins", visitorLastWrite},
		{"visitor/names_stay_apart", visitorApart},
	}
}

func sessionNewestFirst(t testing.TB, s store.Store) {
	a, b := rec("s", "v", "x", "b", base), rec("s", "v", "x", "a", base) // the same time: by id
	old, early := rec("s", "v", "x", "c", base-1), rec("s", "v", "x", "d", -5)
	late := rec("s", "v", "x", "1", base+500)
	prefixed := rec("s", "v", "x", "ba", base)
	add(t, s, old, a, late)
	add(t, s, early, prefixed, b)
	want := []event.Record{late, prefixed, a, b, old, early}
	recs, ids := events(t, s, keyOf(a), 100)
	same(t, "records", recs, want)
	same(t, "ids", ids, idsOf(want))
}

func sessionLimit(t testing.TB, s store.Store) {
	var want []event.Record
	for i := range 10 {
		want = append(want, rec("s", "v", "x", numbered("e", i), base+int64(i)))
	}
	add(t, s, want...)
	slices.Reverse(want)
	for _, limit := range []int{0, 1, 4, 10, 11} {
		recs, ids := events(t, s, keyOf(want[0]), limit)
		same(t, "records", recs, want[:min(limit, 10)])
		same(t, "ids", ids, idsOf(want))
	}
}

func sessionOneRow(t testing.TB, s store.Store) {
	r := rec("s", "v", "x", "e", base)
	add(t, s, r, rec("s", "v", "x", "other", base))
	again := r
	again.ReceivedAt += 100
	add(t, s, again)
	add(t, s, r, r)
	_, ids := events(t, s, keyOf(r), 10)
	same(t, "ids", ids, []string{"other", "e"})
	moved := rec("s", "v", "x", "e", base+1) // another ts as sent is another row
	add(t, s, moved)
	_, ids = events(t, s, keyOf(r), 10)
	same(t, "ids", ids, []string{"e", "other", "e"})
}

func sessionWholeRecord(t testing.TB, s store.Store) {
	r, plain := full("s", "v", "x", "e", base), event.Record{Site: "s", Visitor: "v", Session: "x", Event: event.Event{ID: "p", Kind: event.Page}}
	add(t, s, r, plain)
	recs, _ := events(t, s, keyOf(r), 10)
	same(t, "records", recs, []event.Record{r, plain})
}

func sessionApart(t testing.TB, s store.Store) {
	var all []event.Record
	for i, site := range names() {
		for j, visitor := range names()[:6] {
			for k, x := range names()[:6] {
				all = append(all, rec(site, visitor, x, numbered("e", i*100+j*10+k), base))
			}
		}
	}
	add(t, s, all...)
	for _, r := range all {
		recs, ids := events(t, s, keyOf(r), 10)
		same(t, "records", recs, []event.Record{r})
		same(t, "ids", ids, []string{r.ID})
	}
}

func sessionIDsBounded(t testing.TB, s store.Store) {
	const n = store.MaxSessionIDs + 5
	recs := make([]event.Record, n)
	want := make([]string, n)
	for i := range recs {
		recs[i] = rec("s", "v", "x", numbered("e", i), base+int64(i))
		want[n-1-i] = recs[i].ID
	}
	add(t, s, recs...)
	got, ids := events(t, s, keyOf(recs[0]), 3)
	same(t, "records", idsOf(got), want[:3])
	same(t, "ids", ids, want[:store.MaxSessionIDs])
}

func sessionUnknown(t testing.TB, s store.Store) {
	add(t, s, rec("s", "v", "x", "e", base))
	for _, key := range []session.Key{{Site: "s", Visitor: "v", Session: "y"}, {Site: "s", Visitor: "w", Session: "x"}, {Site: "u", Visitor: "v", Session: "x"}, {}} {
		recs, ids := events(t, s, key, 10)
		if len(recs) != 0 || len(ids) != 0 {
			t.Fatalf("unknown session %v has %d records and %d ids", key, len(recs), len(ids))
		}
	}
}

func appendKeepsNoBuffer(t testing.TB, s store.Store) {
	want, mine := full("s", "v", "x", "e", base), full("s", "v", "x", "e", base)
	recs := []event.Record{mine}
	add(t, s, recs...)
	addHistory(t, s, recs...)
	recs[0].Items[0].ItemID = "overwritten"
	recs[0].Context[2], recs[0].Properties[2] = '!', '!'
	recs[0].ID = "overwritten"
	got, _ := events(t, s, keyOf(want), 10)
	same(t, "session", got, []event.Record{want})
	same(t, "log", wholeLog(t, s, "s"), []event.Record{want})
	same(t, "history", history(t, s, "s", session.UserVisitor("user")), []event.Record{want})
}

func appendSeveralSites(t testing.TB, s store.Store) {
	a1, b1, a2 := rec("a", "v", "x", "1", base), rec("b", "v", "x", "2", base), rec("a", "v", "x", "3", base+1)
	must(t, s.Append(t.Context(), ingest.Write{}))
	add(t, s, a1, b1, a2)
	same(t, "log of a", wholeLog(t, s, "a"), []event.Record{a1, a2})
	same(t, "log of b", wholeLog(t, s, "b"), []event.Record{b1})
}

func visitorRoundTrip(t testing.TB, s store.Store) {
	v := session.Visitor{Site: "s", ID: "v", Session: "x", SessionAt: base, UserID: "u", Proven: true, Epoch: 3, Lasting: true}
	must(t, s.Append(t.Context(), ingest.Write{Records: []event.Record{rec("s", "v", "x", "e", base)}, Visitors: []session.Visitor{v}}))
	addVisitor(t, s, session.Visitor{Site: "s", ID: "plain"})
	for _, want := range []session.Visitor{v, {Site: "s", ID: "plain"}} {
		got, err := s.Visitor(t.Context(), "s", want.ID)
		must(t, err)
		same(t, "visitor", got, want)
	}
	got, err := s.Visitor(t.Context(), "s", "unknown")
	must(t, err)
	same(t, "unknown visitor", got, session.Visitor{})
}

func visitorLastWrite(t testing.TB, s store.Store) {
	addVisitor(t, s, session.Visitor{Site: "s", ID: "v", Session: "x", SessionAt: base, UserID: "u"})
	want := session.Visitor{Site: "s", ID: "v", Session: "y", SessionAt: base + 1, Lasting: true}
	addVisitor(t, s, want)
	got, err := s.Visitor(t.Context(), "s", "v")
	must(t, err)
	same(t, "visitor", got, want)
}

func visitorApart(t testing.TB, s store.Store) {
	var all []session.Visitor
	for i, site := range names() {
		for j, id := range names() {
			all = append(all, session.Visitor{Site: site, ID: id, Session: "x", SessionAt: int64(100*i + j + 1)})
		}
	}
	must(t, s.Append(t.Context(), ingest.Write{Visitors: all}))
	for _, want := range all {
		got, err := s.Visitor(t.Context(), want.Site, want.ID)
		must(t, err)
		same(t, "visitor", got, want)
	}
}
