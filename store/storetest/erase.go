package storetest

import (
	"testing"

	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
)

func eraseGuarantees() []guarantee {
	return []guarantee{
		{"erase/session", eraseSession},
		{"erase/log", eraseLog},
		{"erase/history", eraseHistory},
		{"erase/profiles", eraseProfiles},
		{"erase/leaves_the_mark", eraseMark},
		{"erase/mark_written_by_append", eraseMarkByAppend},
		{"erase/by_user_id", eraseUser},
		{"erase/stale_event_stays_away", eraseStale},
		{"erase/stale_visitor_stays_away", eraseStaleVisitor},
		{"erase/what_comes_later_is_kept", eraseLater},
		{"erase/log_goes_on_behind_it", eraseCursor},
		{"erase/ends_at_the_site", eraseSites},
	}
}

// erased is when the suite erases; its events before lie at base.
const erased = base + hourMs

func eraseOf(t testing.TB, s store.Store, site, id string) {
	t.Helper()
	must(t, s.EraseVisitor(t.Context(), site, id, at(erased)))
}

func eraseSession(t testing.TB, s store.Store) {
	gone, other, longer := rec("s", "v", "x", "1", base), rec("s", "w", "x", "2", base), rec("s", "vv", "x", "3", base)
	add(t, s, gone, rec("s", "v", "y", "4", base), other, longer)
	eraseOf(t, s, "s", "v")
	for _, x := range []string{"x", "y"} {
		recs, ids := events(t, s, session.Key{Site: "s", Visitor: "v", Session: x}, 10)
		if len(recs) != 0 || len(ids) != 0 {
			t.Fatalf("session %s still has %v", x, ids)
		}
	}
	for _, want := range []event.Record{other, longer} {
		recs, _ := events(t, s, keyOf(want), 10)
		same(t, "another visitor's session", recs, []event.Record{want})
	}
}

func eraseLog(t testing.TB, s store.Store) {
	kept := []event.Record{rec("s", "w", "x", "1", base), rec("s", "w", "x", "2", base)}
	add(t, s, kept[0], rec("s", "v", "x", "3", base), rec("s", "v", "x", "4", base), kept[1], rec("s", "v", "x", "5", base))
	eraseOf(t, s, "s", "v")
	same(t, "log", wholeLog(t, s, "s"), kept)
	recs, _ := logFrom(t, s, "s", nil, 2)
	same(t, "a page of the log", recs, kept)
}

func eraseHistory(t testing.TB, s store.Store) {
	linked := rec("s", "v", "x", "3", base)
	linked.UserID, linked.Proven = "u", true
	mine := rec("s", "w", "x", "4", base)
	mine.UserID, mine.Proven = "u", true
	addHistory(t, s, rec("s", "v", "x", "1", base), rec("s", "v", "x", "2", base-90*24*hourMs), linked, mine)
	eraseOf(t, s, "s", "v")
	same(t, "the visitor's history", history(t, s, "s", "v"), []event.Record(nil))
	same(t, "the user's, from another device", history(t, s, "s", session.UserVisitor("u")), []event.Record{mine})
	p, err := s.BuiltIn(t.Context(), "s", "v", "")
	must(t, err)
	if p != nil {
		t.Fatalf("an erased visitor has a built-in profile: %+v", p)
	}
}

func eraseProfiles(t testing.TB, s store.Store) {
	ctx := t.Context()
	both := []profile.Profile{fullProfile("v"), fullProfile("w")}
	activate(t, s, "s", "one", both...)
	must(t, s.PutProfiles(ctx, "s", "two", both))
	eraseOf(t, s, "s", "v")
	only := func(when string) {
		t.Helper()
		if p := profileOf(t, s, "s", "v"); p != nil {
			t.Fatalf("%s: the erased profile is %+v", when, p)
		}
		if profileOf(t, s, "s", "w") == nil {
			t.Fatalf("%s: another profile is gone", when)
		}
	}
	only("after the erasure")
	must(t, s.ActivateProfiles(ctx, "s", "two"))
	only("with a dataset that was ready before")
	activate(t, s, "s", "three", both...)
	only("with a dataset put later")
}

