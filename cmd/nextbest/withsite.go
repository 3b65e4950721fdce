package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/store"
)

// withStore opens the files of a stopped server for fn.
func withStore(t targetFlags, fn func(store.Store) error) (err error) {
	db, err := openStore(t.dataStore())
	if err != nil {
		return err
	}
	defer func() {
		if e := db.Close(); err == nil {
			err = e
		}
	}()
	return fn(db)
}

// withSite opens a site of a stopped server for fn: what it does there is live
// at the next start.
func withSite(ctx context.Context, t targetFlags, params rows.Params, fn func(*site.Site) error) error {
	return withStore(t, func(db store.Store) error {
		st, err := site.Open(ctx, site.Config{
			Name: t.Site, Store: db, Now: time.Now, NewID: newID, Logger: slog.New(slog.DiscardHandler),
			Settings: site.Settings{Train: params, DefaultConsent: event.ConsentSession},
		})
		if err != nil {
			return err
		}
		defer st.Close()
		return fn(st)
	})
}
