package main

import (
	"cmp"
	"slices"
	"time"
)

// item is one row of items.tsv.
type item struct {
	code, name, category, colour, material, pattern string
	price                                           float64
	invoices                                        int
}

// session is one invoice: different items in the order in which they were
// written, as positions in the list of items.
type session struct {
	invoice, customer string
	at                time.Time
	items             []int
}

// shop is everything that is written.
type shop struct {
	items    []item
	sessions []session
	people   []person
}

// build cleans the lines, orders the items by how often they were bought and
// picks the customers.
func build(lines []line, longest int) (*shop, error) {
	items, err := makeItems(lines)
	if err != nil {
		return nil, err
	}
	s := &shop{items: items}
	s.sessions = makeSessions(lines, items, longest)
	s.people = pickPeople(s)
	return s, nil
}

// shelved is the share of items that found a shelf.
func (s *shop) shelved() float64 {
	n := 0
	for _, it := range s.items {
		if it.category != otherPath {
			n++
		}
	}
	return float64(n) / float64(max(1, len(s.items)))
}

// seen is what the lines say of one stock code.
type seen struct {
	names    map[string]int
	prices   []float64
	invoices map[string]bool
}

func gather(lines []line, c *cleaner) map[string]*seen {
	byCode := map[string]*seen{}
	for _, l := range lines {
		if !c.code.MatchString(l.code) {
			continue
		}
		s := byCode[l.code]
		if s == nil {
			s = &seen{names: map[string]int{}, invoices: map[string]bool{}}
			byCode[l.code] = s
		}
		if l.desc != "" {
			s.names[l.desc]++
		}
		s.prices = append(s.prices, l.price)
		s.invoices[l.invoice] = true
	}
	return byCode
}

// minInvoices is how often a thing must have been bought to stand in the shop.
const minInvoices = 2

func makeItems(lines []line) ([]item, error) {
	shelves, err := readShelves(shelvesText)
	if err != nil {
		return nil, err
	}
	var find [3]finder
	for i, t := range []trait{colours(), materials(), patterns()} {
		if find[i], err = compile(t); err != nil {
			return nil, err
		}
	}
	c := newCleaner()
	var out []item
	for code, s := range gather(lines, c) {
		name := c.name(mostFrequent(s.names))
		if name == "" || len(s.invoices) < minInvoices {
			continue
		}
		out = append(out, item{
			code: code, name: name, price: median(s.prices), invoices: len(s.invoices), category: place(shelves, name),
			colour: find[0].find(name), material: find[1].find(name), pattern: find[2].find(name),
		})
	}
	slices.SortFunc(out, func(a, b item) int {
		return cmp.Or(cmp.Compare(b.invoices, a.invoices), cmp.Compare(a.code, b.code))
	})
	return out, nil
}

// mostFrequent is the commonest key, the smaller one on a tie.
func mostFrequent(count map[string]int) string {
	best, n := "", 0
	for k, v := range count {
		if v > n || v == n && k < best {
			best, n = k, v
		}
	}
	return best
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[(len(v)-1)/2]
}

func makeSessions(lines []line, items []item, longest int) []session {
	at := make(map[string]int, len(items))
	for i, it := range items {
		at[it.code] = i
	}
	byInvoice := map[string]*session{}
	var order []*session
	for _, l := range lines {
		i, ok := at[l.code]
		if !ok {
			continue
		}
		s := byInvoice[l.invoice]
		if s == nil {
			s = &session{invoice: l.invoice, customer: l.customer, at: l.at}
			byInvoice[l.invoice], order = s, append(order, s)
		}
		if !slices.Contains(s.items, i) {
			s.items = append(s.items, i)
		}
	}
	out := make([]session, 0, len(order))
	for _, s := range order {
		if len(s.items) <= longest {
			out = append(out, *s)
		}
	}
	slices.SortStableFunc(out, func(a, b session) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.invoice, b.invoice))
	})
	return out
}
