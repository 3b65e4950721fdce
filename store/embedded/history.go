package embedded

import (
	"context"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/store"
)

// PutHistory stores records under their owners. The key needs no month: it is
// part of the time.
func (s *Store) PutHistory(ctx context.Context, recs []event.Record) error {
	if err := s.enterWrite(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	x := s.scratch.Get().(*scratch)
	defer s.recycle(x)
	s.presence.writing.RLock()
	defer s.presence.writing.RUnlock()
	b := s.db.NewBatch()
	defer b.Close()
	for i := range recs {
		r := &recs[i]
		if s.marks.of(r.Site).hides(r) {
			continue
		}
		var err error
		if x.value, err = appendRecord(x.value[:0], r); err != nil {
			return err
		}
		if err := s.touch(b, x, r.Site); err != nil {
			return translate("store history", err)
		}
		owner := store.Owner(r)
		s.presence.note(spaceHistory, r.Site, owner)
		x.key = eventKey(prefix(x.key[:0], spaceHistory, r.Site, owner), r.TS, r.ID)
		if err := b.Set(x.key, x.value, nil); err != nil {
			return translate("store history", err)
		}
	}
	return s.commitTouched("store history", b, x)
}

// commitTouched commits and then remembers the sites that became known by it.
func (s *Store) commitTouched(doing string, b *pebble.Batch, x *scratch) error {
	if err := s.commit(doing, b); err != nil {
		return err
	}
	s.remember(x.sites)
	return nil
}

func (s *Store) remember(sites []string) {
	for _, site := range sites {
		s.sites.Store(site, struct{}{})
	}
}

// History reads an owner's records from the newest.
func (s *Store) History(ctx context.Context, site, owner string, limit int) ([]event.Record, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	if !s.presence.maybe(spaceHistory, site, owner) {
		return nil, nil
	}
	x := s.scratch.Get().(*scratch)
	defer s.scratch.Put(x)
	x.key = prefix(x.key[:0], spaceHistory, site, owner)
	recs, _, err := s.newest(x.key, site, limit, 0)
	return recs, err
}

// MayHaveHistory is false when the owner certainly has none. It reads nothing.
func (s *Store) MayHaveHistory(site, owner string) bool {
	return s.presence.maybe(spaceHistory, site, owner)
}

// BuiltIn makes a profile of an owner's history.
func (s *Store) BuiltIn(ctx context.Context, site, owner, exceptSession string) (*profile.Profile, error) {
	return store.BuiltIn(ctx, s, site, owner, exceptSession, s.now())
}

// Sweep removes session events by their receipt, over all sites.
func (s *Store) Sweep(ctx context.Context, now time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	limit := now.Add(-store.SessionEventsKept).UnixMilli()
	err := s.remove(ctx, "sweep session events", []byte{spaceSession}, func(_, value []byte) (bool, error) {
		return receivedAt(value) < limit, nil
	})
	if err != nil {
		return err
	}
	err = s.removeVisitors(ctx, []byte{spaceVisitor}, func(v session.Visitor) bool {
		return !v.Lasting && v.SessionAt < limit
	})
	if err != nil {
		return err
	}
	return s.renewPresence(ctx)
}

// DropHistory removes old history rows and idle visitors.
func (s *Store) DropHistory(ctx context.Context, site string, before time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	limit := before.UnixMilli()
	err := s.remove(ctx, "drop history", prefix(nil, spaceHistory, site), func(_, value []byte) (bool, error) {
		return receivedAt(value) < limit, nil
	})
	if err != nil {
		return err
	}
	return s.removeVisitors(ctx, prefix(nil, spaceVisitor, site), func(v session.Visitor) bool { return v.SessionAt < limit })
}

// removeBatch is how many rows are removed by one commit.
const removeBatch = 1000

// remove deletes the rows under a prefix that match says are to go. Rows that
// are written meanwhile stay, unless they replace one that has been seen.
func (s *Store) remove(ctx context.Context, doing string, p []byte, match func(key, value []byte) (bool, error)) (err error) {
	it, err := s.rows(p)
	if err != nil {
		return translate(doing, err)
	}
	b := s.db.NewBatch()
	defer func() {
		closing := it.Close()
		b.Close()
		if err == nil {
			err = translate(doing, closing)
		}
	}()
	seen := 0
	for ok := it.First(); ok; ok = it.Next() {
		if seen++; seen%checkEvery == 0 {
			if err := store.ContextError(ctx); err != nil {
				return err
			}
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return translate(doing, err)
		}
		gone, err := match(it.Key(), value)
		if err != nil {
			return err
		}
		if !gone {
			continue
		}
		if err := b.Delete(it.Key(), nil); err != nil {
			return translate(doing, err)
		}
		if b.Count() >= removeBatch {
			if err := s.commit(doing, b); err != nil {
				return err
			}
			b.Reset()
		}
	}
	if err := it.Error(); err != nil {
		return translate(doing, err)
	}
	return s.commit(doing, b)
}
