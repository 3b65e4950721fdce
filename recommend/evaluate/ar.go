package evaluate

import "context"

// arTrainer is association rules of two items: the weight of "b with a" is the
// number of sessions that hold both.
func arTrainer() Trainer {
	return Trainer{
		Name:    "ar",
		Summary: "association rules: what was in one session with the newest item",
		Params:  ruleParams(1),
		Train: func(ctx context.Context, t *Train) (Model, error) {
			return trainRules(ctx, t, countCompanions)
		},
	}
}

func countCompanions(sums *ruleSums, session []uint32, a uint32) {
	for _, item := range session {
		if item != a {
			sums.once(item, 1)
		}
	}
}
