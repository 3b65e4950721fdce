package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/nextbest/nextbest/internal/httpapi"
	"github.com/nextbest/nextbest/internal/keys"
	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/internal/telemetry"
	"github.com/nextbest/nextbest/recommend"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/learn"
	"github.com/nextbest/nextbest/recommend/merch"
	"github.com/nextbest/nextbest/recommend/vector"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
	"github.com/nextbest/nextbest/store/cached"
	"github.com/nextbest/nextbest/store/embedded"
	"github.com/nextbest/nextbest/store/memory"
)

// appConfig is everything that a serving process is made of.
type appConfig struct {
	store          storeFlags
	log            logFlags
	rules          *merch.Set
	vectors        *vector.Set
	idle           time.Duration
	maxSessions    int
	consent        event.Consent
	trustUser      bool
	identitySecret []byte
	placements     map[string]recommend.Placement // with values of their own
	train          best.Params                    // of every site; the usual ones unless set
	trainEvery     time.Duration                  // 0: sites do not train by themselves
	workers        int                            // goroutines of a training; 0 leaves a processor to the answers
	demo           bool
	extra          func(*app) ([]httpapi.Route, error) // further routes, made when the sites are open
}

// app is a serving process, wired: store, sessions, collector, sites, HTTP.
type app struct {
	cfg       appConfig
	streams   streams
	telemetry *telemetry.Telemetry
	stages    *telemetry.Stages
	store     store.Store
	keys      *keys.Ring
	sessions  *session.Sessions
	collector *ingest.Collector
	sites     siteSet
	turns     *site.Turns
	judged    func(*learn.GateReport)
	server    *httpapi.Server // set by serve
	salt      []byte
}

// newApp opens everything but the listeners. On an error nothing stays open.
func newApp(ctx context.Context, cfg appConfig, s streams) (*app, error) {
	t, err := telemetry.New(ctx, telemetry.Options{
		ServiceVersion: version, OTLPEndpoint: cfg.log.OTLPEndpoint,
		LogFormat: cfg.log.LogFormat, LogLevel: levelOf(cfg.log.LogLevel), Out: s.err,
	})
	if err != nil {
		return nil, fmt.Errorf("start telemetry: %w", err)
	}
	a := &app{cfg: cfg, streams: s, telemetry: t, turns: site.NewTurns()}
	if err := a.open(ctx); err != nil {
		return nil, a.abandon(err)
	}
	return a, nil
}

func (a *app) open(ctx context.Context) error {
	var err error
	if a.store, err = openStore(a.cfg.store); err != nil {
		return err
	}
	if a.salt, err = a.secret(ctx); err != nil {
		return err
	}
	all, err := a.store.Keys(ctx)
	if err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	a.keys = keys.NewRing(all...)
	a.sessions = session.New(session.Config{
		Source: a.store, Idle: a.cfg.idle, Max: a.cfg.maxSessions, Salt: a.salt, Now: time.Now, NewID: newID,
		Local: true, // both backends are in this process
	})
	a.collector = ingest.New(ingest.Config{
		Sessions: a.sessions, Log: a.store, Meter: a.telemetry.Meter, Now: time.Now, NewID: newID, Logger: a.telemetry.Logger,
	})
	if err := a.observe(); err != nil {
		return err
	}
	a.sites.open = a.openSite
	for _, k := range all {
		if _, err := a.sites.ensure(ctx, k.Site); err != nil {
			return err
		}
	}
	return nil
}

