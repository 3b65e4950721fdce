// Command loadtest measures a server, beside a bare Fiber app on the same core
// in the same minute, and proves what the server promises: that a kill -9 loses
// nothing, and that a visitor reads the own clicks.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/nextbest/nextbest/loadtest/control"
)

const usage = `Usage: go run ./loadtest [COMMAND] [FLAGS]

Commands (COMMAND --help lists the flags):
  run      measure a server and the control in turn (the default)
  kill     kill -9 a server under load and look for lost or doubled events
  ryw      send pairs of a click and a request and look for answers that miss the click
  control  serve the control: a bare Fiber app with an answer as long as ours
`

// errFound ends a proof that found something: exit code 1, already reported.
var errFound = errors.New("a promise was broken")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return
	case !errors.Is(err, errFound):
		fmt.Fprintln(os.Stderr, "loadtest:", err)
	}
	os.Exit(1)
}

// dispatch runs a command; with none named, run.
func dispatch(ctx context.Context, args []string, out, log io.Writer) error {
	name := "run"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	} else if len(args) > 0 && (args[0] == "-h" || args[0] == "--help") {
		_, err := io.WriteString(out, usage)
		return err
	}
	switch name {
	case "run":
		return runCommand(ctx, args, out, log)
	case "kill":
		return killCommand(ctx, args, out, log)
	case "ryw":
		return rywCommand(ctx, args, out, log)
	case "control":
		return controlCommand(ctx, args, log)
	}
	return fmt.Errorf("there is no command %q\n%s", name, usage)
}

// flags makes a flag set that explains itself on log.
func flags(name string, log io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("loadtest "+name, flag.ContinueOnError)
	f.SetOutput(log)
	return f
}

// parse refuses words that belong to no flag.
func parse(f *flag.FlagSet, args []string) error {
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%q belongs to no flag", f.Args())
	}
	return nil
}

func controlCommand(ctx context.Context, args []string, log io.Writer) error {
	f := flags("control", log)
	listen := f.String("listen", "127.0.0.1:8090", "address")
	var a control.Answer
	f.IntVar(&a.Items, "items", 20, "slots of an answer")
	f.IntVar(&a.Bytes, "bytes", 0, "length of an answer; it is padded")
	if err := parse(f, args); err != nil {
		return err
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	_, _ = fmt.Fprintf(log, "control listens on %s\n", l.Addr())
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	err = control.Serve(l, a)
	if ctx.Err() != nil {
		return nil // asked to end
	}
	return err
}

// printJSON writes one object.
func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
