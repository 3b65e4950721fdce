package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session/event"
)

// rehydrateLimit is how many of a session's newest events are read back. The
// store orders by the time as sent and the ring by the corrected one, and
// pages or impressions may lie between engagements: hence more than the ring.
const rehydrateLimit = 512

var errErasedMeanwhile = errors.New("the visitor was erased while it was read")

// stale reports that a copy read at readAt may be behind the store.
func (s *Sessions) stale(readAt int64, now time.Time) bool {
	if readAt == 0 {
		return true
	}
	return s.cfg.Refresh > 0 && now.UnixMilli()-readAt > s.cfg.Refresh.Milliseconds()
}

// loadKey names a read of the store: of a visitor when Session is "".
//
// One who looks for something that was stored just now must not join a read
// that began before. Such a reader says what it looks for as `because`: it
// shares only with those who look for the same, and always reads. Without, a
// copy that somebody else has read meanwhile will do.
type loadKey struct {
	Key
	because string
}

// shared runs one read of the store for all who ask for the same thing at the
// same time. It does not end with the first caller, who may give up without
// failing the others: it has a deadline of its own, or is over at once.
func (s *Sessions) shared(ctx context.Context, key loadKey, read func(context.Context) error) (err error) {
	if s.cfg.Local {
		_, err = s.loads.Here(ctx, key, func() (struct{}, error) {
			return struct{}{}, guarded(context.WithoutCancel(ctx), read)
		})
	} else {
		_, err = s.loads.Beside(ctx, key, func() (struct{}, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.LoadTimeout)
			defer cancel()
			return struct{}{}, guarded(ctx, read)
		})
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// guarded turns a panic of a read into an error: others wait for it.
func guarded(ctx context.Context, read func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while reading: %v", p)
		}
	}()
	return read(ctx)
}

func unavailable(cause error) error {
	return fault.Unavailablef("store", "the store could not be read; try again").Because(cause)
}

// loadVisitor reads the visitor's row and merges it into memory.
func (s *Sessions) loadVisitor(ctx context.Context, site, id, because string) error {
	return s.shared(ctx, loadKey{Key{Site: site, Visitor: id}, because}, func(ctx context.Context) error {
		sh := s.shard(site, id)
		began, have := sh.before(func() bool {
			v := sh.visitors.get(visitorKey{site, id})
			return v != nil && !s.stale(v.readAt, s.cfg.Now())
		})
		if have && because == "" {
			return nil
		}
		row, err := s.cfg.Source.Visitor(ctx, site, id)
		if err != nil {
			return fmt.Errorf("read the visitor: %w", err)
		}
		now := s.cfg.Now()
		sh.mu.Lock()
		defer sh.mu.Unlock()
		if sh.forgets != began.forgets {
			return errErasedMeanwhile
		}
		v := sh.visitor(site, id, now.UnixMilli())
		if row.ErasedAt > v.ErasedAt { // perhaps by another node
			sh.forget(site, id, row.ErasedAt)
			v = sh.visitor(site, id, now.UnixMilli())
		}
		v.merge(row)
		v.readAt = max(now.UnixMilli(), 1)
		v.absent = row == Visitor{} && v.claims == 0 && sh.claims == began.claims
		return nil
	})
}

// loadSession reads the session's events and merges them into memory.
func (s *Sessions) loadSession(ctx context.Context, key Key, because string) error {
	return s.shared(ctx, loadKey{key, because}, func(ctx context.Context) error {
		sh := s.shard(key.Site, key.Visitor)
		began, have := sh.before(func() bool {
			l := sh.sessions.get(key)
			return l != nil && l.hydrated && !s.stale(l.readAt, s.cfg.Now())
		})
		if have && because == "" {
			return nil
		}
		started := s.cfg.Now()
		records, ids, err := s.cfg.Source.SessionEvents(ctx, key, rehydrateLimit)
		if err != nil {
			return fmt.Errorf("read the session: %w", err)
		}
		sh.mu.Lock()
		defer sh.mu.Unlock()
		if sh.forgets != began.forgets {
			return errErasedMeanwhile
		}
		l := sh.session(key, started.UnixMilli())
		s.rehydrate(l, records, ids)
		l.hydrated, l.readAt = true, max(started.UnixMilli(), 1)
		return nil
	})
}

// rehydrate merges what the store has into a live session. What is in memory
// only, on its way to the store, stays.
func (s *Sessions) rehydrate(l *live, records []event.Record, ids []string) {
	for i := range records {
		h := s.hash(records[i].ID)
		l.fold(&records[i], h)
		l.settle(h)
	}
	for _, id := range ids {
		h := s.hash(id)
		l.remember(h, int64(l.day)*dayMs)
		l.settle(h)
	}
}

// settle notes that an event is in the store after all.
func (l *live) settle(h uint64) {
	if l.unstored == nil {
		return
	}
	if l.unstored.remove(h); l.unstored.n == 0 {
		l.unstored = nil
	}
}

// counters are those of a shard.
type counters struct{ forgets, claims uint64 }

// before is what to know when a read begins: the counters, and whether memory
// has it by now.
func (sh *shard) before(look func() bool) (began counters, have bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return counters{sh.forgets, sh.claims}, look()
}

// nothingStored reports that the store has no event of the visitor: what is not
// in memory does not exist.
func (s *Sessions) nothingStored(v *visitorState, now time.Time) bool {
	return v != nil && v.absent && !s.stale(v.readAt, now)
}
