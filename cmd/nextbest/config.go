package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// listenFlags are where a server listens.
type listenFlags struct {
	Listen    string `default:"127.0.0.1:8080" help:"Address of the public listener (${default})." placeholder:"HOST:PORT"`
	OpsListen string `default:"127.0.0.1:9090" help:"Address of health, metrics and profiles (${default}); keep it private." placeholder:"HOST:PORT"`
}

// logFlags say how to log and where telemetry goes.
type logFlags struct {
	LogLevel     string `default:"info" help:"Least level that is logged: debug, info, warn or error."`
	LogFormat    string `default:"text" help:"Form of the log: text or json."`
	OTLPEndpoint string `name:"otlp-endpoint" help:"Send traces to this OTLP/HTTP endpoint." placeholder:"URL"`
}

// problems collects everything that is wrong with a command, so that one try
// tells all of it.
type problems struct {
	list  []string
	usage bool // one of them is a wrong use: exit code 2; what is merely missing or taken is a failure
}

// addf adds a wrong use of the command line.
func (p *problems) addf(format string, args ...any) {
	p.usage = true
	p.failf(format, args...)
}

// failf adds what is right as written but cannot work now.
func (p *problems) failf(format string, args ...any) {
	p.list = append(p.list, fmt.Sprintf(format, args...))
}

// oneOf checks a flag that takes one of some words. kong could do it, but
// would tell the first bad flag only.
func (p *problems) oneOf(flag, value string, words ...string) {
	if !slices.Contains(words, value) {
		p.addf("%s %q is none of %s", flag, value, strings.Join(words, ", "))
	}
}

// file checks that a file can be read; no path means no file.
func (p *problems) file(what, path string) {
	if path == "" {
		return
	}
	if err := readable(path); err != nil {
		p.failf("%s %s: %v", what, path, err)
	}
}

func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	err := errors.New(p.list[0])
	if len(p.list) > 1 {
		err = errors.New("this cannot work:\n  - " + strings.Join(p.list, "\n  - "))
	}
	if p.usage {
		return usageError{err}
	}
	return err
}

// readable says why a file cannot be read.
func readable(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("there is no such file")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return errors.New("is a folder, not a file")
	}
	return nil
}

func (l listenFlags) check(p *problems) {
	for _, a := range []struct{ flag, addr string }{{"--listen", l.Listen}, {"--ops-listen", l.OpsListen}} {
		if !hostPort(a.addr) {
			p.addf("%s %q is not HOST:PORT, e.g. 127.0.0.1:8080", a.flag, a.addr)
		}
	}
	if _, port, err := net.SplitHostPort(l.Listen); err == nil && l.Listen == l.OpsListen && port != "0" {
		p.addf("--listen and --ops-listen are both %s: give them different ports", l.Listen)
	}
}

func hostPort(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// listeners are the two that a server answers on.
type listeners struct{ public, private net.Listener }

// bind takes the addresses before anything else is opened: a port in use must
// not leave a data directory or keys behind that nobody has seen. What cannot
// be bound joins the problems.
func (l listenFlags) bind(p *problems) *listeners {
	ls := &listeners{}
	if l.Listen == l.OpsListen && !strings.HasSuffix(l.Listen, ":0") {
		return ls // told already
	}
	for _, a := range []struct {
		flag, addr string
		to         *net.Listener
	}{{"--listen", l.Listen, &ls.public}, {"--ops-listen", l.OpsListen, &ls.private}} {
		if !hostPort(a.addr) {
			continue
		}
		bound, err := net.Listen("tcp", a.addr)
		if err != nil {
			p.failf("%s %s cannot be used: %v", a.flag, a.addr, err)
			continue
		}
		*a.to = bound
	}
	return ls
}

// close gives the addresses back; closing twice is harmless.
func (l *listeners) close() {
	for _, bound := range []net.Listener{l.public, l.private} {
		if bound != nil {
			_ = bound.Close()
		}
	}
}

func (l logFlags) check(p *problems) {
	p.oneOf("--log-level", l.LogLevel, "debug", "info", "warn", "error")
	p.oneOf("--log-format", l.LogFormat, "text", "json")
	if l.OTLPEndpoint != "" && !webAddress(l.OTLPEndpoint) {
		p.addf("--otlp-endpoint %q is not a URL such as http://collector:4318", l.OTLPEndpoint)
	}
}

// webAddress reports whether s is an http or https URL with a host.
func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Hostname() != "" && (u.Scheme == "http" || u.Scheme == "https")
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

// writeJSON prints one object and a line end.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func levelOf(name string) slog.Level {
	var l slog.Level
	_ = l.UnmarshalText([]byte(name)) // check lets only levels through
	return l
}
