package site

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/drift"
	"github.com/nextbest/nextbest/store"
)

// How answers are sampled. What is watched feeds the drift figures and is
// forgotten; what is kept can be replayed. Both are bounded in time, so that
// their cost does not grow with the load.
const (
	watchEvery       = 200 * time.Millisecond
	defaultKeepEvery = 6 * time.Second // some 400,000 in the 30 days that they are kept
	decisionsKept    = 30 * 24 * time.Hour
	decisionsQueued  = 64      // waiting for the store; a slow one makes answers go unlogged, not late
	decisionsBatch   = 16      // written at once
	maxDecision      = 4 << 20 // bytes of one, unpacked
)

// decisions samples answers with what they were decided from. A decision names
// no visitor, no session and no request: nothing of it needs erasing.
type decisions struct {
	site  string
	store store.Decisions
	every time.Duration // between two that are kept; below 0 none are

	watch, keep atomic.Int64 // when the next one is due, epoch ns
	queue       chan store.Decision
	monitor     *drift.Monitor
	trusting    sync.Mutex
	plain       bool // the ranker is not trusted; under trusting
	pack        *zstd.Encoder

	kept, dropped metric.Int64Counter
	figures       metric.Registration
}

func newDecisions(cfg *Config) (*decisions, error) {
	d := &decisions{
		site: cfg.Name, store: cfg.Store, every: cfg.Settings.DecisionEvery,
		queue: make(chan store.Decision, decisionsQueued), monitor: drift.New(drift.Config{}),
	}
	if d.every == 0 {
		d.every = defaultKeepEvery
	}
	var err error
	if d.pack, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(64<<10)); err != nil {
		return nil, fmt.Errorf("make the packer of decisions: %w", err)
	}
	provider := cfg.Meter
	if provider == nil {
		provider = noop.NewMeterProvider()
	}
	return d, d.instruments(provider.Meter("github.com/nextbest/nextbest"))
}

func (d *decisions) instruments(m metric.Meter) error {
	var err error
	if d.kept, err = m.Int64Counter("nextbest.decisions.kept", metric.WithDescription("Sampled answers kept with what they were decided from.")); err != nil {
		return err
	}
	if d.dropped, err = m.Int64Counter("nextbest.decisions.dropped", metric.WithDescription("Sampled answers that were not kept, by reason.")); err != nil {
		return err
	}
	gauge, err := m.Float64ObservableGauge("nextbest.model.drift",
		metric.WithDescription("How far the mean of a ranker's input has moved since training, in standard deviations."))
	if err != nil {
		return err
	}
	d.figures, err = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, f := range d.monitor.Figures() {
			o.ObserveFloat64(gauge, f.Shift, metric.WithAttributes(
				attribute.String("site", d.site), attribute.String("policy", f.Policy), attribute.String("input", f.Input)))
		}
		return nil
	}, gauge)
	return err
}

// close ends the figures.
func (d *decisions) close() { _ = d.figures.Unregister() } // it only says that it was registered

// due reports whether a sample is due, and takes it.
func due(next *atomic.Int64, now time.Time, every time.Duration) bool {
	at := next.Load()
	return every >= 0 && now.UnixNano() >= at && next.CompareAndSwap(at, now.Add(every).UnixNano())
}

// sample is what an answer's decision is to be written to; nil for most.
func (d *decisions) sample(now time.Time) *recommend.Decision {
	if due(&d.watch, now, watchEvery) {
		return &recommend.Decision{}
	}
	return nil
}

// made takes a decision that was sampled. It returns what logs it under the
// answer's id, nil when it is not one to keep.
func (d *decisions) made(now time.Time, x *recommend.Decision) func(id string) {
	d.monitor.Observe(now, x)
	if !due(&d.keep, now, d.every) {
		return nil
	}
	return func(id string) { d.log(id, x) }
}

func (d *decisions) log(id string, x *recommend.Decision) {
	body, err := json.Marshal(x)
	if err != nil {
		d.drop("encoding", 1)
		return
	}
	select {
	case d.queue <- store.Decision{ID: id, At: x.At, Body: body}:
	default:
		d.drop("queue_full", 1)
	}
}

func (d *decisions) drop(reason string, n int) {
	d.dropped.Add(context.Background(), int64(n), metric.WithAttributes(attribute.String("site", d.site), attribute.String("reason", reason)))
}

// runDecisions writes what was sampled and acts on a drift, until ctx ends;
// what is waiting then is written still.
func (s *Site) runDecisions(ctx context.Context) {
	tick, clean := time.NewTicker(time.Second), time.NewTicker(time.Hour)
	defer tick.Stop()
	defer clean.Stop()
	for {
		select {
		case first := <-s.decisions.queue:
			s.decisions.write(ctx, first)
		case <-tick.C:
			s.trust()
		case <-clean.C:
			if err := s.cfg.Store.DropDecisions(ctx, s.cfg.Name, s.cfg.Now().Add(-decisionsKept)); err != nil {
				s.cfg.Logger.Warn("old decisions could not be dropped; it is tried again in an hour", "site", s.cfg.Name, "cause", err)
			}
		case <-ctx.Done():
			select {
			case first := <-s.decisions.queue:
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
				defer cancel()
				s.decisions.write(ctx, first)
			default:
			}
			return
		}
	}
}

