package recommend

import (
	"math"

	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/merch"
	"github.com/nextbest/nextbest/recommend/vector"
)

// variedPool is how many of the best candidates alike ones are kept apart
// among: it bounds what that costs.
const variedPool = 100

// relevance is what maximal marginal relevance works with. Lists of it are by
// place in the ranking.
type relevance struct {
	like       likeness
	attributes []catalog.Attribute
	norms      []float64 // of the items' vectors, 0 for one without

	place []int32 // by candidate, + 1; for rows alone

	ranked []merch.Placed
	score  []float64 // λ · share of the best
	alike  []float64 // to the most similar of the chosen that were compared
	seen   []int32   // how many of the chosen were compared
	chosen []int32   // by slot
}

// likeness is what makes two items similar.
type likeness uint8

const (
	byAttributes likeness = iota
	byVectors
	byRows
)

// pool is how many of the best candidates the list is made from.
func (c *scratch) pool(limit int) int {
	if c.req.Placement.Variety.Diversify.on() {
		return max(limit, variedPool)
	}
	return limit
}

// diversify keeps alike items apart in the first slots. A slot is decided by the
// slots before it alone, so that a shorter list is the beginning of a longer
// one. What was not chosen follows in the order of the ranking.
func (c *scratch) diversify(slots int) {
	d := &c.req.Placement.Variety.Diversify
	list := c.placed[:min(len(c.placed), variedPool)]
	switch {
	case len(list) < 2:
	case d.relevance():
		c.diversifyByRelevance(d, list, slots)
	case d.spreads():
		c.rules.Spread(c.st.snap, merch.Spread{Attribute: d.Attribute, Max: d.Max, Window: d.Window}, list, slots)
	}
}

// diversifyByRelevance gives the slots to what is relevant and unlike what
// stands before.
func (c *scratch) diversifyByRelevance(d *Diversify, list []merch.Placed, slots int) {
	m := &c.variety.mmr
	m.ranked = append(m.ranked[:0], list...)
	m.score, m.alike, m.seen, m.chosen = m.score[:0], m.alike[:0], m.seen[:0], m.chosen[:0]
	top := c.cands[m.ranked[0].Index].score
	for i := range m.ranked {
		m.score = append(m.score, d.Lambda*c.cands[m.ranked[i].Index].score/top)
		m.alike, m.seen = append(m.alike, 0), append(m.seen, 0)
	}
	c.readLikeness(d)
	for range min(slots, len(list)) {
		c.chooseNext(1 - d.Lambda)
	}
	c.placeChosen()
}

// taken marks in seen what was chosen.
const taken = math.MaxInt32

// chooseNext decides the next slot. Scores fall along the ranking and likeness can
// only grow: what cannot win any more is not compared.
func (c *scratch) chooseNext(penalty float64) {
	m := &c.variety.mmr
	next, most := -1, math.Inf(-1)
	for i := range m.ranked {
		if m.seen[i] == taken {
			continue
		}
		if m.score[i] <= most {
			break
		}
		for m.like != byRows && float64(m.score[i]-penalty*m.alike[i]) > most && int(m.seen[i]) < len(m.chosen) {
			other := m.chosen[m.seen[i]]
			m.alike[i] = max(m.alike[i], c.alike(int(other), i))
			m.seen[i]++
		}
		if worth := float64(m.score[i] - penalty*m.alike[i]); worth > most {
			next, most = i, worth
		}
	}
	m.seen[next] = taken
	m.chosen = append(m.chosen, int32(next))
	if m.like == byRows {
		c.likeRow(next)
	}
}

// placeChosen writes the list in its new order.
func (c *scratch) placeChosen() {
	m := &c.variety.mmr
	head := 0 // the best that stands nowhere yet
	for slot, i := range m.chosen {
		for m.seen[head] < 0 {
			head++
		}
		m.seen[i] = -1
		c.placed[slot] = m.ranked[i]
		if int(i) > head {
			c.placed[slot].Stage = merch.Diversified
		}
	}
	slot := len(m.chosen)
	for i := range m.ranked {
		if m.seen[i] >= 0 {
			c.placed[slot] = m.ranked[i]
			slot++
		}
	}
}

// readLikeness finds out by what items are compared. What the site lacks is
// replaced by the categories.
func (c *scratch) readLikeness(d *Diversify) {
	m := &c.variety.mmr
	m.like, m.attributes, m.norms = byAttributes, m.attributes[:0], m.norms[:0]
	for _, name := range d.Similar[:min(len(d.Similar), MaxSimilar)] {
		switch {
		case name == SimilarVectors && c.st.space.set != nil:
			m.like = byVectors
		case name == SimilarRows && c.st.model != nil:
			m.like = byRows
		case name != SimilarVectors && name != SimilarRows:
			m.attributes = append(m.attributes, c.st.snap.Attribute(name))
		}
	}
	if len(m.attributes) == 0 {
		m.attributes = append(m.attributes, c.st.snap.Attribute("categories"))
	}
	switch m.like {
	case byRows:
		c.readPlaces()
	case byVectors:
		c.readNorms()
	}
}

// readPlaces notes which candidate stands where.
func (c *scratch) readPlaces() {
	m := &c.variety.mmr
	m.place = m.place[:0]
	for range c.cands {
		m.place = append(m.place, 0)
	}
	for n := range m.ranked {
		m.place[m.ranked[n].Index] = int32(n + 1)
	}
}

func (c *scratch) readNorms() {
	m := &c.variety.mmr
	for i := range m.ranked {
		norm := 0.0
		if v := c.st.space.of(m.ranked[i].Group); v != nil {
			norm = vector.Norm(v)
		}
		m.norms = append(m.norms, norm)
	}
}

// alike is how similar two places' items are by vectors or attributes, 0..1.
func (c *scratch) alike(i, j int) float64 {
	m := &c.variety.mmr
	a, b := &m.ranked[i], &m.ranked[j]
	if m.like == byVectors {
		if m.norms[i] == 0 || m.norms[j] == 0 {
			return 0
		}
		dot := vector.Dot(c.st.space.of(a.Group), c.st.space.of(b.Group))
		return min(1, max(0, dot/(m.norms[i]*m.norms[j])))
	}
	sum := 0.0
	for _, by := range m.attributes {
		sum += shared(by, a.Variant, b.Variant)
	}
	return sum / float64(len(m.attributes))
}

// shared is 1 for items with the same first value of an attribute, a half where
// that of one is another value of the other, as a category is above one.
func shared(by catalog.Attribute, a, b uint32) float64 {
	x, y := by.First(a), by.First(b)
	switch {
	case x == catalog.None || y == catalog.None:
		return 0
	case x == y:
		return 1
	case by.Has(b, x) || by.Has(a, y):
		return .5
	}
	return 0
}

// likeRow notes how similar a chosen place's item makes the others: the weights
// of its row, as shares of the strongest that is not its own.
func (c *scratch) likeRow(chosen int) {
	m := &c.variety.mmr
	item := c.st.join.ofVariant[m.ranked[chosen].Variant]
	if item == best.Unknown {
		return
	}
	most := float32(0)
	for _, to := range c.rowOf(item) {
		if to.Item == item || !(to.Score > 0) {
			continue
		}
		most = max(most, to.Score) // the first is the strongest
		g := c.st.join.toGroup[to.Item]
		if g == catalog.None {
			continue
		}
		if i := c.find(g); i >= 0 && m.place[i] > 0 {
			place := m.place[i] - 1
			m.alike[place] = max(m.alike[place], float64(to.Score/most))
		}
	}
}
