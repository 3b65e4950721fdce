package evaluate

import (
	"bytes"
	"context"
	"io"
	"os"
	"time"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/internal/fault"
)

// Exclude says which items of the session a placement may not name again. A
// target that is excluded stays in the count and is a miss: the list could not
// have held it.
type Exclude string

// The policies; the empty one is ExcludeNone.
const (
	ExcludeNone    Exclude = "none"    // nothing
	ExcludeCurrent Exclude = "current" // the newest item
	ExcludeSeen    Exclude = "seen"    // all items of the session
)

// Options are one evaluation. Either TrainFile or ModelFile is given, and
// TestFile; or Users, whose file trains and tests.
type Options struct {
	TrainFile string            // session file
	ModelFile string            // a trained model
	TestFile  string            // session file; its sessions never train
	Model     string            // "rows" when empty
	Params    map[string]string // over the model's defaults
	Exclude   Exclude           // ExcludeNone when empty; with Users ExcludeSeen
	LastOnly  bool              // only the last item of a session is a target
	Top       int               // length of the lists; 20 when 0
	SpanDays  float64           // of a _sessions.txt; 30 when 0

	Against       string            // another model to compare with, trained on the same sessions
	AgainstParams map[string]string // over that model's defaults
	Resamples     int               // of the bootstrap behind every comparison; 2000 when 0
	Seed          uint64            // of the bootstrap

	Tune       bool    // search parameters on the newest sessions of training first
	ValidShare float64 // of the training sessions that a search predicts, 0..0.9; 0.1 when 0
	Tries      int     // settings that a search measures at most; 40 when 0

	Users *Users // measure session, profile and their blend on users' sessions

	Now      func() time.Time                      // the clock behind every figure of time
	Progress func(stage string, done, total int64) // may be nil

	// readSessions stands in for the files in tests; nil reads them.
	readSessions func(ctx context.Context, stage, path string) (*dataset.Sessions, error)
}

// Report is the outcome; rates are 0..1 at Options.Top. Each prediction has
// one right answer, the next item. What is nil was not asked for.
type Report struct {
	Model      string  `json:"model"`
	N          int     `json:"n"`          // predictions
	HR         float64 `json:"hr"`         // lists that hold the next item
	MRR        float64 `json:"mrr"`        // mean of 1/slot of the next item, 0 when absent
	NDCG       float64 `json:"ndcg"`       // mean of 1/log2(1+slot)
	Precision  float64 `json:"precision"`  // next items per slot: hr/top
	Recall     float64 `json:"recall"`     // next items found: hr, for there is one
	Coverage   float64 `json:"coverage"`   // share of the training items that some list holds
	Popularity float64 `json:"popularity"` // mean clicks of the listed items, the most clicked item is 1
	P50        float64 `json:"p50_us"`
	P90        float64 `json:"p90_us"`
	P99        float64 `json:"p99_us"`
	P999       float64 `json:"p999_us"`
	PerSecond  float64 `json:"predictions_per_s"` // while scoring
	TrainS     float64 `json:"train_s"`           // 0 for a model file
	ModelBytes int64   `json:"model_bytes"`
	Params     any     `json:"params"`

	// Chances are the predictions whose target the policy lets into a list; only
	// under a policy that excludes something. HR and MRR above count the others
	// as misses, as published figures do.
	Chances *Rates       `json:"chances,omitempty"`
	Against *Against     `json:"against,omitempty"`
	Tuning  *Tuning      `json:"tuning,omitempty"`
	Users   *UsersReport `json:"users,omitempty"`
}

// Run evaluates. The error is a fault: NotFound for a model or file that does
// not exist, Invalid for wrong options or a broken file; or the context's.
func Run(ctx context.Context, o Options) (*Report, error) {
	t, params, err := o.check()
	if err != nil {
		return nil, err
	}
	if o.Users != nil {
		return o.runUsers(ctx, t, params)
	}
	report := &Report{Model: t.Name}
	model, train, err := o.model(ctx, t, params, report)
	if err != nil {
		return nil, err
	}
	test, err := o.read(ctx, "read test", o.TestFile)
	if err != nil {
		return nil, err
	}
	r := newReplay(&o, model, test)
	if r.n == 0 {
		return nil, fault.Invalidf("no_predictions", "%s: no session has two items, so nothing can be predicted", o.TestFile)
	}
	found, err := r.score(ctx, report)
	if err != nil {
		return nil, err
	}
	if err := r.time(ctx, report); err != nil {
		return nil, err
	}
	if o.Against != "" {
		report.Against, err = o.against(ctx, train, test, found)
	}
	return report, err
}

func (o *Options) read(ctx context.Context, stage, path string) (*dataset.Sessions, error) {
	if o.readSessions != nil {
		return o.readSessions(ctx, stage, path)
	}
	return dataset.ReadSessions(ctx, path, dataset.SessionOptions{
		SpanDays: o.SpanDays,
		Progress: func(read, total int64) { o.Progress(stage, read, total) },
	})
}

// model opens the model, or reads what it is trained on, searches its
// parameters when asked to, and trains it. Only training is timed.
func (o *Options) model(ctx context.Context, t Trainer, params Params, report *Report) (Model, *dataset.Sessions, error) {
	if o.ModelFile != "" {
		m, err := o.openModel(report)
		return m, nil, err
	}
	sessions, err := o.read(ctx, "read train", o.TrainFile)
	if err != nil {
		return nil, nil, err
	}
	if o.Tune {
		if report.Tuning, params, err = o.tune(ctx, t, params, sessions); err != nil {
			return nil, nil, err
		}
	}
	m, took, err := o.train(ctx, t, params, sessions)
	if err != nil {
		return nil, nil, err
	}
	report.TrainS, report.ModelBytes, report.Params = took.Seconds(), m.Bytes(), m.Params()
	return m, sessions, nil
}

// openModel opens the model file; what kind of model it is, the file says.
func (o *Options) openModel(report *Report) (Model, error) {
	t, err := trainerOf(o.ModelFile)
	if err != nil {
		return nil, err
	}
	m, err := t.Open(o.ModelFile, o.Exclude)
	if bad := fault.Of(err); bad != nil {
		return nil, fault.Invalidf(bad.Code, "%s: %s", o.ModelFile, bad.Detail)
	}
	if err != nil {
		return nil, err
	}
	report.Model, report.ModelBytes, report.Params = t.Name, m.Bytes(), m.Params()
	return m, nil
}

// train makes one model; the time is training alone, without reading files.
func (o *Options) train(ctx context.Context, t Trainer, params Params, sessions *dataset.Sessions) (Model, time.Duration, error) {
	begin := o.Now()
	m, err := t.Train(ctx, &Train{Sessions: sessions, Params: params, Exclude: o.Exclude, Now: begin, Progress: o.Progress})
	return m, o.Now().Sub(begin), err
}

// trainerOf finds the kind of model that a file holds.
func trainerOf(path string) (Trainer, error) {
	f, err := os.Open(path)
	if err != nil {
		return Trainer{}, fault.NotFoundf("no_file", "%s: the model file cannot be opened", path).Because(err)
	}
	defer f.Close()
	head := make([]byte, 8)
	n, _ := io.ReadFull(f, head) // a file that is too short is no model
	for _, t := range Trainers() {
		if t.File != "" && bytes.HasPrefix(head[:n], []byte(t.File)) {
			return t, nil
		}
	}
	return Trainer{}, fault.Invalidf("model_file", "%s: not a usable model file: it begins as none does", path)
}
