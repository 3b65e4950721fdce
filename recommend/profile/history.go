package profile

import (
	"math"
	"sort"
	"time"

	"github.com/nextbest/nextbest/session/event"
)

// VersionHistory is the Version of a profile made of the visitor's own
// history.
const VersionHistory = "history"

const (
	halfLife      = 60 * 24 * time.Hour
	maxAffinities = 200
	maxPurchased  = 200
)

// FromHistory makes the built-in profile: an item's affinity is the sum of
// what the visitor did with it, weighted by kind, with a half-life of 60 days.
// Records may come in any order; a record counts once. It is nil when nothing
// in the history says anything.
func FromHistory(recs []event.Record, now time.Time) *Profile {
	h := history{now: now.UnixMilli(), weights: map[string]float64{}, bought: map[string]int64{}}
	sorted := make([]*event.Record, len(recs)) // sums must not depend on the order of arrival
	for n := range recs {
		sorted[n] = &recs[n]
	}
	sort.SliceStable(sorted, func(i, j int) bool {
		a, b := sorted[i], sorted[j]
		return a.TS < b.TS || a.TS == b.TS && (a.ID < b.ID || a.ID == b.ID && a.Session < b.Session)
	})
	for n, r := range sorted {
		if n > 0 && r.ID == sorted[n-1].ID && r.TS == sorted[n-1].TS && r.Session == sorted[n-1].Session {
			continue
		}
		h.add(r)
	}
	p := &Profile{Version: VersionHistory, Affinities: h.affinities(), Purchased: h.purchased()}
	if len(p.Affinities) == 0 && len(p.Purchased) == 0 {
		return nil
	}
	return p
}

// history adds up one visitor's records.
type history struct {
	now     int64
	weights map[string]float64
	bought  map[string]int64 // item to the time of its last purchase
}

func (h *history) add(r *event.Record) {
	age := float64(max(0, h.now-r.Time)) / float64(halfLife.Milliseconds())
	weight := r.Kind.Weight() * math.Exp2(-age)
	if weight != 0 && r.ItemID != "" {
		h.weights[r.ItemID] += weight
	}
	if r.ItemID != "" {
		h.trade(r, r.ItemID)
	}
	if r.Kind != event.Purchase && r.Kind != event.Refund {
		return
	}
	for _, line := range r.Items {
		if line.ItemID == "" || line.ItemID == r.ItemID {
			continue
		}
		h.weights[line.ItemID] += weight
		h.trade(r, line.ItemID)
	}
}

// trade keeps what was bought and not sent back.
func (h *history) trade(r *event.Record, item string) {
	switch r.Kind {
	case event.Purchase:
		h.bought[item] = max(h.bought[item], r.Time)
	case event.Refund:
		delete(h.bought, item)
	}
}

func (h *history) affinities() []Affinity {
	list := make([]Affinity, 0, len(h.weights))
	for item, w := range h.weights {
		if w > 0 {
			list = append(list, Affinity{ItemID: item, Weight: w})
		}
	}
	sort.Slice(list, func(i, j int) bool {
		return list[i].Weight > list[j].Weight || list[i].Weight == list[j].Weight && list[i].ItemID < list[j].ItemID
	})
	return list[:min(len(list), maxAffinities)]
}

func (h *history) purchased() []Purchase {
	list := make([]Purchase, 0, len(h.bought))
	for item, t := range h.bought {
		list = append(list, Purchase{ItemID: item, Time: t})
	}
	sort.Slice(list, func(i, j int) bool {
		return list[i].Time > list[j].Time || list[i].Time == list[j].Time && list[i].ItemID < list[j].ItemID
	})
	return list[:min(len(list), maxPurchased)]
}
