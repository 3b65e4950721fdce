package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// listenFlags are where a server listens.
type listenFlags struct {
	Listen    string `default:"127.0.0.1:8080" help:"Address of the public listener." placeholder:"HOST:PORT"`
	OpsListen string `default:"127.0.0.1:9090" help:"Address of health, metrics and profiles; keep it private." placeholder:"HOST:PORT"`
}

// logFlags say how to log and where telemetry goes.
type logFlags struct {
	LogLevel     string `default:"info" enum:"debug,info,warn,error" help:"Least level that is logged (${enum})."`
	LogFormat    string `default:"text" enum:"text,json" help:"Form of the log (${enum})."`
	OTLPEndpoint string `name:"otlp-endpoint" help:"Send traces to this OTLP/HTTP endpoint." placeholder:"URL"`
}

// printFlag prints the configuration instead of running.
type printFlag struct {
	PrintConfig bool `help:"Print the configuration as JSON, secrets redacted, and stop."`
}

// problems collects everything that is wrong with a configuration, so that one
// try tells all of it.
type problems struct{ list []string }

func (p *problems) addf(format string, args ...any) {
	p.list = append(p.list, fmt.Sprintf(format, args...))
}

func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return usageError{errors.New("the configuration cannot work:\n  - " + strings.Join(p.list, "\n  - "))}
}

func (l listenFlags) check(p *problems) {
	for _, a := range []struct{ flag, addr string }{{"--listen", l.Listen}, {"--ops-listen", l.OpsListen}} {
		if _, _, err := net.SplitHostPort(a.addr); err != nil {
			p.addf("%s %q is not HOST:PORT, e.g. 127.0.0.1:8080", a.flag, a.addr)
		}
	}
	if _, port, err := net.SplitHostPort(l.Listen); err == nil && l.Listen == l.OpsListen && port != "0" {
		p.addf("--listen and --ops-listen are both %s: give them different ports", l.Listen)
	}
}

// loopback reports whether only this machine can reach the address.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// redacted is what stands for a secret that is set.
const redacted = "(redacted)"

// configFile reads flags from a JSON object. Names are the flags', with - or _;
// flags of one command may stand in an object under its name.
func configFile(r io.Reader) (kong.Resolver, error) {
	values := map[string]any{}
	if err := json.NewDecoder(r).Decode(&values); err != nil {
		return nil, fmt.Errorf("the configuration file is not a JSON object: %w", err)
	}
	look := func(in map[string]any, name string) any {
		if v, ok := in[name]; ok {
			return v
		}
		return in[strings.ReplaceAll(name, "-", "_")]
	}
	return kong.ResolverFunc(func(_ *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
		for _, env := range flag.Envs {
			if _, set := os.LookupEnv(env); set {
				return nil, nil // the environment is stronger than the file
			}
		}
		if parent != nil && parent.Command != nil {
			if own, ok := values[parent.Command.Name].(map[string]any); ok {
				if v := look(own, flag.Name); v != nil {
					return v, nil
				}
			}
		}
		return look(values, flag.Name), nil
	}), nil
}

// writeJSON prints one object and a line end.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func levelOf(name string) slog.Level {
	var l slog.Level
	_ = l.UnmarshalText([]byte(name)) // the flag's enum lets only levels through
	return l
}
