package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/alecthomas/kong"

	"github.com/nextbest/nextbest/internal/demo"
	"github.com/nextbest/nextbest/internal/httpapi"
	"github.com/nextbest/nextbest/internal/keys"
	"github.com/nextbest/nextbest/internal/site"
	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/session/event"
)

// demoCmd is the whole loop on the data of a real shop.
type demoCmd struct {
	listenFlags
	Data       string `help:"Data directory; a temporary one by default. What is there is kept." placeholder:"DIR"`
	Durability string `default:"os" help:"What an acknowledged event survives: memory (up to 1 s may be lost), os (kill -9), disk (power loss)."`
	logFlags
	printFlag
}

// The demo's keys are no secrets: they open a shop of public data on this machine.
const (
	demoPublishable = "pk_demo"
	demoSecret      = "sk_demo"
)

// Run loads the shop, trains on it and serves it with its page.
func (c *demoCmd) Run(ctx context.Context, parsed *kong.Context, s streams) error {
	if c.PrintConfig {
		return printConfig(s.out, parsed.Selected())
	}
	var p problems
	c.check(&p)
	bound := c.bind(&p)
	defer bound.close()
	if err := p.err(); err != nil {
		return err
	}
	if c.Data == "" {
		dir, err := os.MkdirTemp("", "nextbest-demo-")
		if err != nil {
			return fmt.Errorf("make a temporary data directory: %w", err)
		}
		defer os.RemoveAll(dir)
		c.Data = dir
	}
	data, err := demo.Load()
	if err != nil {
		return err
	}
	app, err := newApp(ctx, appConfig{
		log: c.logFlags, idle: 30 * time.Minute, maxSessions: 100_000,
		store:   c.storeFlags(),
		consent: event.ConsentFull, trustUser: true, demo: true,
		train: demoTraining(), workers: runtime.GOMAXPROCS(0), // it trains before anybody is served
		extra: func(a *app) ([]httpapi.Route, error) { return demoRoutes(a, data) },
	}, s)
	if err != nil {
		return err
	}
	if err := loadDemo(ctx, app, data, s); err != nil {
		return app.abandon(err)
	}
	fmt.Fprintf(s.out, "Keys: %s (pages), %s (servers). Open http://%s and click an item.\n", demoPublishable, demoSecret, bound.public.Addr())
	return app.serve(ctx, bound)
}

// demoTraining are parameters with which the demo starts in seconds: without an
// embedding, which would take half a minute, and with a ranker that learns from
// a few lists.
func demoTraining() best.Params {
	p := best.DefaultParams()
	p.Dim, p.Lists, p.RankerEpochs = 0, 2000, 2
	return p
}

func (c *demoCmd) check(p *problems) {
	c.listenFlags.check(p)
	c.logFlags.check(p)
	p.oneOf("--durability", c.Durability, "memory", "os", "disk")
	if info, err := os.Stat(c.Data); c.Data != "" && err == nil && !info.IsDir() {
		p.failf("--data %s is a file, not a directory", c.Data)
	}
	if hostPort(c.Listen) && !loopback(c.Listen) {
		p.addf("--listen %s can be reached from other machines; the demo's keys are public: use 127.0.0.1", c.Listen)
	}
}

// storeFlags are those of serve; the shop's year of invoices is kept.
func (c *demoCmd) storeFlags() storeFlags {
	return storeFlags{Store: "embedded", Data: c.Data, Durability: c.Durability, Retention: 10 * 365 * 24 * time.Hour}
}

// loadDemo fills an empty store with the shop. A store that holds it already
// is left as it is.
func loadDemo(ctx context.Context, a *app, data *demo.Data, s streams) error {
	for _, secret := range []string{demoPublishable, demoSecret} {
		k, err := keys.Fixed(secret, keys.Spec{Site: httpapi.DemoSite, Label: "demo"}, time.Now())
		if err != nil {
			return err
		}
		if err := a.addKey(ctx, k); err != nil {
			return err
		}
	}
	shop, err := a.sites.ensure(ctx, httpapi.DemoSite)
	if err != nil {
		return err
	}
	if _, active, err := shop.Models(ctx); err != nil || active != "" {
		return err
	}
	return fillDemo(ctx, shop, data, s)
}

// fillDemo imports the shop's items, invoices and customers and trains on them.
// The shop's year is moved so that it ended just now: what was popular then is
// popular now.
func fillDemo(ctx context.Context, shop *site.Site, data *demo.Data, s streams) error {
	start := time.Now()
	shift := start.Sub(data.End())
	if _, err := shop.PutItems(ctx, data.Items); err != nil {
		return fmt.Errorf("load the items: %w", err)
	}
	if _, err := shop.ImportEvents(ctx, orderRecords(data, shift)); err != nil {
		return fmt.Errorf("load the invoices: %w", err)
	}
	if err := shop.ImportProfiles(ctx, movedProfiles(data, shift), newID(), true); err != nil {
		return fmt.Errorf("load the customers: %w", err)
	}
	if _, _, err := shop.Train(ctx, site.TrainOptions{}, nil); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	fmt.Fprintf(s.out, "Loaded a year of a gift shop: %d items, %d orders; ready in %s.\n",
		len(data.Items), len(data.Sessions), time.Since(start).Round(10*time.Millisecond))
	return nil
}

// demoRoutes are the shop's page and what it may ask in-process.
func demoRoutes(a *app, data *demo.Data) ([]httpapi.Route, error) {
	page, err := demo.Handler(demo.Deps{
		Data: data,
		Recommend: func(ctx context.Context, body []byte) demo.Reply {
			return demo.Reply(a.server.Recommend(ctx, httpapi.DemoSite, body))
		},
		Session: func(ctx context.Context, anonymousID string) (any, error) {
			shop, err := a.sites.ensure(ctx, httpapi.DemoSite)
			if err != nil {
				return nil, err
			}
			return shop.Visitor(ctx, anonymousID)
		},
	})
	if err != nil {
		return nil, err
	}
	return []httpapi.Route{
		{Method: http.MethodGet, Path: "/", Handler: page},
		{Method: http.MethodGet, Path: "/demo/*", Handler: page},
		{Method: http.MethodPost, Path: "/demo/*", Handler: page},
	}, nil
}
