package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nextbest/nextbest/internal/httpapi"
	"github.com/nextbest/nextbest/internal/site"
)

// siteSet holds the open sites. Looking one up takes no lock.
type siteSet struct {
	mu   sync.Mutex // one opening at a time
	open func(ctx context.Context, name string) (*site.Site, error)
	all  sync.Map // name → *site.Site
}

// ensure returns the site, opening it when it is not open yet.
func (s *siteSet) ensure(ctx context.Context, name string) (*site.Site, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.all.Load(name); ok {
		return v.(*site.Site), nil
	}
	opened, err := s.open(ctx, name)
	if err != nil {
		return nil, err
	}
	s.all.Store(name, opened)
	return opened, nil
}

func (s *siteSet) lookup(name string) (httpapi.Site, bool) {
	v, ok := s.all.Load(name)
	if !ok {
		return nil, false
	}
	return v.(*site.Site), true
}

func (s *siteSet) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.Range(func(name, v any) bool {
		v.(*site.Site).Close()
		s.all.Delete(name)
		return true
	})
}

const (
	ownSite    = "-" // checkpoints of the store itself, of no site
	secretName = "secret"
)

// secret is the store's own random key: it signs recommendation ids and hides
// the ids of visitors who gave no lasting consent. Made at the first start.
func (a *app) secret(ctx context.Context) ([]byte, error) {
	s, err := a.store.Checkpoint(ctx, ownSite, secretName)
	if err != nil {
		return nil, fmt.Errorf("read the store's secret: %w", err)
	}
	if s != nil {
		return s, nil
	}
	s = make([]byte, 32)
	if _, err := rand.Read(s); err != nil {
		return nil, fmt.Errorf("make the store's secret: %w", err)
	}
	if err := a.store.PutCheckpoint(ctx, ownSite, secretName, s); err != nil {
		return nil, fmt.Errorf("keep the store's secret: %w", err)
	}
	return s, nil
}

const upkeepEvery = 10 * time.Minute

// upkeep drops what is past its time: session events after two days, the log
// after its retention.
func (a *app) upkeep(ctx context.Context) {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			a.drop(ctx, now)
		}
	}
}

func (a *app) drop(ctx context.Context, now time.Time) {
	if err := a.store.Sweep(ctx, now); err != nil {
		a.telemetry.Logger.Error("old session events were not dropped; the next round tries again", "cause", err)
	}
	before := now.Add(-a.cfg.store.Retention)
	a.sites.all.Range(func(name, _ any) bool {
		err := errors.Join(a.store.DropLog(ctx, name.(string), before), a.store.DropHistory(ctx, name.(string), before))
		if err != nil {
			a.telemetry.Logger.Error("old events were not dropped; the next round tries again", "site", name, "cause", err)
		}
		return true
	})
}
