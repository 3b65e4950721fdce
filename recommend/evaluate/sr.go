package evaluate

import (
	"context"
)

// maxRuleGap is how far apart two items of a session are a rule for sr.
const maxRuleGap = 8

// srTrainer is sequential rules (Kamehkhosh, Jannach, Ludewig: "A Comparison of
// Frequent Pattern Techniques and a Deep Learning Method for Session-Based
// Recommendation", 2017): b behind a by gap places is a rule of weight 1/gap².
func srTrainer() Trainer {
	return Trainer{
		Name:    "sr",
		Summary: "sequential rules: what came soon after the newest items",
		Params:  ruleParams(3),
		Train: func(ctx context.Context, t *Train) (Model, error) {
			return trainRules(ctx, t, countFollowers)
		},
	}
}

func countFollowers(sums *ruleSums, session []uint32, a uint32) {
	for p, item := range session {
		if item != a {
			continue
		}
		for gap := 1; gap <= maxRuleGap && p+gap < len(session); gap++ {
			sums.add(session[p+gap], 1/float64(gap*gap))
		}
	}
}
