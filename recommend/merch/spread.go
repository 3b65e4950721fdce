package merch

import "github.com/nextbest/nextbest/recommend/catalog"

// Spread is a diversify that no rule asks for but the placement: at most Max
// items of one value of Attribute among Window neighbouring slots, 0 for the
// whole list.
type Spread struct {
	Attribute   string
	Max, Window int
}

// Spread orders a ranked list by s, so far as its first slots go: what Arrange
// does with a rule, before it.
func (a *Active) Spread(snap *catalog.Snapshot, s Spread, list []Placed, slots int) {
	a.ownRule = Rule{Action: Action{Type: "diversify", Attribute: s.Attribute, Max: s.Max, Window: s.Window}}
	a.own = Ready{step: step{rule: &a.ownRule, kind: diversify}, by: snap.Attribute(s.Attribute)}
	a.spread(&a.own, list, slots)
}

// spread takes, slot by slot, the best item left that keeps the rule; where
// none does, the best one left. Items without the attribute always keep it.
// What is left after so many slots follows in the order of the ranking.
func (a *Active) spread(r *Ready, list []Placed, slots int) {
	a.spare = append(a.spare[:0], list...)
	a.clear(len(list))
	v := &a.values
	v.read(r.by, list, int32(r.rule.Action.Max))
	window := r.rule.Action.Window
	head, stop := 0, min(len(list), slots)
	for n := range stop {
		if window > 0 && n >= window {
			v.drop(n - window)
		}
		head = a.left(head)
		best := head
		if v.open > 0 {
			for a.taken[best] || !v.room(best) {
				best++
			}
		}
		a.taken[best] = true
		v.take(best)
		list[n] = a.spare[best]
		if best > head {
			list[n].Stage, list[n].Rule = Diversified, r
		}
	}
	for n := stop; n < len(list); n++ {
		head = a.left(head)
		a.taken[head] = true
		list[n] = a.spare[head]
	}
}

// left is the best item that is left, from head on.
func (a *Active) left(head int) int {
	for head < len(a.taken) && a.taken[head] {
		head++
	}
	return head
}

// values are the values that the items of a list have of one attribute,
// numbered within the list, how many of each a window holds and how many are
// left outside of it.
type values struct {
	most  int32   // of one value in the window
	of    []int32 // by item; -1 for one without a value
	slots []int32 // the same, by slot
	held  []int32 // by value: in the window
	left  []int32 // by value: in no slot yet
	open  int32   // items in no slot yet of which one more has room
	table []valueSlot
}

// valueSlot is one place of an open-addressed table from codes to values.
type valueSlot struct {
	code  uint32
	value int32 // + 1; 0 is free
}

// read numbers the values of a list.
func (v *values) read(by catalog.Attribute, list []Placed, most int32) {
	v.most, v.open = most, int32(len(list))
	v.of, v.slots, v.held, v.left = v.of[:0], v.slots[:0], v.held[:0], v.left[:0]
	size := 64
	for size < 2*len(list) {
		size *= 2
	}
	if len(v.table) < size {
		v.table = make([]valueSlot, size)
	}
	clear(v.table)
	for n := range list {
		code := by.First(list[n].Variant)
		if code == catalog.None {
			v.of = append(v.of, -1)
			continue
		}
		value := v.number(code)
		v.left[value]++
		v.of = append(v.of, value)
	}
}

func (v *values) number(code uint32) int32 {
	mask := uint32(len(v.table) - 1)
	h := code * 2654435769 // 2^32 divided by the golden ratio
	for h = (h ^ h>>15) & mask; v.table[h].value != 0; h = (h + 1) & mask {
		if v.table[h].code == code {
			return v.table[h].value - 1
		}
	}
	v.held, v.left = append(v.held, 0), append(v.left, 0)
	v.table[h] = valueSlot{code: code, value: int32(len(v.held))}
	return int32(len(v.held)) - 1
}

// room reports whether one more item like the i-th may follow.
func (v *values) room(i int) bool { return v.of[i] < 0 || v.held[v.of[i]] < v.most }

// take puts the i-th item into the next slot.
func (v *values) take(i int) {
	n := v.of[i]
	v.slots = append(v.slots, n)
	if n < 0 {
		v.open--
		return
	}
	if v.left[n]--; v.held[n] < v.most {
		v.open--
	}
	if v.held[n]++; v.held[n] == v.most {
		v.open -= v.left[n]
	}
}

// drop moves the window past a slot, counted from 0.
func (v *values) drop(slot int) {
	n := v.slots[slot]
	if n < 0 {
		return
	}
	if v.held[n]--; v.held[n] == v.most-1 {
		v.open += v.left[n]
	}
}
