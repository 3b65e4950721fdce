package session_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

func TestClickChangesTheNextView(t *testing.T) {
	n := newNode(newSource(), newClock(), nil)
	sum, _ := n.send(t, full, ev("e1", event.View, "a", 1), ev("e2", event.Page, "", 2), ev("e3", event.CartAdd, "b", 3),
		ev("e4", event.Impression, "c", 4))
	if want := (session.Summary{SessionID: "made-1", Events: 4, LastEventID: "e4"}); sum != want {
		t.Errorf("summary %+v", sum)
	}
	n.send(t, full, event.Record{Event: event.Event{ID: "e5", Kind: event.Purchase, TS: ev("", 0, "", 5).TS, Time: ev("", 0, "", 5).TS,
		Items: []event.Line{{ItemID: "b"}, {ItemID: "d"}}}})
	n.send(t, full, ev("e6", event.Refund, "d", 6))
	v := n.open(t, full, "e6")
	if diff := cmp.Diff([]string{"refund d", "purchase d", "purchase b", "view a"}, items(v.Steps)); diff != "" {
		t.Error(diff)
	}
	if v.SessionID != "made-1" || v.Events != 6 || v.LastEventID != "e6" || v.Key.Visitor != "a1" {
		t.Errorf("%+v", v)
	}
	if diff := cmp.Diff([][]string{{"c"}, {"b"}}, [][]string{v.Shown, v.Purchased}); diff != "" {
		t.Error(diff)
	}
}

func TestNobodyAndNewVisitor(t *testing.T) {
	n := newNode(newSource(), newClock(), nil)
	for _, who := range []session.Who{{Site: "demo"}, full, with(full, func(w *session.Who) { w.Consent = event.ConsentNone })} {
		v := n.open(t, who, "")
		if v.Key.Session != "" || len(v.Steps) > 0 || v.Events != 0 {
			t.Errorf("%+v: %+v", who, v)
		}
	}
	if n.Len() != 0 {
		t.Error("looking made a session")
	}
}

func TestIdleVisitorGetsANewSession(t *testing.T) {
	n := newNode(newSource(), newClock(), nil)
	first, _ := n.send(t, full, ev("e1", event.View, "a", 1))
	n.clk.add(29 * time.Minute)
	again, _ := n.send(t, full, ev("e2", event.View, "b", 2))
	if again.SessionID != first.SessionID || again.Events != 2 {
		t.Errorf("after 29 min: %+v, then %+v", first, again)
	}
	n.clk.add(31 * time.Minute)
	if v := n.open(t, full, ""); v.Key.Session != "" {
		t.Errorf("after 31 min the view shows %+v", v)
	}
	later, _ := n.send(t, full, ev("e3", event.View, "c", 3))
	if later.SessionID == first.SessionID || later.Events != 1 {
		t.Errorf("after 31 min: %+v", later)
	}
	// A session that is named goes on for ever, and becomes the running one.
	named := with(full, func(w *session.Who) { w.SessionID = first.SessionID })
	n.send(t, named, ev("e4", event.View, "d", 4))
	if v := n.open(t, full, ""); v.SessionID != first.SessionID || v.Events != 3 {
		t.Errorf("the named session: %+v", v)
	}
}

func TestRunningSessionSurvivesARestart(t *testing.T) {
	src, clk := newSource(), newClock()
	newNode(src, clk, nil).send(t, full, ev("e1", event.View, "a", 1))
	v := newNode(src, clk, nil).open(t, full, "e1")
	if v.SessionID != "made-1" || v.Events != 1 {
		t.Errorf("%+v", v)
	}
}

func TestSessionsOfDifferentVisitorsAndSitesAreApart(t *testing.T) {
	n := newNode(newSource(), newClock(), nil)
	mine := with(full, func(w *session.Who) { w.SessionID = "s1" })
	n.send(t, mine, ev("e1", event.View, "a", 1))
	for name, change := range map[string]func(*session.Who){
		"another visitor": func(w *session.Who) { w.AnonymousID = "a2" },
		"no visitor":      func(w *session.Who) { w.AnonymousID = "" },
		"another site":    func(w *session.Who) { w.Site = "other" },
		"less consent":    func(w *session.Who) { w.Consent = event.ConsentSession },
	} {
		if v := n.open(t, with(mine, change), ""); v.Events != 0 {
			t.Errorf("%s sees %+v", name, v)
		}
	}
}

