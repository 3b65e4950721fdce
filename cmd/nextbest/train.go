package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/recommend/rows"
)

// trainCmd makes a model: of a session file or the kept log, into a file or
// live in a server.
type trainCmd struct {
	Events   string             `help:"Session file to train on; else the kept log is read." placeholder:"FILE" type:"path"`
	SpanDays float64            `default:"30" help:"Days over which the lines of a _sessions.txt file are spread."`
	Out      string             `help:"Write the model to this file." placeholder:"MODEL" type:"path"`
	Model    string             `default:"best" help:"What to train: best, or rows, the rows alone, to compare with."`
	Param    map[string]float64 `help:"Parameter of the model, e.g. a=.4; may repeat. A wrong name is told with those there are; evaluate --help explains them." placeholder:"K=V"`
	Force    bool               `help:"Activate the model also when it does worse than the live one on the newest sessions."`
	targetFlags
	JSON bool `help:"Print one JSON object." name:"json"`
}

// Help says below the flags what happens to a model that is not good enough.
func (c *trainCmd) Help() string {
	return "Into a server (--data, --server) a model goes through a gate: the newest day is held out, a candidate is trained on the rest, and it must not" +
		" do worse there than the model that answers now, or, for a first model, do better than what is popular. A refused model is kept, not activated," +
		" and the command ends with 1."
}

// trained is what train reports.
type trained struct {
	Model   string            `json:"model"`
	Version string            `json:"version"`
	Items   int               `json:"items"`
	Entries int               `json:"entries,omitempty"` // unknown of servers of older versions
	Bytes   int64             `json:"bytes"`
	TrainS  float64           `json:"train_s"`
	Skipped int               `json:"skipped,omitempty"` // sessions left out: without items or a time
	Active  bool              `json:"active"`
	Gate    *learn.GateReport `json:"gate,omitempty"` // none of a model that only goes to a file
	Out     string            `json:"out,omitempty"`
}

// Run trains.
func (c *trainCmd) Run(ctx context.Context, s streams) error {
	if err := c.check(); err != nil {
		return err
	}
	start := time.Now()
	report, err := c.train(ctx, s)
	if err != nil {
		return err
	}
	report.TrainS = time.Since(start).Seconds()
	if err := c.print(s.out, &report); err != nil {
		return err
	}
	if report.Gate != nil && !report.Active {
		return errors.New("the model was not activated; it was " + report.Gate.Text)
	}
	return nil
}

func (c *trainCmd) print(out io.Writer, r *trained) error {
	if c.JSON {
		return writeJSON(out, r)
	}
	where := "written to " + r.Out
	switch {
	case r.Active:
		where = "active"
	case r.Gate != nil:
		where = "kept, not active"
	}
	_, err := fmt.Fprintf(out, "model %s (%s): %d items, %d bytes, trained in %.1f s, %s\n", r.Version, r.Model, r.Items, r.Bytes, r.TrainS, where)
	if err == nil && r.Gate != nil && r.Active {
		_, err = fmt.Fprintf(out, "gate: %s\n", r.Gate.Text)
	}
	return err
}

// check tells all that is wrong before anything is read.
func (c *trainCmd) check() error {
	var p problems
	switch {
	case c.Out == "" && c.Data == "" && c.Server == "":
		p.addf("say where the model goes: --data DIR into a stopped server, --server URL --key sk_… into a running one, or --events FILE --out MODEL into a file")
	case c.Data != "" || c.Server != "":
		c.targetFlags.check(&p)
		c.checkStore(&p)
	}
	if c.Events == "" && c.Out != "" {
		p.addf("--out needs --events FILE: the kept log is trained where it is, with --data or --server")
	}
	if !(c.SpanDays > 0) {
		p.addf("--span-days must be more than 0")
	}
	p.file("--events", c.Events)
	p.oneOf("--model", c.Model, site.ModelBest, site.ModelRows)
	switch c.Model {
	case site.ModelBest:
		_, err := site.BestParams(best.DefaultParams(), c.Param)
		paramProblems(&p, err)
	case site.ModelRows:
		rowParams(c.Param, &p)
	}
	return p.err()
}

// rowParams are the usual ones with the named ones replaced.
func rowParams(set map[string]float64, problems *problems) rows.Params {
	p, err := site.RowsParams(rows.DefaultParams(), set)
	paramProblems(problems, err)
	return p
}

// paramProblems tells every parameter that is wrong.
func paramProblems(problems *problems, err error) {
	if f := fault.Of(err); f != nil {
		for _, place := range f.Fields {
			problems.addf("--param %s %s", place.Pointer[1:], place.Detail)
		}
	}
}

func (c *trainCmd) train(ctx context.Context, s streams) (report trained, err error) {
	show := &stages{err: s.err}
	defer show.close()
	if c.Events != "" {
		return c.fromFile(ctx, show)
	}
	if c.Server != "" {
		var v remoteModel
		err := c.remote().doJSON(ctx, http.MethodPost, "/v1/models:train", c.request(), &v)
		return v.report(), err
	}
	err = withSite(ctx, c.targetFlags, func(st *site.Site) error {
		v, active, err := st.Train(ctx, c.options(), show.update)
		report = trainedThere(&v, active)
		return err
	})
	return report, err
}

