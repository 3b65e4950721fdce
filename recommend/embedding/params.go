// Package embedding learns one dense vector per item from sessions, so that
// the direction of a session's newest items points at the items that follow.
// It is the dense part of the model "best": logit_j = ĥ·Ê_j/tau + bias_j with
// h the weighted sum of the newest eight items' vectors, ^ meaning length 1.
//
// The vectors come from a softmax over shared, frequency-corrected negatives
// (Jean et al. 2015, "On using very large target vocabulary"; Yi et al. 2019,
// "Sampling-bias-corrected neural modeling"), cosine logits with a temperature
// and row-wise AdaGrad. All products are blocked vector instructions; training
// gives the same bits for the same seed on any number of workers.
package embedding

import (
	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/corpus"
)

// Steps is how many of a session's newest steps make its vector.
const Steps = 8

// Bounds of the parameters: they keep a batch in the processor's caches and
// the sums of a quantised dot in their fields.
const (
	MinDim       = 8
	MaxDim       = 256
	maxBatch     = 4096
	maxNegatives = 16384
	maxEpochs    = 100
)

// Params are the embedding's parameters, under the names that files, flags and
// reports use.
type Params struct {
	Dim         int     `json:"dim"`          // values of a vector, a multiple of 8
	Epochs      int     `json:"epochs"`       // passes over the examples
	Closing     int     `json:"closing"`      // further passes, over three tenths of the examples, half of them the newest
	Batch       int     `json:"batch"`        // examples per update
	Negatives   int     `json:"negatives"`    // items drawn per update, shared by its examples
	Power       float64 `json:"power"`        // negatives are drawn by (clicks+.5)^power, 0..1
	Tau         float64 `json:"tau"`          // temperature of the cosine
	LR          float64 `json:"lr"`           // AdaGrad's step for vectors and biases at the start
	LREnd       float64 `json:"lr_end"`       // share of LR at the end, 0..1; it falls linearly
	PosLR       float64 `json:"pos_lr"`       // AdaGrad's step for the weights of positions
	MaxExamples int     `json:"max_examples"` // examples of one epoch at most; of more, newer sessions are preferred
}

// DefaultParams are the parameters that hold for most shops.
func DefaultParams() Params {
	return Params{
		Dim: 64, Epochs: 5, Closing: 3, Batch: 256, Negatives: 1024, Power: .75, Tau: .08,
		LR: .05, LREnd: .3, PosLR: .02, MaxExamples: 2_000_000,
	}
}

// Further are the parameters to Continue with on a corpus of which up to a
// seventh of the clicks are new to the model: the closing passes alone.
func (p Params) Further(c *corpus.Corpus) Params {
	p.Epochs, p.MaxExamples, p.Closing = max(1, p.Closing), p.closing(c), 0
	return p
}

// closing is how many examples a closing pass has.
func (p Params) closing(c *corpus.Corpus) int {
	return max(1, 3*min(p.MaxExamples, c.Clicks()-c.Sessions())/10)
}

// Validate says which parameter is outside its range; a *fault.Error of kind
// Invalid, with every faulty one as a field.
func (p Params) Validate() error {
	problem := fault.Invalidf("invalid_param", "the embedding's parameters are outside their range")
	check := func(ok bool, name, want string) {
		if !ok {
			problem.At("/"+name, want)
			problem.Detail += "; " + name + " must be " + want
		}
	}
	check(p.Dim >= MinDim && p.Dim <= MaxDim && p.Dim%8 == 0, "dim", "a multiple of 8 between 8 and 256")
	check(p.Epochs >= 1 && p.Epochs <= maxEpochs, "epochs", "a whole number between 1 and 100")
	check(p.Closing >= 0 && p.Closing <= maxEpochs, "closing", "a whole number between 0 and 100")
	check(p.Batch >= 1 && p.Batch <= maxBatch, "batch", "a whole number between 1 and 4096")
	check(p.Negatives >= 1 && p.Negatives <= maxNegatives, "negatives", "a whole number between 1 and 16384")
	check(p.Power >= 0 && p.Power <= 1, "power", "between 0 and 1")
	check(p.Tau >= .01 && p.Tau <= 10, "tau", "between 0.01 and 10")
	check(p.LR > 0 && p.LR <= 1, "lr", "more than 0 and at most 1")
	check(p.LREnd >= 0 && p.LREnd <= 1, "lr_end", "between 0 and 1")
	check(p.PosLR >= 0 && p.PosLR <= 1, "pos_lr", "between 0 and 1")
	check(p.MaxExamples >= 1, "max_examples", "1 or more")
	if len(problem.Fields) > 0 {
		return problem
	}
	return nil
}