func TestAfterReadsTheStoreAgain(t *testing.T) {
	src, clk := newSource(), newClock()
	a, b := newNode(src, clk, nil), newNode(src, clk, nil)
	who := with(full, func(w *session.Who) { w.SessionID = "s1" })
	a.send(t, who, ev("e1", event.View, "a", 1))
	b.open(t, who, "e1")
	a.send(t, who, ev("e2", event.View, "b", 2))
	if v := b.open(t, who, "e2"); v.Events != 2 || v.Steps[0].ItemID != "b" {
		t.Errorf("b after e2: %+v", v)
	}
	before := src.count()
	b.open(t, who, "e1") // known: no reading
	if src.count() != before {
		t.Error("a known event was looked up in the store")
	}
	var v session.View
	err := b.Open(context.Background(), who, "e99", &v)
	if f := fault.Of(err); f == nil || f.Kind != fault.NotFound || f.Code != "after" || v.Events != 2 {
		t.Errorf("an event that is nowhere: %v, view %+v", err, v)
	}
	stranger := with(full, func(w *session.Who) { w.AnonymousID = "a9" })
	if err := b.Open(context.Background(), stranger, "e1", &v); fault.Of(err) == nil {
		t.Error("a visitor without a session has no events")
	}
}

func TestAfterAnEventOlderThanTheRing(t *testing.T) {
	src, clk := newSource(), newClock()
	n := newNode(src, clk, nil)
	for i := range 300 {
		n.send(t, full, ev(fmt.Sprintf("e%03d", i), event.View, fmt.Sprint("i", i), int64(i)))
	}
	fresh := newNode(src, clk, nil)
	if v := fresh.open(t, full, "e000"); v.Events != 300 || len(v.Steps) != session.MaxSteps || v.Steps[0].ItemID != "i299" {
		t.Errorf("events %d, steps %d", v.Events, len(v.Steps))
	}
}

func TestAfterFindsASessionBegunElsewhere(t *testing.T) {
	src, clk := newSource(), newClock()
	a, b := newNode(src, clk, nil), newNode(src, clk, nil)
	b.open(t, full, "") // b believes that the visitor is new
	a.send(t, full, ev("e1", event.View, "a", 1))
	if v := b.open(t, full, "e1"); v.Events != 1 {
		t.Errorf("%+v", v)
	}
}

func TestGapInSeqReadsTheStoreAgain(t *testing.T) {
	src, clk := newSource(), newClock()
	a, b := newNode(src, clk, nil), newNode(src, clk, nil)
	who := with(full, func(w *session.Who) { w.SessionID = "s1" })
	number := func(r event.Record, seq uint32) event.Record { r.Seq = seq; return r }
	a.send(t, who, number(ev("e1", event.View, "a", 1), 1))
	b.send(t, who, number(ev("e2", event.View, "b", 2), 2))
	a.send(t, who, number(ev("e3", event.View, "c", 3), 3))
	if v := a.open(t, who, ""); v.Events != 3 {
		t.Errorf("a has %d events of 3", v.Events)
	}
	before := src.count()
	a.send(t, who, number(ev("e4", event.View, "d", 4), 4))
	if src.count() != before {
		t.Error("without a gap nothing is read")
	}
}

func TestRefreshShowsOtherNodesClicksWithinASecond(t *testing.T) {
	src, clk := newSource(), newClock()
	shared := func(c *session.Config) { c.Refresh = time.Second }
	a, b := newNode(src, clk, shared), newNode(src, clk, shared)
	a.send(t, full, ev("e1", event.View, "a", 1))
	b.open(t, full, "")
	a.send(t, full, ev("e2", event.View, "b", 2))
	clk.add(1001 * time.Millisecond)
	if v := b.open(t, full, ""); v.Events != 2 {
		t.Errorf("b has %d events of 2", v.Events)
	}
}

