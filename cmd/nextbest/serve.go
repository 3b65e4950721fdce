package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nextbest/nextbest/internal/keys"
	"github.com/nextbest/nextbest/session/event"
)

// storeFlags choose what is kept and how safely.
type storeFlags struct {
	Store      string        `default:"embedded" enum:"embedded,memory" help:"Where state is kept (${enum}); memory forgets at the end."`
	Data       string        `help:"Data directory of the embedded store." placeholder:"DIR"`
	Durability string        `default:"os" enum:"memory,os,disk" help:"What an acknowledged event survives: memory (up to 1 s may be lost), os (kill -9), disk (power loss)."`
	Retention  time.Duration `default:"9600h" help:"How long events are kept."`
}

// serveCmd serves until it is told to stop.
type serveCmd struct {
	listenFlags
	storeFlags
	logFlags
	printFlag
	SessionIdle    time.Duration `default:"30m" help:"Idle time after which a visitor's next event starts a new session."`
	MaxSessions    int           `default:"1000000" help:"Live sessions held in memory; more are read back from the store."`
	DefaultConsent string        `default:"session" enum:"none,session,full" help:"Consent of requests that say none (${enum})."`
	TrustUserID    bool          `help:"Take a user_id from a page without a user_token."`
	IdentitySecret string        `help:"Secret that signs user_token." placeholder:"SECRET"`
	Rules          string        `help:"File with merchandising rules (JSON)." placeholder:"FILE" type:"path"`
	Vectors        string        `help:"File with item vectors: id, vector, space (csv, tsv, ndjson, parquet); they meet profiles of the same space." placeholder:"FILE" type:"path"`
}

func (c *serveCmd) check() error {
	var p problems
	c.listenFlags.check(&p)
	if c.Store == "embedded" && c.Data == "" {
		p.addf("--store embedded needs --data DIR, the directory to keep things in")
	}
	if c.Store == "memory" && c.Data != "" {
		p.addf("--store memory keeps nothing: leave --data out, or use --store embedded")
	}
	if c.SessionIdle < time.Minute || c.SessionIdle > 24*time.Hour {
		p.addf("--session-idle %s is outside 1m to 24h", c.SessionIdle)
	}
	if c.MaxSessions < 1000 {
		p.addf("--max-sessions %d is below 1000", c.MaxSessions)
	}
	if c.Retention < 48*time.Hour {
		p.addf("--retention %s is below 48h, the life of a session", c.Retention)
	}
	if c.IdentitySecret != "" && len(c.IdentitySecret) < 16 {
		p.addf("--identity-secret is shorter than 16 characters")
	}
	return p.err()
}

// Run serves until ctx ends or a listener fails.
func (c *serveCmd) Run(ctx context.Context, s streams) error {
	if c.PrintConfig {
		shown := *c
		if shown.IdentitySecret != "" {
			shown.IdentitySecret = redacted
		}
		return writeJSON(s.out, shown)
	}
	if err := c.check(); err != nil {
		return err
	}
	rules, err := readRules(c.Rules)
	if err != nil {
		return err
	}
	vectors, err := readVectors(ctx, c.Vectors)
	if err != nil {
		return err
	}
	cfg := c.appConfig()
	cfg.rules, cfg.vectors = rules, vectors
	app, err := newApp(ctx, cfg, s)
	if err != nil {
		return err
	}
	if err := c.firstKeys(ctx, app, s); err != nil {
		return app.abandon(err)
	}
	return app.serve(ctx)
}

func (c *serveCmd) appConfig() appConfig {
	consent, _ := event.ParseConsent(c.DefaultConsent) // the flag's enum lets only levels through
	return appConfig{
		listen: c.listenFlags, store: c.storeFlags, log: c.logFlags,
		idle: c.SessionIdle, maxSessions: c.MaxSessions,
		consent: consent, trustUser: c.TrustUserID, identitySecret: []byte(c.IdentitySecret),
	}
}

const firstSite = "main"

// firstKeys makes the first two keys of a new store and shows them, on this
// machine only: reachable from elsewhere, a server without keys would be
// anybody's.
func (c *serveCmd) firstKeys(ctx context.Context, app *app, s streams) error {
	if app.keys.Len() > 0 {
		return nil
	}
	if !loopback(c.Listen) {
		return usagef("--listen %s can be reached from other machines and there is no key yet: make one with `nextbest keys create --data %s --scope sk`, then start again", c.Listen, c.Data)
	}
	fmt.Fprintf(s.out, "First start: these keys of site %q are shown once.\n", firstSite)
	for _, scope := range []keys.Scope{keys.Secret, keys.Publishable} {
		text, err := app.createKey(ctx, keys.Spec{Site: firstSite, Scope: scope, Label: "made at the first start"})
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "  %s  %s\n", scope, text)
	}
	return nil
}
