package demo

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/nextbest/nextbest/recommend/profile"
)

// ProfileVersion names the profiles that Profiles makes.
const ProfileVersion = "demo-history"

// Bounds and decay of a demo profile: what was bought counts half after 60
// days, and only the strongest items are kept.
const (
	halfLife      = 60 * 24 * time.Hour
	maxAffinities = 200
	maxPurchased  = 200
	maxShelves    = 8
)

// Profile is the long-term view of a known customer: item counts that halve
// every 60 days before the end of the data; nil for an unknown one.
func (d *Data) Profile(customer string) *profile.Profile {
	sessions := d.byCustomer[customer]
	if len(sessions) == 0 {
		return nil
	}
	return d.profileOf(customer, sessions, d.shelfOf())
}

// Profiles makes the profile of every known customer, ordered by id.
func (d *Data) Profiles() []profile.Profile {
	shelf := d.shelfOf()
	out := make([]profile.Profile, 0, len(d.byCustomer))
	for _, id := range slices.Sorted(maps.Keys(d.byCustomer)) {
		out = append(out, *d.profileOf(id, d.byCustomer[id], shelf))
	}
	return out
}

// shelfOf maps an item to its category.
func (d *Data) shelfOf() map[string]string {
	m := make(map[string]string, len(d.Items))
	for _, it := range d.Items {
		if len(it.Categories) > 0 {
			m[it.ItemID] = it.Categories[0]
		}
	}
	return m
}

func (d *Data) profileOf(id string, sessions []int, shelf map[string]string) *profile.Profile {
	end := d.End()
	items, shelves := map[string]float64{}, map[string]float64{}
	bought := map[string]int64{}
	for _, i := range sessions {
		s := d.Sessions[i]
		w := math.Exp2(-float64(end.Sub(s.Time)) / float64(halfLife))
		for _, it := range s.Items {
			items[it] += w
			shelves[shelf[it]] += w
			bought[it] = s.Time.UnixMilli()
		}
	}
	p := &profile.Profile{ID: id, Version: ProfileVersion, Segments: []string{segment(len(sessions))}}
	for _, e := range strongest(items, maxAffinities) {
		p.Affinities = append(p.Affinities, profile.Affinity{ItemID: e.key, Weight: e.weight})
	}
	for _, e := range strongest(shelves, maxShelves) {
		p.Attributes = append(p.Attributes, profile.Attribute{Name: "categories", Value: e.key, Weight: e.weight})
	}
	p.Purchased = newest(bought)
	return p
}

func segment(orders int) string {
	switch {
	case orders >= 8:
		return "regular"
	case orders >= 2:
		return "returning"
	}
	return "new"
}

type weighted struct {
	key    string
	weight float64
}

// strongest are the heaviest entries, ties by key.
func strongest(m map[string]float64, most int) []weighted {
	out := make([]weighted, 0, len(m))
	for k, w := range m {
		out = append(out, weighted{k, w})
	}
	slices.SortFunc(out, func(a, b weighted) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.key, b.key))
	})
	return out[:min(len(out), most)]
}

func newest(bought map[string]int64) []profile.Purchase {
	out := make([]profile.Purchase, 0, len(bought))
	for id, t := range bought {
		out = append(out, profile.Purchase{ItemID: id, Time: t})
	}
	slices.SortFunc(out, func(a, b profile.Purchase) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.ItemID, b.ItemID))
	})
	return out[:min(len(out), maxPurchased)]
}
