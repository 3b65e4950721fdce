package session_test

import (
	"context"
	"testing"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// slowRow is a store whose answer about a visitor takes its time to come back.
type slowRow struct {
	*source
	asked, release chan struct{}
}

func (s *slowRow) Visitor(ctx context.Context, site, id string) (session.Visitor, error) {
	v, err := s.source.Visitor(ctx, site, id)
	if s.asked != nil {
		s.asked <- struct{}{}
		<-s.release
	}
	return v, err
}

func in(id string) session.Who { return with(full, func(w *session.Who) { w.SessionID = id }) }

// Of a visitor without a row nothing else is read, also when events come.
func TestNewVisitorCostsOneRead(t *testing.T) {
	for name, local := range map[string]bool{"remote": false, "local": true} {
		t.Run(name, func(t *testing.T) {
			src := newSource()
			n := newNode(src, newClock(), func(c *session.Config) { c.Local = local })
			for range 3 {
				if v := n.open(t, in("s1"), ""); v.Events != 0 || v.SessionID != "s1" {
					t.Fatalf("%+v", v)
				}
			}
			n.send(t, in("s1"), ev("e1", event.View, "a", 1))
			if v := n.open(t, in("s1"), ""); v.Events != 1 || src.count() != 1 {
				t.Fatalf("%+v after %d reads", v, src.count())
			}
			// From now on the store has something: another session is looked for.
			n.open(t, in("s2"), "")
			if src.count() != 2 {
				t.Fatalf("%d reads", src.count())
			}
		})
	}
}

// An event named by after is looked for all the same: another node may have it.
func TestAfterOfANewVisitorIsLookedFor(t *testing.T) {
	src, clk := newSource(), newClock()
	n := newNode(src, clk, nil)
	n.open(t, in("s1"), "")
	newNode(src, clk, nil).send(t, in("s1"), ev("e1", event.View, "a", 1))
	if v := n.open(t, in("s1"), "e1"); v.Events != 1 {
		t.Fatalf("%+v", v)
	}
}

// With several nodes "there is none" holds no longer than another copy.
func TestNewVisitorIsReadAgain(t *testing.T) {
	src, clk := newSource(), newClock()
	n := newNode(src, clk, func(c *session.Config) { c.Refresh = 1e9 })
	n.open(t, in("s1"), "")
	newNode(src, clk, nil).send(t, in("s1"), ev("e1", event.View, "a", 1))
	clk.add(1001e6)
	if v := n.open(t, in("s1"), ""); v.Events != 1 {
		t.Fatalf("%+v", v)
	}
}

// A row that is written while an older answer is on its way exists.
func TestRowWrittenWhileItIsRead(t *testing.T) {
	src := &slowRow{source: newSource()}
	n := session.New(session.Config{Source: src, Now: newClock().Now, Local: true})
	sender := node{n, src.source, newClock()}
	sender.open(t, in("s1"), "")
	src.asked, src.release = make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() { // looks for the running session, because of e0
		var v session.View
		done <- n.Open(context.Background(), full, "e0", &v)
	}()
	<-src.asked
	sender.send(t, in("s1"), ev("e1", event.View, "a", 1))
	close(src.release)
	<-done
	before := src.count()
	sender.open(t, in("s2"), "")
	if src.count() != before+1 {
		t.Fatal("the store is taken to have nothing of the visitor")
	}
}

// Visitors whom the store knows by their erasure alone have no row either, but
// there may be events from since.
func TestErasedVisitorIsReadInFull(t *testing.T) {
	src, clk := newSource(), newClock()
	src.put(session.Visitor{Site: "demo", ID: "a1", ErasedAt: 1}, session.Key{Site: "demo", Visitor: "a1", Session: "s1"}, ev("e1", event.View, "a", 1))
	if v := newNode(src, clk, nil).open(t, in("s1"), ""); v.Events != 1 {
		t.Fatalf("%+v", v)
	}
}
