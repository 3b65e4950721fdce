// Package rows is the session model "rows": one sparse row of related items
// per item, trained as plain decaying sums over sessions and scored by adding
// up the rows of a session's newest steps.
//
// A Model is immutable, compact and its own file format; a Builder makes one
// from sessions; a Scratch holds the sums of one request.
package rows

import (
	"math"

	"github.com/nextbest/nextbest/internal/fault"
)

// Bounds of the parameters: they keep a row, a request and a file small.
const (
	MaxTop  = 1000 // entries of a row
	MaxLast = 64   // steps of a session: the length of its ring
	maxGap  = 10   // positions between two items that still count as followed by
)

// Params are the model's parameters, under the names that files, flags and
// reports use.
type Params struct {
	A      float64 `json:"a"`       // share of "in one session" against "followed by", 0..1
	Lambda float64 `json:"lambda"`  // shrinks the rows of rare items, >= 0
	TW     float64 `json:"tw"`      // positions over which "followed by" fades
	SWDays float64 `json:"sw_days"` // days over which a session fades in training
	Delta  float64 `json:"delta"`   // steps over which a session's older items fade in scoring
	Top    int     `json:"top"`     // entries kept per row
	Last   int     `json:"last"`    // newest steps that score
}

// DefaultParams are the parameters that hold for most shops; they need no
// search per site.
func DefaultParams() Params {
	return Params{A: .8, Lambda: 10, TW: 1, SWDays: 128, Delta: 2, Top: 50, Last: 10}
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
	check(p.Top >= 1 && p.Top <= MaxTop, "top", "a whole number between 1 and 1000")
	check(p.Last >= 1 && p.Last <= MaxLast, "last", "a whole number between 1 and 64")
	if len(problem.Fields) > 0 {
		return problem
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
