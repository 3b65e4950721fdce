package evaluate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/internal/fault"
)

// Tuning is a search for a model's parameters on a part cut from the end of
// the training sessions.
type Tuning struct {
	Share    float64   `json:"valid_share"`
	Sessions int       `json:"valid_sessions"` // predicted
	N        int       `json:"valid_n"`        // predictions
	Tried    []Setting `json:"tried"`          // in the order of trying; the first is the beginning
	Best     int       `json:"best"`           // place in Tried
}

// Setting is one try: the parameters that were searched, and what they gave.
type Setting struct {
	Params Params  `json:"params"`
	HR     float64 `json:"hr"`
	MRR    float64 `json:"mrr"`
	Score  float64 `json:"score"` // hr and mrr against those of the first setting, halves of 1 each
}

const (
	defaultTries = 40
	tuneSweeps   = 3
)

// search is one tuning under way.
type search struct {
	o            *Options
	t            Trainer
	params       Params // the best so far, all of the model's
	searched     []Param
	older, newer *dataset.Sessions
	done         map[string]int // tried settings, by their text
	out          *Tuning
}

// tune searches by coordinate descent: one parameter after the other climbs
// along its values until both neighbours are worse, again and again until a
// whole sweep changed nothing. What the caller set stays as it is. The result's
// parameters are those of the best try.
func (o *Options) tune(ctx context.Context, t Trainer, params Params, sessions *dataset.Sessions) (*Tuning, Params, error) {
	s := &search{o: o, t: t, params: maps.Clone(params), done: map[string]int{}, out: &Tuning{Share: o.ValidShare}}
	for _, p := range t.Params {
		if _, set := o.Params[p.Name]; !set && len(p.Tune) > 0 {
			s.searched = append(s.searched, p)
		}
	}
	if len(s.searched) == 0 {
		return nil, nil, fault.Invalidf("options", "there is nothing to tune: every parameter of model %s that a search may change is set, or it has none", t.Name)
	}
	var err error
	if s.older, s.newer, err = validation(sessions, o.ValidShare); err != nil {
		return nil, nil, err
	}
	s.out.Sessions = s.newer.Len()
	if err := s.try(ctx, s.params); err != nil {
		return nil, nil, err
	}
	for range tuneSweeps {
		before := s.out.Best
		for _, p := range s.searched {
			if err := s.climb(ctx, p); err != nil {
				return nil, nil, err
			}
		}
		if s.out.Best == before {
			break
		}
	}
	return s.out, s.params, nil
}

// climb moves one parameter along its values as long as that helps.
func (s *search) climb(ctx context.Context, p Param) error {
	values := p.valuesWith(s.params[p.Name])
	at := slices.Index(values, s.params[p.Name])
	for _, step := range []int{1, -1} {
		moved := false
		for next := at + step; next >= 0 && next < len(values); next += step {
			params := maps.Clone(s.params)
			params[p.Name] = values[next]
			best := s.out.Best
			if err := s.try(ctx, params); err != nil {
				return err
			}
			if s.out.Best == best {
				break
			}
			moved = true
		}
		if moved {
			return nil // the other side was left behind
		}
	}
	return nil
}

// valuesWith are the values to try and the one in force, ascending.
func (p Param) valuesWith(current float64) []float64 {
	values := append(slices.Clone(p.Tune), current)
	slices.SortFunc(values, cmp.Compare)
	return slices.Compact(values)
}

// try measures a setting, once, as long as there are tries left.
func (s *search) try(ctx context.Context, params Params) error {
	key := s.key(params)
	if _, known := s.done[key]; known || len(s.out.Tried) >= s.o.Tries {
		return nil
	}
	stage := fmt.Sprintf("tune %d", len(s.out.Tried)+1)
	model, err := s.t.Train(ctx, &Train{
		Sessions: s.older, Params: params, Exclude: s.o.Exclude, Now: s.o.Now(),
		Progress: func(_ string, done, total int64) { s.o.Progress(stage, done, 2*total) },
	})
	if err != nil {
		return fmt.Errorf("tune %s: %w", strings.TrimSpace(key), err)
	}
	_, rates, err := newReplay(s.o, model, s.newer).find(ctx, stage)
	if err != nil {
		return err
	}
	s.done[key] = len(s.out.Tried)
	s.take(params, rates)
	return nil
}

// take notes a setting, and whether it is the best so far.
func (s *search) take(params Params, rates Rates) {
	set := Setting{Params: Params{}, HR: rates.HR, MRR: rates.MRR, Score: 1}
	for _, p := range s.searched {
		set.Params[p.Name] = params[p.Name]
	}
	if len(s.out.Tried) > 0 {
		set.Score = relative(rates, s.out.Tried[0].HR, s.out.Tried[0].MRR)
	}
	s.out.N = rates.N
	s.out.Tried = append(s.out.Tried, set)
	if set.Score > s.out.Tried[s.out.Best].Score {
		s.out.Best = len(s.out.Tried) - 1
		s.params = params
	}
}

// relative is how good rates are against others: 1 for the same. Hitting and
// hitting high count alike.
func relative(r Rates, hr, mrr float64) float64 {
	const least = 1e-9 // a beginning without a hit is worse than anything
	return (r.HR+least)/(hr+least)/2 + (r.MRR+least)/(mrr+least)/2
}

func (s *search) key(params Params) string {
	var b strings.Builder
	for _, p := range s.searched {
		fmt.Fprintf(&b, "%s=%v ", p.Name, params[p.Name])
	}
	return b.String()
}
