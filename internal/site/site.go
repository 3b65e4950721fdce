package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/recommend/merch"
	"github.com/nextbest/nextbest/recommend/vector"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
)

// Store is all that a site keeps and reads.
type Store interface {
	session.Source
	ingest.Log
	learn.Log
	learn.Views
	store.Profiles
	store.ProfileWriter
	store.Items
	store.Versions
	store.Pointers
	store.Decisions
	store.Eraser
}

// Settings are one site's choices.
type Settings struct {
	DefaultConsent event.Consent // when a request says none; ConsentSession unless set
	TrustUser      bool          // a user_id under a publishable key needs no token
	IdentitySecret []byte        // proves user_token
	Train          best.Params   // parameters of the model best; the usual ones unless set

	// TrainEvery is how often the site trains by itself; 0 is never.
	TrainEvery time.Duration

	// DecisionEvery is the least time between two answers that are kept with
	// what they were decided from; 0 is 6 s, below 0 none are kept.
	DecisionEvery time.Duration

	// Placements replace those of the same name that exist from the start.
	Placements map[string]recommend.Placement
}

// Config is what a Site needs. Store, Sessions and Collector are required;
// Sessions and Collector may be shared by all sites.
type Config struct {
	Name      string
	Settings  Settings
	Store     Store
	Sessions  *session.Sessions
	Collector *ingest.Collector
	Observer  Observer // may be nil
	Now       func() time.Time
	NewID     func() string
	Logger    *slog.Logger
	Meter     metric.MeterProvider // may be nil

	// Dir is a folder for the files of active models, which are mapped into
	// memory, and for what a training cannot hold in memory. "" keeps models in
	// memory.
	Dir     string
	Workers int                     // goroutines of a training; 0 leaves one processor to the answers
	Turns   *Turns                  // shared by all sites of a process; nil for a turn of its own
	Judged  func(*learn.GateReport) // told of every verdict on a model; may be nil

	closeAfter time.Duration // see modelfile.go
}

// Observer is told what an answer cost and lacked. Methods must not block.
type Observer interface {
	Stage(name string, took time.Duration)
	Degraded(signal string)
}

// Site is one running site. Its methods may be called concurrently.
type Site struct {
	cfg     Config
	engine  *recommend.Engine
	learner *learn.Learner
	stop    context.CancelFunc
	done    chan struct{}

	items    itemSet
	training sync.Mutex // one training at a time
	swap     sync.Mutex // one change of the active model at a time
	answers  sync.Pool  // *scratch

	active   atomic.Pointer[model] // nil for none
	uploaded atomic.Bool           // a dataset of profiles is active

	decisions *decisions

	placements []string // that exist, in order; never changed
}

// Open loads a site from its store and starts its learner.
func Open(ctx context.Context, cfg Config) (*Site, error) {
	cfg.defaults()
	if cfg.Dir != "" {
		if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("open site %q: %w", cfg.Name, err)
		}
	}
	s := &Site{cfg: cfg, engine: recommend.New(recommend.Config{}), done: make(chan struct{}), placements: recommend.PlacementNames()}
	s.answers.New = func() any { return newScratch() }
	var err error
	if s.decisions, err = newDecisions(&s.cfg); err != nil {
		return nil, fmt.Errorf("open site %q: %w", cfg.Name, err)
	}
	loaded := s.tryLoad(ctx)
	s.learner, err = learn.New(ctx, learn.Config{
		Site: cfg.Name, Log: cfg.Store, Views: cfg.Store, Group: s.group,
		Publish: s.engine.SetPopular, PublishPairs: s.engine.SetPairs, Known: knownBy(s.live()),
		Now: cfg.Now, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("open site %q: %w", cfg.Name, err)
	}
	s.catchUpAtStart(ctx)
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	go func() {
		defer close(s.done)
		s.run(run, loaded)
	}()
	return s, nil
}

// run is all that a site does by itself; it returns when ctx has ended.
func (s *Site) run(ctx context.Context, loaded bool) {
	var work sync.WaitGroup
	if !loaded {
		work.Go(func() { s.reload(ctx) })
	}
	if every := s.cfg.Settings.TrainEvery; every > 0 {
		work.Go(func() { s.retrain(ctx, every) })
	}
	work.Go(func() { s.runDecisions(ctx) })
	s.learner.Run(ctx)
	work.Wait()
}

