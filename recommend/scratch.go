package recommend

import (
	"math"
	"time"

	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/merch"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/recommend/vector"
	"github.com/nextbest/nextbest/session"
)

// drop is why a group is not recommended; kept is that it may be.
type drop uint8

const (
	kept drop = iota
	dropUnknown
	dropUnavailable
	dropHidden
	dropFiltered
	dropRequest
	dropCurrent
	dropSeen
	dropPurchased
	dropCart
	drops
)

var dropNames = [drops]string{
	"", "unknown", "unavailable", "hidden", "filtered",
	"excluded", "current", "seen", "purchased", "cart",
}

// source is a bit set of where a candidate came from.
type source uint16

const (
	bySession source = 1 << iota
	byPair
	byProfile
	byVector
	byList
	byAttribute
	byBoost
	byPin
	byTrending
	byPage
	byNew
	byPopular
	byFilter
	byRequest
	sources = iota
)

var sourceNames = [sources]string{
	"session", "pairs", "profile", "vector", "list", "attribute", "boost", "pin",
	"trending", "page", "new", "popular", "filter", "request",
}

// cand is one group on its way into the answer, or why it is not. It is kept
// small: a session brings in some hundred.
type cand struct {
	group, variant uint32
	from           source
	drop           drop
	trend          uint8 // 1 + place among what trends, 0 when it does not come from there

	s, l   float64      // the two sides of the blend: sums of signals, in the end 0..1
	tail   float64      // what counts where both are 0, in the end 0..1
	base   float64      // blended
	factor float64      // of boosts and buries
	score  float64      // base · factor
	rule   *merch.Ready // the strongest of those rules
}

// scratch is what one request works with. It is pooled; end lets go of the
// request.
type scratch struct {
	req   *Request
	st    *state
	blend blend

	slots  []slot // open addressing: group to candidate
	gen    uint32
	cands  []cand
	kept   int
	closed bool // only what is there may be ranked
	lean   bool // nothing but the session decides what comes before the tail
	trace  bool // dropped candidates are remembered, and the kept ones' accounts

	dropped [drops]int

	outlook  outlook
	accounts []account  // by candidate, while tracing
	peaks    [2]float64 // what the session's sums were divided by, before the vectors and after
	floor    floor
	page     uint32 // code of the category that the page, or else the newest step, is about

	sums    rows.Scratch
	steps   []uint32 // model items, newest first
	weights []float32
	takes   bool     // a weight is below 0
	groups  []uint32 // of the steps; catalog.None for unknown ones
	words   []uint32 // of the page's search
	one     [1]float32
	oneStep [1]uint32
	row     []best.Scored
	dense   []float32
	enum    []uint32
	best    []ranked
	top     []ranked
	placed  []merch.Placed
	near    []vector.Scored
	dots    []float64 // by candidate, with vectors only

	filter catalog.Bound
	rules  merch.Active
	asks   merch.Request

	variety variety

	item, variant uint32 // the page's item: group and variant
	pinVariant    uint32 // a variant that choose must take
	evidence      float64
}

// slot is one place of the table; it is free when gen is not the scratch's.
type slot struct{ gen, group, cand uint32 }

const (
	tableSize = 4096 // slots at first
	maxTraced = 4096 // candidates of which the dropped ones are remembered
)

func newScratch() *scratch {
	c := &scratch{slots: make([]slot, tableSize), cands: make([]cand, 0, tableSize/4)}
	c.outlook.skip = c.skips
	return c
}

// begin makes the scratch ready for a request.
func (c *scratch) begin(st *state, req *Request) {
	c.req, c.st = req, st
	if c.gen++; c.gen == 0 {
		clear(c.slots)
		c.gen = 1
	}
	c.cands, c.kept, c.closed = c.cands[:0], 0, false
	c.accounts = c.accounts[:0]
	c.dropped = [drops]int{}
	c.trace = req.Explain || len(req.WhyNot) > 0 || req.Capture != nil
	c.steps, c.weights, c.groups, c.takes = c.steps[:0], c.weights[:0], c.groups[:0], false
	c.pinVariant = catalog.None
	st.snap.Bind(req.Filter, &c.filter)
	c.readSession()
	c.blend = blendOf(req, c.evidence)
	c.words = st.snap.AppendWords(c.words[:0], req.Query, maxQueryWords)
	c.page = st.snap.Attribute("categories").Code(req.Category)
	c.activate()
	c.exclude()
	c.lean = req.Profile == nil && req.Candidates == nil && !c.trace && st.space.set == nil &&
		c.blend.session > 0 && !c.rules.HasFactors() && !c.rules.Arranges()
}

