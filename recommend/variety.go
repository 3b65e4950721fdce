package recommend

import "math"

// Variety is what a placement does so that its list is not the same again, nor
// more of the same. The zero value does nothing. It orders: nothing is hidden
// by it, and nothing shown that may not be.
type Variety struct {
	Diversify Diversify
	Rotate    Rotate
	Fresh     Fresh
}

// Diversify keeps alike items apart, in one of two ways: Max of a value in a
// window, as the rule of that name does it, or, with Lambda, maximal marginal
// relevance. The zero value does neither.
type Diversify struct {
	Attribute string // whose values are counted
	Max       int    // items of one value among Window neighbouring slots; 0 is off
	Window    int    // slots; 0 for the whole list

	// Lambda weighs relevance against being like what stands before (Carbonell
	// and Goldstein, SIGIR 1998): the next slot goes to the largest
	// λ·score − (1−λ)·similarity, the score as a share of the list's best, the
	// similarity (0..1) that to the most similar item before. It is above 0
	// and below 1; 0 is off.
	Lambda float64
	// Similar says what makes two items similar: attributes that they share, or
	// SimilarVectors or SimilarRows alone. None is the categories.
	Similar []string
}

// Words of Diversify.Similar that are no attributes. A site without them uses
// the categories.
const (
	SimilarVectors = "vectors" // the angle between the items' vectors
	SimilarRows    = "rows"    // how strongly the model's rows join them
)

// Rotate lowers what was shown to the session and ignored: the score is
// multiplied by Factor for each showing, down to Least. What the session
// engaged with is not ignored. A Factor of 0 is off, one of 1 does nothing.
type Rotate struct {
	Factor, Least float64 // 0 < Least ≤ Factor < 1
}

// Fresh lifts what was published less than Days ago: the score is multiplied by
// Lift for the newest, which falls evenly to 1 as the item ages. 0 Days are
// off. It also makes the newest items candidates.
type Fresh struct {
	Days float64 // of 24 hours, at most MaxFreshDays
	Lift float64 // above 1, at most MaxLift
}

// Bounds of a placement's variety, whatever it asks for.
const (
	MaxLift      = 2    // of what is new
	MaxFreshDays = 365  // for which an item can be new
	MaxSimilar   = 4    // attributes that Diversify.Similar may name
	leastRotated = 1e-3 // of a score, of what is never hidden
	maxShowings  = 255  // that count
	neverShown   = uint8(0)
)

func (d *Diversify) spreads() bool { return d.Max > 0 && d.Attribute != "" }

func (d *Diversify) on() bool { return d.spreads() || d.relevance() }

func (d *Diversify) relevance() bool { return d.Lambda > 0 && d.Lambda < 1 }

func (r *Rotate) on() bool { return r.Factor > 0 && r.Factor < 1 }

// factor is what is left of a score after so many showings.
func (r *Rotate) factor(showings uint8) float64 {
	if showings == neverShown || !r.on() {
		return 1
	}
	least := min(1, max(r.Least, leastRotated))
	return max(least, math.Pow(r.Factor, float64(showings)))
}

func (f *Fresh) on() bool { return f.Days > 0 && f.Lift > 1 }

// factor is the lift of an item of that age in days; NaN for one without a
// date, below 0 for one that is yet to be published.
func (f *Fresh) factor(age float64) float64 {
	days := min(f.Days, MaxFreshDays)
	if !f.on() || !(age >= 0 && age < days) {
		return 1
	}
	return 1 + (min(f.Lift, MaxLift)-1)*(1-age/days)
}