func eraseMark(t testing.TB, s store.Store) {
	add(t, s, rec("s", "v", "x", "1", base))
	addVisitor(t, s, session.Visitor{Site: "s", ID: "v", Session: "x", SessionAt: base, UserID: "u", Proven: true, Epoch: 2, Lasting: true})
	for _, id := range []string{"v", "never seen"} {
		eraseOf(t, s, "s", id)
		must(t, s.EraseVisitor(t.Context(), "s", id, at(erased-1000))) // the latest counts
		got, err := s.Visitor(t.Context(), "s", id)
		must(t, err)
		same(t, "visitor", got, session.Visitor{Site: "s", ID: id, ErasedAt: erased})
	}
}

func eraseMarkByAppend(t testing.TB, s store.Store) {
	want := session.Visitor{Site: "s", ID: "v", Session: "x", SessionAt: erased + 5, ErasedAt: erased, Lasting: true}
	addVisitor(t, s, want)
	back := want
	back.ErasedAt, back.SessionAt = 0, erased+6
	addVisitor(t, s, back) // a row's mark never goes back
	back.ErasedAt = erased
	got, err := s.Visitor(t.Context(), "s", "v")
	must(t, err)
	same(t, "visitor", got, back)
	add(t, s, rec("s", "v", "x", "1", base))
	same(t, "log", wholeLog(t, s, "s"), []event.Record(nil))
}

// eraseUser erases a user who used two devices; one of them was somebody
// else's too.
func eraseUser(t testing.TB, s store.Store) {
	named, before := rec("s", "v", "x", "1", base), rec("s", "v", "x", "2", base)
	named.UserID, named.Proven = "u", true
	said := rec("s", "w", "x", "3", base)
	said.UserID = "u"
	add(t, s, named, before, said)
	addHistory(t, s, named, before, said)
	rows := []session.Visitor{
		{Site: "s", ID: "v", Session: "x", SessionAt: base, UserID: "u", Proven: true, Lasting: true},
		{Site: "s", ID: "w", Session: "x", SessionAt: base, UserID: "other", Proven: true, Lasting: true},
	}
	must(t, s.Append(t.Context(), ingest.Write{Visitors: rows}))
	eraseOf(t, s, "s", "u")
	same(t, "log", wholeLog(t, s, "s"), []event.Record{before})
	recs, ids := events(t, s, keyOf(named), 10)
	same(t, "session", recs, []event.Record{before})
	same(t, "ids", ids, []string{"2"})
	same(t, "the user's history", history(t, s, "s", session.UserVisitor("u")), []event.Record(nil))
	same(t, "what was only said to be the user's", history(t, s, "s", "w"), []event.Record(nil))
	same(t, "the visitor's history", history(t, s, "s", "v"), []event.Record{before})
	got, err := s.Visitor(t.Context(), "s", "v")
	must(t, err)
	if got.UserID != "" || got.Proven || got.Session != "" {
		t.Fatalf("the visitor is still linked: %+v", got)
	}
	got, err = s.Visitor(t.Context(), "s", "w")
	must(t, err)
	same(t, "a visitor of another user", got, rows[1])
}

func eraseStale(t testing.TB, s store.Store) {
	eraseOf(t, s, "s", "v")
	eraseOf(t, s, "s", "u")
	happened := rec("s", "v", "x", "1", erased) // before, received after
	happened.ReceivedAt = erased + 1000
	received := rec("s", "v", "x", "2", erased+500) // a clock that runs ahead
	received.ReceivedAt = erased
	clamped := rec("s", "v", "x", "3", base-1000) // so old that its time was clamped
	clamped.ReceivedAt = erased + 73*hourMs
	clamped.Time = clamped.ReceivedAt - 72*hourMs
	user := rec("s", "w", "x", "4", base)
	user.UserID = "u"
	stale := []event.Record{happened, received, clamped, user}
	add(t, s, stale...)
	addHistory(t, s, stale...)
	same(t, "log", wholeLog(t, s, "s"), []event.Record(nil))
	for _, visitor := range []string{"v", "w"} {
		recs, ids := events(t, s, session.Key{Site: "s", Visitor: visitor, Session: "x"}, 10)
		if len(recs) != 0 || len(ids) != 0 {
			t.Fatalf("stale events came back into the session of %s: %v", visitor, ids)
		}
		same(t, "history of "+visitor, history(t, s, "s", visitor), []event.Record(nil))
	}
}

