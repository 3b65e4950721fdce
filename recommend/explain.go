package recommend

import (
	"fmt"

	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/merch"
)

// ledger is the account of one item: lines whose values add up to its score,
// and where each stage moved it from.
func (c *scratch) ledger(x *cand, p *merch.Placed, slot int) []Entry {
	var lines []Entry
	s, l := c.blend.session*x.s, c.blend.profile*x.l
	lines = c.sessionLines(lines, p.Index, s)
	if l > 0 {
		lines = append(lines, Entry{Stage: "score", Signal: "profile", Value: l, Factor: c.blend.profile})
	}
	if s+l <= 0 {
		lines = append(lines, Entry{Stage: "score", Signal: string(c.tailReason(x)), Value: x.base})
	}
	if x.rule != nil {
		lines = append(lines, Entry{Stage: "boost", Rule: x.rule.ID(), Value: x.score - x.base, Factor: x.factor})
	}
	if p.Stage != merch.Ranked {
		line := Entry{Stage: stageNames[p.Stage], Rule: p.Rule.ID()}
		if p.From != slot {
			line.MovedFrom = p.From
		}
		lines = append(lines, line)
	}
	return lines
}

var stageNames = [...]string{"rank", "diversify", "slot", "pin"}

// explain counts what came from where and why it left, and answers WhyNot.
func (c *scratch) explain() *Explanation {
	e := &Explanation{Candidates: map[string]int{}, Drops: map[string]int{}}
	for i := range c.cands {
		for n := range sources {
			if x := &c.cands[i]; x.drop == kept && x.from&(1<<n) != 0 {
				e.Candidates[sourceNames[n]]++
			}
		}
	}
	for why, n := range c.dropped {
		if n > 0 {
			e.Drops[dropNames[why]] = n
		}
	}
	for _, id := range c.req.WhyNot {
		w := c.whyNot(id)
		w.ItemID = id
		e.WhyNot = append(e.WhyNot, w)
	}
	return e
}

// whyNot names the first stage that kept an item out, in the order in which an
// item passes them.
func (c *scratch) whyNot(id string) WhyNot {
	snap := c.st.snap
	g, v := snap.Resolve(id)
	if g == catalog.None {
		return c.whyUnknown()
	}
	if v == catalog.None {
		v = snap.Members(g)[0]
		if i := c.find(g); i >= 0 && c.cands[i].drop == kept {
			v = c.cands[i].variant
		}
	}
	if w, out := c.whyChecked(v); out {
		return w
	}
	i := c.find(g)
	if i < 0 {
		return c.whyNoCandidate()
	}
	x := &c.cands[i]
	if x.drop != kept {
		return whyExcluded(x.drop)
	}
	if x.variant != v {
		return WhyNot{Stage: "variant", Detail: fmt.Sprintf("its group is represented by %q", snap.ID(x.variant))}
	}
	return c.whyRanked(i)
}

func (c *scratch) whyUnknown() WhyNot {
	if c.st.catalog == nil {
		return WhyNot{Stage: "catalog", Detail: "unknown item: the model has never seen it and there is no catalog"}
	}
	return WhyNot{Stage: "catalog", Detail: "unknown item: it is not in the catalog"}
}

// whyChecked says what check holds against a variant.
func (c *scratch) whyChecked(v uint32) (WhyNot, bool) {
	switch c.check(v) {
	case dropUnavailable:
		return WhyNot{Stage: "available", Detail: "it is not available"}, true
	case dropHidden:
		r := c.rules.Hiding(c.st.snap, v)
		return WhyNot{Stage: "hide", Rule: r.ID(), Detail: fmt.Sprintf("hidden by rule %q", r.ID())}, true
	case dropFiltered:
		return WhyNot{Stage: "filter", Detail: "the request's filter leaves it out"}, true
	}
	return WhyNot{}, false
}

func (c *scratch) whyNoCandidate() WhyNot {
	if c.closed {
		return WhyNot{Stage: "retrieve", Detail: "it is not among the request's candidates"}
	}
	return WhyNot{Stage: "retrieve", Detail: "not a candidate: no source named it for this visitor"}
}

func whyExcluded(why drop) WhyNot {
	details := map[drop]string{
		dropRequest:   "the request excludes it",
		dropCurrent:   "it is the item looked at",
		dropSeen:      "the visitor has seen it in this session",
		dropPurchased: "the visitor has bought it",
		dropCart:      "it lies in the cart",
	}
	if d, ok := details[why]; ok {
		return WhyNot{Stage: "exclude", Detail: d}
	}
	return WhyNot{Stage: dropNames[why], Detail: "no variant of its group may be shown"}
}

// whyRanked says where a candidate came out.
func (c *scratch) whyRanked(i int) WhyNot {
	for n := range c.placed {
		if c.placed[n].Index == i {
			return WhyNot{Stage: "answer", Detail: fmt.Sprintf("it is in slot %d", n+1)}
		}
	}
	x := &c.cands[i]
	me := ranked{score: x.score, variant: x.variant}
	place := 1
	for n := range c.cands {
		y := &c.cands[n]
		if y.drop == kept && n != i && before(ranked{score: y.score, variant: y.variant}, me) {
			place++
		}
	}
	return WhyNot{Stage: "rank", Detail: fmt.Sprintf(
		"in place %d with score %.6g; the list ends at place %d", place, x.score, len(c.placed))}
}
