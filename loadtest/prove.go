package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/nextbest/nextbest/loadtest/crash"
	"github.com/nextbest/nextbest/loadtest/ownclicks"
	"github.com/nextbest/nextbest/loadtest/proc"
	"github.com/nextbest/nextbest/loadtest/replay"
)

// target is the server of a command: our own, or one that runs already.
type target struct {
	bin, data, durability string
	url, key              string
	core                  int
}

func (t *target) flags(f *flag.FlagSet) {
	f.StringVar(&t.bin, "bin", "bin/nextbest", "program to start")
	f.StringVar(&t.data, "data", "", "its data folder; a temporary one when empty")
	f.StringVar(&t.durability, "durability", "os", "its durability: os or disk")
	f.IntVar(&t.core, "server-core", proc.AnyCore, "core to pin it to; -1 pins nothing")
}

func (t *target) attachFlags(f *flag.FlagSet) {
	f.StringVar(&t.url, "url", "", "measure a server that runs already, e.g. http://127.0.0.1:8080")
	f.StringVar(&t.key, "key", "", "its secret key")
}

// server makes a server that is not started, with a key; remove deletes its
// temporary data.
func (t *target) server(ctx context.Context, log io.Writer) (s *proc.Nextbest, remove func(), err error) {
	s = &proc.Nextbest{Bin: t.bin, Dir: t.data, Durability: t.durability, Core: t.core, Out: log}
	remove = func() {}
	if s.Dir == "" {
		if s.Dir, err = os.MkdirTemp("", "nextbest-loadtest-"); err != nil {
			return nil, nil, fmt.Errorf("make a data folder: %w", err)
		}
		remove = func() { _ = os.RemoveAll(s.Dir) } // it is temporary anyway
	}
	if err := s.Prepare(ctx); err != nil {
		remove()
		return nil, nil, err
	}
	return s, remove, nil
}

// attached is host:port of the running server.
func (t *target) attached() (string, error) {
	u, err := url.Parse(t.url)
	if err != nil || u.Scheme != "http" || u.Port() == "" {
		return "", fmt.Errorf("--url %q is not http://HOST:PORT", t.url)
	}
	return u.Host, nil
}

// seedOr chooses a seed when none was given.
func seedOr(seed uint64) uint64 {
	if seed == 0 {
		return uint64(time.Now().UnixNano()) % 1_000_000
	}
	return seed
}

func killCommand(ctx context.Context, args []string, out, log io.Writer) (err error) {
	f := flags("kill", log)
	var t target
	var o crash.Options
	t.flags(f)
	f.IntVar(&o.Kills, "kills", 5, "times to kill")
	f.IntVar(&o.Clients, "clients", 16, "concurrent senders")
	f.DurationVar(&o.Longest, "longest", time.Second, "longest time between a start and its kill")
	f.Uint64Var(&o.Seed, "seed", 0, "repeat a run; 0 takes a new seed")
	asJSON := f.Bool("json", false, "print one JSON object")
	verbose := f.Bool("verbose", false, "show the server's log")
	if err := parse(f, args); err != nil {
		return err
	}
	server, remove, err := t.server(ctx, quiet(*verbose, log))
	if err != nil {
		return err
	}
	defer remove()
	o.Seed, o.Key, o.Out = seedOr(o.Seed), server.Key, log
	_, _ = fmt.Fprintf(log, "killing %s %d times at durability %s, seed %d\n", t.bin, o.Kills, t.durability, o.Seed)
	report, err := crash.Run(ctx, server, o)
	if err != nil {
		return err
	}
	if *asJSON {
		err = printJSON(out, report)
	} else {
		err = killTable(out, t.durability, report)
	}
	if err == nil && report.Lost() {
		return errFound
	}
	return err
}

