package main

import (
	"context"
	"fmt"
	"io"
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
	if c.SpanDays <= 0 {
		return usagef("--span-days must be more than 0")
	}
	if c.Top < 1 {
		return usagef("--top must be between 1 and 1000")
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
	_, err := fmt.Fprintf(w, `model        %s %+v
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
`, r.Model, r.Params, r.N, c.Top, c.Exclude, r.HR, r.MRR, r.NDCG, r.Precision, r.Recall, r.Coverage, r.Popularity,
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
