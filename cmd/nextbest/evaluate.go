package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/evaluate"
)

// evaluateCmd measures a model on held-out sessions.
type evaluateCmd struct {
	Train     string            `help:"Session file to train on." placeholder:"FILE" type:"path" xor:"from"`
	ModelFile string            `help:"Trained model instead of a file to train on." placeholder:"MODEL" type:"path" xor:"from"`
	Test      string            `help:"Session file whose prefixes are predicted." placeholder:"FILE" type:"path"`
	Model     string            `default:"rows" help:"Model to measure."`
	Param     map[string]string `help:"Model parameter; may repeat." placeholder:"K=V"`
	Exclude   string            `help:"Items of the session that a list may not hold: none, current or seen (none; with --users seen). A target among them counts as a miss; the rates without those are told too." placeholder:"WHAT"`
	LastOnly  bool              `help:"Predict only the last item of each session."`
	SpanDays  float64           `default:"30" help:"Days over which the lines of a _sessions.txt are spread."`
	Top       int               `default:"20" help:"Length of the lists."`
	JSON      bool              `help:"Print one JSON object." name:"json"`

	Against      string            `help:"Another model to compare with on the same sessions: differences with a 95 % interval, p and McNemar's z." placeholder:"NAME" group:"Compare"`
	AgainstParam map[string]string `help:"Parameter of that model; may repeat." placeholder:"K=V" group:"Compare"`
	Resamples    int               `default:"2000" help:"Resamples of the bootstrap over sessions." group:"Compare"`
	Seed         uint64            `default:"1" help:"Seed of the bootstrap." group:"Compare"`

	Tune       bool    `help:"Search the parameters on the newest part of the training sessions, then train on all of them; what --param sets stays. With --users: search a_max and kappa of the blend." group:"Tune"`
	ValidShare float64 `default:"0.1" help:"That part of the training sessions." group:"Tune"`
	Tries      int     `default:"40" help:"Settings that are tried at most." group:"Tune"`

	usersFlags
}

// Help lists examples, the models and their parameters below the flags.
func (c *evaluateCmd) Help() string {
	return `Session files are tab-separated rows under a header SessionId ItemId Time (epoch seconds), or one session of space-separated item ids per line when the name ends in _sessions.txt; .gz and .zst are unpacked.

Measure a model:  nextbest evaluate --train train.tsv --test test.tsv --model rows --exclude current

Compare two:  nextbest evaluate --train train.tsv --test test.tsv --model rows --against vmis

Find parameters without touching the test file:  nextbest evaluate --train train.tsv --test test.tsv --model rows --tune

Session, profile and their blend on users' sessions, tuned and written for serve:  nextbest evaluate --users orders.csv.gz --test-from 2011-11-01 --tune --write-config nextbest.json

Models and their parameters:

` + evaluate.Describe()
}

// Run evaluates and prints the report.
func (c *evaluateCmd) Run(ctx context.Context, s streams) error {
	if err := c.check(); err != nil {
		return err
	}
	show := &stages{err: s.err}
	report, err := evaluate.Run(ctx, c.options(show.update))
	show.close()
	if err != nil {
		return evaluateError(err)
	}
	if err := c.writeConfig(report, s.err); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.out, report)
	}
	return c.print(s.out, report)
}

func (c *evaluateCmd) options(progress func(stage string, done, total int64)) evaluate.Options {
	return evaluate.Options{
		TrainFile: c.Train, ModelFile: c.ModelFile, TestFile: c.Test,
		Model: c.Model, Params: c.Param, Exclude: evaluate.Exclude(c.Exclude),
		LastOnly: c.LastOnly, Top: c.Top, SpanDays: c.SpanDays,
		Against: c.Against, AgainstParams: c.AgainstParam, Resamples: c.Resamples, Seed: c.Seed,
		Tune: c.Tune, ValidShare: c.ValidShare, Tries: c.Tries,
		Users: c.usersFlags.options(), Now: time.Now, Progress: progress,
	}
}

