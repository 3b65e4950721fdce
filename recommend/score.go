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
	c.peaks[0] = 1
	if c.st.space.set != nil {
		c.scoreVectors()
	}
	c.peaks[1] = c.normalize()
	c.scoreTail()
	c.varyScores()
	c.blendScores()
}

// normalize divides each side by its largest sum: the best of a side has 1. A
// side that says nothing stays 0. It returns what the session's was divided by.
func (c *scratch) normalize() float64 {
	var peaks Peaks
	for i := range c.cands {
		peaks.See(c.cands[i].s, c.cands[i].l)
	}
	for i := range c.cands {
		x := &c.cands[i]
		x.s, x.l = peaks.S(x.s), peaks.L(x.l)
	}
	if peaks.Session > 0 {
		return peaks.Session
	}
	return 1
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
	c.addPage(c.st.snap.Attribute("categories"), c.page, pageWeight)
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
	floor := noFloor()
	for i := range c.cands {
		x := &c.cands[i]
		if x.drop != kept {
			continue
		}
		if c.rules.HasFactors() {
			x.factor, x.rule = c.rules.Factor(c.st.snap, x.variant)
		}
		x.base = Mix(c.blend.session, x.s, x.l)
		if x.base <= 0 {
			continue
		}
		x.score = x.base * x.factor
		if x.base < floor.least {
			floor.least = x.base
		}
		if x.factor > 1 && x.score < floor.leastBoosted {
			floor.leastBoosted = x.score
		}
	}
	for i := range c.cands {
		if x := &c.cands[i]; x.drop == kept && x.base <= 0 {
			if x.s > 0 || x.l > 0 { // named by a side that weighs nothing here
				x.tail = max(leastTail, c.st.pop.share[x.group])
			}
			x.base, x.score = floor.below(x.tail, x.factor)
		}
	}
	c.floor = floor
}

// floor is what the candidates that neither side names stay below.
type floor struct {
	least        float64 // of the blended scores before the rules' factors
	leastBoosted float64 // of the blended and boosted ones after them
}

// noFloor is that of no candidates.
func noFloor() floor { return floor{math.Inf(1), math.Inf(1)} }

// below scores a candidate that neither side names, before and after the rules'
// factor. Beside a blend it stays below every blended score, so that popularity
// fills the tail. A boost lifts its items out of the tail, up to below the
// least blended item that is boosted too: what a boost brings in never passes
// what was there.
func (f *floor) below(tail, factor float64) (base, score float64) {
	if math.IsInf(f.least, 1) {
		return tail, tail * factor
	}
	base = min(tailMost, .999*f.least) * tail
	score = base * factor
	if factor > 1 {
		lift := min(tailMost*factor, .999*f.leastBoosted) * float64(liftShare+float64((1-liftShare)*tail))
		score = max(score, lift)
		base = score / factor
	}
	return base, score
}
