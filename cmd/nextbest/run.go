package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

// version is set by the build (-ldflags -X main.version=…).
var version = "dev"

// Exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// cli is the command line. Every flag has an environment variable
// NEXTBEST_FLAG_NAME and may stand in the file named by --config; the order is
// default < file < environment < flag.
type cli struct {
	Config   kong.ConfigFlag `help:"Read flags from this JSON file; --print-config of serve and demo writes one." placeholder:"FILE"`
	Serve    serveCmd        `cmd:"" help:"Serve events and recommendations."`
	Demo     demoCmd         `cmd:"" help:"The whole loop on real data with a page to click in."`
	Import   importCmd       `cmd:"" help:"Load a catalog, events or profiles from files."`
	Train    trainCmd        `cmd:"" help:"Train the model from a file or the kept log."`
	Evaluate evaluateCmd     `cmd:"" help:"Measure a model on held-out sessions."`
	Replay   replayCmd       `cmd:"" help:"Compute the scores of sampled answers again."`
	Export   exportCmd       `cmd:"" help:"Write the kept log as NDJSON."`
	Keys     keysCmd         `cmd:"" help:"Make, list and revoke keys."`
	Version  versionCmd      `cmd:"" help:"Print the version."`
}

// streams are where a command writes: answers to out, the rest to err.
type streams struct{ out, err io.Writer }

// usageError is a wrong use of the command line: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run is the program without its process: tests call it too.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var c cli
	code := -1
	parser, err := kong.New(&c,
		kong.Name("nextbest"),
		kong.Description("A session-aware personalisation recommender: a click changes the very next answer."),
		kong.DefaultEnvars("NEXTBEST"),
		kong.Configuration(configFile),
		kong.Writers(out, errOut),
		kong.Exit(func(c int) { code = c }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintf(errOut, "nextbest: %v\n", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if code >= 0 { // --help was asked for
		return code
	}
	if err != nil {
		fmt.Fprintf(errOut, "nextbest: %v\nTry: nextbest --help\n", err)
		return exitUsage
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return exitCode(parsed.Run(streams{out: out, err: errOut}), errOut)
}

func exitCode(err error, errOut io.Writer) int {
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(errOut, "nextbest: %s\n", told(err))
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// versionCmd prints the version.
type versionCmd struct {
	JSON bool `help:"Print one JSON object." name:"json"`
}

// Run prints it.
func (v *versionCmd) Run(s streams) error {
	if v.JSON {
		return writeJSON(s.out, map[string]string{"version": version})
	}
	_, err := fmt.Fprintln(s.out, "nextbest", version)
	return err
}
