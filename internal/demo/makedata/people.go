package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// person is a real customer picked for the demo's switch.
type person struct {
	id, label, text string
	leaning         string // the category that stands out
	orders          int
}

// shopper is what the sessions say of one customer.
type shopper struct {
	id     string
	orders int
	last   time.Time
	count  map[string]int // bought items by category
	total  int
	items  map[int]bool // different things bought
}

// Who is picked: regulars that are still active, each with a clear leaning,
// all leaning differently.
const (
	peopleWanted          = 5
	minOrders, maxOrders  = 8, 60
	minBought, activeDays = 60, 90
	minDifferent          = 40
)

func pickPeople(s *shop) []person {
	shoppers, global, total := countShoppers(s)
	end := s.sessions[len(s.sessions)-1].at
	type leaning struct {
		who   *shopper
		path  string
		score float64
	}
	var all []leaning
	for _, p := range shoppers {
		if p.orders < minOrders || p.orders > maxOrders || p.total < minBought || len(p.items) < minDifferent || end.Sub(p.last) > activeDays*24*time.Hour {
			continue
		}
		for path, n := range p.count {
			if path == otherPath || n < minBought/5 {
				continue
			}
			share := float64(n) / float64(p.total)
			lift := share / (float64(global[path]) / float64(total))
			all = append(all, leaning{p, path, share * math.Sqrt(lift)})
		}
	}
	slices.SortFunc(all, func(a, b leaning) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.who.id, b.who.id), cmp.Compare(a.path, b.path))
	})
	var out []person
	usedTop, usedID := map[string]bool{}, map[string]bool{}
	for _, l := range all {
		top, _, _ := strings.Cut(l.path, ">")
		if usedTop[top] || usedID[l.who.id] || len(out) == peopleWanted {
			continue
		}
		usedTop[top], usedID[l.who.id] = true, true
		out = append(out, describe(l.who, l.path))
	}
	return out
}

func countShoppers(s *shop) (byID map[string]*shopper, global map[string]int, total int) {
	byID, global = map[string]*shopper{}, map[string]int{}
	for _, ses := range s.sessions {
		for _, i := range ses.items {
			global[s.items[i].category]++
			total++
		}
		if ses.customer == "" {
			continue
		}
		p := byID[ses.customer]
		if p == nil {
			p = &shopper{id: ses.customer, count: map[string]int{}, items: map[int]bool{}}
			byID[ses.customer] = p
		}
		p.orders++
		p.last = ses.at
		for _, i := range ses.items {
			p.count[s.items[i].category]++
			p.total++
			p.items[i] = true
		}
	}
	return byID, global, total
}

// describe says in words what a customer buys: the leaning first, then the
// most frequent other shelf.
func describe(p *shopper, path string) person {
	second := ""
	for c, n := range p.count {
		if c != path && c != otherPath && (second == "" || n > p.count[second] || n == p.count[second] && c < second) {
			second = c
		}
	}
	return person{
		id: p.id, orders: p.orders, label: "Customer " + p.id, leaning: path,
		text: fmt.Sprintf("buys %s and %s; %d orders", leaf(path), leaf(second), p.orders),
	}
}

func leaf(path string) string {
	parent, name, ok := strings.Cut(path, ">")
	if !ok {
		return parent
	}
	if parent == "christmas" || name == "bits & bobs" || name == "play & learn" {
		return parent + " " + name
	}
	return name
}