func killTable(out io.Writer, durability string, r crash.Report) error {
	verdict := "no acknowledged event was lost, none counts twice"
	if r.Lost() {
		verdict = "BROKEN"
	}
	_, err := fmt.Fprintf(out, `
durability              %s
kill -9                 %d (seed %d)
visitors                %d
acknowledged events     %d
sent again              %d
unanswered              %d (there or not, at most once)
failures                %d
%s
`, durability, r.Kills, r.Seed, r.Visitors, r.Acked, r.Duplicates, r.Open, r.Failures, verdict)
	return errors.Join(err, listWrong(out, r.Wrong, r.Failures))
}

func listWrong(out io.Writer, wrong []string, all int) error {
	for _, w := range wrong {
		if _, err := fmt.Fprintln(out, "  "+w); err != nil {
			return err
		}
	}
	if more := all - len(wrong); more > 0 {
		_, err := fmt.Fprintf(out, "  and %d more\n", more)
		return err
	}
	return nil
}

// quiet passes a child's log on only when asked to.
func quiet(verbose bool, log io.Writer) io.Writer {
	if verbose {
		return log
	}
	return nil
}

func rywCommand(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("ryw", log)
	var t target
	var o ownclicks.Options
	t.flags(f)
	t.attachFlags(f)
	f.IntVar(&o.Pairs, "pairs", 1000, "pairs to send")
	f.IntVar(&o.Clients, "clients", 64, "concurrent clients")
	f.StringVar(&o.Placement, "placement", "home", "placement to ask for")
	f.Uint64Var(&o.Seed, "seed", 0, "repeat a run; 0 takes a new seed")
	sessions := f.String("sessions", "", "file of sessions whose items the server knows")
	asJSON := f.Bool("json", false, "print one JSON object")
	if err := parse(f, args); err != nil {
		return err
	}
	o.Seed = seedOr(o.Seed)
	stop, err := t.upKnowing(ctx, *sessions, &o, log)
	if err != nil {
		return err
	}
	report, err := ownclicks.Run(ctx, o)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	if *asJSON {
		err = printJSON(out, report)
	} else {
		err = rywTable(out, report)
	}
	if err == nil && !report.OK() {
		return errFound
	}
	return err
}

// upKnowing is up with known items, those of the file or generated ones. Our own
// server is trained on them, so that answers hold items from the first one on.
func (t *target) upKnowing(ctx context.Context, file string, o *ownclicks.Options, log io.Writer) (stop func() error, err error) {
	sessions := replay.Generate(o.Seed, 5000, 300)
	if file != "" {
		if sessions, err = replay.Read(file); err != nil {
			return nil, err
		}
	}
	o.Items = sessions.Items
	return t.up(ctx, sessions, log, &o.Addr, &o.Key)
}

// up starts our own server, trained on the sessions when its folder is new, or names the one that runs.
func (t *target) up(ctx context.Context, sessions *replay.Sessions, log io.Writer, addr, key *string) (stop func() error, err error) {
	if t.url != "" {
		*key = t.key
		*addr, err = t.attached()
		return func() error { return nil }, err
	}
	server, remove, err := t.server(ctx, nil)
	if err != nil {
		return nil, err
	}
	if t.data == "" { // an empty folder: it needs a model
		err = train(ctx, server, sessions, log)
	}
	if err == nil {
		err = server.Start(ctx)
	}
	if err != nil {
		remove()
		return nil, err
	}
	*addr, *key = server.Addr(), server.Key
	return func() error {
		defer remove()
		return server.Stop()
	}, nil
}

func rywTable(out io.Writer, r ownclicks.Report) error {
	verdict := "every answer saw the click before it"
	if !r.OK() {
		verdict = "BROKEN"
	}
	_, err := fmt.Fprintf(out, `
pairs       %d (seed %d)
visitors    %d
items       %d answered
degraded    %d
failures    %d
%s
`, r.Pairs, r.Seed, r.Visitors, r.Items, r.Degraded, r.Failures, verdict)
	return errors.Join(err, listWrong(out, r.Wrong, r.Failures))
}
