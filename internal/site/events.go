package site

import (
	"context"
	"strings"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/session/ingest"
)

// Collect takes a batch of events in under this site's settings. An accepted
// event is stored, unless the request's mode is Async.
func (s *Site) Collect(ctx context.Context, r *ingest.Request) (ingest.Result, error) {
	set := &s.cfg.Settings
	r.Site, r.TrustUser, r.DefaultConsent, r.IdentitySecret = s.cfg.Name, set.TrustUser, set.DefaultConsent, set.IdentitySecret
	return s.cfg.Collector.Collect(ctx, r)
}

const importBatch = 1000

// ImportEvents writes historic events with the times they carry: they enter
// the log and the visitors' histories, not the sessions in memory. It returns
// how many were stored before the first failure.
func (s *Site) ImportEvents(ctx context.Context, recs []event.Record) (int, error) {
	done := 0
	for len(recs) > 0 {
		n := min(importBatch, len(recs))
		for i := range recs[:n] {
			recs[i].Site = s.cfg.Name
		}
		if err := s.cfg.Store.Append(ctx, ingest.Write{Records: recs[:n]}); err != nil {
			return done, fault.Unavailablef("store_unavailable", "the store did not take the events; send the rest again").Because(err)
		}
		done += n
		recs = recs[n:]
	}
	return done, nil
}

func joined(names []string) string { return strings.Join(names, ", ") }
