package best

import (
	"math"

	"github.com/nextbest/nextbest/internal/fault"
)

// Bounds of the parameters: they keep a row, a request and a file small.
const (
	MaxTop        = 250 // entries of a row
	MaxNeighbours = 250 // embedding neighbours of a row
	MaxSteps      = 64  // steps of a session: the length of its ring
	MaxCandidates = 250 // candidates that are re-ranked
	MaxHidden     = 64  // units of the ranker
	MaxDim        = 256 // of the embedding
	maxEpochs     = 100
	maxGap        = 10 // positions between two items that still count as followed by
)

// Params are the model's parameters, under the names that files, flags and
// reports use. The defaults hold for shops of every kind that was measured;
// no search per site is needed.
type Params struct {
	A            float64 `json:"a"`             // share of "in one session" against "followed by" in the rows, 0..1
	Lambda       float64 `json:"lambda"`        // shrinks the rows of rare items, >= 0
	TW           float64 `json:"tw"`            // positions over which "followed by" fades
	SWDays       float64 `json:"sw_days"`       // days over which a session fades in training
	Delta        float64 `json:"delta"`         // steps over which a session's older items fade in the rows' sum
	Top          int     `json:"top"`           // entries kept per row
	Last         int     `json:"last"`          // newest steps whose rows are added up
	RecentDays   float64 `json:"recent"`        // days that count as recent for an item's trend; 0 is 5 % of the span
	Dim          int     `json:"dim"`           // of the embedding, a multiple of 8; 0 leaves it out
	Epochs       int     `json:"epochs"`        // of the embedding
	Neighbours   int     `json:"neighbours"`    // embedding neighbours that a row brings in as candidates
	Candidates   int     `json:"candidates"`    // candidates that are re-ranked
	Hidden       int     `json:"hidden"`        // units of the ranker; 0 leaves a linear one
	RankerEpochs int     `json:"ranker_epochs"` // passes over the ranker's lists
	Lists        int     `json:"lists"`         // newest prefixes that the ranker learns from, at most
}

// DefaultParams are the parameters for every kind of shop.
func DefaultParams() Params {
	return Params{
		A: .8, Lambda: 10, TW: 1, SWDays: 128, Delta: 2, Top: 50, Last: 10,
		Dim: 64, Epochs: 5, Neighbours: 20,
		Candidates: 40, Hidden: 16, RankerEpochs: 3, Lists: 60000,
	}
}

// Validate says which parameter is outside its range; a *fault.Error of kind
// Invalid, with every faulty one as a field.
func (p Params) Validate() error {
	problem := fault.Invalidf("invalid_param", "the model's parameters are outside their range")
	check := func(ok bool, name, want string) {
		if !ok {
			problem.At("/"+name, want)
			problem.Detail += "; " + name + " must be " + want
		}
	}
	check(p.A >= 0 && p.A <= 1, "a", "between 0 and 1")
	check(p.Lambda >= 0 && finite(p.Lambda), "lambda", "0 or more")
	check(p.TW > 0 && finite(p.TW), "tw", "more than 0")
	check(p.SWDays > 0 && finite(p.SWDays), "sw_days", "more than 0")
	check(p.Delta > 0 && finite(p.Delta), "delta", "more than 0")
	check(p.Top >= 1 && p.Top <= MaxTop, "top", "a whole number between 1 and 250")
	check(p.Last >= 1 && p.Last <= MaxSteps, "last", "a whole number between 1 and 64")
	check(p.RecentDays >= 0 && finite(p.RecentDays), "recent", "0 or more")
	check(p.Dim >= 0 && p.Dim <= MaxDim && p.Dim%8 == 0, "dim", "a multiple of 8 between 0 and 256")
	check(p.Epochs >= 1 && p.Epochs <= maxEpochs, "epochs", "a whole number between 1 and 100")
	check(p.Neighbours >= 0 && p.Neighbours <= MaxNeighbours, "neighbours", "a whole number between 0 and 250")
	check(p.Candidates >= 1 && p.Candidates <= MaxCandidates, "candidates", "a whole number between 1 and 250")
	check(p.Hidden >= 0 && p.Hidden <= MaxHidden && p.Hidden%8 == 0, "hidden", "a multiple of 8 between 0 and 64")
	check(p.RankerEpochs >= 1 && p.RankerEpochs <= maxEpochs, "ranker_epochs", "a whole number between 1 and 100")
	check(p.Lists >= 0 && p.Lists <= 1e6, "lists", "a whole number between 0 and 1000000")
	if len(problem.Fields) > 0 {
		return problem
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Policy says which items of the session the list may not hold. Each policy
// has its own ranker, trained under that mask.
type Policy uint8

// The policies.
const (
	None    Policy = iota // any item may be named
	Current               // not the newest item
	Seen                  // none of the session's items
	policies
)

// Policies is the number of policies: they are 0 to Policies-1.
const Policies = int(policies)

// String is the policy's name in flags and reports.
func (p Policy) String() string {
	if p >= policies {
		return "unknown"
	}
	return policyNames()[p]
}

func policyNames() []string { return []string{None: "none", Current: "current", Seen: "seen"} }
