// Command makeclicks writes generated clicks to a file that `nextbest train`
// and `nextbest evaluate` read: power-law items and session lengths, to measure
// how cost grows with the catalog.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/nextbest/nextbest/internal/dataset"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) { // then the flags have been shown
			fmt.Fprintln(os.Stderr, "makeclicks:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("makeclicks", flag.ContinueOnError)
	var o dataset.GenerateOptions
	flags.IntVar(&o.Items, "items", 10_000, "size of the catalog")
	flags.Int64Var(&o.Clicks, "clicks", 1_000_000, "clicks to make")
	flags.Uint64Var(&o.Seed, "seed", 1, "another seed is another shop")
	flags.Float64Var(&o.Days, "days", 30, "days over which the sessions spread")
	ids := flags.String("ids", "numeric", "numeric or uuid")
	out := flags.String("out", "clicks_sessions.txt", "file to write: one session per line when it ends in _sessions.txt, else a table with times")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *ids != "numeric" && *ids != "uuid" {
		return fmt.Errorf("--ids must be numeric or uuid, not %q", *ids)
	}
	o.UUIDs = *ids == "uuid"
	g, err := dataset.Generate(o)
	if err != nil {
		return err
	}
	return write(ctx, g, *out)
}

// write makes the file and tells every two seconds how far it is.
func write(ctx context.Context, g *dataset.Generated, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	last := time.Now()
	err = g.WriteSessions(ctx, f, !strings.HasSuffix(path, "_sessions.txt"), func(done, total int64) {
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			fmt.Fprintf(os.Stderr, "%s: %d of %d clicks\n", path, done, total)
		}
	})
	return errors.Join(err, f.Close())
}
