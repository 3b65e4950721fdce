package recommend

import (
	"fmt"
	"math"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/best"
)

// Tolerance of a replay, as a part of the value: another processor may round
// another way.
const replayed = 1e-9

// maxDiffering is how many differences a replay names.
const maxDiffering = 20

// Replay computes the scores of a decision's candidates again, from their
// inputs on: the model's score, its share of the session's side, the blend and
// the rules' factors. Scores come by candidate, 0 for a dropped one. Model is
// the one of d.Versions, nil where the answer had none. What a model says that
// no ranker looked at is taken as it was logged.
//
// The error is a *fault.Error of kind Conflict: code other_model when the model
// is another one, code replay_differs, with the fields that differ as JSON
// pointers into the decision, when what comes out is not what was logged. The
// scores are then what came out.
func Replay(model Model, d *Decision) ([]float64, error) {
	version := ""
	if model = given(model); model != nil {
		version = model.Version()
	}
	if version != d.Versions.Model {
		return nil, fault.Conflictf("other_model", "the decision was made with model %q, this is %q", d.Versions.Model, version)
	}
	r := &replay{d: d, floor: noFloor(), policy: best.None}
	r.model, _ = model.(*best.Model)
	for policy := range best.Policy(best.Policies) {
		if policy.String() == d.Policy {
			r.policy = policy
		}
	}
	if d.Least > 0 {
		r.floor.least = d.Least
	}
	if d.LeastBoosted > 0 {
		r.floor.leastBoosted = d.LeastBoosted
	}
	scores := make([]float64, len(d.Candidates))
	for n := range d.Candidates {
		if x := &d.Candidates[n]; x.Drop == "" {
			scores[n] = r.score(n, x)
		}
	}
	if r.problem != nil {
		return scores, r.problem
	}
	return scores, nil
}

// replay is one Replay.
type replay struct {
	model   *best.Model
	d       *Decision
	policy  best.Policy
	floor   floor
	problem *fault.Error
}

// score is that of the n-th candidate.
func (r *replay) score(n int, x *Considered) float64 {
	model := x.Model
	if len(x.Inputs) > 0 && r.model != nil && r.model.Ranked(r.policy) == r.d.Ranked {
		model = r.model.ScoreInputs(x.Inputs, r.policy)
	}
	r.check(n, "model", float64(x.Model), float64(model))
	s := x.Newcomer
	if s == 0 && x.Item != best.Unknown {
		s = shareOf(r.model, r.d.Ranked, float64(model), r.d.Top)
	}
	s = (s/r.d.Peaks[0] + x.Vector) / r.d.Peaks[1] * x.Varied
	r.check(n, "s", x.S, s)
	base := Mix(r.d.Session, s, x.L)
	score := base * x.Factor
	if base <= 0 {
		_, score = r.floor.below(x.Tail, x.Factor)
	}
	r.check(n, "score", x.Score, score)
	return score
}

// check notes a difference.
func (r *replay) check(n int, name string, logged, now float64) {
	if math.Abs(logged-now) <= replayed*max(math.Abs(logged), math.Abs(now)) {
		return
	}
	if r.problem == nil {
		r.problem = fault.Conflictf("replay_differs", "the decision cannot be repeated: fields differ from what was logged")
	}
	if len(r.problem.Fields) < maxDiffering {
		r.problem.At(fmt.Sprintf("/candidates/%d/%s", n, name), fmt.Sprintf("logged %v, replayed %v", logged, now))
	}
}
