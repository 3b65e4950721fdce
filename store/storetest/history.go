package storetest

import (
	"slices"
	"testing"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
)

func historyGuarantees() []guarantee {
	return []guarantee{
		{"history/newest_first", historyNewestFirst},
		{"history/same_event_is_one_row", historyOneRow},
		{"history/belongs_to_the_proven_user", historyOwner},
		{"history/names_stay_apart", historyApart},
		{"history/drop_by_receipt", historyDrop},
		{"builtin/without_one_session", builtInExcept},
	}
}

func historyNewestFirst(t testing.TB, s store.Store) {
	year := int64(365 * 24 * hourMs)
	want := []event.Record{
		rec("s", "v", "z", "1", base), rec("s", "v", "y", "b", base-1), rec("s", "v", "y", "a", base-1),
		rec("s", "v", "x", "2", base-year), full("s", "v", "x", "3", base-2*year),
	}
	want[4].Proven = false
	mixed := slices.Clone(want)
	slices.Reverse(mixed)
	addHistory(t, s, mixed[:2]...)
	addHistory(t, s, mixed[2:]...)
	same(t, "history", history(t, s, "s", "v"), want)
	for _, limit := range []int{0, 1, 3} {
		recs, err := s.History(t.Context(), "s", "v", limit)
		must(t, err)
		same(t, "limited history", recs, want[:limit])
	}
	same(t, "history of nobody", history(t, s, "s", "nobody"), []event.Record(nil))
}

func historyOneRow(t testing.TB, s store.Store) {
	recs := series("s", 9)
	addHistory(t, s, recs...)
	addHistory(t, s, recs[3:]...)
	addHistory(t, s, recs...)
	total := 0
	for i := range 3 {
		total += len(history(t, s, "s", numbered("v", i)))
	}
	same(t, "rows", total, 9)
}

func historyOwner(t testing.TB, s store.Store) {
	proven, said, nobody := rec("s", "v", "x", "1", base), rec("s", "v", "x", "2", base), rec("s", "v", "x", "3", base)
	proven.UserID, proven.Proven = "u", true
	said.UserID = "u"
	nobody.Proven = true
	addHistory(t, s, proven, said, nobody)
	same(t, "the user's", idsOf(history(t, s, "s", session.UserVisitor("u"))), []string{"1"})
	same(t, "the visitor's", idsOf(history(t, s, "s", "v")), []string{"3", "2"})
}

func historyApart(t testing.TB, s store.Store) {
	var all []event.Record
	for i, site := range names() {
		for j, visitor := range names() {
			all = append(all, rec(site, visitor, "x", numbered("e", i*100+j), base))
		}
	}
	addHistory(t, s, all...)
	for _, r := range all {
		same(t, "history", history(t, s, r.Site, r.Visitor), []event.Record{r})
	}
}

func historyDrop(t testing.TB, s store.Store) {
	var all []event.Record
	for i := range 4 {
		r := rec("s", numbered("v", i%2), "x", numbered("e", i), base+1000-int64(i)) // older ts, later receipt
		r.ReceivedAt = base + int64(i)
		all = append(all, r)
	}
	other := rec("t", "v-0000", "x", "other", base)
	addHistory(t, s, append(all, other)...)
	rows := []session.Visitor{{Site: "s", ID: "idle", SessionAt: base + 1, Lasting: true}, {Site: "s", ID: "back", SessionAt: base + 2, Lasting: true}}
	must(t, s.Append(t.Context(), ingest.Write{Visitors: rows}))
	must(t, s.DropHistory(t.Context(), "s", at(base+2)))
	same(t, "first", idsOf(history(t, s, "s", "v-0000")), []string{"e-0002"})
	same(t, "second", idsOf(history(t, s, "s", "v-0001")), []string{"e-0003"})
	same(t, "other site", idsOf(history(t, s, "t", "v-0000")), []string{"other"})
	for i, want := range []session.Visitor{{}, rows[1]} {
		got, err := s.Visitor(t.Context(), "s", rows[i].ID)
		must(t, err)
		same(t, rows[i].ID, got, want)
	}
}

func builtInExcept(t testing.TB, s store.Store) {
	addHistory(t, s, rec("s", "v", "x", "1", base), rec("s", "v", "y", "2", base), rec("s", "w", "x", "3", base))
	p, err := s.BuiltIn(t.Context(), "s", "v", "x")
	must(t, err)
	if p == nil || p.Version != "history" || len(p.Affinities) != 1 || p.Affinities[0].ItemID != "item-2" {
		t.Fatalf("the built-in profile without session x is %+v", p)
	}
	if p, err = s.BuiltIn(t.Context(), "s", "v", ""); err != nil || p == nil || len(p.Affinities) != 2 {
		t.Fatalf("the built-in profile of everything is %+v (%v)", p, err)
	}
	for _, owner := range []string{"w", "nobody"} {
		if p, err = s.BuiltIn(t.Context(), "s", owner, "x"); p != nil || err != nil {
			t.Fatalf("%s has nothing and gets %+v (%v)", owner, p, err)
		}
	}
}
