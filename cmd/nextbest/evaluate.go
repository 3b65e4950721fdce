package main

import (
	"context"
	"encoding/json"
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
	Test      string            `help:"Session file whose prefixes are predicted." placeholder:"FILE" type:"path" required:""`
	Model     string            `default:"rows" help:"Model to measure."`
	Param     map[string]string `help:"Model parameter; may repeat." placeholder:"K=V"`
	Exclude   string            `default:"none" help:"Items of the session that a list may not hold: none, current or seen. A target among them counts as a miss."`
	LastOnly  bool              `help:"Predict only the last item of each session."`
	SpanDays  float64           `default:"30" help:"Days over which the lines of a _sessions.txt are spread."`
	Top       int               `default:"20" help:"Length of the lists."`
	JSON      bool              `help:"Print one JSON object." name:"json"`
}

// Help lists the models and their parameters below the flags.
func (c *evaluateCmd) Help() string {
	return "Session files are tab-separated rows under a header SessionId ItemId Time (epoch seconds), or one session of" +
		" space-separated item ids per line when the name ends in _sessions.txt; .gz and .zst are unpacked.\n\n" +
		"Models and their parameters:\n\n" + evaluate.Describe()
}

// Run evaluates and prints the report.
func (c *evaluateCmd) Run(ctx context.Context, s streams) error {
	if err := c.check(); err != nil {
		return err
	}
	show := &stages{err: s.err}
	report, err := evaluate.Run(ctx, evaluate.Options{
		TrainFile: c.Train, ModelFile: c.ModelFile, TestFile: c.Test,
		Model: c.Model, Params: c.Param, Exclude: evaluate.Exclude(c.Exclude),
		LastOnly: c.LastOnly, Top: c.Top, SpanDays: c.SpanDays,
		Now: time.Now, Progress: show.update,
	})
	show.close()
	if err != nil {
		return evaluateError(err)
	}
	if c.JSON {
		return writeJSON(s.out, report)
	}
	return c.print(s.out, report)
}

// check tells all that is wrong before a file is read.
func (c *evaluateCmd) check() error {
	var p problems
	if c.Train == "" && c.ModelFile == "" {
		p.addf("give either --train FILE or --model-file MODEL")
	}
	p.oneOf("--exclude", c.Exclude, string(evaluate.ExcludeNone), string(evaluate.ExcludeCurrent), string(evaluate.ExcludeSeen))
	if !(c.SpanDays > 0) {
		p.addf("--span-days must be more than 0")
	}
	if c.Top < 1 || c.Top > 1000 {
		p.addf("--top must be between 1 and 1000")
	}
	p.file("--train", c.Train)
	p.file("--model-file", c.ModelFile)
	p.file("--test", c.Test)
	c.checkModel(&p)
	return p.err()
}

// checkModel checks the model's name and its parameters.
func (c *evaluateCmd) checkModel(p *problems) {
	var models []string
	for _, t := range evaluate.Trainers() {
		if models = append(models, t.Name); t.Name != c.Model {
			continue
		}
		if c.ModelFile != "" && len(c.Param) > 0 {
			p.addf("--param: a model file brings its parameters; leave them out")
			return
		}
		c.checkParams(p, t)
		return
	}
	p.addf("--model %q is none of %s", c.Model, strings.Join(models, ", "))
}

func (c *evaluateCmd) checkParams(p *problems, t evaluate.Trainer) {
	set, before := map[string]float64{}, len(p.list)
	for _, name := range slices.Sorted(maps.Keys(c.Param)) {
		v, err := strconv.ParseFloat(c.Param[name], 64)
		switch {
		case !slices.ContainsFunc(t.Params, func(q evaluate.Param) bool { return q.Name == name }):
			p.addf("--param %s: model %s has no such parameter; it has: %s", name, t.Name, paramNames(t))
		case err != nil:
			p.addf("--param %s=%s: not a number", name, c.Param[name])
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

// shownParams are a report's parameters under the names that --param takes.
func shownParams(params any) (string, error) {
	raw, err := json.Marshal(params)
	if err != nil {
		return "", err
	}
	// An object of plain numbers: {"a":0.8,"top":50}.
	return strings.NewReplacer("{", "", "}", "", `"`, "", ":", "=", ",", " ").Replace(string(raw)), nil
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

func (c *evaluateCmd) print(w io.Writer, r *evaluate.Report) error {
	params, err := shownParams(r.Params)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `model        %s %s
predictions  %d (top %d, excluded: %s)
hr           %.4f
mrr          %.4f
ndcg         %.4f
precision    %.4f
recall       %.4f
coverage     %.4f
popularity   %.4f
time         p50 %.1f µs, p90 %.1f µs, p99 %.1f µs, p99.9 %.1f µs; %.0f predictions/s on one core
training     %.2f s, model of %d bytes
`, r.Model, params, r.N, c.Top, c.Exclude, r.HR, r.MRR, r.NDCG, r.Precision, r.Recall, r.Coverage, r.Popularity,
		r.P50, r.P90, r.P99, r.P999, r.PerSecond, r.TrainS, r.ModelBytes)
	return err
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