// write stores a decision and those that wait behind it.
func (d *decisions) write(ctx context.Context, first store.Decision) {
	batch := append(make([]store.Decision, 0, decisionsBatch), first)
	for len(batch) < decisionsBatch && len(d.queue) > 0 {
		batch = append(batch, <-d.queue)
	}
	for n := range batch {
		batch[n].Body = d.pack.EncodeAll(batch[n].Body, nil)
	}
	if err := d.store.PutDecisions(ctx, d.site, batch); err != nil {
		d.drop("store", len(batch))
		return
	}
	d.kept.Add(ctx, int64(len(batch)), metric.WithAttributes(attribute.String("site", d.site)))
}

// trust lets the ranker decide only while it reads what it was trained on.
func (s *Site) trust() {
	s.decisions.trusting.Lock()
	defer s.decisions.trusting.Unlock()
	plain := s.decisions.monitor.Drifted()
	if plain == s.decisions.plain {
		return
	}
	s.decisions.plain = plain
	if !plain {
		s.engine.SetRanking(recommend.RankFully)
		s.cfg.Logger.Info("the model's inputs are again as in training; its ranker decides", "site", s.cfg.Name)
		return
	}
	s.engine.SetRanking(recommend.RankPlain)
	for _, f := range s.decisions.monitor.Figures() {
		if f.Drifted {
			s.cfg.Logger.Warn("an input of the model has drifted; answers are ordered without its ranker and say so",
				"site", s.cfg.Name, "input", f.Input, "policy", f.Policy, "shift_sd", f.Shift)
		}
	}
}

// watchModel begins the drift figures of a model anew.
func (s *Site) watchModel(m model) {
	if b, ok := m.(*best.Model); ok {
		s.decisions.monitor.SetModel(b.Version(), b)
		return
	}
	s.decisions.monitor.SetModel("", nil)
}

// Drift is how far every input of the model has moved since training; empty
// until enough answers were sampled, and without a model that has a ranker.
func (s *Site) Drift() []drift.Figure { return s.decisions.monitor.Figures() }

// KeptDecision is a sampled answer with its id.
type KeptDecision struct {
	ID string `json:"recommendation_id"`
	recommend.Decision
}

// Decision returns the sampled answer of an id made at that time (epoch ms).
func (s *Site) Decision(ctx context.Context, at int64, id string) (KeptDecision, error) {
	d, err := s.cfg.Store.Decision(ctx, s.cfg.Name, at, id)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return KeptDecision{}, fault.NotFoundf("unknown_decision", "the decision of this answer was not kept: answers are sampled, and kept for 30 days")
	case err != nil:
		return KeptDecision{}, unavailable("the decision could not be read; try again", err)
	}
	return unpack(d)
}

// Decisions returns at most limit sampled answers from before a time, newest
// first.
func (s *Site) Decisions(ctx context.Context, before time.Time, limit int) ([]KeptDecision, error) {
	rows, err := s.cfg.Store.Decisions(ctx, s.cfg.Name, before.UnixMilli(), limit)
	if err != nil {
		return nil, unavailable("the decisions could not be read; try again", err)
	}
	all := make([]KeptDecision, 0, len(rows))
	for _, row := range rows {
		d, err := unpack(row)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

func unpack(row store.Decision) (KeptDecision, error) {
	d := KeptDecision{ID: row.ID}
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxDecision))
	if err != nil {
		return d, fmt.Errorf("unpack a decision: %w", err)
	}
	defer r.Close()
	body, err := r.DecodeAll(row.Body, nil)
	if err == nil {
		err = json.Unmarshal(body, &d.Decision)
	}
	if err != nil {
		return d, fmt.Errorf("decision %s is damaged: %w", row.ID, err)
	}
	return d, nil
}

// Replayed is a decision whose scores were computed again.
type Replayed struct {
	KeptDecision
	Scores      []float64     `json:"scores"`                // by candidate
	Differences []fault.Field `json:"differences,omitempty"` // empty: it came out as it was logged
}

// Replay computes the scores of a kept decision again, with the model that it
// was made with. The error is a fault of kind NotFound when that model is no
// longer kept.
func (s *Site) Replay(ctx context.Context, d KeptDecision) (Replayed, error) {
	out := Replayed{KeptDecision: d}
	m, done, err := s.replayModel(ctx, d.Versions.Model)
	if err != nil {
		return out, err
	}
	defer done()
	out.Scores, err = recommend.Replay(m, &d.Decision)
	if f := fault.Of(err); f != nil && f.Code == "replay_differs" {
		out.Differences, err = f.Fields, nil
	}
	return out, err
}

// replayModel is the model of a version: the live one, or read for the purpose.
func (s *Site) replayModel(ctx context.Context, version string) (*best.Model, func(), error) {
	if version == "" {
		return nil, func() {}, nil
	}
	if m, ok := s.live().(*best.Model); ok && m.Version() == version {
		return m, func() {}, nil
	}
	body, err := s.cfg.Store.ReadVersion(ctx, s.cfg.Name, kindModel, version)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil, fault.NotFoundf("unknown_model", "model %s, which made the decision, is no longer kept", version)
	}
	if err != nil {
		return nil, nil, unavailable("the model could not be read; try again", err)
	}
	m, err := best.Parse(body)
	if err != nil {
		return nil, nil, fmt.Errorf("model %s: %w", version, err)
	}
	return m, func() { _ = m.Close() }, nil
}
