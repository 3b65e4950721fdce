package profile

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nextbest/nextbest/session/event"
)

func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

func did(n int, kind event.Kind, item string, daysAgo int) event.Record {
	at := noon().AddDate(0, 0, -daysAgo).UnixMilli()
	return event.Record{Session: "s", Event: event.Event{ID: fmt.Sprint("e", n), Kind: kind, ItemID: item, TS: at, Time: at}}
}

func TestFromHistory(t *testing.T) {
	order := did(5, event.Purchase, "", 0)
	order.Items = []event.Line{{ItemID: "lamp"}, {ItemID: "bulb"}, {}}
	back := did(7, event.Refund, "bulb", 0)
	back.TS++
	recs := []event.Record{
		did(1, event.View, "lamp", 60),
		did(2, event.CartAdd, "lamp", 0),
		did(3, event.View, "chair", 0),
		did(4, event.Dislike, "rug", 0),
		order,
		did(6, event.Purchase, "desk", 120),
		back,
		did(8, event.Impression, "seen", 0),
		did(2, event.CartAdd, "lamp", 0), // stored twice: counts once
	}
	want := &Profile{
		Version:    VersionHistory,
		Affinities: []Affinity{{"lamp", .5 + 3 + 4}, {"chair", 1}, {"desk", 1}},
		Purchased:  []Purchase{{"lamp", noon().UnixMilli()}, {"desk", noon().AddDate(0, 0, -120).UnixMilli()}},
	}
	near := cmpopts.EquateApprox(0, 1e-9)
	if d := cmp.Diff(want, FromHistory(recs, noon()), near); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	slices.Reverse(recs)
	if d := cmp.Diff(want, FromHistory(recs, noon()), near); d != "" {
		t.Errorf("in another order: -want +got:\n%s", d)
	}
}

func TestFromHistoryOfNothing(t *testing.T) {
	if p := FromHistory(nil, noon()); p != nil {
		t.Errorf("profile = %+v, want none", p)
	}
	if p := FromHistory([]event.Record{did(1, event.Page, "", 0), did(2, event.Dislike, "x", 0)}, noon()); p != nil {
		t.Errorf("profile = %+v, want none", p)
	}
}

func TestFromHistoryIsBounded(t *testing.T) {
	var recs []event.Record
	for n := range 1000 {
		recs = append(recs, did(n, event.Purchase, fmt.Sprint("i", n), n))
	}
	p := FromHistory(recs, noon())
	if len(p.Affinities) != maxAffinities || len(p.Purchased) != maxPurchased {
		t.Errorf("%d affinities, %d purchased", len(p.Affinities), len(p.Purchased))
	}
	if p.Affinities[0].ItemID != "i0" || p.Purchased[199].ItemID != "i199" || math.Abs(p.Affinities[0].Weight-4) > 1e-9 {
		t.Errorf("first = %+v", p.Affinities[0])
	}
}
