package session_test

import (
	"context"
	"testing"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

func begin(t *testing.T, n node, p session.Place, wait bool, recs ...event.Record) *session.Claim {
	t.Helper()
	c, err := n.Begin(context.Background(), p, recs, wait)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func locate(t *testing.T, n node, who session.Who) session.Place {
	t.Helper()
	p, err := n.Locate(context.Background(), who, n.clk.Now())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestClaimFindsDuplicates(t *testing.T) {
	n := newNode(newSource(), newClock(), nil)
	p := locate(t, n, full)
	c := begin(t, n, p, true, ev("e1", event.View, "a", 1), ev("e1", event.View, "a", 1), ev("e2", event.View, "b", 2))
	if len(c.Records) != 2 || c.Duplicates != 1 || c.Today != 0 {
		t.Errorf("%d new, %d duplicates, %d today", len(c.Records), c.Duplicates, c.Today)
	}
	if n.Known(p.Key, "e1") {
		t.Error("shown before it is stored")
	}
	c.Stored()
	c = begin(t, n, p, true, ev("e2", event.View, "b", 2), ev("e3", event.View, "c", 3))
	if len(c.Records) != 1 || c.Records[0].ID != "e3" || c.Duplicates != 1 || c.Today != 2 {
		t.Errorf("%+v", c)
	}
	c.Failed()
	if c = begin(t, n, p, true, ev("e3", event.View, "c", 3)); len(c.Records) != 1 {
		t.Error("a failed event is remembered as a duplicate")
	}
	c.Stored()
}

func TestCopyWaitsUntilTheFirstIsStored(t *testing.T) {
	for _, stored := range []bool{true, false} {
		n := newNode(newSource(), newClock(), nil)
		p := locate(t, n, full)
		first := begin(t, n, p, true, ev("e1", event.View, "a", 1))
		second := make(chan *session.Claim)
		go func() {
			c, err := n.Begin(context.Background(), p, []event.Record{ev("e1", event.View, "a", 1)}, true)
			if err != nil {
				t.Error(err)
			}
			second <- c
		}()
		select {
		case <-second:
			t.Fatal("the copy did not wait")
		default:
		}
		if stored {
			first.Stored()
		} else {
			first.Failed()
		}
		c := <-second
		if (c.Duplicates == 1) != stored {
			t.Errorf("first stored %v: the copy has %d duplicates", stored, c.Duplicates)
		}
		c.Stored()
		if v := n.open(t, full, "e1"); v.Events != 1 {
			t.Errorf("%d events", v.Events)
		}
	}
}

func TestCopyGivesUpWithItsContext(t *testing.T) {
	n := newNode(newSource(), newClock(), nil)
	p := locate(t, n, full)
	first := begin(t, n, p, true, ev("e1", event.View, "a", 1))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := n.Begin(ctx, p, []event.Record{ev("e1", event.View, "a", 1)}, true); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
	first.Stored()
}

func TestInlineCopyShowsAtOnce(t *testing.T) {
	n := newNode(newSource(), newClock(), nil)
	p := locate(t, n, full)
	beacon := begin(t, n, p, true, ev("e1", event.View, "a", 1))
	inline := begin(t, n, p, false, ev("e1", event.View, "a", 1))
	if inline.Duplicates != 1 || inline.Fold().Events != 1 {
		t.Error("the inline copy is not shown")
	}
	inline.Stored()
	beacon.Failed() // shown, but not stored: sent again it must be stored
	if c := begin(t, n, p, true, ev("e1", event.View, "a", 1)); len(c.Records) != 1 {
		t.Error("an event that was never stored is taken for a duplicate")
	} else if s := c.Stored(); s.Events != 1 {
		t.Errorf("folded twice: %+v", s)
	}
	if c := begin(t, n, p, true, ev("e1", event.View, "a", 1)); c.Duplicates != 1 {
		t.Error("now it is stored")
	}
}

func TestAfterWaitsForAnEventOnItsWay(t *testing.T) {
	n := newNode(newSource(), newClock(), nil)
	p := locate(t, n, full)
	c := begin(t, n, p, true, ev("e1", event.View, "a", 1))
	got := make(chan error)
	go func() {
		var v session.View
		got <- n.Open(context.Background(), full, "e1", &v)
	}()
	c.Stored()
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestBeginWithoutTheStore(t *testing.T) {
	src, clk := newSource(), newClock()
	who := with(full, func(w *session.Who) { w.SessionID = "s1" })
	newNode(src, clk, nil).send(t, who, ev("e0", event.View, "z", 0))
	n := newNode(src, clk, nil)
	src.fail(errDown)
	p, err := n.Locate(context.Background(), who, clk.Now())
	if fault.KindOf(err) != fault.Unavailable || p.Key.Session != "s1" || p.Store {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, err := n.Begin(context.Background(), p, []event.Record{ev("e1", event.View, "a", 1)}, true); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
	c, err := n.Begin(context.Background(), p, []event.Record{ev("e1", event.View, "a", 1)}, false)
	if err == nil || c == nil || c.Fold().Events != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	c.Failed()
	src.fail(nil)
	if v := n.open(t, who, ""); v.Events != 2 { // the store's events join
		t.Errorf("%+v", v)
	}
}

func TestGone(t *testing.T) {
	n := newNode(newSource(), newClock(), nil)
	p := locate(t, n, full)
	c := begin(t, n, p, false, ev("e1", event.View, "a", 1))
	if c.Gone() {
		t.Error("gone too early")
	}
	n.Forget("demo", "a1")
	if !c.Gone() {
		t.Error("the claim outlives the visitor")
	}
	c.Failed()
}

func TestVisitorIsStoredOnlyWhenItChanged(t *testing.T) {
	n := newNode(newSource(), newClock(), nil)
	store := func(who session.Who) bool {
		p := locate(t, n, who)
		c := begin(t, n, p, true)
		c.Stored()
		return p.Store
	}
	if !store(full) || store(full) {
		t.Error("once for a new visitor")
	}
	n.clk.add(61e9)
	if !store(full) || store(full) {
		t.Error("once a minute")
	}
	older := locate(t, n, full)
	older.Store = true
	stuck := begin(t, n, older, true, ev("e9", event.View, "a", 9))
	linked := with(full, func(w *session.Who) { w.UserID, w.Proven = "u9", true })
	if !store(linked) || store(linked) || store(full) {
		t.Error("once for a link")
	}
	stuck.Stored()
	if !store(full) || store(full) {
		t.Error("again when an older row was written over it")
	}
}
