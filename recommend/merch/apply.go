package merch

import (
	"math"

	"github.com/nextbest/nextbest/recommend/catalog"
)

// Active are the rules that hold for one request, by what they do, each list
// in order of precedence. It is filled by Bound.Active and reusable.
type Active struct {
	pins, factors, hides, slots, spreads []*Ready

	fixed [MaxSlot + 1]int32 // index into the list + 1, by slot
	by    [MaxSlot + 1]*Ready
	spare []Placed
	taken []bool

	own     Ready // the placement's diversify
	ownRule Rule
	values  values
}

func (a *Active) reset() {
	a.pins, a.factors, a.hides = a.pins[:0], a.factors[:0], a.hides[:0]
	a.slots, a.spreads = a.slots[:0], a.spreads[:0]
}

// Hiding is the first rule that keeps variant v out, nil when it may be shown.
func (a *Active) Hiding(snap *catalog.Snapshot, v uint32) *Ready {
	for _, r := range a.hides {
		if r.about(snap, v) == (r.kind == hide) {
			return r
		}
	}
	return nil
}

// Factor is what variant v's score is multiplied by, within
// [1/MaxFactor, MaxFactor], and the strongest rule that says so.
func (a *Active) Factor(snap *catalog.Snapshot, v uint32) (float64, *Ready) {
	factor, most := 1.0, 0.0
	var by *Ready
	for _, r := range a.factors {
		if !r.about(snap, v) {
			continue
		}
		factor *= r.factor
		if strength := math.Abs(math.Log(r.factor)); strength > most {
			most, by = strength, r
		}
	}
	return math.Min(MaxFactor, math.Max(1/float64(MaxFactor), factor)), by
}

// Narrowest is b or, where a rule shows only fewer variants, that rule's
// filter: what is to be enumerated.
func (a *Active) Narrowest(b *catalog.Bound) *catalog.Bound {
	size := b.Size()
	for _, r := range a.hides {
		if r.kind != only {
			continue
		}
		if s := r.subject.Size(); s >= 0 && (size < 0 || s < size) {
			b, size = &r.subject, s
		}
	}
	return b
}

// NamesSources reports whether a slot rule takes its items from a source.
func (a *Active) NamesSources() bool {
	for _, r := range a.slots {
		if r.rule.Action.Source != "" {
			return true
		}
	}
	return false
}

// HasFactors reports whether there is a boost or a bury.
func (a *Active) HasFactors() bool { return len(a.factors) > 0 }

// Arranges reports whether there is a diversify, a slot or a pin.
func (a *Active) Arranges() bool { return len(a.spreads)+len(a.slots)+len(a.pins) > 0 }

// Pinned adds the pins that hold: which group, which variant of it (None for
// the best) and whether only if it is recommended anyway.
func (a *Active) Pinned(fn func(group, variant uint32, soft bool)) {
	for _, r := range a.pins {
		if len(r.groups) > 0 {
			fn(r.groups[0], r.variants[0], r.rule.Action.Soft)
		}
	}
}

// Boosts calls fn with the place in the Bound of every boost that holds.
func (a *Active) Boosts(fn func(n int)) {
	for _, r := range a.factors {
		if r.kind == boost {
			fn(r.place)
		}
	}
}

// Placed is one item of the list that Arrange orders.
type Placed struct {
	Index   int    // the caller's
	Group   uint32 // what pins name
	Variant uint32
	From    int // place in the ranking, 1-based
	Sources Sources
	Stage   Stage  // what put it where it is
	Rule    *Ready // the rule that did, nil for the ranking and for the placement's own variety
}

// Sources says where a candidate came from.
type Sources uint8

// The sources that slot rules can name.
const (
	FromSession Sources = 1 << iota
	FromProfile
	FromTrending
	FromPopular
	FromNew
)

func sourceNamed(name string) Sources {
	switch name {
	case "session":
		return FromSession
	case "profile":
		return FromProfile
	case "trending":
		return FromTrending
	case "popular":
		return FromPopular
	}
	return FromNew
}

// Stage is a step of arranging.
type Stage uint8

// The stages in their order.
const (
	Ranked Stage = iota
	Diversified
	Slotted
	Pinned
)

// Arrange puts a ranked list in its final order: diversify, then slot, then
// pin. Nothing is added and nothing lost. Whatever the length that is cut off
// it later, the beginning is the same.
func (a *Active) Arrange(snap *catalog.Snapshot, list []Placed) {
	for _, r := range a.spreads {
		a.spread(r, list, MaxSlot)
	}
	if len(a.slots)+len(a.pins) > 0 {
		a.place(snap, list)
	}
}

func (a *Active) clear(n int) {
	a.taken = a.taken[:0]
	for range n {
		a.taken = append(a.taken, false)
	}
}

// place builds the list slot by slot: a pin first, then what a slot rule asks
// for, then the best item left.
func (a *Active) place(snap *catalog.Snapshot, list []Placed) {
	a.spare = append(a.spare[:0], list...)
	a.clear(len(list))
	a.fix()
	head := 0
	for n := range list {
		for head < len(list) && a.taken[head] {
			head++
		}
		i, r, stage := head, (*Ready)(nil), Ranked
		if n < MaxSlot && a.fixed[n+1] > 0 {
			i, r, stage = int(a.fixed[n+1])-1, a.by[n+1], Pinned
			a.fixed[n+1] = 0
		} else if wanted := a.slotRule(n + 1); wanted != nil {
			if j := a.first(snap, wanted, head); j >= 0 {
				i, r, stage = j, wanted, Slotted
			}
		}
		if i >= len(list) { // only pins of later slots are left
			i, r, stage = a.nextPin()
		}
		a.taken[i] = true
		list[n] = a.spare[i]
		if r != nil {
			list[n].Stage, list[n].Rule = stage, r
		}
	}
}

// fix gives every pin its slot: the first in precedence has it, and an item
// has one slot. Pinned items are taken out of the ranking at once, so that a
// cut of the list cannot bring one back.
func (a *Active) fix() {
	clear(a.fixed[:])
	for _, r := range a.pins {
		s := r.rule.Action.Slot
		if len(r.groups) == 0 || a.fixed[s] != 0 {
			continue
		}
		for i := range a.spare {
			p := &a.spare[i]
			if p.Group != r.groups[0] || a.taken[i] || r.variants[0] != catalog.None && p.Variant != r.variants[0] {
				continue
			}
			a.fixed[s], a.by[s] = int32(i+1), r
			a.taken[i] = true
		}
	}
}

// nextPin is the pin of the lowest slot that is still to be placed.
func (a *Active) nextPin() (int, *Ready, Stage) {
	for s := range a.fixed {
		if i := a.fixed[s]; i > 0 {
			a.fixed[s] = 0
			return int(i) - 1, a.by[s], Pinned
		}
	}
	return 0, nil, Ranked
}

func (a *Active) slotRule(s int) *Ready {
	for _, r := range a.slots {
		for _, wanted := range r.rule.Action.Slots {
			if wanted == s {
				return r
			}
		}
	}
	return nil
}

// first is the best item left that a slot rule asks for, -1 for none.
func (a *Active) first(snap *catalog.Snapshot, r *Ready, head int) int {
	for i := head; i < len(a.spare); i++ {
		if a.taken[i] {
			continue
		}
		p := &a.spare[i]
		if r.filter != nil && r.about(snap, p.Variant) ||
			r.filter == nil && p.Sources&sourceNamed(r.rule.Action.Source) != 0 {
			return i
		}
	}
	return -1
}
