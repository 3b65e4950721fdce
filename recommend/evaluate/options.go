package evaluate

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/nextbest/nextbest/internal/fault"
)

const (
	defaultTop = 20
	maxTop     = 1000
	maxTries   = 1000
	maxShare   = .9
)

// check completes the options and finds the model's trainer.
func (o *Options) check() (Trainer, Params, error) {
	o.complete()
	t, err := trainer(o.Model)
	if err != nil {
		return t, nil, err
	}
	params, err := t.resolve(o.Params)
	if err != nil {
		return t, nil, err
	}
	var p wrong
	p.when(o.ModelFile != "" && t.Open == nil, "model "+t.Name+" has no model file: give a file to train on")
	p.when(o.ModelFile != "" && len(o.Params) > 0, "a model file brings its parameters: leave them out")
	p.when(o.Exclude != ExcludeNone && o.Exclude != ExcludeCurrent && o.Exclude != ExcludeSeen,
		"exclude must be none, current or seen")
	p.when(o.Top < 1 || o.Top > maxTop, "top must be between 1 and 1000")
	p.when(!(o.SpanDays >= 0), "span-days must be more than 0")
	p.when(!(o.ValidShare > 0 && o.ValidShare <= maxShare), "the validation share must be above 0 and at most 0.9")
	p.when(o.Tries < 1 || o.Tries > maxTries, "tries must be between 1 and 1000")
	p.when(o.Resamples < 100 || o.Resamples > 1_000_000, "resamples must be between 100 and 1000000")
	if o.Users != nil {
		o.Users.check(o, &p)
	} else {
		o.checkFiles(&p)
	}
	return t, params, p.err()
}

// complete fills in what was left at its zero value.
func (o *Options) complete() {
	o.Model = cmp.Or(o.Model, "rows")
	o.Top = cmp.Or(o.Top, defaultTop)
	o.ValidShare = cmp.Or(o.ValidShare, defaultValidShare)
	o.Tries = cmp.Or(o.Tries, defaultTries)
	o.Resamples = cmp.Or(o.Resamples, defaultResamples)
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	if o.Users == nil {
		o.Exclude = cmp.Or(o.Exclude, ExcludeNone)
		return
	}
	o.Exclude = cmp.Or(o.Exclude, ExcludeSeen)
	users := *o.Users // the caller's stays as it is
	users.complete()
	o.Users = &users
}

// checkFiles checks the files of an evaluation without users.
func (o *Options) checkFiles(p *wrong) {
	p.when((o.TrainFile == "") == (o.ModelFile == ""), "give either a file to train on or a model file")
	p.when(o.TestFile == "", "give a file of test sessions")
	p.when(o.ModelFile != "" && o.Tune, "a model file is trained already: tuning needs a file to train on")
	p.when(o.ModelFile != "" && o.Against != "", "a comparison trains the other model: give a file to train on instead of a model file")
	p.when(o.Against == "" && len(o.AgainstParams) > 0, "parameters of the other model need the model to compare with")
	if o.Against == "" {
		return
	}
	other, err := trainer(o.Against)
	if err == nil {
		_, err = other.resolve(o.AgainstParams)
	}
	if err != nil {
		p.add(fmt.Sprintf("the model to compare with: %s", fault.Of(err).Detail))
	}
}

// wrong collects all that is wrong with the options.
type wrong struct{ list []string }

func (w *wrong) add(text string) { w.list = append(w.list, text) }

func (w *wrong) when(bad bool, text string) {
	if bad {
		w.add(text)
	}
}

func (w *wrong) err() error {
	if len(w.list) == 0 {
		return nil
	}
	return fault.Invalidf("options", "%s", strings.Join(w.list, "; "))
}