func TestStoreDown(t *testing.T) {
	src, clk := newSource(), newClock()
	n := newNode(src, clk, nil)
	n.send(t, full, ev("e1", event.View, "a", 1))
	src.fail(errDown)
	if v := n.open(t, full, "e1"); v.Events != 1 {
		t.Errorf("what is in memory needs no store: %+v", v)
	}
	var v session.View
	err := n.Open(context.Background(), full, "e2", &v)
	if f := fault.Of(err); f == nil || f.Kind != fault.Unavailable || f.Code != "store" || v.Events != 1 {
		t.Errorf("%v with %+v", err, v)
	}
	cold := newNode(src, clk, nil)
	who := with(full, func(w *session.Who) { w.SessionID = "s1" })
	if err := cold.Open(context.Background(), who, "", &v); fault.KindOf(err) != fault.Unavailable || v.SessionID != "s1" {
		t.Errorf("%v with %+v", err, v)
	}
	src.fail(nil)
	if err := cold.Open(context.Background(), full, "", &v); err != nil || v.Events != 1 {
		t.Errorf("a failure is remembered: %v with %+v", err, v)
	}
}

func TestManyMissesAreOneRead(t *testing.T) {
	for _, local := range []bool{false, true} {
		src, clk := newSource(), newClock()
		newNode(src, clk, nil).send(t, full, ev("e1", event.View, "a", 1))
		n := newNode(src, clk, func(c *session.Config) { c.Local = local })
		hold := make(chan struct{})
		src.mu.Lock()
		src.hold = hold
		src.mu.Unlock()
		before := src.count()
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				var v session.View
				if err := n.Open(context.Background(), full, "", &v); err != nil || v.Events != 1 {
					t.Errorf("%v, %d events", err, v.Events)
				}
			})
		}
		for src.count() == before {
			runtime.Gosched()
		}
		close(hold)
		wg.Wait()
		if n := src.count() - before; n != 2 {
			t.Errorf("local %v: 1000 misses made %d reads, not one of the visitor and one of the session", local, n)
		}
	}
}