// openStore opens the configured backend behind the profile cache.
func openStore(f storeFlags) (store.Store, error) {
	if f.Store == "memory" {
		return cached.New(memory.New(), cached.Options{Inline: true})
	}
	if err := os.MkdirAll(f.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	mode, err := embedded.ParseDurability(f.Durability)
	if err != nil {
		return nil, usageError{err}
	}
	db, err := embedded.Open(storeFolder(f.Data), embedded.Options{Durability: mode})
	if err != nil {
		return nil, err
	}
	return cached.New(db, cached.Options{Inline: true})
}

func (a *app) openSite(ctx context.Context, name string) (*site.Site, error) {
	s, err := site.Open(ctx, site.Config{
		Name: name, Store: a.store, Sessions: a.sessions, Collector: a.collector,
		Observer: a.stages, Now: time.Now, NewID: newID, Logger: a.telemetry.Logger, Meter: a.telemetry.Meter,
		Dir: a.modelFolder(), Turns: a.turns, Judged: a.judged, Workers: a.cfg.workers,
		Settings: site.Settings{
			DefaultConsent: a.cfg.consent, TrustUser: a.cfg.trustUser, IdentitySecret: a.cfg.identitySecret, Placements: a.cfg.placements,
			Train: a.cfg.train, TrainEvery: a.cfg.trainEvery,
		},
	})
	if err != nil {
		return nil, err
	}
	s.SetRules(a.cfg.rules)
	s.SetVectors(a.cfg.vectors)
	for _, signal := range []string{site.SignalPopular, site.SignalModel} {
		// The observation lasts as long as the site: the process.
		if _, err := a.stages.ObserveFreshness(name, signal, func() (time.Duration, bool) { return s.Freshness(signal) }); err != nil {
			s.Close()
			return nil, fmt.Errorf("observe site %q: %w", name, err)
		}
	}
	return s, nil
}

// modelFolder is where active models are mapped from; "" with a store that
// keeps nothing.
func (a *app) modelFolder() string {
	if a.cfg.store.Data == "" {
		return ""
	}
	return modelFolder(a.cfg.store.Data)
}

// observe makes the instruments that show what answers cost and lack.
func (a *app) observe() error {
	var err error
	a.stages, err = telemetry.NewStages(a.telemetry, telemetry.Names{
		Stages: []string{"session", "profile", "retrieve", "score", "merchandise"},
		Signals: []string{
			recommend.DegradedSession, recommend.DegradedProfile, recommend.DegradedModel, recommend.DegradedCatalog,
			recommend.DegradedRules, recommend.DegradedAfter, recommend.DegradedStore, recommend.DegradedBudget,
		},
	})
	if err != nil {
		return fmt.Errorf("make the instruments: %w", err)
	}
	if _, err = a.stages.ObserveSessions(a.sessions.Len); err != nil {
		return fmt.Errorf("observe the sessions: %w", err)
	}
	if a.judged, err = countVerdicts(a.telemetry.Meter); err != nil {
		return fmt.Errorf("make the counter of verdicts: %w", err)
	}
	return nil
}

// createKey makes a key, keeps it and opens its site. The secret is returned
// once and kept nowhere.
func (a *app) createKey(ctx context.Context, spec keys.Spec) (string, error) {
	k, secret, err := keys.Create(spec, time.Now(), nil)
	if err != nil {
		return "", err
	}
	return secret, a.addKey(ctx, k)
}

func (a *app) addKey(ctx context.Context, k keys.Key) error {
	if err := a.store.PutKey(ctx, k); err != nil {
		return fmt.Errorf("keep the key: %w", err)
	}
	a.keys.Put(k)
	_, err := a.sites.ensure(ctx, k.Site)
	return err
}

// serve answers until ctx ends, then drains: no new requests, those under way
// are answered, inline events are stored, views are checkpointed.
func (a *app) serve(ctx context.Context, bound *listeners) error {
	api, err := a.api()
	if err != nil {
		return a.abandon(err)
	}
	a.server = api
	ops := api.OpsServer(a.telemetry.MetricsHandler)
	failed := make(chan error, 2)
	go func() { failed <- api.Listen(bound.public) }()
	go func() { failed <- ops.Serve(bound.private) }()
	fmt.Fprintf(a.streams.out, "nextbest %s serves http://%s (health and metrics: http://%s)\n", version, bound.public.Addr(), bound.private.Addr())

	upkeep, stopUpkeep := context.WithCancel(ctx)
	upkept := make(chan struct{})
	go func() { defer close(upkept); a.upkeep(upkeep) }()
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	}
	a.telemetry.Logger.Info("draining")
	stopUpkeep()
	<-upkept
	return errors.Join(err, a.shutdown(context.WithoutCancel(ctx), api, ops))
}

const drainTime = 15 * time.Second

func (a *app) shutdown(ctx context.Context, api *httpapi.Server, ops *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	err := errors.Join(api.Shutdown(ctx), a.close(ctx))
	return errors.Join(err, ops.Shutdown(ctx), a.telemetry.Shutdown(ctx))
}

// close ends what open opened, in the order in which it may be needed.
func (a *app) close(ctx context.Context) error {
	var err error
	if a.collector != nil {
		err = a.collector.Close(ctx)
	}
	a.sites.close()
	if a.store != nil {
		err = errors.Join(err, a.store.Close())
	}
	return err
}

// abandon closes what is open and returns the reason.
func (a *app) abandon(reason error) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	return errors.Join(reason, a.close(ctx), a.telemetry.Shutdown(ctx))
}

func (a *app) api() (*httpapi.Server, error) {
	cfg := httpapi.Config{
		Sites: a.sites.lookup, Keys: a.keys, KeyStore: keyStore{a},
		Logger: a.telemetry.Logger, MeterProvider: a.telemetry.Meter,
		TokenSecret: a.salt, Demo: a.cfg.demo, Version: version, Ready: a.ready,
	}
	if a.cfg.log.OTLPEndpoint != "" {
		cfg.TracerProvider = a.telemetry.Tracer // without one to send to, spans are not even begun
	}
	if a.cfg.extra != nil {
		var err error
		if cfg.Extra, err = a.cfg.extra(a); err != nil {
			return nil, err
		}
	}
	return httpapi.New(cfg)
}

// ready reports the first site that cannot answer.
func (a *app) ready() (err error) {
	a.sites.all.Range(func(_, v any) bool {
		err = v.(*site.Site).Ready()
		return err == nil
	})
	return err
}

// keyStore keeps keys that the control plane makes and opens their sites.
type keyStore struct{ a *app }

func (k keyStore) PutKey(ctx context.Context, key keys.Key) error { return k.a.addKey(ctx, key) }

// newID makes ids that sort by the time they were made.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