// check tells all that is wrong before a file is read.
func (c *evaluateCmd) check() error {
	var p problems
	if c.Exclude != "" {
		p.oneOf("--exclude", c.Exclude, string(evaluate.ExcludeNone), string(evaluate.ExcludeCurrent), string(evaluate.ExcludeSeen))
	}
	if !(c.SpanDays > 0) {
		p.addf("--span-days must be more than 0")
	}
	if c.Top < 1 || c.Top > 1000 {
		p.addf("--top must be between 1 and 1000")
	}
	if !(c.ValidShare > 0 && c.ValidShare <= .9) {
		p.addf("--valid-share must be above 0 and at most 0.9")
	}
	if c.Tries < 1 || c.Tries > 1000 {
		p.addf("--tries must be between 1 and 1000")
	}
	if c.Resamples < 100 || c.Resamples > 1_000_000 {
		p.addf("--resamples must be between 100 and 1000000")
	}
	c.checkFiles(&p)
	c.checkModel(&p)
	c.checkAgainst(&p)
	return p.err()
}

// checkFiles checks what is read, and what does not go with it.
func (c *evaluateCmd) checkFiles(p *problems) {
	p.file("--train", c.Train)
	p.file("--model-file", c.ModelFile)
	p.file("--test", c.Test)
	if c.Users != "" {
		c.checkUsers(p)
		return
	}
	if c.Train == "" && c.ModelFile == "" {
		p.addf("give either --train FILE or --model-file MODEL (or --users FILE, which trains and tests)")
	}
	if c.Test == "" {
		p.addf("give --test FILE, the sessions to predict")
	}
	if c.ModelFile != "" && c.Tune {
		p.addf("--tune trains on --train FILE: leave --model-file out")
	}
	c.usersFlags.unused(p)
}

// checkAgainst checks the model to compare with.
func (c *evaluateCmd) checkAgainst(p *problems) {
	switch {
	case c.Against == "" && len(c.AgainstParam) > 0:
		p.addf("--against-param needs --against NAME, the model that it is for")
		return
	case c.Against == "":
		return
	case c.ModelFile != "":
		p.addf("--against trains its model on --train FILE: leave --model-file out")
	}
	c.checkNamed(p, "--against", c.Against, "--against-param", c.AgainstParam)
}

// checkModel checks the model's name and its parameters.
func (c *evaluateCmd) checkModel(p *problems) {
	if c.ModelFile != "" && len(c.Param) > 0 {
		p.addf("--param: a model file brings its parameters; leave them out")
		return
	}
	c.checkNamed(p, "--model", c.Model, "--param", c.Param)
}

// checkNamed checks one model by its two flags.
func (c *evaluateCmd) checkNamed(p *problems, flag, name, paramFlag string, params map[string]string) {
	var models []string
	for _, t := range evaluate.Trainers() {
		if models = append(models, t.Name); t.Name == name {
			checkParams(p, paramFlag, t, params)
			return
		}
	}
	p.addf("%s %q is none of %s", flag, name, strings.Join(models, ", "))
}

func checkParams(p *problems, flag string, t evaluate.Trainer, params map[string]string) {
	set, before := map[string]float64{}, len(p.list)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		v, err := strconv.ParseFloat(params[name], 64)
		switch {
		case !slices.ContainsFunc(t.Params, func(q evaluate.Param) bool { return q.Name == name }):
			p.addf("%s %s: model %s has no such parameter; it has: %s", flag, name, t.Name, paramNames(t))
		case err != nil:
			p.addf("%s %s=%s: not a number", flag, name, params[name])
		default:
			set[name] = v
		}
	}
	if t.Name == "rows" && len(p.list) == before {
		rowParams(set, p) // their ranges are known here; those of others are told by the model itself
	}
}

func paramNames(t evaluate.Trainer) string {
	if len(t.Params) == 0 {
		return "none"
	}
	var names []string
	for _, q := range t.Params {
		names = append(names, q.Name)
	}
	return strings.Join(names, ", ")
}

// evaluateError tells wrong use of the command from a file that is at fault.
func evaluateError(err error) error {
	if f := fault.Of(err); f != nil {
		switch f.Code {
		case "options", "unknown_model", "unknown_param", "invalid_param":
			return usagef("%s", f.Detail)
		}
		return fmt.Errorf("evaluate: %s", f.Detail)
	}
	return fmt.Errorf("evaluate: %w", err)
}

// stages shows long work stage by stage.
type stages struct {
	err   io.Writer
	stage string
	bar   *progress
}

// update says that done of total is behind us; a total of 0 is unknown.
func (p *stages) update(stage string, done, total int64) {
	if stage != p.stage {
		p.close()
		p.stage, p.bar = stage, newProgress(p.err, stage)
	}
	p.bar.set(int(done), int(total))
}

// close takes the running bar away.
func (p *stages) close() {
	if p.bar != nil {
		p.bar.done()
	}
	p.bar, p.stage = nil, ""
}
