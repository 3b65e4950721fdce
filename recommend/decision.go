package recommend

import (
	"math"

	"github.com/nextbest/nextbest/recommend/best"
)

// maxConsidered is how many candidates a Decision holds at most.
const maxConsidered = 256

// Decision is how one answer was decided, as plain data: the candidates of its
// slots, those that the model's ranker looked at, the newcomers, and those that
// the session named and that might not be shown. With the model of that time it can be
// replayed from scoring on. A Decision may be reused: Request.Capture fills it
// anew and keeps its memory; it owns all that it holds but the strings, which
// never change. It asks for every candidate, as an explanation does, and so
// costs more than an answer without; the answer is the same.
type Decision struct {
	At        int64    `json:"at"` // Request.Now, epoch ms
	Placement string   `json:"placement"`
	Limit     int      `json:"limit"`
	Versions  Versions `json:"versions"`

	Policy  string  `json:"policy"` // of best.Policy: what the request left out decides the ranker
	Ranked  bool    `json:"ranked"` // scores of the model are its ranker's, else those of its hand-set order
	Top     float64 `json:"top"`    // the model's largest score among what may be shown; S is relative to it
	Session float64 `json:"session"`
	Profile float64 `json:"profile"` // what the two sides weigh: a and 1 − a

	// Peaks are the largest sums of the session's side, by which it was divided:
	// before the vectors' part was added, and after.
	Peaks [2]float64 `json:"peaks"`
	// Least is the least blended score before the rules' factors, LeastBoosted
	// that of the boosted ones after them; 0 where there is none. What neither
	// side names stays below.
	Least        float64 `json:"least"`
	LeastBoosted float64 `json:"least_boosted"`

	Retrieved  int          `json:"retrieved"` // candidates in all that might be shown
	Candidates []Considered `json:"candidates"`

	inputs []float32 // those of all candidates
}

// Considered is one candidate of a Decision.
type Considered struct {
	ItemID    string   `json:"item_id"` // of a dropped group without a variant to show: its key
	Item      uint32   `json:"item"`    // the model's number; best.Unknown where the model did not name it
	Slot      int      `json:"slot"`    // in the answer, 0: it has none
	Sources   []string `json:"sources"`
	Available bool     `json:"available"`
	Drop      string   `json:"drop,omitempty"` // why it might not be shown; what follows is empty then

	Inputs   []float32 `json:"inputs,omitempty"` // best.Inputs of them, where the ranker looked at it
	Model    float32   `json:"model"`            // the model's score
	Newcomer float64   `json:"newcomer"`         // S that pairs or the category gave it, where that is more
	Vector   float64   `json:"vector"`           // the vectors' part
	Varied   float64   `json:"varied"`           // factor of the placement's variety
	S        float64   `json:"s"`                // the session's side as it was blended
	L        float64   `json:"l"`                // the profile's
	Tail     float64   `json:"tail"`             // what others' liking counts where both are 0

	Factor float64 `json:"factor"`         // of boosts and buries
	Rule   string  `json:"rule,omitempty"` // the strongest of those
	Score  float64 `json:"score"`
	Stage  string  `json:"stage,omitempty"`     // what put it into its slot: rank, diversify, slot, pin
	Placed string  `json:"placed_by,omitempty"` // the rule that did
}

// capture fills d with the decision that was just made.
func (c *scratch) capture(d *Decision) {
	c.captureHead(d)
	for n := range c.placed {
		p := &c.placed[n]
		x := c.consider(d, p.Index)
		x.Slot, x.Stage, x.Placed = n+1, stageNames[p.Stage], p.Rule.ID()
	}
	for n, r := range c.outlook.list {
		if i := c.find(c.st.join.toGroup[r.Item]); i >= 0 && c.looked(n) {
			c.considerNext(d, i)
		}
	}
	for i := range c.cands {
		x := &c.cands[i]
		if c.accounts[i].from != 0 || x.drop != kept && x.from&bySession != 0 || x.drop == dropCurrent || x.drop == dropSeen {
			c.considerNext(d, i)
		}
	}
	at := 0 // the memory of the inputs has its final place now
	for n := range d.Candidates {
		x := &d.Candidates[n]
		end := at + len(x.Inputs)
		x.Inputs = d.inputs[at:end:end]
		at = end
	}
}

func (c *scratch) captureHead(d *Decision) {
	o := &c.outlook
	*d = Decision{
		At: c.req.Now.UnixMilli(), Placement: c.req.Placement.Name, Limit: c.req.limit(), Versions: c.st.made,
		Policy: o.policy.String(), Ranked: o.ranked, Session: c.blend.session, Profile: c.blend.profile,
		Peaks: c.peaks, Retrieved: c.kept, Candidates: d.Candidates[:0], inputs: d.inputs[:0],
	}
	if len(o.list) > 0 {
		d.Top = float64(o.list[0].Score)
	}
	if !math.IsInf(c.floor.least, 1) {
		d.Least = c.floor.least
	}
	if !math.IsInf(c.floor.leastBoosted, 1) {
		d.LeastBoosted = c.floor.leastBoosted
	}
}

// looked reports whether the ranker looked at a place of the outlook's list.
func (c *scratch) looked(place int) bool {
	return c.st.best != nil && c.outlook.scratch.Candidate(c.outlook.own(place)).Reranked
}

// considerNext adds candidate i unless it is there or the decision is full.
func (c *scratch) considerNext(d *Decision, i int) {
	if !c.accounts[i].captured && len(d.Candidates) < maxConsidered {
		c.consider(d, i)
	}
}

// consider adds candidate i.
func (c *scratch) consider(d *Decision, i int) *Considered {
	x, a := &c.cands[i], &c.accounts[i]
	a.captured = true
	d.Candidates = extend(d.Candidates)
	to := &d.Candidates[len(d.Candidates)-1]
	*to = Considered{Item: best.Unknown, Sources: to.Sources[:0], Drop: dropNames[x.drop], Factor: 1, Varied: 1}
	for n := range sources {
		if x.from&(1<<n) != 0 {
			to.Sources = append(to.Sources, sourceNames[n])
		}
	}
	if x.drop != kept {
		to.ItemID, to.Available = c.st.snap.Key(x.group), c.anyAvailable(x.group)
		return to
	}
	to.ItemID, to.Available = c.st.snap.ID(x.variant), true
	if a.place > 0 {
		r := c.outlook.list[a.place-1]
		to.Item, to.Model = r.Item, r.Score
		if c.looked(a.place - 1) {
			from := len(d.inputs)
			d.inputs = c.outlook.scratch.AppendInputs(d.inputs, c.outlook.own(a.place-1))
			to.Inputs = d.inputs[from:]
		}
	}
	if a.from != 0 {
		to.Newcomer = a.own
	}
	lift, lower := c.varied(i)
	to.Varied, to.Vector = lift*lower, a.vector
	to.S, to.L, to.Tail = x.s, x.l, x.tail
	to.Factor, to.Rule, to.Score = x.factor, x.rule.ID(), x.score
	return to
}

// extend makes a list one longer, with what its memory held there.
func extend(list []Considered) []Considered {
	if len(list) < cap(list) {
		return list[:len(list)+1]
	}
	return append(list, Considered{})
}

func (c *scratch) anyAvailable(g uint32) bool {
	for _, v := range c.st.snap.Members(g) {
		if c.st.snap.Available(v) {
			return true
		}
	}
	return false
}
