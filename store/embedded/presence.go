package embedded

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/nextbest/nextbest/store"
)

// presence knows in memory which visitors have a row and which owners a
// history. Most who ask for a recommendation are new, and that there is nothing
// of them should not cost a search of the memtables and of every level.
//
// It is filled beside the calls after the store was opened; until then, and
// when that fails, it says of everybody that there may be something.
type presence struct {
	seed maphash.Seed
	// writing is held for reading from the note of a row until its commit has
	// ended: a filling that begins behind it either sees the row or the note.
	writing sync.RWMutex
	current atomic.Pointer[filter] // complete; nil while none is
	next    atomic.Pointer[filter] // is being filled; nil when none is
	filling sync.Mutex
	filled  int64 // entries when current was filled
	began   sync.WaitGroup
}

func (p *presence) hash(space byte, site, id string) uint64 {
	return maphash.String(p.seed, id) ^ bits.RotateLeft64(maphash.String(p.seed, site), int(space))
}

// note says that a row is about to be written. The caller holds writing.
func (p *presence) note(space byte, site, id string) {
	h := p.hash(space, site, id)
	if f := p.current.Load(); f != nil {
		f.add(h)
	}
	if f := p.next.Load(); f != nil {
		f.add(h)
	}
}

// maybe reports whether there may be a row; false is certain.
func (p *presence) maybe(space byte, site, id string) bool {
	f := p.current.Load()
	return f == nil || f.has(p.hash(space, site, id))
}

// swap changes the filters while nobody writes.
func (p *presence) swap(current, next *filter) {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.current.Store(current)
	p.next.Store(next)
}

// errStopped ends a filling when the store is closed.
var errStopped = errors.New("the store is being closed")

// fillPresence reads whom the store knows. It never ends the process: a damaged
// store is reported to whoever reads it.
func (s *Store) fillPresence(ctx context.Context) (err error) {
	p := &s.presence
	p.filling.Lock()
	defer p.filling.Unlock()
	f := newFilter()
	p.swap(p.current.Load(), f)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
		if err != nil {
			p.swap(p.current.Load(), nil)
		}
	}()
	for _, space := range []byte{spaceVisitor, spaceHistory} {
		if err := s.collect(ctx, f, space); err != nil {
			return err
		}
	}
	p.filled = f.len()
	p.swap(f, nil)
	return nil
}

// collect adds the names of a space, which are a site and an id.
func (s *Store) collect(ctx context.Context, f *filter, space byte) (err error) {
	it, err := s.rows([]byte{space})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	seen := 0
	for ok := it.First(); ok; ok = it.NextPrefix() {
		if seen++; seen%checkEvery == 0 {
			if err := s.goesOn(ctx); err != nil {
				return err
			}
		}
		site, rest, okSite := firstPart(it.Key()[1:])
		id, _, okID := firstPart(rest)
		if !okSite || !okID {
			return badRow("name", errBadValue)
		}
		f.add(s.presence.hash(space, site, id))
	}
	return it.Error()
}

func (s *Store) goesOn(ctx context.Context) error {
	select {
	case <-s.stop:
		return errStopped
	default:
		return store.ContextError(ctx)
	}
}

// startPresence fills it beside the calls; Close waits for the end.
func (s *Store) startPresence() {
	s.presence.began.Go(func() {
		err := s.fillPresence(context.Background())
		if err != nil && !errors.Is(err, errStopped) && !errors.Is(err, pebble.ErrClosed) {
			s.logger.Warn("whom the store knows could not be read; every new visitor is looked for", "error", err)
		}
	})
}

// manyGone is from how many entries, beside twice those that were there, a
// filter is made anew: names are never taken out, and pseudonyms live a day.
const manyGone = 1 << 20

// renewPresence drops the names of rows that were removed, when they are many.
func (s *Store) renewPresence(ctx context.Context) error {
	f := s.presence.current.Load()
	if f == nil || f.len() < 2*s.presence.atLastFilling()+manyGone {
		return nil
	}
	return translate("renew whom the store knows", s.fillPresence(ctx))
}

func (p *presence) atLastFilling() int64 {
	p.filling.Lock()
	defer p.filling.Unlock()
	return p.filled
}
