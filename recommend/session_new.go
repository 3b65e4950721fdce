package recommend

import (
	"cmp"
	"slices"

	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
)

// Newcomers are items that the model does not know. Two things lead to them:
// the pairs of the sessions since the training, and, for one that nobody has
// looked at yet, the category of the newest step. Both have a place in the
// list that the model's own order decides, so that a newcomer is seen without
// taking the list over.
const (
	pairSteps  = 3    // newest steps whose pairs count
	maxPaired  = 5    // newcomers that pairs bring into one list
	pairFade   = .6   // what a step's pairs count against those of the step after it
	pairMost   = .5   // S of a pair that every session makes, after an item that the model knows
	pairPlace  = 10   // of the model's list: a pair of the newest step stands behind it at the latest
	shelfPlace = 15   // likewise, the newcomer of the newest step's category
	deepest    = 15   // places that those look at
	shelfDepth = 8    // newcomers kept per category, the newest
	justBelow  = .999 // of S at such a place
	stepBelow  = 1e-3 // less for each further one
)

// newcomers are prepared per state.
type newcomers struct {
	pairs   map[uint32][]paired // by group, strongest first
	shelves map[uint32][]uint32 // by code of a category: groups that the model lacks, newest first
}

type paired struct {
	group  uint32
	weight float64 // 0..1
}

func newNewcomers(st, old *state) newcomers {
	var n newcomers
	if old != nil && old.snap == st.snap && old.model == st.model {
		n.shelves = old.new.shelves
	} else {
		n.shelves = newShelves(st)
	}
	if st.pairs.Len() == 0 {
		return n
	}
	n.pairs = make(map[uint32][]paired, st.pairs.Len())
	for key, row := range st.pairs.All() {
		g, _ := st.snap.Resolve(key)
		if g == catalog.None {
			continue
		}
		before := len(n.pairs[g])
		for _, p := range row {
			if to, _ := st.snap.Resolve(p.Key); to != catalog.None && to != g {
				n.pairs[g] = append(n.pairs[g], paired{to, p.Weight})
			}
		}
		if before > 0 { // two items of a group have pairs
			slices.SortStableFunc(n.pairs[g], func(x, y paired) int { return cmp.Compare(y.weight, x.weight) })
		}
	}
	return n
}

// newShelves finds the newest groups of every category that the model lacks.
// Without a model nobody is new.
func newShelves(st *state) map[uint32][]uint32 {
	if st.model == nil {
		return nil
	}
	shelves := map[uint32][]uint32{}
	categories := st.snap.Attribute("categories")
	for _, g := range st.snap.Fresh() {
		if st.join.ofGroup[g] != best.Unknown {
			continue
		}
		code := categories.First(st.snap.Members(g)[0])
		if code != catalog.None && len(shelves[code]) < shelfDepth {
			shelves[code] = append(shelves[code], g)
		}
	}
	return shelves
}

// retrieveNewcomers adds the newcomers behind what the model named. Where that
// is nothing, the newest step says what the page is about.
func (c *scratch) retrieveNewcomers() {
	paired := c.retrievePairs()
	shelf := c.shelf()
	switch {
	case len(c.outlook.list) > 0:
		c.retrieveShelf(shelf)
	case paired == 0 && c.page == catalog.None && len(c.words) == 0:
		c.page = shelf
	}
}

// retrievePairs adds what was looked at together with the newest steps since
// the model was trained, and returns how many there are.
func (c *scratch) retrievePairs() int {
	if len(c.st.new.pairs) == 0 {
		return 0
	}
	found, fade := 0, 1.0
	for b := range min(pairSteps, len(c.groups)) {
		for _, p := range c.pairsOf(b) {
			if found == maxPaired {
				return found
			}
			if c.newcomer(p.group, byPair, c.pairShare(b, found, fade*p.weight)) {
				found++
			}
		}
		fade *= pairFade
	}
	return found
}

// pairsOf are the pairs of the b-th newest step.
func (c *scratch) pairsOf(b int) []paired {
	if !(c.weights[b] > 0) || c.groups[b] == catalog.None {
		return nil
	}
	return c.st.new.pairs[c.groups[b]]
}

// pairShare is S of the n-th pair found. The model knows nothing of the newest
// step when that is a newcomer itself: pairs count in full then.
func (c *scratch) pairShare(b, n int, weight float64) float64 {
	if len(c.outlook.list) == 0 {
		return weight
	}
	if c.steps[0] != best.Unknown {
		weight *= pairMost
	}
	if b > 0 {
		return weight
	}
	return max(weight, c.level(pairPlace)*(justBelow-stepBelow*float64(n)))
}

// level is S at a place of the model's list, or at its last.
func (c *scratch) level(place int) float64 {
	return c.shareAt(min(place, len(c.outlook.list)) - 1)
}

// newcomer makes a group a candidate with at least this S; false when it may
// not be recommended.
func (c *scratch) newcomer(g uint32, from source, s float64) bool {
	if c.takenBack(g) {
		return false
	}
	x := c.touch(g, from)
	if x == nil {
		return false
	}
	if s > x.s {
		x.s = s
		if c.trace {
			a := c.accountOf(x)
			a.from, a.own = from, s
		}
	}
	return true
}

// shelf is the category of the newest step that wants something, None without.
func (c *scratch) shelf() uint32 {
	for b, g := range c.groups {
		if c.weights[b] > 0 && g != catalog.None {
			return c.st.snap.Attribute("categories").First(c.st.snap.Members(g)[0])
		}
	}
	return catalog.None
}

// retrieveShelf adds the most popular newcomer of a category, of equal ones the
// newest.
func (c *scratch) retrieveShelf(code uint32) {
	chosen, most := uint32(catalog.None), -1.0
	for _, g := range c.st.new.shelves[code] {
		if share := c.st.pop.share[g]; share > most && c.mayCome(g) {
			chosen, most = g, share
		}
	}
	if chosen != catalog.None {
		c.newcomer(chosen, byAttribute, c.level(shelfPlace)*justBelow)
	}
}

// mayCome reports whether a newcomer may be recommended, has no place yet and
// has not been on the shelf for long. Without a date, nobody knows.
func (c *scratch) mayCome(g uint32) bool {
	if age := c.newestAge(g); age < 0 || age >= newDays {
		return false
	}
	if i := c.find(g); i >= 0 {
		return c.cands[i].drop == kept && c.cands[i].s == 0
	}
	if c.closed {
		return false
	}
	_, why := c.choose(g)
	return why == kept
}

// sessionReason is the reason of an item that the session names.
func (c *scratch) sessionReason(x *cand) Reason {
	if x.from&(byPair|byAttribute) != 0 && c.st.model != nil && c.st.join.ofGroup[x.group] == best.Unknown {
		return ReasonNew
	}
	return ReasonSession
}