func (c *Config) defaults() {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Settings.DefaultConsent == event.ConsentUnset {
		c.Settings.DefaultConsent = event.ConsentSession
	}
	if c.Settings.Train == (best.Params{}) {
		c.Settings.Train = best.DefaultParams()
	}
	if c.Workers <= 0 {
		c.Workers = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if c.closeAfter <= 0 {
		c.closeAfter = usualCloseAfter
	}
	if c.Turns == nil {
		c.Turns = NewTurns()
	}
}

// retryLoad is how often a site that could not be loaded whole tries again.
const retryLoad = 5 * time.Second

// tryLoad loads the site. What cannot be read is no reason not to start: the
// answers say what they lack, and it is tried again.
func (s *Site) tryLoad(ctx context.Context) bool {
	err := s.load(ctx)
	if err != nil {
		s.cfg.Logger.Error("a site could not be loaded whole; it answers degraded and tries again", "site", s.cfg.Name, "cause", err)
	}
	return err == nil
}

func (s *Site) reload(ctx context.Context) {
	tick := time.NewTicker(retryLoad)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if s.tryLoad(ctx) {
				return
			}
		}
	}
}

// startLag bounds how long a start waits for the views; a long log is read on
// behind the answers.
const startLag = time.Second

// catchUpAtStart makes the first answers after a start the same as the last
// ones before the stop.
func (s *Site) catchUpAtStart(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, startLag)
	defer cancel()
	if err := s.learner.CatchUp(ctx); err != nil {
		s.cfg.Logger.Info("the views follow behind the start", "site", s.cfg.Name, "cause", err)
	}
}

// load reads catalog, profiles and model, each for itself: one that fails is
// named in the answers' degraded until it is there.
func (s *Site) load(ctx context.Context) error {
	catalogErr := s.loadItems(ctx)
	profiles, profilesErr := s.cfg.Store.ActiveProfiles(ctx, s.cfg.Name)
	if profilesErr == nil {
		s.setProfiles(profiles)
	} else {
		s.uploaded.Store(true) // perhaps there are some: look, and say so when that fails
		profilesErr = fmt.Errorf("find the active profiles: %w", profilesErr)
	}
	modelErr := s.loadModel(ctx)
	s.engine.Expect(recommend.Expected{Model: modelErr != nil, Catalog: catalogErr != nil})
	return errors.Join(catalogErr, profilesErr, modelErr)
}

// Name is the site's name.
func (s *Site) Name() string { return s.cfg.Name }

// SetRules replaces the merchandiser's rules.
func (s *Site) SetRules(rules *merch.Set) { s.engine.SetRules(rules) }

// SetVectors replaces the item vectors; nil for none.
func (s *Site) SetVectors(v *vector.Set) { s.engine.SetVectors(v) }

// Placements names the places that can be asked for, in order; the caller
// changes nothing.
func (s *Site) Placements() []string { return s.placements }

// staleLog is how long the log may go unread before the site is not ready.
const staleLog = time.Minute

// Ready reports why the site should get no requests, nil when it should: its
// store must have answered within the last minute.
func (s *Site) Ready() error {
	if age, ok := s.learner.Age(); ok && age > staleLog {
		return fmt.Errorf("site %q: the store has not answered for %s", s.cfg.Name, age.Round(time.Second))
	}
	return nil
}

// CatchUp makes the views reflect the whole log: histories, what is popular and
// trending. They follow by themselves within a second; an import waits for them.
func (s *Site) CatchUp(ctx context.Context) error { return s.learner.CatchUp(ctx) }

// Signals whose age Freshness knows.
const (
	SignalPopular = "popular" // what others just did
	SignalModel   = "model"   // what was trained on sessions
)

// Freshness is the age of a signal, false when there is nothing of it yet.
func (s *Site) Freshness(signal string) (time.Duration, bool) {
	switch signal {
	case SignalPopular:
		return s.learner.Age()
	case SignalModel:
		if m := s.live(); m != nil {
			return s.cfg.Now().Sub(m.TrainedAt()), true
		}
	}
	return 0, false
}

// Close stops the learner, which writes its checkpoint, and waits for it.
func (s *Site) Close() {
	s.stop()
	<-s.done
	s.decisions.close()
}