// A read that began before an event was stored must not answer for it.
func TestAfterDoesNotJoinAnOlderRead(t *testing.T) {
	src, clk := newSource(), newClock()
	who := with(full, func(w *session.Who) { w.SessionID = "s1" })
	a, b := newNode(src, clk, nil), newNode(src, clk, nil)
	a.send(t, who, ev("e1", event.View, "a", 1))
	b.open(t, with(full, func(w *session.Who) { w.SessionID = "s0" }), "") // b knows the visitor, not s1
	// The older read of s1 has seen the store and hangs on its way back.
	seen, back := make(chan struct{}), make(chan struct{})
	src.mu.Lock()
	src.late = func() { close(seen); <-back }
	src.mu.Unlock()
	older := make(chan error)
	go func() {
		var v session.View
		older <- b.Open(context.Background(), who, "", &v)
	}()
	<-seen
	a.send(t, who, ev("e2", event.View, "b", 2))
	newer := make(chan error)
	go func() {
		var v session.View
		newer <- b.Open(context.Background(), who, "e2", &v)
	}()
	close(back)
	for _, err := range []error{<-older, <-newer} {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestSlowStoreHoldsNobodyForLong(t *testing.T) {
	src, clk := newSource(), newClock()
	hold := make(chan struct{})
	src.hold = hold
	defer close(hold)
	n := newNode(src, clk, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var v session.View
	if err := n.Open(ctx, full, "", &v); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
}

func TestConsentSessionKeepsNothingLasting(t *testing.T) {
	src, clk := newSource(), newClock()
	n := newNode(src, clk, nil)
	who := with(full, func(w *session.Who) {
		w.Consent, w.SessionID, w.UserID, w.Secret = event.ConsentSession, "s1", "u9", true
	})
	sum, _ := n.send(t, who, ev("e1", event.View, "a", 1))
	v := n.open(t, who, "e1")
	if sum.SessionID != "s1" || v.SessionID != "s1" || v.Events != 1 {
		t.Errorf("%+v, %+v", sum, v)
	}
	for key := range src.rows {
		if strings.Contains(key.Visitor, "a1") || strings.Contains(key.Session, "s1") || key.Visitor != n.Pseudonym("demo", "a1", clk.Now()) {
			t.Errorf("stored as %+v", key)
		}
	}
	for _, row := range src.visitors {
		if row.UserID != "" || row.Lasting || row.ID == "a1" {
			t.Errorf("visitor stored as %+v", row)
		}
	}
	if v.UserID != "" || v.Proven {
		t.Error("a user joined")
	}
	today := n.Pseudonym("demo", "a1", clk.Now())
	clk.add(24 * time.Hour)
	if n.Pseudonym("demo", "a1", clk.Now()) == today || n.open(t, who, "").Events != 0 {
		t.Error("the next day knows the visitor")
	}
	other := newNode(src, clk, func(c *session.Config) { c.Salt = []byte("another") })
	if other.Pseudonym("demo", "a1", clk.Now()) == n.Pseudonym("demo", "a1", clk.Now()) {
		t.Error("the pseudonym does not depend on the salt")
	}
}

func TestIdentity(t *testing.T) {
	src, clk := newSource(), newClock()
	n := newNode(src, clk, nil)
	as := func(user string, proven bool) session.Who {
		return with(full, func(w *session.Who) { w.UserID, w.Proven, w.SessionID = user, proven, "s1" })
	}
	step := 0
	check := func(what string, who session.Who, events int, user string, proven bool) {
		t.Helper()
		step++
		n.send(t, who, ev(fmt.Sprint("e", step), event.View, fmt.Sprint("i", step), int64(step)))
		for i, v := range []*session.View{n.open(t, who, ""), newNode(src, clk, nil).open(t, who, "")} {
			if v.Events != events || v.UserID != user || v.Proven != proven || v.SessionID != "s1" {
				t.Errorf("%s (%d): %d events of %q proven %v in %q", what, i, v.Events, v.UserID, v.Proven, v.SessionID)
			}
		}
	}
	check("anonymous", as("", false), 1, "", false)
	check("said", as("uA", false), 2, "uA", false)
	check("proven: the session goes on", as("uA", true), 3, "uA", true)
	check("later without a user", as("", false), 4, "uA", true)
	check("somebody says to be another", as("uB", false), 5, "uB", false)
	check("still linked", as("", false), 6, "uA", true)
	if v := n.open(t, as("uB", true), ""); v.Events != 0 || v.UserID != "uB" {
		t.Errorf("another proven user sees %+v", v)
	}
	check("but only looked", as("", false), 7, "uA", true)
	check("another proven user: a new session", as("uB", true), 1, "uB", true)
	check("it goes on", as("", false), 2, "uB", true)
	check("the first user again: a new one", as("uA", true), 1, "uA", true)
}

func TestSecretProves(t *testing.T) {
	n := newNode(newSource(), newClock(), nil)
	who := session.Who{Site: "demo", UserID: "u9", Secret: true, Consent: event.ConsentFull}
	n.send(t, who, ev("e1", event.View, "a", 1))
	if v := n.open(t, who, ""); v.Key.Visitor != session.UserVisitor("u9") || !v.Proven || v.Events != 1 {
		t.Errorf("%+v", v)
	}
}

// What a proven user does is seen under no id that somebody else can send.
func TestSpacesAreApart(t *testing.T) {
	n := newNode(newSource(), newClock(), nil)
	proven := session.Who{Site: "demo", UserID: "u9", Proven: true, SessionID: "s1", Consent: event.ConsentFull}
	n.send(t, proven, ev("e1", event.View, "a", 1))
	for name, who := range map[string]session.Who{
		"the id without a proof":   {UserID: "u9"},
		"the id as a device":       {AnonymousID: "u9"},
		"the id as a session":      {SessionID: "u9"},
		"the session of a device":  {AnonymousID: "u9", SessionID: "s1"},
		"the session of the label": {UserID: "u9", SessionID: "s1"},
	} {
		who.Site, who.Consent = "demo", event.ConsentFull
		for _, step := range n.open(t, who, "").Steps {
			if step.ItemID == "a" {
				t.Errorf("%s sees %+v", name, step)
			}
		}
		n.send(t, who, ev("evil-"+name, event.View, "b", 2))
	}
	if v := n.open(t, proven, ""); v.Events != 1 {
		t.Errorf("others wrote into the proven user's session: %+v", v)
	}
}

// No session id that a client can send is taken for the one after a takeover.
func TestTakeoverIsEmptyWhateverWasSent(t *testing.T) {
	n := newNode(newSource(), newClock(), nil)
	who := session.Who{Site: "demo", AnonymousID: "a", Consent: event.ConsentFull, Proven: true, UserID: "u1"}
	for i, id := range []string{"s1", "s1#1", "s1#2"} {
		who.SessionID = id
		n.send(t, who, ev(id, event.View, "a", int64(i)))
	}
	who.UserID, who.SessionID = "u2", "s1"
	n.send(t, who, ev("after", event.View, "b", 9))
	if v := n.open(t, who, ""); v.Events != 1 {
		t.Errorf("another user's session on the same device holds %+v", v)
	}
}

func TestCheckSessionAlone(t *testing.T) {
	long := strings.Repeat("s", session.MinSecretSession)
	for _, w := range []session.Who{{}, {SessionID: long}, {SessionID: "s", AnonymousID: "a"}, {SessionID: "s", UserID: "u"}, {SessionID: "s", Secret: true}} {
		if err := w.CheckSessionAlone(); err != nil {
			t.Errorf("%+v: %v", w, err)
		}
	}
	w := session.Who{SessionID: "s1"}
	if f := fault.Of(w.CheckSessionAlone()); f == nil || f.Status != 422 {
		t.Error("a guessable session id stood alone")
	}
}

func TestForgetAndErased(t *testing.T) {
	src, clk := newSource(), newClock()
	a, b := newNode(src, clk, nil), newNode(src, clk, func(c *session.Config) { c.Refresh = time.Second })
	who := with(full, func(w *session.Who) { w.SessionID = "s1" })
	a.send(t, who, ev("e1", event.View, "a", 1))
	b.open(t, who, "")
	clk.add(2 * time.Second)
	src.mu.Lock()
	clear(src.rows)
	src.visitors["demo/a1"] = session.Visitor{Site: "demo", ID: "a1", ErasedAt: clk.Now().UnixMilli()}
	src.mu.Unlock()
	a.Forget("demo", "a1")
	clk.add(2 * time.Second)
	for i, n := range []node{a, b} { // b learns it from the store
		if v := n.open(t, who, ""); v.Events != 0 || n.Known(v.Key, "e1") {
			t.Errorf("node %d remembers %+v", i, v)
		}
		p, err := n.Locate(context.Background(), who, clk.Now())
		if err != nil || p.Visitor.ErasedAt == 0 {
			t.Errorf("node %d: %+v, %v", i, p, err)
		}
	}
}

func TestEvictionKeepsWhatIsNotStored(t *testing.T) {
	src, clk := newSource(), newClock()
	n := newNode(src, clk, func(c *session.Config) { c.Shards, c.Max = 1, 4 })
	p, err := n.Locate(context.Background(), full, clk.Now())
	if err != nil {
		t.Fatal(err)
	}
	pending, err := n.Begin(context.Background(), p, []event.Record{ev("e1", event.View, "a", 1)}, false)
	if err != nil {
		t.Fatal(err)
	}
	pending.Fold()
	crowd := func() {
		for i := range 20 {
			n.send(t, with(full, func(w *session.Who) { w.AnonymousID = fmt.Sprint("v", i) }), ev("x", event.View, "a", 1))
		}
	}
	crowd()
	if !n.Known(p.Key, "e1") || n.Len() > 6 {
		t.Errorf("known %v, %d sessions", n.Known(p.Key, "e1"), n.Len())
	}
	src.put(p.Visitor, p.Key, pending.Records...)
	pending.Stored()
	crowd()
	if n.Known(p.Key, "e1") || n.Len() > 4 {
		t.Errorf("known %v, %d sessions", n.Known(p.Key, "e1"), n.Len())
	}
	if v := n.open(t, full, ""); v.Events != 1 {
		t.Errorf("after eviction: %+v", v)
	}
}
