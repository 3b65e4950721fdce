package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/nextbest/nextbest/store"
)

func decisionFaults() []planted {
	return []planted{
		{"decisions/newest_first", func(f *faulty) {
			f.onDecisions = func(ctx context.Context, site string, before int64, limit int) ([]store.Decision, error) {
				all, err := f.Store.Decisions(ctx, site, before, limit)
				slices.Reverse(all)
				return all, err
			}
		}},
		{"decisions/newest_first", func(f *faulty) { // takes the oldest of them
			f.onDecisions = func(ctx context.Context, site string, before int64, limit int) ([]store.Decision, error) {
				all, err := f.Store.Decisions(ctx, site, before, 0)
				if limit > 0 {
					all = all[max(0, len(all)-limit):]
				}
				return all, err
			}
		}},
		{"decisions/newest_first", func(f *faulty) {
			f.onDecisions = func(ctx context.Context, site string, before int64, limit int) ([]store.Decision, error) {
				return f.Store.Decisions(ctx, site, before+1, limit)
			}
		}},
		{"decisions/one_by_time_and_id", func(f *faulty) {
			f.onDecision = func(ctx context.Context, site string, at int64, id string) (store.Decision, error) {
				all, err := f.Store.Decisions(ctx, site, at+1, 1)
				if err != nil || len(all) == 0 {
					return f.Store.Decision(ctx, site, at, id)
				}
				return all[0], nil
			}
		}},
		{"decisions/put_replaces", func(f *faulty) { // keeps what was there first
			f.onPutDecisions = func(ctx context.Context, site string, all []store.Decision) error {
				for _, d := range all {
					if _, err := f.Store.Decision(ctx, site, d.At, d.ID); err == nil {
						continue
					}
					if err := f.Store.PutDecisions(ctx, site, []store.Decision{d}); err != nil {
						return err
					}
				}
				return nil
			}
		}},
		{"decisions/drop_before_a_time", func(f *faulty) {
			f.onDropDecisions = func(ctx context.Context, site string, before time.Time) error {
				return f.Store.DropDecisions(ctx, site, before.Add(time.Millisecond))
			}
		}},
		{"decisions/drop_before_a_time", func(f *faulty) {
			f.onDropDecisions = func(context.Context, string, time.Time) error { return nil }
		}},
		{"decisions/sites_stay_apart", func(f *faulty) {
			f.onPutDecisions = func(ctx context.Context, site string, all []store.Decision) error {
				return f.Store.PutDecisions(ctx, site[:1], all)
			}
		}},
		{"decisions/keeps_no_buffer", func(f *faulty) {
			var kept []store.Decision
			f.onPutDecisions = func(_ context.Context, _ string, all []store.Decision) error {
				kept = all
				return nil
			}
			f.onDecision = func(context.Context, string, int64, string) (store.Decision, error) { return kept[0], nil }
		}},
	}
}