// end lets go of what belongs to the request.
func (c *scratch) end() {
	c.req, c.st = nil, nil
	c.asks = merch.Request{}
}

// readSession turns the session into model items and groups, newest first. The
// page's item is the newest step when it is not that already.
func (c *scratch) readSession() {
	c.item, c.variant, c.evidence = catalog.None, catalog.None, 0
	var steps []session.Step
	if v := c.req.Session; v != nil {
		steps = v.Steps
		c.evidence = c.evidenceOf(v)
	}
	if id := c.req.ContextItem; id != "" {
		c.item, c.variant = c.st.snap.Resolve(id)
		if c.variant == catalog.None && c.item != catalog.None {
			c.variant = c.st.snap.Members(c.item)[0]
		}
		if len(steps) == 0 || !c.same(steps[0].ItemID, id) {
			c.step(id, 1)
			c.evidence++
		}
	}
	for n := range steps {
		c.step(steps[n].ItemID, float32(steps[n].Kind.Weight()))
	}
	if len(c.steps) > 0 {
		return
	}
	for n := len(c.req.Cart) - 1; n >= 0; n-- { // nothing else is known: the cart speaks
		c.step(c.req.Cart[n], 1)
	}
}

// evidenceOf is the session's evidence, or that of one of its steps where the
// blend only asks whether there is any.
func (c *scratch) evidenceOf(v *session.View) float64 {
	now, halfLife := c.req.Now, c.req.Placement.halfLife()
	if c.req.hasProfile() {
		return v.Evidence(now, halfLife)
	}
	for n := range v.Steps {
		step := session.View{Steps: v.Steps[n : n+1]}
		if e := step.Evidence(now, halfLife); e > 0 {
			return e
		}
	}
	return 0
}

// same reports whether two ids name one group.
func (c *scratch) same(a, b string) bool {
	if a == b {
		return true
	}
	g, _ := c.st.snap.Resolve(a)
	return g != catalog.None && g == c.item
}

func (c *scratch) step(id string, weight float32) {
	g, v := c.st.snap.Resolve(id)
	c.steps, c.weights = append(c.steps, c.st.modelItem(g, v, id)), append(c.weights, weight)
	c.groups = append(c.groups, g)
	c.takes = c.takes || weight < 0
}

// modelItem is the model's number of a resolved item, Unknown for none.
func (st *state) modelItem(g, v uint32, id string) uint32 {
	switch {
	case st.model == nil:
		return best.Unknown
	case v != catalog.None:
		return st.join.ofVariant[v]
	case g != catalog.None:
		return st.join.ofGroup[g]
	}
	n, _ := st.model.Index(id) // delisted: its row still says what goes with it
	return n
}

func (p *Placement) halfLife() time.Duration {
	if p.HalfLife <= 0 {
		return defaultHalfLife
	}
	return p.HalfLife
}

// activate finds the rules that hold.
func (c *scratch) activate() {
	r := c.req
	c.asks = merch.Request{
		Placement: r.Placement.Name, Now: r.Now, Item: c.variant,
		Category: r.Category, Query: r.Query, Returning: r.Profile != nil, Session: c.groups,
	}
	if r.Profile != nil {
		c.asks.Segments = r.Profile.Segments
	}
	c.st.bound.Active(&c.asks, &c.rules)
}

// exclude marks the groups that must not be recommended, most specific reason
// first.
func (c *scratch) exclude() {
	r := c.req
	c.outlook.policy = best.None
	for _, id := range r.Exclude {
		c.mark(id, dropRequest)
	}
	if r.ExcludeCurrent {
		if c.item != catalog.None {
			c.markGroup(c.item, dropCurrent)
			c.outlook.policy = best.Current
		} else if r.ContextItem == "" && r.Session != nil && len(c.groups) > 0 {
			c.markGroup(c.groups[0], dropCurrent)
			c.outlook.policy = best.Current
		}
	}
	if r.Placement.ExcludeCart {
		for _, id := range r.Cart {
			c.mark(id, dropCart)
		}
	}
	c.excludePurchased()
	if r.ExcludeSeen && r.Session != nil {
		c.outlook.policy = best.Seen
		for _, g := range c.groups {
			c.markGroup(g, dropSeen)
		}
	}
}

