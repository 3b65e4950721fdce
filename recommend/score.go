package recommend

import (
	"math"

	"github.com/nextbest/nextbest/recommend/catalog"
)

// What counts where neither session nor profile say anything.
const (
	tailMost    = .05    // the most it scores beside a blend; always less than any blended score
	pageWeight  = 12     // being what the page is about, or an eighth for one of eight words: leads
	trendWeight = .3     // the strongest trend against the highest popularity
	newWeight   = 1e-3   // being published just now
	leastTail   = 1e-6   // being there
	newDays     = 30     // days for which an item is new
	dayMillis   = 86.4e6 // ms
	liftShare   = .2     // least share of a boosted item's lift
)

// score turns the signals of every candidate into one number above 0.
func (c *scratch) score() {
	if c.req.Profile != nil {
		c.scoreTastes()
	}
	if c.st.space.set != nil {
		c.scoreVectors()
	}
	c.normalize()
	c.scoreTail()
	c.blendScores()
}

// normalize divides each side by its largest sum: the best of a side has 1. A
// side that says nothing stays 0.
func (c *scratch) normalize() {
	var s, l float64
	for i := range c.cands {
		x := &c.cands[i]
		if x.s > s {
			s = x.s
		}
		if x.l > l {
			l = x.l
		}
	}
	for i := range c.cands {
		x := &c.cands[i]
		if x.s > 0 {
			x.s /= s
		}
		if x.l > 0 {
			x.l /= l
		}
	}
}

// scoreTastes adds up which of the visitor's attribute values a candidate has.
func (c *scratch) scoreTastes() {
	list := c.req.Profile.Attributes
	most := 0.0
	for n := range list {
		most = max(most, list[n].Weight)
	}
	if most <= 0 {
		return
	}
	for n := range list[:min(len(list), maxTastes)] {
		a := c.st.snap.Attribute(list[n].Name)
		code := a.Code(list[n].Value)
		if code == catalog.None || !(list[n].Weight > 0) {
			continue
		}
		for i := range c.cands {
			if x := &c.cands[i]; x.drop == kept && a.Has(x.variant, code) {
				x.l += attributeWeight * list[n].Weight / most
			}
		}
	}
}

// scoreTail says how much many others like a candidate, for those that neither
// session nor profile name.
func (c *scratch) scoreTail() {
	c.scorePage()
	peak := 0.0
	for i := range c.cands {
		x := &c.cands[i]
		if x.drop != kept || x.s > 0 || x.l > 0 {
			continue
		}
		x.tail += max(leastTail, c.st.pop.share[x.group]) + c.newness(x.variant)
		x.tail += c.trend(x)
		if x.tail > peak {
			peak = x.tail
		}
	}
	if peak == 0 {
		return
	}
	for i := range c.cands {
		c.cands[i].tail /= peak
	}
}

// trend is what moving more than usual counts.
func (c *scratch) trend(x *cand) float64 {
	if x.trend == 0 {
		return 0
	}
	return trendWeight * c.st.pop.trend[x.trend-1]
}

// newness is what a recent publication counts.
func (c *scratch) newness(v uint32) float64 {
	if !c.isNew(v) {
		return 0
	}
	age := (float64(c.req.Now.UnixMilli()) - c.st.snap.Published(v)) / dayMillis
	return newWeight * (1 - age/newDays)
}

func (c *scratch) isNew(v uint32) bool {
	age := float64(c.req.Now.UnixMilli()) - c.st.snap.Published(v) // NaN without a date
	return age >= 0 && age < newDays*dayMillis
}

// scorePage adds what an item in the page's category counts, and as much for
// the words of the page's search in its name.
func (c *scratch) scorePage() {
	if c.req.Category != "" {
		a := c.st.snap.Attribute("categories")
		c.addPage(a, a.Code(c.req.Category), pageWeight)
	}
	for _, code := range c.words {
		c.addPage(c.st.snap.Word(), code, pageWeight/float64(len(c.words)))
	}
}

func (c *scratch) addPage(a catalog.Attribute, code uint32, weight float64) {
	if code == catalog.None {
		return
	}
	for i := range c.cands {
		if x := &c.cands[i]; x.drop == kept && a.Has(x.variant, code) {
			x.tail += weight
		}
	}
}

// blendScores makes the scores: a·S + (1−a)·L where that is above 0, a share
// of the tail below all of those where it is not, then the rules' factors.
func (c *scratch) blendScores() {
	least, leastBoosted := math.Inf(1), math.Inf(1)
	for i := range c.cands {
		x := &c.cands[i]
		if x.drop != kept {
			continue
		}
		if c.rules.HasFactors() {
			x.factor, x.rule = c.rules.Factor(c.st.snap, x.variant)
		}
		x.base = c.blend.session*x.s + c.blend.profile*x.l
		if x.base <= 0 {
			continue
		}
		x.score = x.base * x.factor
		if x.base < least {
			least = x.base
		}
		if x.factor > 1 && x.score < leastBoosted {
			leastBoosted = x.score
		}
	}
	for i := range c.cands {
		if x := &c.cands[i]; x.drop == kept && x.base <= 0 {
			c.scoreUnnamed(x, least, leastBoosted)
		}
	}
}

// scoreUnnamed scores a candidate that neither side names. Beside a blend it
// stays below every blended score, so that popularity fills the tail. A boost
// lifts its items out of the tail, up to below the least blended item that is
// boosted too: what a boost brings in never passes what was there.
func (c *scratch) scoreUnnamed(x *cand, least, leastBoosted float64) {
	if x.s > 0 || x.l > 0 { // named by a side that weighs nothing here
		x.tail = max(leastTail, c.st.pop.share[x.group])
	}
	if math.IsInf(least, 1) {
		x.base = x.tail
		x.score = x.base * x.factor
		return
	}
	x.base = min(tailMost, .999*least) * x.tail
	x.score = x.base * x.factor
	if x.factor > 1 {
		lift := min(tailMost*x.factor, .999*leastBoosted) * (liftShare + (1-liftShare)*x.tail)
		x.score = max(x.score, lift)
		x.base = x.score / x.factor
	}
}
