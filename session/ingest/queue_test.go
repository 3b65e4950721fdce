package ingest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

func async(t testing.TB, events string) *ingest.Request {
	q := request(t, events)
	q.Mode = ingest.Async
	return q
}

// until polls a condition that a goroutine makes true.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
		<-tick.C
	}
}

func TestAsyncShowsNowAndStoresLater(t *testing.T) {
	r := newRig(t, nil)
	hold := make(chan struct{})
	r.log.change(func() { r.log.hold = hold })
	got := r.collect(t, async(t, view("e1", "a")))
	if got.Accepted != 1 || got.Durability != "" || got.Events != 1 || got.LastEventID != "e1" {
		t.Errorf("%+v", got)
	}
	if v := r.view(t); len(v.Steps) != 1 || len(r.log.all()) != 0 {
		t.Errorf("%+v, %d stored", v, len(r.log.all()))
	}
	close(hold)
	until(t, "stored", func() bool { return len(r.log.all()) == 1 })
}

func TestBeaconOfAPendingEventWaitsForTheStore(t *testing.T) {
	r := newRig(t, nil)
	hold := make(chan struct{})
	r.log.change(func() { r.log.hold = hold })
	r.collect(t, async(t, view("e1", "a")))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.Collect(ctx, request(t, view("e1", "a"))); err == nil {
		t.Error("acknowledged although it is not stored")
	}
	close(hold)
	if got := r.collect(t, request(t, view("e1", "a"))); got.Duplicate != 1 || len(r.log.all()) != 1 {
		t.Errorf("%+v, %d stored", got, len(r.log.all()))
	}
}

func TestFullQueueSheds(t *testing.T) {
	r := newRig(t, func(c *ingest.Config) { c.Writers, c.QueueBatches = 1, 1 })
	hold := make(chan struct{})
	r.log.change(func() { r.log.hold, r.log.entered = hold, make(chan struct{}, 64) })
	r.collect(t, async(t, view("e1", "a")))
	<-r.log.entered // the writer is busy
	r.collect(t, async(t, view("e2", "b")))
	got := r.collect(t, async(t, view("e3", "c")))
	if got.Shed != 1 || got.Accepted != 0 || got.Events != 3 {
		t.Errorf("%+v", got)
	}
	close(hold)
	until(t, "the queue is stored", func() bool { return len(r.log.all()) == 2 })
	if got := r.collect(t, request(t, view("e3", "c"))); got.Accepted != 1 || got.Events != 3 {
		t.Errorf("a shed event sent again: %+v", got)
	}
}

func TestQueueIsBoundedInBytes(t *testing.T) {
	r := newRig(t, func(c *ingest.Config) { c.QueueBytes = 100 })
	if got := r.collect(t, async(t, view("e1", "a"))); got.Shed != 1 {
		t.Errorf("%+v", got)
	}
}

func TestBackgroundFailureIsNoAck(t *testing.T) {
	r := newRig(t, func(c *ingest.Config) { c.Attempts = 2 })
	r.collect(t, request(t, view("e0", "z")))
	before := 0
	r.log.change(func() { r.log.fails, before = errDown, r.log.touched })
	r.collect(t, async(t, view("e1", "a")+","+view("e2", "b")))
	until(t, "tried twice", func() bool {
		r.log.mu.Lock()
		defer r.log.mu.Unlock()
		return r.log.touched >= before+2
	})
	r.log.change(func() { r.log.fails = nil })
	if v := r.view(t); v.Events != 3 {
		t.Errorf("the session lost what it showed: %+v", v)
	}
	if got := r.collect(t, request(t, view("e1", "a"))); got.Accepted+got.Duplicate != 1 || got.Events != 3 {
		t.Errorf("%+v", got)
	}
	stored := map[string]bool{}
	for _, rec := range r.log.all() {
		stored[rec.ID] = true
	}
	if !stored["e1"] {
		t.Error("acknowledged but not stored")
	}
}

