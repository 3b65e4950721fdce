package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nextbest/nextbest/internal/dataset"
	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend/rows"
)

// trainCmd makes a model: of a session file or the kept log, into a file or
// live in a server.
type trainCmd struct {
	Events   string             `help:"Session file to train on; else the kept log is read." placeholder:"FILE" type:"path"`
	SpanDays float64            `default:"30" help:"Days over which the lines of a _sessions.txt file are spread."`
	Out      string             `help:"Write the model to this file." placeholder:"MODEL" type:"path"`
	Param    map[string]float64 `help:"Parameter of the rows, e.g. a=.4; may repeat. Names: a lambda tw sw_days delta top last." placeholder:"K=V"`
	targetFlags
	JSON bool `help:"Print one JSON object." name:"json"`
}

// trained is what train reports.
type trained struct {
	Version string  `json:"version"`
	Items   int     `json:"items"`
	Entries int     `json:"entries,omitempty"` // unknown of models of older versions
	Bytes   int64   `json:"bytes"`
	TrainS  float64 `json:"train_s"`
	Skipped int     `json:"skipped,omitempty"` // sessions left out: without items or a time
	Active  bool    `json:"active"`
	Out     string  `json:"out,omitempty"`
}

// Run trains.
func (c *trainCmd) Run(ctx context.Context, s streams) error {
	params, err := c.check()
	if err != nil {
		return err
	}
	start := time.Now()
	report, err := c.train(ctx, params, s)
	if err != nil {
		return err
	}
	report.TrainS = time.Since(start).Seconds()
	if c.JSON {
		return writeJSON(s.out, report)
	}
	where := "written to " + report.Out
	if report.Active {
		where = "active"
	}
	_, err = fmt.Fprintf(s.out, "model %s: %d items, %d bytes, trained in %.1f s, %s\n", report.Version, report.Items, report.Bytes, report.TrainS, where)
	return err
}

// check tells all that is wrong before anything is read.
func (c *trainCmd) check() (rows.Params, error) {
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
	params := rowParams(c.Param, &p)
	return params, p.err()
}

// rowParams are the defaults with the named ones replaced.
func rowParams(set map[string]float64, problems *problems) rows.Params {
	p := rows.DefaultParams()
	fields := map[string]*float64{"a": &p.A, "lambda": &p.Lambda, "tw": &p.TW, "sw_days": &p.SWDays, "delta": &p.Delta}
	counts := map[string]*int{"top": &p.Top, "last": &p.Last}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		v := set[name]
		switch {
		case fields[name] != nil:
			*fields[name] = v
		case counts[name] != nil && v == math.Trunc(v):
			*counts[name] = int(v)
		default:
			problems.addf("--param %s=%v: the rows have a, lambda, tw, sw_days, delta and the whole numbers top, last", name, v)
		}
	}
	if f := fault.Of(p.Validate()); f != nil {
		for _, place := range f.Fields {
			problems.addf("--param %s: must be %s", strings.TrimPrefix(place.Pointer, "/"), place.Detail)
		}
	}
	return p
}

func (c *trainCmd) train(ctx context.Context, params rows.Params, s streams) (trained, error) {
	if c.Events != "" {
		return c.fromFile(ctx, params, s)
	}
	if c.Server != "" {
		var v remoteModel
		err := c.remote().doJSON(ctx, http.MethodPost, "/v1/models:train", c.request(), &v)
		return trainedThere(v.Version, v.Bytes, v.Meta), err
	}
	var report trained
	err := withSite(ctx, c.targetFlags, func(st *site.Site) error {
		v, err := st.Train(ctx, &params, func(n int) { fmt.Fprintf(s.err, "read %d events\n", n) })
		report = trainedThere(v.ID, v.Bytes, v.Meta)
		return err
	})
	return report, err
}

// request is the body of a training in the server: the parameters that were
// named, nothing when none were.
func (c *trainCmd) request() any {
	if len(c.Param) == 0 {
		return nil
	}
	return map[string]any{"params": c.Param}
}

// trainedThere is the report on a model that was trained where the log is.
func trainedThere(version string, bytes int64, meta map[string]string) trained {
	return trained{Version: version, Bytes: bytes, Items: atoi(meta["items"]), Entries: atoi(meta["entries"]), Active: true}
}

// remoteModel is a model as the control plane shows it.
type remoteModel struct {
	Version string            `json:"version"`
	Bytes   int64             `json:"bytes"`
	Meta    map[string]string `json:"meta"`
}

// atoi is the number in s, 0 when there is none.
func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func (c *trainCmd) fromFile(ctx context.Context, params rows.Params, s streams) (trained, error) {
	sessions, err := dataset.ReadSessions(ctx, c.Events, dataset.SessionOptions{SpanDays: c.SpanDays})
	if err != nil {
		return trained{}, err
	}
	b := rows.NewBuilder(params)
	for items, end := range sessions.All() {
		b.Add(items, end)
	}
	bar := newProgress(s.err, "train")
	m, err := b.Build(ctx, &rows.BuildOptions{TrainedAt: time.Now(), Workers: runtime.NumCPU(), Progress: bar.set})
	bar.done()
	if err != nil {
		return trained{}, err
	}
	report := trained{Version: m.Version(), Items: m.Len(), Entries: m.Entries(), Bytes: m.Size(), Skipped: b.Skipped(), Out: c.Out}
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
	report.Active = true
	return report, c.activate(ctx, body.Bytes())
}

// activate hands a trained model to the server, or to the files of a stopped one.
func (c *trainCmd) activate(ctx context.Context, body []byte) error {
	if c.Server != "" {
		var v remoteModel
		r := c.remote()
		if err := r.do(ctx, http.MethodPut, "/v1/models", "application/octet-stream", bytes.NewReader(body), &v); err != nil {
			return err
		}
		return r.do(ctx, http.MethodPost, "/v1/models/"+url.PathEscape(v.Version)+":activate", "", nil, nil)
	}
	return withSite(ctx, c.targetFlags, func(st *site.Site) error {
		v, err := st.PutModel(ctx, body)
		if err != nil {
			return err
		}
		return st.ActivateModel(ctx, v.ID)
	})
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
