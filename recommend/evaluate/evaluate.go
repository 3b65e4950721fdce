package evaluate

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/rows"
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

// Options are one evaluation. Either TrainFile or ModelFile is given.
type Options struct {
	TrainFile string            // session file
	ModelFile string            // a trained model
	TestFile  string            // session file; its sessions never train
	Model     string            // "rows" when empty
	Params    map[string]string // over the model's defaults
	Exclude   Exclude
	LastOnly  bool                                  // only the last item of a session is a target
	Top       int                                   // length of the lists; 20 when 0
	SpanDays  float64                               // of a _sessions.txt; 30 when 0
	Now       func() time.Time                      // the clock behind every figure of time
	Progress  func(stage string, done, total int64) // may be nil
}

// Report is the outcome; rates are 0..1 at Options.Top. Each prediction has
// one right answer, the next item.
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
}

const (
	defaultTop = 20
	maxTop     = 1000
)

// Run evaluates. The error is a fault: NotFound for a model or file that does
// not exist, Invalid for wrong options or a broken file; or the context's.
func Run(ctx context.Context, o Options) (*Report, error) {
	t, params, err := o.check()
	if err != nil {
		return nil, err
	}
	model, trainTime, err := o.model(ctx, t, params)
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
	report := &Report{
		Model: t.Name, TrainS: trainTime.Seconds(), ModelBytes: model.Bytes(), Params: model.Params(),
	}
	if err := r.score(ctx, report); err != nil {
		return nil, err
	}
	if err := r.time(ctx, report); err != nil {
		return nil, err
	}
	return report, nil
}

// check completes the options and finds the model's trainer.
func (o *Options) check() (Trainer, Params, error) {
	if o.Model == "" {
		o.Model = "rows"
	}
	if o.Exclude == "" {
		o.Exclude = ExcludeNone
	}
	if o.Top == 0 {
		o.Top = defaultTop
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	t, err := trainer(o.Model)
	if err != nil {
		return t, nil, err
	}
	params, err := t.resolve(o.Params)
	if err != nil {
		return t, nil, err
	}
	var problems []string
	refuse := func(bad bool, text string) {
		if bad {
			problems = append(problems, text)
		}
	}
	refuse((o.TrainFile == "") == (o.ModelFile == ""), "give either a file to train on or a model file")
	refuse(o.TestFile == "", "give a file of test sessions")
	refuse(o.ModelFile != "" && t.Open == nil, "model "+t.Name+" has no model file: give a file to train on")
	refuse(o.ModelFile != "" && len(o.Params) > 0, "a model file brings its parameters: leave them out")
	refuse(o.Exclude != ExcludeNone && o.Exclude != ExcludeCurrent && o.Exclude != ExcludeSeen,
		"exclude must be none, current or seen")
	refuse(o.Top < 1 || o.Top > maxTop, "top must be between 1 and 1000")
	refuse(!(o.SpanDays >= 0), "span-days must be more than 0")
	if len(problems) > 0 {
		return t, nil, fault.Invalidf("options", "%s", strings.Join(problems, "; "))
	}
	return t, params, nil
}

func (o *Options) read(ctx context.Context, stage, path string) (*dataset.Sessions, error) {
	return dataset.ReadSessions(ctx, path, dataset.SessionOptions{
		SpanDays: o.SpanDays,
		Progress: func(read, total int64) { o.Progress(stage, read, total) },
	})
}

// model trains or opens the model; the time is training alone, without
// reading the file.
func (o *Options) model(ctx context.Context, t Trainer, params Params) (Model, time.Duration, error) {
	if o.ModelFile != "" {
		m, err := openModel(o.ModelFile)
		if err != nil {
			return nil, 0, err
		}
		return t.Open(m), 0, nil
	}
	sessions, err := o.read(ctx, "read train", o.TrainFile)
	if err != nil {
		return nil, 0, err
	}
	begin := o.Now()
	m, err := t.Train(ctx, &Train{Sessions: sessions, Params: params, Now: begin, Progress: o.Progress})
	return m, o.Now().Sub(begin), err
}

func openModel(path string) (*rows.Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.NotFoundf("no_file", "%s: the model file cannot be opened", path).Because(err)
	}
	defer f.Close()
	m, err := rows.Read(f)
	if bad := fault.Of(err); bad != nil {
		return nil, fault.Invalidf(bad.Code, "%s: %s", path, bad.Detail)
	}
	return m, err
}
