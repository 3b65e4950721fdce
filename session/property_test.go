package session_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

// reference computes a session's vector from all its events at once.
func reference(recs []event.Record) map[string]float64 {
	var all []session.Entry
	seen := map[string]bool{}
	for _, r := range recs {
		if seen[r.ID] || !r.Kind.Engages() {
			continue
		}
		seen[r.ID] = true
		r.Lines(func(i int, item string) {
			all = append(all, session.Entry{Time: r.Time, ItemID: item, EventID: r.ID, Line: int32(i), Kind: r.Kind})
		})
	}
	slices.SortFunc(all, func(a, b session.Entry) int { return a.Compare(&b) })
	return vector(session.Steps(nil, all))
}

func vector(steps []session.Step) map[string]float64 {
	out := map[string]float64{}
	for _, w := range session.SparseVector(steps, session.DefaultDelta, session.MaxSteps) {
		out[w.ItemID] = w.Weight
	}
	return out
}

func same(t *rapid.T, what string, want, got map[string]float64) {
	if len(want) != len(got) {
		t.Fatalf("%s: want %v, got %v", what, want, got)
	}
	for item, w := range want {
		if math.Abs(w-got[item]) > 1e-6 {
			t.Fatalf("%s: %s weighs %v, not %v", what, item, got[item], w)
		}
	}
}

func drawEvents(t *rapid.T, atMost int) []event.Record {
	n := rapid.IntRange(1, atMost).Draw(t, "n")
	recs := make([]event.Record, n)
	for i := range recs {
		kind := event.Kind(rapid.IntRange(int(event.Impression), int(event.Custom)).Draw(t, "kind"))
		item := fmt.Sprintf("i%d", rapid.IntRange(0, 5).Draw(t, "item"))
		recs[i] = ev(fmt.Sprintf("e%03d", i), kind, item, rapid.Int64Range(0, 20).Draw(t, "second"))
		recs[i].Seq = uint32(i + 1)
		recs[i].Time += rapid.Int64Range(-5000, 0).Draw(t, "correction") // the store orders otherwise than the ring
		if kind.TakesItems() && rapid.Bool().Draw(t, "lines") {
			recs[i].Items = []event.Line{{ItemID: item}, {ItemID: "i9"}, {ItemID: item}}
		}
	}
	return recs
}

// Any order, duplicates, batches and split over nodes gives the same vector.
func TestVectorDoesNotDependOnDelivery(t *testing.T) {
	who := with(full, func(w *session.Who) { w.SessionID = "s1" })
	rapid.Check(t, func(rt *rapid.T) {
		recs := drawEvents(rt, 40)
		src, clk := newSource(), newClock()
		nodes := []node{newNode(src, clk, nil), newNode(src, clk, nil), newNode(src, clk, nil)}
		deliveries := rapid.Permutation(append(slices.Clone(recs), recs[:len(recs)/2]...)).Draw(rt, "order")
		for len(deliveries) > 0 {
			n := rapid.IntRange(1, len(deliveries)).Draw(rt, "batch")
			nodes[rapid.IntRange(0, len(nodes)-1).Draw(rt, "node")].send(t, who, deliveries[:n]...)
			deliveries = deliveries[n:]
		}
		want := reference(recs)
		ids := map[string]bool{}
		for _, r := range recs {
			ids[r.ID] = true
		}
		for i, n := range nodes {
			// The client names each event it had acknowledged: the node must have all.
			var v session.View
			for _, r := range recs {
				if err := n.Open(context.Background(), who, r.ID, &v); err != nil {
					rt.Fatalf("node %d, after %s: %v", i, r.ID, err)
				}
			}
			same(rt, fmt.Sprintf("node %d", i), want, vector(v.Steps))
			if v.Events != len(ids) {
				rt.Fatalf("node %d counts %d events of %d", i, v.Events, len(ids))
			}
		}
	})
}

// The whole view is the same, whatever the order: shown, bought and newest too.
func TestFoldDoesNotDependOnOrder(t *testing.T) {
	key := session.Key{Site: "demo", Visitor: "a1", Session: "s1"}
	who := with(full, func(w *session.Who) { w.SessionID = "s1" })
	rapid.Check(t, func(rt *rapid.T) {
		recs := drawEvents(rt, 120)
		views := make([]*session.View, 2)
		for i := range views {
			n := newNode(newSource(), newClock(), nil)
			order := recs
			if i > 0 {
				order = rapid.Permutation(recs).Draw(rt, "order")
			}
			for _, r := range order {
				n.Fold(session.Visitor{Site: "demo", ID: "a1"}, key, []event.Record{r})
			}
			if n.Fold(session.Visitor{}, key, recs) != 0 {
				rt.Fatal("a second fold found something new")
			}
			views[i] = n.open(t, who, "")
		}
		if a, b := fmt.Sprintf("%+v", *views[0]), fmt.Sprintf("%+v", *views[1]); a != b {
			rt.Fatalf("orders differ:\n%s\n%s", a, b)
		}
		if len(recs) <= 60 {
			same(rt, "reference", reference(recs), vector(views[0].Steps))
		}
	})
}
