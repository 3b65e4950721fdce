// Package memory keeps everything in maps behind one mutex: for tests, for demos
// that may forget, and as the simplest reading of what a store must do.
package memory

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nextbest/nextbest/internal/keys"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/store"
)

// Store is the backend. Its methods may be called concurrently.
type Store struct {
	now func() time.Time

	mu     sync.Mutex
	closed bool
	sites  map[string]*site
	keys   map[string]keys.Key
}

// site is all that one site owns: nothing is shared between two of them.
type site struct {
	known       bool // something was stored, not only erased or looked for
	sessions    map[session.Key]map[rowID]event.Record
	log         []logRow
	logHour     int64
	logSeq      uint64
	visitors    map[string]session.Visitor
	marks       map[string]int64
	history     map[string]map[rowID]event.Record
	checkpoints map[string][]byte
	slots       map[string]map[string]storedProfile
	active      string // dataset of profiles
	items       map[string]catalog.Item
	versions    map[versionID]storedVersion
	decisions   map[rowID][]byte
	pointers    map[string]string // kind → active id
}

// rowID makes a retried event the same row: the time exactly as sent and the id.
type rowID struct {
	ts int64
	id string
}

var _ store.Store = (*Store)(nil)

// New makes an empty store.
func New() *Store {
	return &Store{now: time.Now, sites: make(map[string]*site), keys: make(map[string]keys.Key)}
}

// site returns a site's data, made when absent. The mutex is held.
func (s *Store) site(name string) *site {
	x, ok := s.sites[name]
	if !ok {
		x = &site{
			sessions:    make(map[session.Key]map[rowID]event.Record),
			visitors:    make(map[string]session.Visitor),
			marks:       make(map[string]int64),
			history:     make(map[string]map[rowID]event.Record),
			checkpoints: make(map[string][]byte),
			slots:       make(map[string]map[string]storedProfile),
			items:       make(map[string]catalog.Item),
			versions:    make(map[versionID]storedVersion),
			decisions:   make(map[rowID][]byte),
			pointers:    make(map[string]string),
		}
		s.sites[name] = x
	}
	return x
}

// touch is site for a write that makes the site known.
func (s *Store) touch(name string) *site {
	x := s.site(name)
	x.known = true
	return x
}

func (x *site) mark(id string) int64 { return x.marks[id] }

// enter takes the mutex unless the context or the store has ended.
func (s *Store) enter(ctx context.Context) error {
	if err := store.ContextError(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.Closed()
	}
	return nil
}

// Durability says that nothing survives the process.
func (s *Store) Durability() string { return "memory" }

// Sites names the known sites.
func (s *Store) Sites(ctx context.Context) ([]string, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var all []string
	for name, x := range s.sites {
		if x.known {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all, nil
}

// PutKey stores one API key.
func (s *Store) PutKey(ctx context.Context, k keys.Key) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	k.Origins = slices.Clone(k.Origins)
	s.touch(k.Site)
	s.keys[k.ID] = k
	return nil
}

// Keys returns all API keys.
func (s *Store) Keys(ctx context.Context) ([]keys.Key, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var all []keys.Key
	for _, id := range slices.Sorted(maps.Keys(s.keys)) {
		k := s.keys[id]
		k.Origins = slices.Clone(k.Origins)
		all = append(all, k)
	}
	return all, nil
}

// PutCheckpoint replaces the value of a name.
func (s *Store) PutCheckpoint(ctx context.Context, site, name string, state []byte) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.touch(site).checkpoints[name] = append([]byte{}, state...)
	return nil
}

// Checkpoint returns the value of a name.
func (s *Store) Checkpoint(ctx context.Context, site, name string) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return slices.Clone(s.site(site).checkpoints[name]), nil
}

// Flush has nothing to do.
func (s *Store) Flush(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.mu.Unlock()
	return nil
}

// Close ends the store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
