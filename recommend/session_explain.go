package recommend

import (
	"cmp"
	"math"
	"slices"
)

// shownInputs is how many of the model's inputs a ledger names; what the others
// add is one line.
const shownInputs = 8

// sessionLines are the lines of what the session adds to the score of candidate
// i, s in all.
func (c *scratch) sessionLines(lines []Entry, i int, s float64) []Entry {
	if !(s > 0) {
		return lines
	}
	a := &c.accounts[i]
	own := s
	if a.vector > 0 {
		own = a.own / c.peaks[0]
		own = s * own / (own + a.vector)
	}
	switch {
	case !(own > 0):
	case a.from == 0:
		lines = c.modelLines(lines, a.place-1, own)
	default:
		lines = append(lines, c.sessionLine(sourceNamed(a.from), own))
	}
	if a.vector > 0 {
		lines = append(lines, c.sessionLine("vectors", s-own))
	}
	return lines
}

// sessionLine is one signal of the session's side; "" is the session as such.
func (c *scratch) sessionLine(signal string, value float64) Entry {
	if signal != "" {
		signal = "." + signal
	}
	return Entry{Stage: "score", Signal: "session" + signal, Value: value, Factor: c.blend.session}
}

// sourceNamed is the name of the first source of a set, "" for an empty one.
func sourceNamed(from source) string {
	for n := range sources {
		if from&(1<<n) != 0 {
			return sourceNames[n]
		}
	}
	return ""
}

// weighed is what one input of the model adds, as the model counts.
type weighed struct {
	input string
	value float64
}

// modelLines share s out among the inputs of a place of the outlook's list. The
// model's score is a logarithm of S: inputs are in proportion to what they add
// to it or take from it, and what is left of s is the base that they start
// from. Where the model has looked at its hand-set order only, s is one line.
func (c *scratch) modelLines(lines []Entry, place int, s float64) []Entry {
	inputs, rest := c.contributions(place)
	total := math.Abs(rest)
	for _, x := range inputs {
		total += math.Abs(x.value)
	}
	if !(total > 0) {
		return append(lines, c.sessionLine("", s))
	}
	from, left := len(lines), s
	add := func(signal string, value float64) {
		lines = append(lines, c.sessionLine(signal, value))
		left -= value
	}
	for n, x := range inputs {
		if n >= shownInputs {
			rest += x.value
		} else if x.value != 0 {
			add(x.input, s*x.value/total)
		}
	}
	if rest != 0 {
		add("others", s*rest/total)
	}
	if left > 1e-9*s || len(lines) == from {
		add("base", left)
	} else {
		lines[from].Value += left // rounding
	}
	return lines
}

// contributions are the inputs of a place, the largest first, and what they do
// only together; nothing for a place that the ranker has not looked at.
func (c *scratch) contributions(place int) ([]weighed, float64) {
	o, m := &c.outlook, c.st.best
	if m == nil || m.Ranked(o.policy) != o.ranked {
		return nil, 0
	}
	x := o.scratch.AppendInputs(nil, o.own(place))
	if len(x) == 0 {
		return nil, 0
	}
	e := m.Explain(x, o.policy)
	var list []weighed
	for _, n := range e.Contributions {
		list = append(list, weighed{n.Input, n.Linear + n.Network})
	}
	slices.SortStableFunc(list, func(a, b weighed) int { return cmp.Compare(math.Abs(b.value), math.Abs(a.value)) })
	return list, e.Joint
}