func eraseStaleVisitor(t testing.TB, s store.Store) {
	eraseOf(t, s, "s", "v")
	eraseOf(t, s, "s", "u")
	addVisitor(t, s, session.Visitor{Site: "s", ID: "v", Session: "x", SessionAt: erased, UserID: "z", Proven: true, Epoch: 1})
	got, err := s.Visitor(t.Context(), "s", "v")
	must(t, err)
	same(t, "visitor", got, session.Visitor{Site: "s", ID: "v", ErasedAt: erased})
	addVisitor(t, s, session.Visitor{Site: "s", ID: "w", Session: "x", SessionAt: erased, UserID: "u", Proven: true})
	got, err = s.Visitor(t.Context(), "s", "w")
	must(t, err)
	if got.UserID != "" || got.Proven {
		t.Fatalf("a stale row links to an erased user: %+v", got)
	}
}

func eraseLater(t testing.TB, s store.Store) {
	old, fresh := rec("s", "v", "x", "1", base), rec("s", "v", "x", "2", erased+1)
	slow := rec("s", "v", "x", "3", base) // a clock an hour slow, corrected
	slow.Time, slow.ReceivedAt = erased+2, erased+2
	row := session.Visitor{Site: "s", ID: "v", Session: "x", SessionAt: erased + 1, UserID: "z", Lasting: true}
	add(t, s, old, fresh)
	addHistory(t, s, old, fresh)
	addVisitor(t, s, row)
	eraseOf(t, s, "s", "v")
	add(t, s, slow)
	addHistory(t, s, slow)
	want := []event.Record{fresh, slow}
	recs, ids := events(t, s, keyOf(old), 10)
	same(t, "session", recs, want)
	same(t, "ids", ids, idsOf(want))
	same(t, "log", wholeLog(t, s, "s"), want)
	same(t, "history", history(t, s, "s", "v"), want)
	row.ErasedAt = erased
	got, err := s.Visitor(t.Context(), "s", "v")
	must(t, err)
	same(t, "visitor", got, row)
}

func eraseCursor(t testing.TB, s store.Store) {
	add(t, s, rec("s", "w", "x", "1", base), rec("s", "v", "x", "2", base), rec("s", "v", "x", "3", base))
	_, end := logFrom(t, s, "s", nil, 0)
	eraseOf(t, s, "s", "v")
	more := rec("s", "w", "x", "4", base)
	add(t, s, more)
	recs, _ := logFrom(t, s, "s", end, 0)
	same(t, "behind the erased rows", recs, []event.Record{more})
}

func eraseSites(t testing.TB, s store.Store) {
	r := rec("t", "v", "x", "1", base)
	row := session.Visitor{Site: "t", ID: "v", Session: "x", SessionAt: base, Lasting: true}
	add(t, s, r, rec("s", "v", "x", "1", base))
	addHistory(t, s, r)
	addVisitor(t, s, row)
	activate(t, s, "t", "one", fullProfile("v"))
	eraseOf(t, s, "s", "v")
	same(t, "log", wholeLog(t, s, "t"), []event.Record{r})
	same(t, "history", history(t, s, "t", "v"), []event.Record{r})
	recs, _ := events(t, s, keyOf(r), 10)
	same(t, "session", recs, []event.Record{r})
	got, err := s.Visitor(t.Context(), "t", "v")
	must(t, err)
	same(t, "visitor", got, row)
	if profileOf(t, s, "t", "v") == nil {
		t.Fatalf("the profile of another site is gone")
	}
}
