package site

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/recommend/rows"
)

// Progress is told how far long work is: a stage's name, and how much of it is
// done, of a total that is 0 when it is not known. It is called by one goroutine
// at a time and must not block.
type Progress func(stage string, done, total int64)

// The stages of a training, beside those of the model itself; before the
// gate's own training those have the prefix.
const (
	stageRead      = "read"
	stageGate      = "gate"
	gatePrefix     = "gate "
	progressLogged = 10 * time.Second
)

// TrainSeed is behind every random number of a training: the same sessions make
// the same model.
const TrainSeed = 1

// TrainOptions say what Train makes; the zero value is right.
type TrainOptions struct {
	Model  string             // ModelBest when empty, or ModelRows
	Params map[string]float64 // by name, over the site's own
	Force  bool               // activate whatever the gate says
}

// Check tells what is wrong before anything is read: a fault of kind Invalid,
// with a pointer for every field.
func (o TrainOptions) Check() error {
	_, err := o.recipe(best.DefaultParams())
	return err
}

// Train makes a model of the kept log and holds it against the one that answers
// now: a candidate made of the older sessions must not be worse on the newest.
// The model of all sessions is then kept and, when the gate says so, activated;
// see ModelVersion.Gate. Answers go on meanwhile. A second call while one runs
// is a fault.Conflict.
func (s *Site) Train(ctx context.Context, o TrainOptions, progress Progress) (v ModelVersion, active bool, err error) {
	r, err := o.recipe(s.cfg.Settings.Train)
	if err != nil {
		return ModelVersion{}, false, err
	}
	if !s.training.TryLock() {
		return ModelVersion{}, false, fault.Conflictf("training_runs", "a training of this site is running; wait for it")
	}
	defer s.training.Unlock()
	if err := s.cfg.Turns.take(ctx); err != nil {
		return ModelVersion{}, false, err
	}
	defer s.cfg.Turns.give()
	r.workers, r.progress, r.now = s.cfg.Workers, s.reported(progress), s.cfg.Now
	if v, err = s.build(ctx, r, o.Force); err != nil {
		return v, false, err
	}
	s.judged(v.ID, v.Gate)
	if v.Gate.Activate {
		if err := s.ActivateModel(ctx, v.ID, o.Force); err != nil {
			return v, false, err
		}
	}
	// The model has read the whole log: what is popular reflects it too.
	return v, v.Gate.Activate, s.learner.CatchUp(ctx)
}

// build reads the log, judges, trains and keeps.
func (s *Site) build(ctx context.Context, r *recipe, force bool) (v ModelVersion, err error) {
	c, err := s.sessions(ctx, r.progress)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	gate := learn.Gate{
		Live: lister(s.live()), Exclude: learn.ExcludeCurrent, Force: force,
		Progress: func(done, total int64) { r.progress(stageGate, done, total) },
		Train: func(ctx context.Context, c *corpus.Corpus) (learn.Lister, error) {
			m, err := r.train(ctx, c, gatePrefix)
			return lister(m), err
		},
	}
	report, err := gate.Judge(ctx, c)
	if err != nil {
		return v, err
	}
	m, err := r.train(ctx, c, "")
	if err != nil {
		return v, err
	}
	var body bytes.Buffer
	body.Grow(int(m.Size()))
	if _, err := m.WriteTo(&body); err != nil {
		return v, fmt.Errorf("write the model: %w", err)
	}
	return s.keep(ctx, m, body.Bytes(), report)
}

// sessions reads the log. Items that left the catalog are taken out of the
// sessions; those that are out of stock are not: they come back.
func (s *Site) sessions(ctx context.Context, progress Progress) (*corpus.Corpus, error) {
	src := learn.Source{
		Site: s.cfg.Name, Log: s.cfg.Store, Group: s.group, Now: s.cfg.Now, Workers: s.cfg.Workers,
		Spill: corpus.Options{SpillDir: s.cfg.Dir},
	}
	snapshot := s.engine.Catalog()
	if snapshot != nil {
		src.Listed = func(item string) bool {
			g, _ := snapshot.Resolve(item)
			return g != catalog.None
		}
	}
	c, err := learn.Sessions(ctx, src, func(records int) { progress(stageRead, int64(records), 0) })
	if f := fault.Of(err); f != nil && f.Code == nothingToTrain && snapshot != nil {
		f.Detail += "; items that the catalog lacks do not count"
	}
	return c, err
}

// nothingToTrain is the code of a log without sessions.
const nothingToTrain = "nothing_to_train"

// group is the unit of ranking of an item. Without a catalog that is the item
// itself: the name is not to come from the model, whose memory ends.
func (s *Site) group(itemID string) string {
	if s.engine.Catalog() == nil {
		return itemID
	}
	return s.engine.Group(itemID)
}

// judged tells those who count and those who read the log.
func (s *Site) judged(id string, r *learn.GateReport) {
	s.cfg.Logger.Info("a model was judged", "site", s.cfg.Name, "version", id, "reason", r.Reason, "verdict", r.Text)
	if s.cfg.Judged != nil {
		s.cfg.Judged(r)
	}
}

// reported passes progress on, and logs that of long work from time to time.
func (s *Site) reported(progress Progress) Progress {
	last := s.cfg.Now()
	return func(stage string, done, total int64) {
		if progress != nil {
			progress(stage, done, total)
		}
		if now := s.cfg.Now(); now.Sub(last) >= progressLogged {
			last = now
			s.cfg.Logger.Info("training goes on", "site", s.cfg.Name, "stage", stage, "done", done, "total", total)
		}
	}
}

// recipe is a training with its parameters.
type recipe struct {
	best     *best.Params // or the rows'
	rows     rows.Params
	workers  int
	progress Progress
	now      func() time.Time
}

// recipe resolves the options over the site's own parameters of best; those of
// the rows are the usual ones.
func (o TrainOptions) recipe(base best.Params) (*recipe, error) {
	switch o.Model {
	case ModelBest, "":
		p, err := BestParams(base, o.Params)
		return &recipe{best: &p}, err
	case ModelRows:
		p, err := RowsParams(rows.DefaultParams(), o.Params)
		return &recipe{rows: p}, err
	}
	return nil, fault.Invalidf("unknown_model", "there is no model %q to train; there are: %s, %s", o.Model, ModelBest, ModelRows)
}

// train makes a model of c; stages get the prefix.
func (r *recipe) train(ctx context.Context, c *corpus.Corpus, prefix string) (model, error) {
	if r.best == nil {
		m, err := rows.Train(ctx, c, r.rows, &rows.BuildOptions{
			TrainedAt: r.now(), Workers: r.workers,
			Progress: func(done, total int) { r.progress(prefix+ModelRows, int64(done), int64(total)) },
		})
		return orNone(m, err)
	}
	m, err := best.Train(ctx, c, *r.best, best.Options{
		Seed: TrainSeed, Workers: r.workers, TrainedAt: r.now(),
		Progress: func(stage string, done, total int64) { r.progress(prefix+stage, done, total) },
	})
	return orNone(m, err)
}
