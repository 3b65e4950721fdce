// Package cached keeps what a store read of profiles and histories in memory,
// as a decorator: it passes the suite that the store below passes.
//
// An acknowledged write through it is seen by every read that starts after it;
// generation.go says how. What another process writes to the same store is
// seen when an entry has passed its soft time.
package cached

import (
	"context"
	"slices"
	"time"

	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
	"github.com/nextbest/nextbest/store"
)

// Options tune a cache. The zero value is right for production.
type Options struct {
	MaxBytes    int64            // 64 MiB by default
	Soft        time.Duration    // an entry is fresh so long; 30 s by default
	Hard        time.Duration    // and may be shown so long while it is refreshed; 10 min by default
	Empty       time.Duration    // "there is none" is fresh so long, and shown twice as long; 10 s by default
	LoadTimeout time.Duration    // for one read of the store, whoever waits for it; 1 s by default
	Now         func() time.Time // time.Now by default
	Random      func() float64   // in [0,1), spreads the times by ±10 %; math/rand by default
}

// Store is the decorator. Its methods may be called concurrently.
type Store struct {
	store.Store
	cache *cache
}

var _ store.Store = (*Store)(nil)

// New puts a cache before a store. Closing it closes the store.
func New(inner store.Store, opts Options) (*Store, error) {
	c, err := newCache(opts.withDefaults())
	if err != nil {
		return nil, err
	}
	return &Store{Store: inner, cache: c}, nil
}

// Close waits for the reads under way and closes cache and store.
func (s *Store) Close() error {
	s.cache.close()
	return s.Store.Close()
}

// Profile answers from the cache where it can. The profile is shared: read only.
func (s *Store) Profile(ctx context.Context, site, id string) (*profile.Profile, error) {
	return s.profile(ctx, query{group: profiles, kind: 'p', site: site, id: id}, func(ctx context.Context) (*profile.Profile, error) {
		return s.Store.Profile(ctx, site, id)
	})
}

// BuiltIn answers from the cache where it can. The profile is shared: read
// only. Events of the excepted session do not make an entry stale, or a visitor
// who clicks would never be served from the cache.
func (s *Store) BuiltIn(ctx context.Context, site, owner, exceptSession string) (*profile.Profile, error) {
	q := query{group: histories, kind: 'b', site: site, id: owner, except: exceptSession}
	return s.profile(ctx, q, func(ctx context.Context) (*profile.Profile, error) {
		return s.Store.BuiltIn(ctx, site, owner, exceptSession)
	})
}

func (s *Store) profile(ctx context.Context, q query, read func(context.Context) (*profile.Profile, error)) (*profile.Profile, error) {
	v, err := s.cache.get(ctx, q, func(ctx context.Context) (loaded, error) {
		p, err := read(ctx)
		return loaded{value: p, bytes: profileBytes(p), empty: p == nil}, err
	})
	if err != nil {
		return nil, err
	}
	p, _ := v.(*profile.Profile)
	return p, nil
}

// History answers from the cache where it can. What the records refer to is
// shared: read only.
func (s *Store) History(ctx context.Context, site, owner string, limit int) ([]event.Record, error) {
	q := query{group: histories, kind: 'h', site: site, id: owner, limit: limit}
	v, err := s.cache.get(ctx, q, func(ctx context.Context) (loaded, error) {
		recs, err := s.Store.History(ctx, site, owner, limit)
		return loaded{value: recs, bytes: recordsBytes(recs), empty: len(recs) == 0}, err
	})
	if err != nil {
		return nil, err
	}
	recs, _ := v.([]event.Record)
	return slices.Clone(recs), nil
}

// The writes below change what is cached. Each marks it as changed after the
// store has answered and before the caller hears of it; an error may have
// changed it as well.

// PutHistory writes and outdates the owners' entries.
func (s *Store) PutHistory(ctx context.Context, recs []event.Record) error {
	defer func() {
		for i := range recs {
			s.cache.generations.bump(histories, recs[i].Site, store.Owner(&recs[i]), recs[i].Session)
		}
	}()
	return s.Store.PutHistory(ctx, recs)
}

// DropHistory writes and outdates the site's histories.
func (s *Store) DropHistory(ctx context.Context, site string, before time.Time) error {
	defer s.cache.generations.bumpSite(histories, site)
	return s.Store.DropHistory(ctx, site, before)
}

// PutProfiles writes and outdates the ids when the dataset is the active one.
// Should it become so meanwhile, the activation outdates the whole site.
func (s *Store) PutProfiles(ctx context.Context, site, version string, all []profile.Profile) error {
	defer func() {
		active, err := s.Store.ActiveProfiles(context.WithoutCancel(ctx), site)
		if err == nil && active != version {
			return
		}
		for i := range all {
			s.cache.generations.bump(profiles, site, all[i].ID, "")
		}
	}()
	return s.Store.PutProfiles(ctx, site, version, all)
}

// ActivateProfiles writes and outdates the site's profiles.
func (s *Store) ActivateProfiles(ctx context.Context, site, version string) error {
	defer s.cache.generations.bumpSite(profiles, site)
	return s.Store.ActivateProfiles(ctx, site, version)
}

// EraseVisitor writes and outdates the site: rows of other owners may name the
// visitor.
func (s *Store) EraseVisitor(ctx context.Context, site, visitor string, at time.Time) error {
	defer s.outdate(site)
	return s.Store.EraseVisitor(ctx, site, visitor, at)
}

func (s *Store) outdate(site string) {
	s.cache.generations.bumpSite(histories, site)
	s.cache.generations.bumpSite(profiles, site)
}

// Append writes; a visitor's row can carry an erasure mark that the store does
// not have yet.
func (s *Store) Append(ctx context.Context, w ingest.Write) error {
	for i := range w.Visitors {
		v := &w.Visitors[i]
		if v.ErasedAt == 0 {
			continue
		}
		if row, err := s.Store.Visitor(ctx, v.Site, v.ID); err != nil || row.ErasedAt < v.ErasedAt {
			defer s.outdate(v.Site)
		}
	}
	return s.Store.Append(ctx, w)
}
