package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/store"
)

// PutDecisions stores decisions under their time and id.
func (s *Store) PutDecisions(ctx context.Context, site string, all []store.Decision) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	x := s.touch(site)
	for _, d := range all {
		x.decisions[rowID{d.At, d.ID}] = append([]byte{}, d.Body...)
	}
	return nil
}

// Decision returns one.
func (s *Store) Decision(ctx context.Context, site string, at int64, id string) (store.Decision, error) {
	if err := s.enter(ctx); err != nil {
		return store.Decision{}, err
	}
	defer s.mu.Unlock()
	body, ok := s.site(site).decisions[rowID{at, id}]
	if !ok {
		return store.Decision{}, fault.NotFoundf("unknown_decision", "no decision %q was kept", id)
	}
	return store.Decision{ID: id, At: at, Body: slices.Clone(body)}, nil
}

// Decisions returns those before a time, newest first.
func (s *Store) Decisions(ctx context.Context, site string, before int64, limit int) ([]store.Decision, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var all []store.Decision
	for row, body := range s.site(site).decisions {
		if row.ts < before {
			all = append(all, store.Decision{ID: row.id, At: row.ts, Body: slices.Clone(body)})
		}
	}
	slices.SortFunc(all, func(a, b store.Decision) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(b.ID, a.ID)) })
	if limit > 0 {
		all = all[:min(limit, len(all))]
	}
	return all, nil
}

// DropDecisions removes those before a time.
func (s *Store) DropDecisions(ctx context.Context, site string, before time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	x := s.site(site)
	for row := range x.decisions {
		if row.ts < before.UnixMilli() {
			delete(x.decisions, row)
		}
	}
	return nil
}
