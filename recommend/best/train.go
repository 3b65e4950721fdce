package best

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/embedding"
)

// Options are the circumstances of a training; the zero value works.
type Options struct {
	Seed      uint64    // of every random number
	Workers   int       // goroutines, 1 when 0; the model does not depend on it
	TrainedAt time.Time // kept in the model; the epoch when zero
	// Progress is called from one goroutine at a time; may be nil.
	Progress func(stage string, done, total int64)
}

// stage is the Progress of one stage.
func (o *Options) stage(name string) func(done, total int64) {
	if o.Progress == nil {
		return func(int64, int64) {}
	}
	return func(done, total int64) { o.Progress(name, done, total) }
}

// How a ranker is fitted and judged.
const (
	olderShare  = .9   // of the sessions: rows and embedding of the trial; the others make the lists
	judgedShare = .2   // of the lists, the newest: they say what is kept
	fewLists    = 200  // below it there is no ranker
	fewClicks   = 1000 // below it there is no embedding
)

// Stage is one comparison on held-out predictions.
type Stage struct {
	Policy    string  `json:"policy"`
	Embedding bool    `json:"embedding"`
	Lists     int     `json:"lists"` // predictions judged
	Pre       Quality `json:"pre"`   // the order without a ranker
	Ranker    Quality `json:"ranker"`
	Kept      bool    `json:"kept"`
}

// Train trains a model on the sessions of c. Rows and embedding of the oldest
// 90 % of the sessions see the others; those make the lists from which one
// ranker per policy is fitted: a ranker must not learn from sessions that the
// rows hold. On the newest lists, which the trial did not learn from, it is
// decided what is kept: a ranker that is not worse than pre, an embedding with
// which the ranker is not worse than without. Rows and embedding are then made
// of all sessions.
//
// The same corpus, parameters, seed and processor give the same model. The
// error is a fault of kind Invalid for bad parameters, or the context's.
func Train(ctx context.Context, c *corpus.Corpus, p Params, o Options) (*Model, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if c.Sessions() == 0 || c.Len() == 0 {
		return nil, fault.Invalidf("no_sessions", "there is no session to train on")
	}
	o.Progress = serial(o.Progress)
	t := &training{c: c, p: p, o: &o}
	if err := t.try(ctx); err != nil {
		return nil, err
	}
	m, err := t.build(ctx, c, t.embedding)
	if err != nil {
		return nil, err
	}
	m.rankers = t.rankers
	m.about = About{
		TrainedAt: time.UnixMilli(0).UTC(), Seed: o.Seed, Latest: c.Latest(),
		Sessions: c.Sessions(), Clicks: c.Clicks(), Embedding: t.embedding, Stages: t.stages,
	}
	if !o.TrainedAt.IsZero() {
		m.about.TrainedAt = o.TrainedAt.UTC().Truncate(time.Millisecond)
	}
	m.name(c)
	m.index()
	return m, m.seal()
}

// serial makes a Progress whose calls do not overlap.
func serial(progress func(stage string, done, total int64)) func(string, int64, int64) {
	if progress == nil {
		return nil
	}
	var mu sync.Mutex
	return func(stage string, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		progress(stage, done, total)
	}
}

// training is one Train.
type training struct {
	c         *corpus.Corpus
	p         Params
	o         *Options
	embedding bool             // is kept
	older     *embedding.Model // that of the trial
	rankers   [policies]*ranker
	stages    []Stage
}

// build makes rows and, if embedded, the embedding of c.
func (t *training) build(ctx context.Context, c *corpus.Corpus, embedded bool) (*Model, error) {
	m := &Model{params: t.p}
	m.prepare()
	if err := m.buildRows(ctx, newSums(c, t.p), t.o.Workers, t.o.stage("rows")); err != nil {
		return nil, err
	}
	if !embedded {
		return m, nil
	}
	e, err := m.trainVectors(ctx, c, t.older, t.o)
	t.older = e
	return m, err
}

// try finds out on held-out sessions what is kept, and fits the rankers.
func (t *training) try(ctx context.Context) error {
	older := int(olderShare * float64(t.c.Sessions()))
	h := hold(t.c, older, t.p.Lists)
	if older == 0 || h.predictions() < fewLists {
		return nil
	}
	c := t.c.Prefix(older)
	t.embedding = t.p.Dim > 0 && c.Clicks() >= fewClicks
	m, err := t.build(ctx, c, t.embedding)
	if err != nil {
		return err
	}
	full := newTrials(m, h)
	if !t.embedding {
		return t.run(ctx, full)
	}
	plain := *m
	plain.vectors, plain.near = nil, nil
	without := &trial{m: &plain, h: h, policy: None}
	if err := t.run(ctx, append(full, without)); err != nil {
		return err
	}
	if full[None].score() >= without.score() {
		return nil
	}
	t.embedding = false
	return t.run(ctx, newTrials(&plain, h))
}

// trial fits and judges the ranker of one policy.
type trial struct {
	m      *Model
	h      held
	policy Policy
	stage  Stage
	ranker *ranker // nil when pre did better
}

func newTrials(m *Model, h held) []*trial {
	var list []*trial
	for policy := range policies {
		list = append(list, &trial{m: m, h: h, policy: policy})
	}
	return list
}

// score is that of the order that is kept.
func (x *trial) score() float64 { return max(x.stage.Pre.score(), x.stage.Ranker.score()) }

// run runs trials and takes over the rankers of those with the embedding as it
// is wanted now.
func (t *training) run(ctx context.Context, list []*trial) error {
	errs := make([]error, len(list))
	progress := t.o.stage("ranker")
	progress(0, int64(len(list)))
	err := inParts(ctx, len(list), t.o.Workers, func() func(int) {
		return func(n int) { errs[n] = t.fit(ctx, list[n]) }
	}, func(done int) { progress(int64(done), int64(len(list))) })
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	for _, x := range list {
		t.stages = append(t.stages, x.stage)
		if x.stage.Embedding == t.embedding {
			t.rankers[x.policy] = x.ranker
		}
	}
	return nil
}

// fit judges a ranker that learned from the older lists and, when it is not
// worse than pre, fits one to all lists.
func (t *training) fit(ctx context.Context, x *trial) error {
	l, err := x.m.lists(ctx, x.h, x.policy)
	if err != nil {
		return err
	}
	x.stage = Stage{Policy: x.policy.String(), Embedding: x.m.vectors != nil}
	seed := t.o.Seed + uint64(x.policy)
	from := l.len() - int(judgedShare*float64(l.len()))
	x.stage.Lists = l.len() - from
	if older := l.older(from); len(older.learn) > 0 {
		r, err := learn(ctx, older, t.p.Hidden, t.p.RankerEpochs, seed)
		if err != nil {
			return err
		}
		x.stage.Pre, x.stage.Ranker = l.judge(nil, from), l.judge(r, from)
		x.stage.Kept = x.stage.Ranker.score() >= x.stage.Pre.score()
	}
	if x.stage.Kept && t.embedding == x.stage.Embedding {
		x.ranker, err = learn(ctx, l, t.p.Hidden, t.p.RankerEpochs, seed)
	}
	return err
}