// A visitor whose row could not be read gets one with the events all the same:
// without a row they would not be looked for after a restart.
func TestRowOfAVisitorWhoCouldNotBeRead(t *testing.T) {
	r := newRig(t, func(c *ingest.Config) { c.Writers, c.Attempts = 1, 1000 })
	hold := make(chan struct{})
	r.log.change(func() { r.log.blind, r.log.hold, r.log.entered = errDown, hold, make(chan struct{}, 64) })
	other := async(t, view("e0", "z"))
	other.Batch.AnonymousID = "a2"
	r.collect(t, other)
	r.collect(t, async(t, view("e1", "a")))
	r.log.change(func() { r.log.blind = nil })
	close(hold)
	until(t, "both are stored", func() bool { return len(r.log.all()) == 2 })
	until(t, "with their rows", func() bool {
		r.log.mu.Lock()
		defer r.log.mu.Unlock()
		return r.log.visitors["demo/a1"].Session == "s1" && r.log.visitors["demo/a2"].Session == "s1"
	})
}

// The last attempt stores the events without it.
func TestEventsOfAVisitorWhoCannotBeRead(t *testing.T) {
	r := newRig(t, func(c *ingest.Config) { c.Attempts = 2 })
	r.log.change(func() { r.log.blind = errDown })
	r.collect(t, async(t, view("e1", "a")))
	until(t, "they are stored", func() bool { return len(r.log.all()) == 1 })
}

func TestErasedWhileQueued(t *testing.T) {
	r := newRig(t, func(c *ingest.Config) { c.Writers = 1 })
	hold := make(chan struct{})
	r.log.change(func() { r.log.hold, r.log.entered = hold, make(chan struct{}, 64) })
	other := async(t, view("e0", "z"))
	other.Batch.AnonymousID = "a2"
	r.collect(t, other)
	<-r.log.entered // the writer is busy
	r.collect(t, async(t, view("e1", "a")))
	r.sessions.Forget("demo", "a1")
	close(hold)
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if recs := r.log.all(); len(recs) != 1 || recs[0].ID != "e0" {
		t.Errorf("%+v", recs)
	}
}

func TestCloseDrains(t *testing.T) {
	r := newRig(t, nil)
	for i := range 300 {
		q := async(t, view(fmt.Sprint("e", i), "a"))
		q.Batch.AnonymousID = fmt.Sprint("v", i%7)
		if got := r.collect(t, q); got.Accepted != 1 {
			t.Fatalf("%+v", got)
		}
	}
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := len(r.log.all()); n != 300 {
		t.Errorf("%d of 300 stored", n)
	}
	if got := r.collect(t, async(t, view("late", "a"))); got.Shed != 1 {
		t.Errorf("after Close: %+v", got)
	}
	if got := r.collect(t, request(t, view("late", "a"))); got.Accepted != 1 {
		t.Errorf("an event that waits for the store needs no queue: %+v", got)
	}
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	r := newRig(t, nil)
	hold := make(chan struct{})
	r.log.change(func() { r.log.hold = hold })
	r.collect(t, async(t, view("e1", "a")))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := r.Close(ctx); err == nil {
		t.Error("closed although a write hangs")
	}
}

// discard stores nothing: what is measured is the collector.
type discard struct{ *log }

func (discard) Append(context.Context, ingest.Write) error { return nil }

func BenchmarkCollect(b *testing.B) {
	r := newRig(b, func(c *ingest.Config) { c.Log = discard{newLog()} })
	q := request(b, view("e1", "a"))
	q.Batch.Events[0].HasTS = true
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		if i%100 == 1 { // a session is short
			q.Batch.SessionID = fmt.Sprint("s", i)
		}
		q.Batch.Events[0].ID = fmt.Sprint("e", i)
		if got, err := r.Collect(context.Background(), q); err != nil || got.Accepted != 1 {
			b.Fatal(got, err)
		}
	}
}

func BenchmarkDecodeAndCollect(b *testing.B) {
	r := newRig(b, func(c *ingest.Config) { c.Log = discard{newLog()} })
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		body := fmt.Appendf(nil, `{"anonymous_id":"a%d","session_id":"s1","consent":"full","sent_at":1795514400000,"events":[{"event_id":"e%d","seq":1,"kind":"view","item_id":"85123A","ts":1795514399000}]}`, i/20, i)
		batch, err := event.DecodeBatch(body, now)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Collect(context.Background(), &ingest.Request{Site: "demo", Batch: batch, ReceivedAt: now}); err != nil {
			b.Fatal(err)
		}
	}
}
