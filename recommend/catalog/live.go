package catalog

import (
	"math"
	"sync/atomic"
)

// stamped is a live change and its place in the order of changes.
type stamped struct {
	id    string
	patch Patch
	seq   uint64
}

func (s *Snapshot) buildLive(list []*Item) {
	s.live.available = make([]atomic.Uint64, (len(list)+63)/64)
	s.live.prices = make([]atomic.Uint64, len(list))
	s.live.byItem, s.live.isMoved = map[string]int{}, map[uint32]struct{}{}
	for v, it := range list {
		if it.Available == nil || *it.Available {
			s.live.available[v/64].Or(1 << (v % 64))
		}
		s.live.prices[v].Store(math.Float64bits(s.priced.numberOf(uint32(v))))
	}
}

// Apply changes an item's live price or availability; the next ranking sees
// it. It reports whether the catalog has the item. A price that is not one is
// not taken.
func (s *Snapshot) Apply(itemID string, p Patch) bool {
	if s == nil {
		return false
	}
	v, ok := s.variants[itemID]
	if !ok {
		return false
	}
	if p.Price != nil && !validPrice(*p.Price) {
		p.Price = nil
	}
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	s.live.seq++
	s.apply(v, stamped{id: itemID, patch: p, seq: s.live.seq})
	return true
}

// apply makes one change. The caller holds live.mu.
func (s *Snapshot) apply(v uint32, change stamped) {
	l := &s.live
	next := *s.items[v].Load()
	if p := change.patch.Price; p != nil {
		price := *p
		next.Price = &price
		s.moved(v, price)
		l.prices[v].Store(math.Float64bits(price))
	}
	if a := change.patch.Available; a != nil {
		available := *a
		next.Available = &available
		if available {
			l.available[v/64].Or(1 << (v % 64))
		} else {
			l.available[v/64].And(^uint64(1 << (v % 64)))
		}
	}
	s.items[v].Store(&next)
	n, known := l.byItem[change.id]
	if !known {
		l.byItem[change.id] = len(l.patches)
		l.patches = append(l.patches, change)
		return
	}
	l.patches[n] = merge(l.patches[n], change)
}

// moved notes that v's price is not where the sorted prices have it.
func (s *Snapshot) moved(v uint32, price float64) {
	if price == s.priced.numberOf(v) {
		return // back where it was: at worst it is enumerated twice
	}
	if _, known := s.live.isMoved[v]; known {
		return
	}
	s.live.isMoved[v] = struct{}{}
	var list []uint32
	if old := s.live.moved.Load(); old != nil {
		list = *old
	}
	list = append(list, v) // readers of the old list end before the new entry
	s.live.moved.Store(&list)
}

func merge(old, change stamped) stamped {
	if change.patch.Price == nil {
		change.patch.Price = old.patch.Price
	}
	if change.patch.Available == nil {
		change.patch.Available = old.patch.Available
	}
	return change
}

// Mark is a place in the order of live changes, for Options.
func (s *Snapshot) Mark() uint64 {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	return s.live.seq
}

// carry makes the changes of old after mark again. It is called before s is
// shared.
func (s *Snapshot) carry(old *Snapshot, mark uint64) {
	old.live.mu.Lock()
	defer old.live.mu.Unlock()
	s.live.seq = old.live.seq
	for _, change := range old.live.patches {
		if change.seq <= mark {
			continue
		}
		if v, ok := s.variants[change.id]; ok {
			s.apply(v, change)
		}
	}
}

// Available reports whether variant v can be had now.
func (s *Snapshot) Available(v uint32) bool {
	return s.live.available[v/64].Load()>>(v%64)&1 == 1
}

// Price is the price of variant v now, NaN for none.
func (s *Snapshot) Price(v uint32) float64 { return math.Float64frombits(s.live.prices[v].Load()) }
