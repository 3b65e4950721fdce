package recommend

import (
	"math"
	"slices"

	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/merch"
)

// variety is what one request's variety works with.
type variety struct {
	lowers   bool    // what was shown is
	lifts    bool    // what is new is
	showings []uint8 // ignored ones, by candidate; empty when nothing is lowered
	mmr      relevance
}

// vary readies the request for its placement's variety. The short way to the
// best places knows nothing of it.
func (c *scratch) vary() {
	v, p := &c.variety, &c.req.Placement.Variety
	v.lifts = p.Fresh.on()
	v.lowers = p.Rotate.on() && c.req.Session != nil && len(c.req.Session.Shown) > 0
	v.showings = v.showings[:0]
	c.lean = c.lean && !v.lifts && !v.lowers && !p.Diversify.on()
}

// retrieveFresh brings in the newest items, for a placement that lifts them:
// whoever has nothing yet is on nobody's list.
func (c *scratch) retrieveFresh() {
	if !c.variety.lifts || c.closed {
		return
	}
	days := c.req.Placement.Variety.Fresh.Days
	found := 0
	for n, g := range c.st.snap.Fresh() {
		age := c.newestAge(g)
		if found == maxNew || n == 4*maxNew || !(age < days) {
			return
		}
		if age >= 0 && c.touch(g, byNew) != nil { // what is to come is no news yet
			found++
		}
	}
}

// newestAge is the age in days of a group's newest variant, NaN without a date.
func (c *scratch) newestAge(g uint32) float64 {
	age := math.NaN()
	for _, v := range c.st.snap.Members(g) {
		if a := c.age(v); math.IsNaN(age) || a < age {
			age = a
		}
	}
	return age
}

// age is how many days ago a variant was published, NaN without a date.
func (c *scratch) age(v uint32) float64 {
	return (float64(c.req.Now.UnixMilli()) - c.st.snap.Published(v)) / dayMillis
}

// varyScores multiplies what is known of a candidate, before it is blended, by
// what rotation and freshness make of it. Sides and tail are multiplied alike,
// so that everything that holds of scores goes on to hold: what neither side
// names stays below all that one does, and a boost still never lowers.
func (c *scratch) varyScores() {
	v := &c.variety
	if v.lowers {
		c.countShowings()
	}
	if !v.lowers && !v.lifts {
		return
	}
	peak := 1.0
	for i := range c.cands {
		x := &c.cands[i]
		lift, lower := c.varied(i)
		if f := lift * lower; f != 1 {
			x.s, x.l, x.tail = x.s*f, x.l*f, x.tail*f
		}
		peak = max(peak, x.tail)
	}
	if peak > 1 {
		for i := range c.cands {
			c.cands[i].tail /= peak
		}
	}
}

// varied are the factors of freshness and rotation for candidate i: 1 for what
// was dropped, and for what only a side that weighs nothing names.
func (c *scratch) varied(i int) (lift, lower float64) {
	x, v := &c.cands[i], &c.variety
	lift, lower = 1, 1
	if x.drop != kept || (x.s > 0 || x.l > 0) && !(c.blend.session*x.s+c.blend.profile*x.l > 0) {
		return lift, lower
	}
	p := &c.req.Placement.Variety
	if v.lifts {
		lift = p.Fresh.factor(c.age(x.variant))
	}
	if i < len(v.showings) {
		lower = p.Rotate.factor(v.showings[i])
	}
	return lift, lower
}

// countShowings counts, by candidate, how often the session was shown it. View
// names an item once for each showing.
func (c *scratch) countShowings() {
	v := &c.variety
	for range c.cands {
		v.showings = append(v.showings, neverShown)
	}
	shown := c.req.Session.Shown
	for from := 0; from < len(shown); {
		to := from + 1
		for to < len(shown) && shown[to] == shown[from] {
			to++
		}
		if g, _ := c.st.snap.Resolve(shown[from]); g != catalog.None {
			if i := c.find(g); i >= 0 {
				v.showings[i] = uint8(min(maxShowings, int(v.showings[i])+to-from))
			}
		}
		from = to
	}
	for n, g := range c.groups {
		if i := c.engaged(n, g); i >= 0 {
			v.showings[i] = neverShown
		}
	}
}

// engaged is the candidate that the n-th step speaks for, -1 for none.
func (c *scratch) engaged(n int, g uint32) int {
	if g == catalog.None || !(c.weights[n] > 0) {
		return -1
	}
	return c.find(g)
}

// explainVariety puts what variety did into an item's ledger. The values of the
// lines still add up to the score: those of the signals are as if there were no
// variety, and its own say what it added or took.
func (c *scratch) explainVariety(lines []Entry, p *merch.Placed) []Entry {
	lift, lower := c.varied(p.Index)
	raw := c.cands[p.Index].base / (lift * lower)
	scores := 0
	for n := range lines {
		switch l := &lines[n]; {
		case l.Stage == "score":
			l.Value /= lift * lower
			scores = n + 1
		case l.Stage == stageNames[merch.Diversified] && l.Rule == "":
			l.Signal = "placement"
		}
	}
	if lower != 1 {
		lines = slices.Insert(lines, scores, Entry{Stage: "rotate", Signal: "shown", Value: raw * lift * (lower - 1), Factor: lower})
	}
	if lift != 1 {
		lines = slices.Insert(lines, scores, Entry{Stage: "fresh", Signal: "published", Value: raw * (lift - 1), Factor: lift})
	}
	return lines
}
