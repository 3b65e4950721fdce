package recommend

import (
	"math"
	"slices"

	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
)

// Ranking is how far the model is trusted to put its candidates into order.
type Ranking uint8

// The rankings.
const (
	RankFully Ranking = iota // as the model's ranker says, where it has one
	RankPlain                // by the hand-set order that needs no ranker; answers are degraded: model
)

// outlook is what the model expects after the session.
type outlook struct {
	scratch best.Scratch
	policy  best.Policy            // what the request leaves out
	skip    func(item uint32) bool // scratch.skips, made once
	ranked  bool                   // scores are a ranker's, else those of the hand-set order
	list    []best.Scored          // best first, ties by item
	order   []uint32               // place in the model's own order by place in list; empty where they are the same
	keys    []uint64
}

// account is what S of a candidate is made of: the best of what the model and
// the newcomers say, and what the vectors do. It is kept while tracing.
type account struct {
	place    int     // 1 + its place in the outlook's list, 0 without one
	from     source  // of a newcomer that says more than the model, else 0
	own      float64 // what one of the two says
	vector   float64 // their part
	captured bool    // it is in the decision
}

// tied is what is left of S of the place before where the two are equal: the
// model's order, in which the smaller item comes first, is that of the answer,
// however many candidates are looked at.
const tied = 1 - 1e-12

// everything is more candidates than a model has.
const everything = math.MaxInt32

// A request that brings nothing but a session is the common one. The order of
// its answer is the model's, so that only as many candidates are looked at as
// the answer has places. An explanation wants all of them: what it shows and
// what the short way finds must be the same.

// retrieveSession makes candidates of what the model expects next, k of them at
// least where there are so many, and of what is too new for it, and gives them
// their S.
func (c *scratch) retrieveSession(k int) {
	if c.st.join.shared != nil { // how many groups the best k items are is not known
		k = everything
	}
	c.foresee(max(k, deepest))
	o, above := &c.outlook, math.Inf(1)
	for n, r := range o.list {
		s := min(c.shareAt(n), above*tied)
		above = s
		if s <= 0 {
			o.list = o.list[:n] // the others say nothing
			break
		}
		if c.lean && c.kept >= max(c.req.limit(), deepest) {
			break
		}
		x := c.touch(c.st.join.toGroup[r.Item], bySession)
		if x == nil || x.s > 0 { // its group has a better item
			continue
		}
		x.s = s
		if c.trace {
			*c.accountOf(x) = account{place: n + 1, own: s}
		}
	}
	c.retrieveNewcomers()
}

// foresee fills the outlook with the k best that may be recommended.
func (c *scratch) foresee(k int) {
	o := &c.outlook
	o.list, o.order, o.ranked = o.list[:0], o.order[:0], false
	if c.st.model == nil || !c.speaks() {
		return
	}
	m := c.st.best
	switch {
	case m == nil:
		c.rankRows(k)
	case !m.Ranked(o.policy):
		o.list = m.Rank(&o.scratch, c.steps, c.weights, o.policy, o.skip, k, o.list)
	case c.st.ranking == RankPlain:
		o.list = m.Rank(&o.scratch, c.steps, c.weights, o.policy, o.skip, everything, o.list)
		o.orderPlainly(k)
	default:
		o.list = m.Rank(&o.scratch, c.steps, c.weights, o.policy, o.skip, k, o.list)
		o.ranked = true
	}
}

// speaks reports whether any step says what is wanted.
func (c *scratch) speaks() bool {
	for n, w := range c.weights {
		if w > 0 && c.steps[n] != best.Unknown {
			return true
		}
	}
	return false
}

// orderPlainly puts the list into the order that the model has without its
// ranker, and cuts it.
func (o *outlook) orderPlainly(k int) {
	o.keys = o.keys[:0]
	for n := range o.list {
		pre := math.Float32bits(-o.scratch.Candidate(n).Pre) // ascending: the largest first
		pre ^= uint32(int32(pre)>>31) | 1<<31                // so that they compare like the numbers
		o.keys = append(o.keys, uint64(pre)<<32|uint64(n))
	}
	slices.SortFunc(o.keys, func(x, y uint64) int {
		if x>>32 != y>>32 {
			return int(int64(x>>32) - int64(y>>32))
		}
		return int(int64(o.list[uint32(x)].Item) - int64(o.list[uint32(y)].Item))
	})
	o.keys = o.keys[:min(k, len(o.keys))]
	for _, key := range o.keys {
		o.order = append(o.order, uint32(key))
	}
	o.list = o.list[:0]
	for _, n := range o.order {
		x := o.scratch.Candidate(int(n))
		o.list = append(o.list, best.Scored{Item: x.Item, Score: x.Pre})
	}
}

// own is the place in the model's own order.
func (o *outlook) own(place int) int {
	if len(o.order) > 0 {
		return int(o.order[place])
	}
	return place
}

// shareAt is S of a place of the outlook's list, 0 for one that says nothing.
func (c *scratch) shareAt(place int) float64 {
	o := &c.outlook
	return shareOf(c.st.best, o.ranked, float64(o.list[place].Score), float64(o.list[0].Score))
}

// shareOf is S of a model's score.
func shareOf(m *best.Model, ranked bool, score, largest float64) float64 {
	switch {
	case ranked:
		return FromLogit(score, largest)
	case m != nil && m.Embedded():
		return FromPre(score, largest)
	case largest > 0:
		return max(0, score/largest)
	}
	return 0
}

// lowPre is the share of the largest below which FromPre bends.
const lowPre = .01

// FromPre is what a score of the model's order without ranker counts as a
// side's sum: its share of the largest, 0..1. The order goes on below 0, where
// only the embedding names an item: what is below a hundredth of the largest
// fades without an end, so that the order is kept.
func FromPre(score, largest float64) float64 {
	if !(largest > 0) {
		return math.Exp(score - largest)
	}
	if low := lowPre * largest; score < low {
		return lowPre * math.Exp(score-low)
	}
	return score / largest
}

// skips reports whether a model's item may not be recommended, and counts it.
func (c *scratch) skips(item uint32) bool {
	g := c.st.join.toGroup[item]
	if g == catalog.None {
		c.dropped[dropUnknown]++
		return true
	}
	if i := c.findEarly(g); i >= 0 {
		x := &c.cands[i]
		if x.drop != kept {
			x.again(c, bySession)
		}
		return x.drop != kept || c.takenBack(g)
	}
	if c.closed || c.takenBack(g) {
		return true
	}
	why := kept
	if v := c.st.join.alone[item]; v != catalog.None {
		why = c.check(v)
	} else {
		_, why = c.choose(g)
	}
	if why != kept {
		c.leave(g, bySession, why)
	}
	return why != kept
}

// fewCands are looked through faster than they are looked up.
const fewCands = 4

// findEarly is find while there is often little more than the exclusions.
func (c *scratch) findEarly(g uint32) int {
	if len(c.cands) > fewCands {
		return c.find(g)
	}
	for i := range c.cands {
		if c.cands[i].group == g {
			return i
		}
	}
	return -1
}

// takenBack reports whether the session takes more of a group back than it
// wants of it.
func (c *scratch) takenBack(g uint32) bool {
	if !c.takes {
		return false
	}
	sum, any := float32(0), false
	for n, of := range c.groups {
		if of == g {
			sum += c.weights[n]
			any = any || c.weights[n] < 0
		}
	}
	return any && sum <= 0
}

// accountOf is the account of a candidate.
func (c *scratch) accountOf(x *cand) *account { return &c.accounts[c.find(x.group)] }