func (c *scratch) excludePurchased() {
	r := c.req
	if r.ExcludePurchased < 0 {
		return
	}
	since := int64(math.MinInt64)
	if r.ExcludePurchased > 0 {
		since = r.Now.AddDate(0, 0, -r.ExcludePurchased).UnixMilli()
	}
	if r.Profile != nil {
		for n := range r.Profile.Purchased {
			if r.Profile.Purchased[n].Time >= since {
				c.mark(r.Profile.Purchased[n].ItemID, dropPurchased)
			}
		}
	}
	if r.Session != nil {
		for _, id := range r.Session.Purchased {
			c.mark(id, dropPurchased)
		}
	}
}

func (c *scratch) mark(id string, why drop) {
	g, _ := c.st.snap.Resolve(id)
	c.markGroup(g, why)
}

func (c *scratch) markGroup(g uint32, why drop) {
	if g == catalog.None {
		return
	}
	if i := c.find(g); i < 0 {
		c.insert(g, catalog.None, 0, why)
	}
}

// find is the place of a group among the candidates, -1 when it has none.
func (c *scratch) find(g uint32) int {
	mask := uint32(len(c.slots) - 1)
	for h := hash(g) & mask; ; h = (h + 1) & mask {
		s := &c.slots[h]
		if s.gen != c.gen {
			return -1
		}
		if s.group == g {
			return int(s.cand)
		}
	}
}

func hash(g uint32) uint32 {
	g *= 2654435769 // 2^32 divided by the golden ratio
	return g ^ g>>15
}

// insert adds a group that is not there yet.
func (c *scratch) insert(g, v uint32, from source, why drop) *cand {
	if 2*len(c.cands) >= len(c.slots) {
		c.grow()
	}
	n := len(c.cands)
	if n < cap(c.cands) {
		c.cands = c.cands[:n+1]
	} else {
		c.cands = append(c.cands, cand{})
	}
	x := &c.cands[n]
	*x = cand{group: g, variant: v, from: from, drop: why, factor: 1}
	c.put(g, uint32(n))
	if c.trace {
		c.accounts = append(c.accounts, account{})
	}
	if why == kept {
		c.kept++
	}
	return x
}

func (c *scratch) put(g, i uint32) {
	mask := uint32(len(c.slots) - 1)
	h := hash(g) & mask
	for c.slots[h].gen == c.gen {
		h = (h + 1) & mask
	}
	c.slots[h] = slot{gen: c.gen, group: g, cand: i}
}

func (c *scratch) grow() {
	c.slots = make([]slot, 2*len(c.slots))
	for i := range c.cands {
		c.put(c.cands[i].group, uint32(i))
	}
}

// touch is the candidate for a group, made when it is not there yet; nil when
// it may not be recommended.
func (c *scratch) touch(g uint32, from source) *cand {
	if i := c.find(g); i >= 0 {
		x := &c.cands[i]
		if x.drop != kept {
			x.again(c, from)
			return nil
		}
		x.from |= from
		return x
	}
	if c.closed {
		return nil
	}
	v, why := c.choose(g)
	if why != kept {
		c.leave(g, from, why)
		return nil
	}
	return c.insert(g, v, from, kept)
}

// again counts a dropped candidate once, however many sources bring it.
func (x *cand) again(c *scratch, from source) {
	if x.from == 0 {
		c.dropped[x.drop]++
	}
	x.from |= from
}

// leave counts a group that may not be recommended.
func (c *scratch) leave(g uint32, from source, why drop) {
	c.dropped[why]++
	if c.trace && len(c.cands) < maxTraced {
		c.insert(g, catalog.None, from, why)
	}
}

// choose is the best variant of a group that may be shown, or why none may:
// the most popular, ties by item id.
func (c *scratch) choose(g uint32) (uint32, drop) {
	members := c.st.snap.Members(g)
	if len(members) == 1 {
		return members[0], c.check(members[0])
	}
	best, why := uint32(catalog.None), dropUnavailable
	for _, v := range members {
		d := c.check(v)
		if d != kept {
			if best == catalog.None {
				why = d
			}
			continue
		}
		if best == catalog.None || c.better(v, best) {
			best, why = v, kept
		}
	}
	return best, why
}

func (c *scratch) better(v, than uint32) bool {
	if v == c.pinVariant || than == c.pinVariant {
		return v == c.pinVariant
	}
	w := c.st.pop.variant
	return w != nil && w[v] > w[than]
}

// check says why a variant may not be shown.
func (c *scratch) check(v uint32) drop {
	switch {
	case !c.st.snap.Available(v):
		return dropUnavailable
	case c.rules.Hiding(c.st.snap, v) != nil:
		return dropHidden
	case c.req.Filter != nil && !c.filter.Match(v):
		return dropFiltered
	}
	return kept
}
