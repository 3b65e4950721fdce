package learn_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/recommend/popular"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store/memory"
)

const testSite = "shop"

func clock() time.Time { return time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC) }

// seen is one event of a visitor, n seconds after the clock's time.
func seen(visitor, session, item string, n int) event.Record {
	at := clock().Add(time.Duration(n) * time.Second).UnixMilli()
	return event.Record{
		Site: testSite, Visitor: visitor, Session: session, ReceivedAt: at, Lasting: true,
		Event: event.Event{ID: fmt.Sprintf("%s-%s-%d", visitor, item, n), Kind: event.View, ItemID: item, TS: at, HasTS: true, Time: at},
	}
}

func appendAll(t *testing.T, db *memory.Store, recs ...event.Record) {
	t.Helper()
	if err := db.Append(t.Context(), ingest.Write{Records: recs}); err != nil {
		t.Fatal(err)
	}
}

// learner opens one on db; table receives what it publishes.
func learner(t *testing.T, db *memory.Store, table **popular.Table) *learn.Learner {
	t.Helper()
	l, err := learn.New(t.Context(), learn.Config{
		Site: testSite, Log: db, Views: db, Now: clock, Batch: 3,
		Publish: func(p *popular.Table) { *table = p },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func keysOf(p *popular.Table) []string {
	var out []string
	for _, e := range p.Entries() {
		out = append(out, e.Key)
	}
	return out
}

func TestLearnerKeepsHistoryAndPopularity(t *testing.T) {
	db := memory.New()
	var table *popular.Table
	l := learner(t, db, &table)
	appendAll(t, db,
		seen("ann", "s1", "lamp", 1), seen("bob", "s2", "lamp", 2), seen("ann", "s1", "mug", 3),
		seen("ann", "s1", "mug", 4), seen("ann", "s1", "mug", 5)) // clicked again and again: counts once
	if err := l.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := keysOf(table); len(got) != 2 || got[0] != "lamp" || got[1] != "mug" {
		t.Errorf("popular: %v, want lamp (two visitors) before mug (one)", got)
	}
	history, err := db.History(t.Context(), testSite, "ann", 10)
	if err != nil || len(history) != 4 || history[0].ItemID != "mug" || history[3].ItemID != "lamp" {
		t.Errorf("ann's history: %v %v, want her 4 events, newest first", history, err)
	}
	if age, ok := l.Age(); !ok || age != 0 {
		t.Errorf("age %v %v, want 0", age, ok)
	}
}

// What is not lasting leaves no history, what a bot does is not shown to others.
func TestLearnerLeavesOut(t *testing.T) {
	db := memory.New()
	var table *popular.Table
	l := learner(t, db, &table)
	shy, bot, search := seen("shy", "s1", "lamp", 1), seen("bot", "s2", "mug", 2), seen("ann", "s3", "", 3)
	shy.Lasting, bot.Bot, search.Kind = false, true, event.Search
	appendAll(t, db, shy, bot, search)
	if err := l.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := keysOf(table); len(got) != 1 || got[0] != "lamp" {
		t.Errorf("popular: %v, want only what the shy visitor saw", got)
	}
	for visitor, want := range map[string]int{"shy": 0, "bot": 1, "ann": 1} {
		if h, err := db.History(t.Context(), testSite, visitor, 10); err != nil || len(h) != want {
			t.Errorf("history of %s: %d events, %v; want %d", visitor, len(h), err, want)
		}
	}
}

// A learner that continues from its checkpoint, or from the beginning because
// the checkpoint was lost, arrives at the same views.
func TestLearnerContinues(t *testing.T) {
	for _, lost := range []bool{false, true} {
		db := memory.New()
		var table *popular.Table
		first := learner(t, db, &table)
		appendAll(t, db, seen("ann", "s1", "lamp", 1), seen("bob", "s2", "lamp", 2))
		if err := first.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		stopped, stop := context.WithCancel(t.Context())
		stop()
		first.Run(stopped) // ends at once and checkpoints
		if lost {
			if err := db.PutCheckpoint(t.Context(), testSite, "learner", []byte("damaged")); err != nil {
				t.Fatal(err)
			}
		}
		appendAll(t, db, seen("eve", "s3", "mug", 3))
		second := learner(t, db, &table)
		if err := second.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		entries := table.Entries()
		if len(entries) != 2 || entries[0].Key != "lamp" || entries[0].Weight < 1.9*entries[1].Weight {
			t.Errorf("checkpoint lost: %v: popular %+v, want lamp twice as strong as mug", lost, entries)
		}
		for _, visitor := range []string{"ann", "bob", "eve"} {
			if h, _ := db.History(t.Context(), testSite, visitor, 10); len(h) != 1 {
				t.Errorf("checkpoint lost: %v: %s has %d events in the history, want 1", lost, visitor, len(h))
			}
		}
	}
}

func TestTrainReadsTheLog(t *testing.T) {
	db := memory.New()
	for n := range 20 {
		v := fmt.Sprintf("v%d", n)
		appendAll(t, db, seen(v, "s", "lamp", 10*n), seen(v, "s", "shade", 10*n+1))
	}
	twice := seen("v0", "s", "lamp", 0) // the same event once more: counts once
	bot := seen("bot", "s", "lamp", 500)
	bot.Bot = true
	appendAll(t, db, twice, bot)
	src := learn.Source{Site: testSite, Log: db, Now: clock}
	m, err := learn.Train(t.Context(), src, rows.DefaultParams(), nil)
	if err != nil {
		t.Fatal(err)
	}
	lamp, ok := m.Index("lamp")
	if !ok || m.Count(lamp) != 20 {
		t.Fatalf("lamp is known: %v, with %v clicks; want 20", ok, m.Count(lamp))
	}
	cols, _ := m.Row(lamp)
	shade, _ := m.Index("shade")
	found := false
	for _, c := range cols {
		found = found || c == shade
	}
	if !found {
		t.Error("the shade is not in the lamp's row")
	}
	again, err := learn.Train(t.Context(), src, rows.DefaultParams(), nil)
	if err != nil || again.Version() != m.Version() {
		t.Errorf("training twice gives %s and %s, %v", m.Version(), again.Version(), err)
	}
}

// Imported events may name no session: half an hour without one ends a visit.
func TestTrainCutsVisits(t *testing.T) {
	db := memory.New()
	for n := range 5 {
		v := fmt.Sprintf("v%d", n)
		appendAll(t, db, seen(v, "", "lamp", 0), seen(v, "", "mug", 31*60), seen(v, "", "cup", 31*60+5))
	}
	m, err := learn.Train(t.Context(), learn.Source{Site: testSite, Log: db, Now: clock}, rows.DefaultParams(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, known := m.Index("lamp"); known {
		t.Error("a visit of one item was trained on, or joined with the next visit")
	}
	if m.Sessions() != 5 {
		t.Errorf("%d sessions, want the 5 visits to mug and cup", m.Sessions())
	}
}

func TestTrainOnNothing(t *testing.T) {
	_, err := learn.Train(t.Context(), learn.Source{Site: testSite, Log: memory.New(), Now: clock}, rows.DefaultParams(), nil)
	if f := fault.Of(err); f == nil || f.Code != "nothing_to_train" {
		t.Errorf("training on an empty log: %v, want nothing_to_train", err)
	}
}