func (c *trainCmd) options() site.TrainOptions {
	return site.TrainOptions{Model: c.Model, Params: c.Param, Force: c.Force}
}

// request is the body of a training in the server.
func (c *trainCmd) request() any {
	body := map[string]any{"model": c.Model, "force": c.Force}
	if len(c.Param) > 0 {
		body["params"] = c.Param
	}
	return body
}

// trainedThere is the report on a model that was trained where the log is.
func trainedThere(v *site.ModelVersion, active bool) trained {
	r := trained{Version: v.ID, Bytes: v.Bytes, Active: active, Gate: v.Gate}
	if t := v.Training; t != nil {
		r.Model, r.Items, r.Entries = t.Model, t.Items, t.Entries
	}
	return r
}

// remoteModel is a model as the control plane shows it.
type remoteModel struct {
	Version  string `json:"version"`
	State    string `json:"state"`
	Bytes    int64  `json:"bytes"`
	Training struct {
		Model   string `json:"model"`
		Items   int    `json:"items"`
		Entries int    `json:"entries"`
	} `json:"training"`
	Gate *learn.GateReport `json:"gate"`
}

func (v *remoteModel) report() trained {
	return trained{
		Model: v.Training.Model, Version: v.Version, Items: v.Training.Items, Entries: v.Training.Entries, Bytes: v.Bytes,
		Active: v.State == "active", Gate: v.Gate,
	}
}

func (c *trainCmd) fromFile(ctx context.Context, show *stages) (report trained, err error) {
	sessions, err := dataset.ReadSessions(ctx, c.Events, dataset.SessionOptions{
		SpanDays: c.SpanDays, Progress: func(done, total int64) { show.update("read", done, total) },
	})
	if err != nil {
		return trained{}, err
	}
	b := corpus.NewBuilder(corpus.Options{})
	for items, end := range sessions.All() {
		b.Add(items, end)
	}
	all, err := b.Build(ctx)
	if err != nil {
		return trained{}, err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	m, err := c.model(ctx, all, show)
	if err != nil {
		return trained{}, err
	}
	report = trained{Model: c.Model, Version: m.Version(), Items: m.Len(), Entries: m.Entries(), Bytes: m.Size(), Skipped: b.Skipped(), Out: c.Out}
	if c.Out != "" {
		if err := writeModel(c.Out, m); err != nil {
			return report, err
		}
	}
	if c.Server == "" && c.Data == "" {
		return report, nil
	}
	var body bytes.Buffer
	if _, err := m.WriteTo(&body); err != nil {
		return report, err
	}
	report.Active, report.Gate, err = c.activate(ctx, body.Bytes())
	return report, err
}

// fileModel is a trained model of either kind.
type fileModel interface {
	io.WriterTo
	Version() string
	Len() int
	Entries() int
	Size() int64
}

// model trains on a corpus.
func (c *trainCmd) model(ctx context.Context, all *corpus.Corpus, show *stages) (fileModel, error) {
	workers := runtime.GOMAXPROCS(0)
	if c.Model == site.ModelRows {
		p, err := site.RowsParams(rows.DefaultParams(), c.Param)
		if err != nil {
			return nil, err
		}
		return rows.Train(ctx, all, p, &rows.BuildOptions{
			TrainedAt: time.Now(), Workers: workers, Progress: func(done, total int) { show.update("rows", int64(done), int64(total)) },
		})
	}
	p, err := site.BestParams(best.DefaultParams(), c.Param)
	if err != nil {
		return nil, err
	}
	return best.Train(ctx, all, p, best.Options{Seed: site.TrainSeed, TrainedAt: time.Now(), Workers: workers, Progress: show.update})
}

// activate hands a trained model to the server, or to the files of a stopped
// one, which activates it when its gate says so.
func (c *trainCmd) activate(ctx context.Context, body []byte) (active bool, gate *learn.GateReport, err error) {
	if c.Server != "" {
		var v remoteModel
		r, query := c.remote(), fmt.Sprintf("?force=%t", c.Force)
		if err := r.do(ctx, http.MethodPut, "/v1/models"+query, "application/octet-stream", bytes.NewReader(body), &v); err != nil {
			return false, nil, err
		}
		if v.Gate != nil && !v.Gate.Activate {
			return false, v.Gate, nil
		}
		return true, v.Gate, r.do(ctx, http.MethodPost, "/v1/models/"+url.PathEscape(v.Version)+":activate"+query, "", nil, nil)
	}
	err = withSite(ctx, c.targetFlags, func(st *site.Site) error {
		v, err := st.PutModel(ctx, body, c.Force)
		gate = v.Gate
		if err != nil || v.Refused() {
			return err
		}
		active = true
		return st.ActivateModel(ctx, v.ID, c.Force)
	})
	return active, gate, err
}

// writeModel replaces the file only when all of it is written.
func writeModel(path string, m io.WriterTo) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
	if err != nil {
		return fmt.Errorf("write the model: %w", err)
	}
	defer os.Remove(f.Name())
	if _, err := m.WriteTo(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("write the model: %w", err)
	}
	if err := f.Sync(); err != nil {
		_ = f.Close()
		return fmt.Errorf("write the model: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write the model: %w", err)
	}
	return os.Rename(f.Name(), path)
}
