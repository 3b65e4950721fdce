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
	Inline      bool             // the store is on this machine: read it at once, without a goroutine and LoadTimeout
	Now         func() time.Time // time.Now by default
	Random      func() float64   // in [0,1), spreads the times by ±10 %; math/rand by default
}

// Knower is a store that knows without a read who has no history.
type Knower interface {
	// MayHaveHistory is false when the owner certainly has none: neither one
	// that is stored nor one whose write was acknowledged.
	MayHaveHistory(site, owner string) bool
}

// Store is the decorator. Its methods may be called concurrently.
type Store struct {
	store.Store
	cache  *cache
	knower Knower // nil when the store below is none
}

var _ store.Store = (*Store)(nil)

// New puts a cache before a store. Closing it closes the store.
func New(inner store.Store, opts Options) (*Store, error) {
	c, err := newCache(opts.withDefaults(), func(ctx context.Context, q *query) (loaded, error) { return read(ctx, inner, q) })
	if err != nil {
		return nil, err
	}
	knower, _ := inner.(Knower)
	return &Store{Store: inner, cache: c, knower: knower}, nil
}

// Close waits for the reads under way and closes cache and store.
func (s *Store) Close() error {
	s.cache.close()
	return s.Store.Close()
}

const (
	kindProfile = 'p'
	kindBuiltIn = 'b'
	kindHistory = 'h'
)

// read asks the store below.
func read(ctx context.Context, s store.Store, q *query) (loaded, error) {
	if q.kind == kindHistory {
		recs, err := s.History(ctx, q.site, q.id, q.limit)
		return loaded{value: recs, bytes: recordsBytes(recs), empty: len(recs) == 0}, err
	}
	var p *profile.Profile
	var err error
	if q.kind == kindProfile {
		p, err = s.Profile(ctx, q.site, q.id)
	} else {
		p, err = s.BuiltIn(ctx, q.site, q.id, q.except)
	}
	return loaded{value: p, bytes: profileBytes(p), empty: p == nil}, err
}

// Profile answers from the cache where it can. The profile is shared: read only.
func (s *Store) Profile(ctx context.Context, site, id string) (*profile.Profile, error) {
	return s.profile(ctx, query{group: profiles, kind: kindProfile, site: site, id: id})
}

// BuiltIn answers from the cache where it can. The profile is shared: read
// only. Events of the excepted session do not make an entry stale, or a visitor
// who clicks would never be served from the cache. Most who ask are new: where
// the store knows that, the cache is not troubled with them.
func (s *Store) BuiltIn(ctx context.Context, site, owner, exceptSession string) (*profile.Profile, error) {
	if s.knower != nil && !s.knower.MayHaveHistory(site, owner) {
		return nil, s.cache.open(ctx)
	}
	return s.profile(ctx, query{group: histories, kind: kindBuiltIn, site: site, id: owner, except: exceptSession})
}

func (s *Store) profile(ctx context.Context, q query) (*profile.Profile, error) {
	v, err := s.cache.get(ctx, q)
	if err != nil {
		return nil, err
	}
	p, _ := v.(*profile.Profile)
	return p, nil
}

// History answers from the cache where it can. What the records refer to is
// shared: read only.
func (s *Store) History(ctx context.Context, site, owner string, limit int) ([]event.Record, error) {
	v, err := s.cache.get(ctx, query{group: histories, kind: kindHistory, site: site, id: owner, limit: limit})
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
			r := &recs[i]
			if i > 0 && sameRun(r, &recs[i-1]) {
				continue // once is enough
			}
			s.cache.generations.bump(histories, r.Site, store.Owner(r), r.Session)
		}
	}()
	return s.Store.PutHistory(ctx, recs)
}

func sameRun(a, b *event.Record) bool {
	return a.Session == b.Session && a.Site == b.Site && store.Owner(a) == store.Owner(b)
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
