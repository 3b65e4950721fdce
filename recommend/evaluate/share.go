package evaluate

import (
	"context"
	"slices"

	"github.com/nextbest/nextbest/recommend"
)

// BlendTuning is a search for a_max and κ on the newest sessions before the cut.
type BlendTuning struct {
	Share    float64        `json:"valid_share"`
	Sessions int            `json:"valid_sessions"` // predicted
	N        int            `json:"valid_n"`        // predictions
	Tried    []BlendSetting `json:"tried"`          // a_max by a_max, κ ascending
	Best     int            `json:"best"`           // place in Tried
}

// BlendSetting is one a_max and κ, and what they gave.
type BlendSetting struct {
	AMax  float64 `json:"a_max"`
	Kappa float64 `json:"kappa"`
	HR    float64 `json:"hr"`
	MRR   float64 `json:"mrr"`
	Score float64 `json:"score"` // hr and mrr against those of the placement's own values, halves of 1 each
}

// The values that are tried, all with all, besides the placement's own.
var (
	triedAMax  = [...]float64{.1, .2, .3, .4, .45, .5, .55, .6, .65, .7, .75, .8, .85, .9, .95, 1}
	triedKappa = [...]float64{0, .1, .2, .33, .5, .75, 1, 1.5, 2, 3, 5}
)

// tuneBlend measures every a_max with every κ. Models are trained on what is
// older than the validation part; histories reach up to each predicted session.
func (o *Options) tuneBlend(ctx context.Context, t Trainer, params Params, v *visits, train []*visit) (*BlendTuning, error) {
	from, to := v.cutAt(train, o.ValidShare), train[len(train)-1].begin+1
	quiet := *o
	quiet.Progress = func(_ string, done, total int64) { o.Progress("tune", done, total) }
	model, _, err := quiet.train(ctx, t, params, v.sessions(v.before(from)))
	if err != nil {
		return nil, err
	}
	trial, err := newTrial(&quiet, model, v, from, to)
	if err != nil {
		return nil, err
	}
	trial.thin()
	out := &BlendTuning{Share: o.ValidShare, Sessions: len(trial.list), N: int(trial.total)}
	own := out.grid(o.Users.Placement)
	sums := make([]Rates, len(out.Tried))
	err = trial.each(ctx, "tune", func(p *userPrediction) {
		trial.b.weigh(p)
		out.measure(p, trial.b, o.Top, sums)
	})
	if err != nil {
		return nil, err
	}
	out.judge(sums, own)
	return out, nil
}

// grid lists the settings; it returns the place of the placement's own.
func (b *BlendTuning) grid(p recommend.Placement) int {
	own := 0
	for _, a := range with(triedAMax[:], p.AMax) {
		for _, k := range with(triedKappa[:], p.Kappa) {
			if a == p.AMax && k == p.Kappa {
				own = len(b.Tried)
			}
			b.Tried = append(b.Tried, BlendSetting{AMax: a, Kappa: k})
		}
	}
	return own
}

// with is values and one more, ascending, each once.
func with(values []float64, own float64) []float64 {
	all := append(slices.Clone(values), own)
	slices.Sort(all)
	return slices.Compact(all)
}

// measure takes in one prediction under every setting.
func (b *BlendTuning) measure(p *userPrediction, mix *blender, top int, sums []Rates) {
	fixed := p.n == 0 || len(p.likes) == 0 // no evidence or no profile: nothing depends on the setting
	slot := mix.slot(p.target, p.a, top)
	for n := range b.Tried {
		if !fixed {
			place := recommend.Placement{AMax: b.Tried[n].AMax, Kappa: b.Tried[n].Kappa}
			slot = mix.slot(p.target, place.SessionShare(p.n), top)
		}
		sums[n].add(slot)
	}
}

// judge turns sums into rates and finds the best; the placement's own values
// stay unless others are better.
func (b *BlendTuning) judge(sums []Rates, own int) {
	base := sums[own].means()
	b.Best = own
	for n := range b.Tried {
		r, s := sums[n].means(), &b.Tried[n]
		s.HR, s.MRR, s.Score = r.HR, r.MRR, relative(r, base.HR, base.MRR)
	}
	for n := range b.Tried {
		if b.Tried[n].Score > b.Tried[b.Best].Score {
			b.Best = n
		}
	}
}
