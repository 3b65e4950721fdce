package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/store"
)

// storeFolder is where a data directory holds its store.
func storeFolder(data string) string { return filepath.Join(data, "store") }

// modelFolder is where a data directory holds the files of active models.
func modelFolder(data string) string { return filepath.Join(data, "models") }

// storeExists reports whether a data directory holds a store.
func storeExists(data string) bool {
	entries, err := os.ReadDir(storeFolder(data))
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "MANIFEST-") })
}

const siteLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// checkSite refuses names that cannot stand in paths and logs as they are.
func checkSite(p *problems, name string) {
	if name == "" || len(name) > 64 || strings.Trim(name, siteLetters) != "" || name == ownSite {
		p.addf("--site %q: a site's name has 1 to 64 of the letters a-z A-Z 0-9 . _ -", name)
	}
}

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
func withSite(ctx context.Context, t targetFlags, fn func(*site.Site) error) error {
	return withStore(t, func(db store.Store) error {
		if err := knownSite(ctx, db, t.Site); err != nil {
			return err
		}
		st, err := site.Open(ctx, site.Config{
			Name: t.Site, Store: db, Now: time.Now, NewID: newID, Logger: slog.New(slog.DiscardHandler),
			Settings: site.Settings{DefaultConsent: event.ConsentSession},
			Dir:      modelFolder(t.Data), Workers: runtime.GOMAXPROCS(0), // nobody is served meanwhile
		})
		if err != nil {
			return err
		}
		defer st.Close()
		return fn(st)
	})
}

// knownSite refuses a site that the store has nothing of: nobody could ask for
// what a typing error puts there.
func knownSite(ctx context.Context, db store.Store, name string) error {
	sites, err := db.Sites(ctx)
	if err != nil {
		return fmt.Errorf("read the sites: %w", err)
	}
	sites = slices.DeleteFunc(sites, func(s string) bool { return s == ownSite })
	switch {
	case slices.Contains(sites, name):
		return nil
	case len(sites) == 0:
		return fmt.Errorf("the store has no site yet; `nextbest keys create --site %s` makes one", name)
	}
	return fmt.Errorf("the store has no site %q; it has: %s. `nextbest keys create --site %s` makes a new one", name, strings.Join(sites, ", "), name)
}
