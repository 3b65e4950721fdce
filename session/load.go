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

// shared runs one read of the store for all who ask for the same thing at the
// same time. It has a deadline of its own: the first caller may give up
// without failing the others.
func (s *Sessions) shared(ctx context.Context, name string, read func(context.Context) error) error {
	done := s.loads.DoChan(name, func() (_ any, err error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.LoadTimeout)
		defer cancel()
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic while reading: %v", p)
			}
		}()
		return nil, read(ctx)
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return unavailable(r.Err)
		}
		return nil
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
}

func unavailable(cause error) error {
	return fault.Unavailablef("store", "the store could not be read; try again").As(cause)
}

// loadVisitor reads the visitor's row and merges it into memory.
func (s *Sessions) loadVisitor(ctx context.Context, site, id string) error {
	return s.shared(ctx, "v\x00"+site+"\x00"+id, func(ctx context.Context) error {
		sh := s.shard(site, id)
		forgets := sh.generation()
		row, err := s.cfg.Source.Visitor(ctx, site, id)
		if err != nil {
			return fmt.Errorf("read the visitor: %w", err)
		}
		now := s.cfg.Now()
		sh.mu.Lock()
		defer sh.mu.Unlock()
		if sh.forgets != forgets {
			return errErasedMeanwhile
		}
		v := sh.visitor(site, id, now.UnixMilli())
		if row.ErasedAt > v.ErasedAt { // perhaps by another node
			sh.forget(site, id, row.ErasedAt)
			v = sh.visitor(site, id, now.UnixMilli())
		}
		v.merge(row)
		v.readAt = max(now.UnixMilli(), 1)
		return nil
	})
}

// loadSession reads the session's events and merges them into memory.
func (s *Sessions) loadSession(ctx context.Context, key Key) error {
	return s.shared(ctx, "s\x00"+key.Site+"\x00"+key.Visitor+"\x00"+key.Session, func(ctx context.Context) error {
		sh := s.shard(key.Site, key.Visitor)
		forgets := sh.generation()
		started := s.cfg.Now()
		records, ids, err := s.cfg.Source.SessionEvents(ctx, key, rehydrateLimit)
		if err != nil {
			return fmt.Errorf("read the session: %w", err)
		}
		sh.mu.Lock()
		defer sh.mu.Unlock()
		if sh.forgets != forgets {
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

func (sh *shard) generation() uint64 {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.forgets
}
