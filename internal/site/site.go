package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/recommend/merch"
	"github.com/nextbest/nextbest/recommend/popular"
	"github.com/nextbest/nextbest/recommend/rows"
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
	store.Eraser
}

// Settings are one site's choices.
type Settings struct {
	DefaultConsent event.Consent // when a request says none; ConsentSession unless set
	TrustUser      bool          // a user_id under a publishable key needs no token
	IdentitySecret []byte        // proves user_token
	Train          rows.Params   // parameters of the rows

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
	answers  sync.Pool  // *scratch

	trainedAt atomic.Int64 // of the active model, epoch ms; 0 for none
	uploaded  atomic.Bool  // a dataset of profiles is active

	placements []string // that exist, in order; never changed
}

// Open loads a site from its store and starts its learner.
func Open(ctx context.Context, cfg Config) (*Site, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Settings.DefaultConsent == event.ConsentUnset {
		cfg.Settings.DefaultConsent = event.ConsentSession
	}
	if cfg.Settings.Train == (rows.Params{}) {
		cfg.Settings.Train = rows.DefaultParams()
	}
	s := &Site{cfg: cfg, engine: recommend.New(recommend.Config{}), done: make(chan struct{}), placements: recommend.PlacementNames()}
	s.answers.New = func() any { return newScratch() }
	loaded := s.tryLoad(ctx)
	var err error
	s.learner, err = learn.New(ctx, learn.Config{
		Site: cfg.Name, Log: cfg.Store, Views: cfg.Store, Group: s.engine.Group,
		Publish: func(t *popular.Table) { s.engine.SetPopular(t) }, Now: cfg.Now, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("open site %q: %w", cfg.Name, err)
	}
	s.catchUpAtStart(ctx)
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	go func() {
		defer close(s.done)
		if !loaded {
			s.reload(run)
		}
		s.learner.Run(run)
	}()
	return s, nil
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
	SignalModel   = "model"   // the item-item rows
)

// Freshness is the age of a signal, false when there is nothing of it yet.
func (s *Site) Freshness(signal string) (time.Duration, bool) {
	switch signal {
	case SignalPopular:
		return s.learner.Age()
	case SignalModel:
		if at := s.trainedAt.Load(); at != 0 {
			return s.cfg.Now().Sub(time.UnixMilli(at)), true
		}
	}
	return 0, false
}

// Close stops the learner, which writes its checkpoint, and waits for it.
func (s *Site) Close() {
	s.stop()
	<-s.done
}
