package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nextbest/nextbest/session/event"
	"github.com/nextbest/nextbest/store"
)

// exportCmd writes what a stopped server knows.
type exportCmd struct {
	Data string `required:"" help:"Data directory of a stopped server." placeholder:"DIR"`
	Site string `default:"main" help:"Site to export (${default})."`
	Out  string `help:"Write to this file; standard output by default." placeholder:"FILE" type:"path"`
}

// exported is one event of the log, in the form that import events reads.
type exported struct {
	EventID     string          `json:"event_id"`
	AnonymousID string          `json:"anonymous_id"`
	UserID      string          `json:"user_id,omitempty"`
	SessionID   string          `json:"session_id"`
	Kind        string          `json:"kind"`
	Name        string          `json:"name,omitempty"`
	ItemID      string          `json:"item_id,omitempty"`
	TS          string          `json:"ts"`
	Quantity    float64         `json:"quantity,omitempty"`
	Price       float64         `json:"price,omitempty"`
	Currency    string          `json:"currency,omitempty"`
	Query       string          `json:"query,omitempty"`
	Items       []exportedLine  `json:"items,omitempty"`
	Context     json.RawMessage `json:"context,omitempty"`
	Properties  json.RawMessage `json:"properties,omitempty"`
	Bot         bool            `json:"bot,omitempty"`
}

type exportedLine struct {
	ItemID   string  `json:"item_id"`
	Quantity float64 `json:"quantity,omitempty"`
	Price    float64 `json:"price,omitempty"`
}

// Run writes the site's log as NDJSON, oldest first.
func (c *exportCmd) Run(ctx context.Context, s streams) error {
	t := targetFlags{Data: c.Data, Site: c.Site}
	if err := t.ready(); err != nil {
		return err
	}
	return withStore(t, func(db store.Store) error {
		if err := knownSite(ctx, db, c.Site); err != nil {
			return err
		}
		return c.write(ctx, db, s)
	})
}

// write makes the file only when there is something to read.
func (c *exportCmd) write(ctx context.Context, db store.Store, s streams) (err error) {
	out := s.out
	if c.Out != "" {
		f, err := os.Create(c.Out)
		if err != nil {
			return fmt.Errorf("write the export: %w", err)
		}
		defer func() {
			if e := f.Close(); err == nil {
				err = e
			}
		}()
		out = f
	}
	n, err := exportLog(ctx, db, c.Site, out)
	fmt.Fprintf(s.err, "exported %d events\n", n)
	return err
}

func exportLog(ctx context.Context, db store.Store, site string, out io.Writer) (int, error) {
	w := bufio.NewWriter(out)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	var cursor event.Cursor
	const batch = 5000
	for total := 0; ; {
		next, n, err := db.ScanLog(ctx, site, cursor, batch, func(r event.Record) error { return e.Encode(exportedOf(&r)) })
		total += n
		if err != nil {
			return total, fmt.Errorf("read the log: %w", err)
		}
		if n < batch {
			return total, w.Flush()
		}
		cursor = next
	}
}

func exportedOf(r *event.Record) exported {
	x := exported{
		EventID: r.ID, AnonymousID: r.Visitor, SessionID: r.Session, Kind: r.Kind.String(), Name: r.Name, ItemID: r.ItemID,
		TS:       time.UnixMilli(r.Time).UTC().Format("2006-01-02T15:04:05.000Z"),
		Quantity: r.Quantity, Price: r.Price, Currency: r.Currency, Query: r.Query,
		Context: r.Context, Properties: r.Properties, Bot: r.Bot,
	}
	if r.Proven {
		x.UserID = r.UserID
	}
	for _, l := range r.Items {
		x.Items = append(x.Items, exportedLine(l))
	}
	return x
}
