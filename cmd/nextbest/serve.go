package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"github.com/nextbest/nextbest/internal/keys"
	"github.com/nextbest/nextbest/session/event"
)

// storeFlags choose what is kept and how safely.
type storeFlags struct {
	Store      string        `default:"embedded" help:"Where state is kept: embedded or memory; memory forgets at the end."`
	Data       string        `help:"Data directory of the embedded store." placeholder:"DIR"`
	Durability string        `default:"os" help:"What an acknowledged event survives: memory (up to 1 s may be lost), os (kill -9), disk (power loss)."`
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
	DefaultConsent string        `default:"session" help:"Consent of requests that say none: none, session or full."`
	TrustUserID    bool          `help:"Take a user_id from a page without a user_token."`
	IdentitySecret string        `help:"Secret that signs user_token, at least 16 characters." placeholder:"SECRET"`
	Rules          string        `help:"File with merchandising rules (JSON; docs/rules.md describes it)." placeholder:"FILE" type:"path"`
	Blend          blendRules    `help:"How much the session weighs against the profile in a placement: PLACEMENT=A_MAX/KAPPA; may repeat. In a file: {\"blend\":{\"home\":{\"a_max\":0.75,\"kappa\":0.33}}}, as evaluate --write-config writes it." placeholder:"PLACEMENT=A/K"`
	Variety        varietyRules  `help:"What keeps a placement's lists apart, JSON: PLACEMENT={\"rotate\":{}}; may repeat; docs/variety.md describes it. In a file: {\"variety\":{\"home\":{\"rotate\":{}}}}." placeholder:"PLACEMENT=JSON" mapsep:"none"`
	TrainEvery     time.Duration `default:"0s" help:"How often a site trains on its kept log by itself, e.g. 24h; 0s: never. A model goes live only through the gate; see train --help."`
	Vectors        string        `help:"File with item vectors: id, vector, space (csv, tsv, ndjson, parquet); they meet profiles of the same space." placeholder:"FILE" type:"path"`
}

// Help says below the flags what they lead to.
func (c *serveCmd) Help() string {
	return "The first start makes a secret and a publishable key of the site \"main\" and shows them once." +
		" A page may use a key only when the key names the page's origin: nextbest keys create --scope pk --origin https://your.shop\n\n" +
		"Rules pin, boost, bury, hide, filter, slot and diversify; docs/rules.md has the format of the file with an example of each."
}

// check tells all that is wrong, whatever it is, before anything is opened.
func (c *serveCmd) check(p *problems) {
	c.listenFlags.check(p)
	c.storeFlags.check(p)
	c.logFlags.check(p)
	c.checkReach(p)
	p.oneOf("--default-consent", c.DefaultConsent, "none", "session", "full")
	c.Blend.check(p)
	c.Variety.check(p)
	p.file("--rules", c.Rules)
	p.file("--vectors", c.Vectors)
	if c.SessionIdle < time.Minute || c.SessionIdle > 24*time.Hour {
		p.addf("--session-idle %s is outside 1m to 24h", c.SessionIdle)
	}
	if c.TrainEvery != 0 && c.TrainEvery < leastTrainEvery {
		p.addf("--train-every %s is below %s; 0s switches it off", c.TrainEvery, leastTrainEvery)
	}
	if c.MaxSessions < 1000 {
		p.addf("--max-sessions %d is below 1000", c.MaxSessions)
	}
	switch {
	case c.IdentitySecret == redacted:
		p.addf("--identity-secret %s is what --print-config shows instead of the secret: put the secret itself there", redacted)
	case c.IdentitySecret != "" && len(c.IdentitySecret) < 16:
		p.addf("--identity-secret is shorter than 16 characters")
	}
}

// leastTrainEvery keeps a server from training all the time.
const leastTrainEvery = time.Minute

func (f storeFlags) check(p *problems) {
	p.oneOf("--store", f.Store, "embedded", "memory")
	p.oneOf("--durability", f.Durability, "memory", "os", "disk")
	switch {
	case f.Store == "embedded" && f.Data == "":
		p.addf("--store embedded needs --data DIR, the directory to keep things in")
	case f.Store == "memory" && f.Data != "":
		p.addf("--store memory keeps nothing: leave --data out, or use --store embedded")
	}
	if info, err := os.Stat(f.Data); f.Data != "" && err == nil && !info.IsDir() {
		p.failf("--data %s is a file, not a directory", f.Data)
	}
	if f.Retention < 48*time.Hour {
		p.addf("--retention %s is below 48h, the life of a session", f.Retention)
	}
}

// checkReach refuses to be reachable from elsewhere where no key can be yet.
// Nothing is made for that: the directory stays as it was.
func (c *serveCmd) checkReach(p *problems) {
	if !hostPort(c.Listen) || loopback(c.Listen) {
		return
	}
	switch {
	case c.Store == "memory":
		p.addf("--listen %s can be reached from other machines and --store memory starts without a key: listen on 127.0.0.1, or use --store embedded", c.Listen)
	case c.Data != "" && !storeExists(c.Data):
		p.addf("%s", c.noKeys())
	}
}

func (c *serveCmd) noKeys() string {
	return fmt.Sprintf("--listen %s can be reached from other machines and there is no key yet: make one with `nextbest keys create --data %s --scope sk`, then start again", c.Listen, c.Data)
}

// Run serves until ctx ends or a listener fails.
func (c *serveCmd) Run(ctx context.Context, parsed *kong.Context, s streams) error {
	if c.PrintConfig {
		return printConfig(s.out, parsed.Selected(), "identity-secret")
	}
	var p problems
	c.check(&p)
	bound := c.bind(&p)
	defer bound.close()
	if err := p.err(); err != nil {
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
	if err := c.firstKeys(ctx, app, s, bound.public.Addr().String()); err != nil {
		return app.abandon(err)
	}
	return app.serve(ctx, bound)
}

func (c *serveCmd) appConfig() appConfig {
	consent, _ := event.ParseConsent(c.DefaultConsent) // check lets only levels of consent through
	return appConfig{
		store: c.storeFlags, log: c.logFlags,
		idle: c.SessionIdle, maxSessions: c.MaxSessions,
		consent: consent, trustUser: c.TrustUserID, identitySecret: []byte(c.IdentitySecret),
		placements: c.Variety.addTo(c.Blend.placements()),
		trainEvery: c.TrainEvery,
	}
}

const firstSite = "main"

// firstKeys makes the first two keys of a new store and shows them, on this
// machine only: reachable from elsewhere, a server without keys would be
// anybody's.
func (c *serveCmd) firstKeys(ctx context.Context, app *app, s streams, address string) error {
	if app.keys.Len() > 0 {
		return nil
	}
	if !loopback(c.Listen) {
		return usagef("%s", c.noKeys())
	}
	fmt.Fprintf(s.out, "First start: these keys of site %q are shown once.\n", firstSite)
	for _, scope := range []keys.Scope{keys.Secret, keys.Publishable} {
		text, err := app.createKey(ctx, keys.Spec{Site: firstSite, Scope: scope, Label: "made at the first start"})
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "  %s  %s\n", scope, text)
	}
	// This server holds the store: a key of a page's own is made through it.
	fmt.Fprintf(s.out, "No page may use the pk yet: a key names the origins of its pages. For yours:\n"+
		"  nextbest keys create --scope pk --origin https://your.shop --server http://%s --key sk_…\n", address)
	return nil
}
