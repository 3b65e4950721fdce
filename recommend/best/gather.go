package best

import (
	"math"

	"github.com/nextbest/nextbest/recommend/embedding"
)

// gather fills s with the candidates of a session: what the rows of its newest
// steps name, and its own items.
func (m *Model) gather(s *Scratch, steps []uint32, weights []float32) {
	s.reset()
	steps = steps[:min(len(steps), MaxSteps)]
	unit := unitOf(weights, len(steps))
	for b, item := range steps[:min(len(steps), len(m.decay))] {
		if !m.has(item) {
			continue
		}
		if w := m.decay[b] * weightOf(weights, b, unit); w != 0 {
			m.addRow(s, item, b, w)
		}
	}
	m.addSession(s, steps, weights)
	m.embed(s, steps, weights)
	s.normalise(m.vectors != nil)
	for n := range s.cands {
		c := &s.cands[n]
		c.pre = pre(c.rows, m.tables.rate.value[c.first], c.logit, c.count > 0)
	}
}

// unitOf is what the weights are divided by: the largest becomes 1, as all are
// in training.
func unitOf(weights []float32, steps int) float32 {
	if weights == nil {
		return 1
	}
	most := float32(0)
	for _, w := range weights[:min(steps, len(weights))] {
		most = max(most, w)
	}
	if most == 0 {
		return 1
	}
	return 1 / most
}

func weightOf(weights []float32, b int, unit float32) float32 {
	if b >= len(weights) {
		return 1
	}
	return weights[b] * unit
}

// nearSteps is how many of the newest steps bring their neighbours in: on the
// validation parts those of older ones changed no list.
const nearSteps = 2

// addRow adds w times the row of the b-th newest step. A step whose weight is
// below 0 takes from the sums and says nothing else.
func (m *Model) addRow(s *Scratch, item uint32, b int, w float32) {
	row := m.row(item)
	together, near := w, b < nearSteps && w > 0
	if b == 0 {
		together = 0 // the newest step has an input of its own
	}
	if w < 0 {
		b = MaxSteps
	}
	rate := &m.tables.rate.value
	for ; len(row) >= entryWords; row = row[entryWords:] {
		x, y := row[1], row[2]
		c := s.touch(row[0])
		c.rows += float32(w * decodeWeight(uint16(x)))
		c.togetherBack += float32(together * rate[uint8(y>>8)])
		switch b {
		case 0:
			c.first, c.together, c.times, c.age = uint8(x>>16), uint8(y>>8), uint8(y>>16), uint8(y>>24)
		case 1:
			c.firstBack, c.second = uint8(x>>16), uint8(x>>24)
		case 2:
			c.third = uint8(y)
		}
	}
	if near {
		for _, j := range m.nearOf(item) {
			s.touch(j)
		}
	}
}

// addSession makes the session's items candidates and sets the inputs of the
// request.
func (m *Model) addSession(s *Scratch, steps []uint32, weights []float32) {
	distinct := 0
	for b, item := range steps {
		if !m.has(item) {
			distinct++ // as good as certainly
			continue
		}
		c := s.touch(item)
		if !c.seen {
			c.seen = true
			distinct++
		}
		if b < len(weights) && weights[b] <= 0 {
			continue
		}
		if c.count == 0 {
			c.back = uint8(b + 1)
		}
		c.count++
		c.previous = c.previous || b == 1
	}
	if len(steps) == 0 {
		return
	}
	s.request[inLength-itemInputs] = ln(float32(len(steps)))
	s.request[inDistinct-itemInputs] = float32(distinct) / float32(len(steps))
	if newest := steps[0]; m.has(newest) {
		s.request[inNewestSteps-itemInputs] = m.traitsOf(newest)[traitSteps]
		s.request[inRepeated-itemInputs] = oneIf(len(steps) > 1 && steps[1] == newest)
	}
}

// noLogit marks a candidate that the embedding does not know.
const noLogit = float32(embedding.NoLogit)

// Bounds of es: what is lower counts as this low. An item without an embedding
// has esAbsent.
const (
	esLeast  = -15
	esAbsent = -10
)

// normalise divides the sums by the largest and takes the best logit from all.
// Both are over all candidates, also those that may not be shown: what a
// candidate's inputs are does not depend on what is in stock.
func (s *Scratch) normalise(embedded bool) {
	most, best := float32(0), noLogit
	for n := range s.cands {
		most = max(most, s.cands[n].rows)
		best = max(best, s.cands[n].logit)
	}
	by := float32(0)
	if most > 0 {
		by = 1 / most
	}
	for n := range s.cands {
		c := &s.cands[n]
		c.rows = max(c.rows, 0) * by
		switch {
		case !embedded || best == noLogit:
			c.logit = 0
		case c.logit == noLogit:
			c.logit = esAbsent
		default:
			c.logit = max(c.logit-best, esLeast)
		}
	}
}

// ln is the natural logarithm of a positive, normal x, to seven digits and the
// same on every machine: ln(m·2^e) = e·ln 2 + 2·atanh((m-1)/(m+1)), m around 1.
func ln(x float32) float32 {
	const half = 0x3f3504f3 // bits of the square root of 1/2
	b := math.Float32bits(x) - half
	e := float32(int32(b) >> 23)
	m := math.Float32frombits(b&(1<<23-1) + half)
	z := (m - 1) / (m + 1)
	q := float32(z * z)
	p := 1 + float32(q*(1./3+float32(q*(1./5+float32(q*(1./7))))))
	return float32(e*math.Ln2) + float32(2*z*p)
}
