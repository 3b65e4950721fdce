package learn

import (
	"slices"
	"sort"

	"github.com/nextbest/nextbest/recommend/corpus"
)

// heldOut are the newest sessions of a corpus: those from one on.
type heldOut struct {
	from        int // the first of them, and how many the candidate is trained on
	sessions    int // that predict something
	predictions int
	liveSaw     int // sessions, of those from `from` on, that the live model may have been trained on
}

// holdOut holds out the newest day. Where that is too little to compare on, or
// more than half of everything, or the whole log is younger than a few days, it
// is the newest tenth of the sessions. What the live model may have been
// trained on is left out as long as enough is left.
func (g *Gate) holdOut(c *corpus.Corpus) heldOut {
	all := c.Sessions()
	held := g.count(c, after(c, c.Latest()-1))
	if c.Latest()-c.First() < gateSpanDays || held.from < all/2 || held.predictions < gateLeast {
		held = g.count(c, all-int(gateShare*float64(all)+.5))
	}
	if g.Live == nil {
		return held
	}
	unseen := after(c, g.Live.Latest())
	if unseen <= held.from {
		return held
	}
	if fair := g.count(c, unseen); fair.predictions >= gateLeast && fair.sessions >= gateLeastSessions {
		return fair
	}
	held.liveSaw = unseen - held.from
	return held
}

// after is the first session that ended after a day.
func after(c *corpus.Corpus, day float64) int {
	return sort.Search(c.Sessions(), func(s int) bool { return c.Day(s) > day })
}

// count is the sessions from one on, and what they predict.
func (g *Gate) count(c *corpus.Corpus, from int) heldOut {
	h := heldOut{from: from}
	for s := from; s < c.Sessions(); s++ {
		if n := g.chances(c.Session(s)); n > 0 {
			h.sessions++
			h.predictions += n
		}
	}
	return h
}

// chances is how many items of a session the items before it could predict.
func (g *Gate) chances(items []uint32) int {
	n := 0
	for k := range items {
		if g.isChance(items, k) {
			n++
		}
	}
	return n
}

// isChance reports whether a list may name the k-th item after those before it:
// one that the policy excludes is nobody's miss.
func (g *Gate) isChance(items []uint32, k int) bool {
	switch {
	case k == 0:
		return false
	case g.Exclude == ExcludeCurrent:
		return items[k] != items[k-1]
	case g.Exclude == ExcludeSeen:
		return !slices.Contains(items[max(0, k-gateSteps):k], items[k])
	}
	return true
}

// sample is the held-out sessions to compare on, oldest first: all, or as many
// as give about Most predictions. It is the same for the same corpus.
func (g *Gate) sample(c *corpus.Corpus, h *heldOut) (sessions []int, predictions int) {
	for s := h.from; s < c.Sessions(); s++ {
		if g.chances(c.Session(s)) > 0 {
			sessions = append(sessions, s)
		}
	}
	if h.predictions <= g.Most {
		return sessions, h.predictions
	}
	slices.SortFunc(sessions, func(a, b int) int {
		if mix(uint64(a)) < mix(uint64(b)) {
			return -1
		}
		return 1
	})
	for n, s := range sessions {
		more := g.chances(c.Session(s))
		if predictions+more > g.Most && n > 0 {
			sessions = sessions[:n]
			break
		}
		predictions += more
	}
	slices.Sort(sessions)
	return sessions, predictions
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood 2014): a
// one-to-one map that leaves no pattern.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
