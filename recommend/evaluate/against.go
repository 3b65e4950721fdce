package evaluate

import (
	"context"

	"github.com/nextbest/nextbest/internal/dataset"
)

// Against is the comparison with another model, trained on the same sessions
// and measured under the same policy on the same predictions.
type Against struct {
	Model      string  `json:"model"`
	HR         float64 `json:"hr"`
	MRR        float64 `json:"mrr"`
	TrainS     float64 `json:"train_s"`
	ModelBytes int64   `json:"model_bytes"`
	Params     any     `json:"params"`
	Difference Paired  `json:"difference"` // the measured model minus this one
}

// against trains the other model and compares it with where the measured one
// found the targets.
func (o *Options) against(ctx context.Context, train, test *dataset.Sessions, found *slots) (*Against, error) {
	t, err := trainer(o.Against)
	if err != nil {
		return nil, err
	}
	params, err := t.resolve(o.AgainstParams)
	if err != nil {
		return nil, err
	}
	model, took, err := o.train(ctx, t, params, train)
	if err != nil {
		return nil, err
	}
	others, rates, err := newReplay(o, model, test).find(ctx, "score "+t.Name)
	if err != nil {
		return nil, err
	}
	paired, err := pair(ctx, found, others, o.Resamples, o.Seed)
	if err != nil {
		return nil, err
	}
	return &Against{
		Model: t.Name, HR: rates.HR, MRR: rates.MRR, TrainS: took.Seconds(),
		ModelBytes: model.Bytes(), Params: model.Params(), Difference: *paired,
	}, nil
}
