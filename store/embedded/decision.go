package embedded

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/store"
)

// PutDecisions stores decisions in one commit.
func (s *Store) PutDecisions(ctx context.Context, site string, all []store.Decision) error {
	if err := s.enterWrite(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	x := s.scratch.Get().(*scratch)
	defer s.recycle(x)
	b := s.db.NewBatch()
	defer b.Close()
	if err := s.touch(b, x, site); err != nil {
		return fmt.Errorf("store decisions: %w", err)
	}
	for _, d := range all {
		x.key = eventKey(prefix(x.key[:0], spaceDecision, site), d.At, d.ID)
		if err := b.Set(x.key, d.Body, nil); err != nil {
			return translate("store decisions", err)
		}
	}
	return s.commitTouched("store decisions", b, x)
}

// Decision reads one.
func (s *Store) Decision(ctx context.Context, site string, at int64, id string) (store.Decision, error) {
	if err := s.enter(ctx); err != nil {
		return store.Decision{}, err
	}
	defer s.gate.leave()
	body, ok, err := s.get(eventKey(prefix(nil, spaceDecision, site), at, id))
	if err != nil {
		return store.Decision{}, translate("read a decision", err)
	}
	if !ok {
		return store.Decision{}, fault.NotFoundf("unknown_decision", "no decision %q was kept", id)
	}
	return store.Decision{ID: id, At: at, Body: body}, nil
}

// Decisions reads backwards from a time.
func (s *Store) Decisions(ctx context.Context, site string, before int64, limit int) (all []store.Decision, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	p := prefix(nil, spaceDecision, site)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: p, UpperBound: appendTime(slices.Clone(p), before)})
	if err != nil {
		return nil, translate("read decisions", err)
	}
	defer func() {
		if closing := it.Close(); err == nil {
			err = translate("read decisions", closing)
		}
	}()
	for ok := it.Last(); ok && (limit <= 0 || len(all) < limit); ok = it.Prev() {
		if len(all)%checkEvery == 0 {
			if err := store.ContextError(ctx); err != nil {
				return nil, err
			}
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return nil, translate("read decisions", err)
		}
		key := it.Key()
		at := int64(binary.BigEndian.Uint64(key[len(p):]) ^ 1<<63)
		all = append(all, store.Decision{ID: eventID(key, len(p)), At: at, Body: slices.Clone(value)})
	}
	return all, translate("read decisions", it.Error())
}

// DropDecisions removes those before a time in one range deletion.
func (s *Store) DropDecisions(ctx context.Context, site string, before time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	b := s.db.NewBatch()
	defer b.Close()
	p := prefix(nil, spaceDecision, site)
	if err := b.DeleteRange(p, appendTime(slices.Clone(p), before.UnixMilli()), nil); err != nil {
		return translate("drop decisions", err)
	}
	return s.commit("drop decisions", b)
}
