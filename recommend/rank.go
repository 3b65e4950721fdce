package recommend

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/merch"
)

// Rank answers req in ans. The same state, request and moment give the same
// answer. It allocates nothing once the answer has its size, unless the
// request asks for an explanation. The error is a *fault.Error of kind Invalid
// for a request that makes no sense, or the context's.
func (e *Engine) Rank(ctx context.Context, req *Request, ans *Answer) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("rank: %w", err)
	}
	if n := req.limit(); n < 1 || n > MaxLimit {
		return fault.Invalidf("invalid_limit", "limit must be a whole number between 1 and %d", MaxLimit).
			At("/limit", "must be between 1 and 100")
	}
	if len(req.Candidates) > MaxCandidates {
		return fault.Invalidf("too_many_candidates", "at most %d candidates can be ranked at once", MaxCandidates).
			At("/candidates", "must be at most 1000 items")
	}
	st := e.state.Load()
	c := e.scratch.Get().(*scratch)
	start := e.clock()
	c.begin(st, req)
	c.vary()
	c.retrieve()
	c.retrieveFresh()
	retrieved := e.clock()
	c.score()
	scored := e.clock()
	c.merchandise(req.limit())
	c.answer(ans)
	if req.Capture != nil {
		c.capture(req.Capture)
	}
	ans.Stages.Retrieve, ans.Stages.Score = retrieved.Sub(start), scored.Sub(retrieved)
	ans.Stages.Merchandise = e.clock().Sub(scored)
	c.end()
	e.scratch.Put(c)
	return nil
}

// ranked is a place in an order: by score, ties by item id.
type ranked struct {
	score   float64
	variant uint32
	cand    int32
}

func before(a, b ranked) bool {
	return a.score > b.score || a.score == b.score && a.variant < b.variant
}

// insert keeps list sorted, best first, and at most most long.
func insert(list []ranked, r ranked, most int) []ranked {
	if len(list) < most {
		list = append(list, r)
	} else if most == 0 || !before(r, list[most-1]) {
		return list
	}
	n := len(list) - 1
	for ; n > 0 && before(r, list[n-1]); n-- {
		list[n] = list[n-1]
	}
	list[n] = r
	return list
}

// merchandise fills c.placed with the answer's items in their final order.
func (c *scratch) merchandise(limit int) {
	c.placed, c.top = c.placed[:0], c.top[:0]
	if !c.rules.Arranges() {
		c.takeBest(c.pool(limit))
		c.place()
		c.diversify(limit)
	} else {
		c.sortAll()
		c.place()
		c.diversify(merch.MaxSlot)
		c.rules.Arrange(c.st.snap, c.placed)
	}
	c.placed = c.placed[:min(limit, len(c.placed))]
}

// takeBest fills c.top with the most best candidates.
func (c *scratch) takeBest(most int) {
	least := 0.0 // score of the last place once all are taken
	for i := range c.cands {
		x := &c.cands[i]
		if x.drop != kept || x.score < least {
			continue
		}
		c.top = insert(c.top, ranked{score: x.score, variant: x.variant, cand: int32(i)}, most)
		if len(c.top) == most {
			least = c.top[most-1].score
		}
	}
}

// sortAll fills c.top with all candidates.
func (c *scratch) sortAll() {
	for i := range c.cands {
		if x := &c.cands[i]; x.drop == kept {
			c.top = append(c.top, ranked{score: x.score, variant: x.variant, cand: int32(i)})
		}
	}
	slices.SortFunc(c.top, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.variant, b.variant))
	})
}

func (c *scratch) place() {
	named := c.rules.NamesSources()
	for n, r := range c.top {
		x := &c.cands[r.cand]
		p := merch.Placed{Index: int(r.cand), Group: x.group, Variant: x.variant, From: n + 1}
		if named {
			p.Sources = c.slotSources(x)
		}
		c.placed = append(c.placed, p)
	}
}

// slotSources says which sources' slots a candidate may fill.
func (c *scratch) slotSources(x *cand) merch.Sources {
	var s merch.Sources
	if x.s > 0 {
		s |= merch.FromSession
	}
	if x.l > 0 {
		s |= merch.FromProfile
	}
	if x.trend > 0 {
		s |= merch.FromTrending
	}
	if c.st.pop.share[x.group] > 0 {
		s |= merch.FromPopular
	}
	if c.isNew(x.variant) {
		s |= merch.FromNew
	}
	return s
}

// answer writes the result.
func (c *scratch) answer(ans *Answer) {
	ans.Items = ans.Items[:0]
	for n := range c.placed {
		p := &c.placed[n]
		x := &c.cands[p.Index]
		it := Item{ItemID: c.st.snap.ID(x.variant), Slot: n + 1, Score: x.score, Reason: c.reason(x, p)}
		if c.st.catalog != nil {
			it.Catalog = c.st.snap.Item(x.variant)
		}
		if c.req.Explain {
			it.Ledger = c.explainVariety(c.ledger(x, p, n+1), p)
		}
		ans.Items = append(ans.Items, it)
	}
	ans.Blend, ans.Versions, ans.Explanation = c.blend.shown, c.st.made, nil
	c.degrade(ans)
	if c.req.Explain || len(c.req.WhyNot) > 0 {
		ans.Explanation = c.explain()
	}
}

func (c *scratch) degrade(ans *Answer) {
	x := c.st.expected
	if x.Model && c.st.model == nil || c.st.best != nil && c.st.ranking == RankPlain && c.st.best.Ranked(c.outlook.policy) {
		ans.Degrade(DegradedModel)
	}
	if x.Catalog && c.st.catalog == nil {
		ans.Degrade(DegradedCatalog)
	}
	if x.Rules && c.st.rules == nil {
		ans.Degrade(DegradedRules)
	}
}

// blendShare is the share of the smaller side from which on an item is there
// for both.
const blendShare = .25

// reason is why an item is where it is, after its strongest contribution.
func (c *scratch) reason(x *cand, p *merch.Placed) Reason {
	switch {
	case p.Stage == merch.Pinned:
		return ReasonPinned
	case p.Stage == merch.Slotted:
		return ReasonRule
	case x.factor > 2: // the boost gave more than all signals
		return ReasonBoosted
	}
	s, l := c.blend.session*x.s, c.blend.profile*x.l
	switch {
	case s+l <= 0:
		return c.tailReason(x)
	case min(s, l) >= blendShare*(s+l):
		return ReasonBlend
	case s > l:
		return c.sessionReason(x)
	}
	return ReasonProfile
}

// tailReason is the reason of an item that neither session nor profile name.
func (c *scratch) tailReason(x *cand) Reason {
	popular, fresh, trend := c.st.pop.share[x.group], c.newness(x.variant), c.trend(x)
	switch {
	case trend > popular && trend > fresh:
		return ReasonTrending
	case popular > 0 && popular >= fresh:
		return ReasonPopular
	case fresh > 0:
		return ReasonNew
	}
	return ReasonFallback
}
