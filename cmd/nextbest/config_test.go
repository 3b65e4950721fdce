package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// All problems of a configuration are told at once, whatever they are.
func TestServeTellsAllProblems(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	code, _, errOut := command(t, "serve", "--listen", "127.0.0.1:http", "--ops-listen", taken.Addr().String(), "--session-idle", "1s", "--max-sessions", "3",
		"--retention", "1h", "--durability", "always", "--log-level", "loud", "--log-format", "xml", "--default-consent", "maybe", "--otlp-endpoint", "collector",
		"--rules", "gone.json", "--vectors", "gone.csv", "--identity-secret", "short")
	if code != exitUsage {
		t.Errorf("exit %d, want %d", code, exitUsage)
	}
	for _, flag := range []string{"--listen", "--ops-listen", "--data", "--session-idle", "--max-sessions", "--retention", "--durability", "--log-level",
		"--log-format", "--default-consent", "--otlp-endpoint", "--rules", "--vectors", "--identity-secret"} {
		if !strings.Contains(errOut, "- "+flag) && !(flag == "--data" && strings.Contains(errOut, "needs --data")) {
			t.Errorf("the problem with %s is not told in\n%s", flag, errOut)
		}
	}
	if _, _, errOut := command(t, append([]string{"serve", "--store", "disk"}, anyPort...)...); !strings.Contains(errOut, "--store") {
		t.Errorf("the problem with --store is not told in\n%s", errOut)
	}
}

// What cannot serve leaves nothing behind: no directory, no keys that nobody saw.
func TestRefusingMakesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := taken.Addr().String()
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"reachable without a key":     {[]string{"serve", "--listen", "0.0.0.0:0", "--ops-listen", "127.0.0.1:0"}, exitUsage, "keys create"},
		"a port in use":               {[]string{"serve", "--listen", busy, "--ops-listen", "127.0.0.1:0"}, exitFailed, busy},
		"the private port in use":     {[]string{"serve", "--listen", "127.0.0.1:0", "--ops-listen", busy}, exitFailed, busy},
		"the demo's port in use":      {[]string{"demo", "--listen", busy, "--ops-listen", "127.0.0.1:0"}, exitFailed, busy},
		"the demo, seen from outside": {[]string{"demo", "--listen", "0.0.0.0:0", "--ops-listen", "127.0.0.1:0"}, exitUsage, "127.0.0.1"},
		"the demo's durability":       {append([]string{"demo", "--durability", "always"}, anyPort...), exitUsage, "--durability"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			code, out, errOut := command(t, append(c.args, "--data", dir)...)
			if code != c.code || !strings.Contains(errOut, c.says) {
				t.Errorf("exit %d, want %d and to read %q in\n%s%s", code, c.code, c.says, out, errOut)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("the data directory was made")
			}
		})
	}
	code, _, errOut := command(t, "serve", "--store", "memory", "--listen", "0.0.0.0:0", "--ops-listen", "127.0.0.1:0")
	if code != exitUsage || !strings.Contains(errOut, "--store embedded") {
		t.Errorf("reachable without a place for keys: exit %d, %s", code, errOut)
	}
}

// default < file < environment < flag, and secrets are never printed.
func TestConfigurationOrder(t *testing.T) {
	file := write(t, "conf.json", `{"serve":{"session_idle":"41m","max-sessions":41000},"listen":"127.0.0.1:4100","identity-secret":"a secret from a file"}`)
	t.Setenv("NEXTBEST_MAX_SESSIONS", "52000")
	t.Setenv("NEXTBEST_LISTEN", "127.0.0.1:5200")
	code, out, errOut := command(t, "serve", "--config", file, "--listen", "127.0.0.1:6300", "--data", "d", "--print-config")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	for _, want := range []string{`"127.0.0.1:6300"`, `52000`, `"session-idle": "41m0s"`, `"os"`, redacted} {
		if !strings.Contains(out, want) {
			t.Errorf("the configuration lacks %s:\n%s", want, out)
		}
	}
	if strings.Contains(out, "a secret from a file") {
		t.Errorf("the secret is printed:\n%s", out)
	}
}

// What --print-config prints is a file for --config that means the same.
func TestPrintedConfigurationReadsBack(t *testing.T) {
	for name, args := range map[string][]string{
		"serve": {"serve", "--data", "d", "--session-idle", "41m", "--retention", "100h", "--max-sessions", "12345", "--trust-user-id", "--durability", "disk", "--rules", "r.json"},
		"demo":  {"demo", "--listen", "127.0.0.1:4100", "--log-format", "json"},
		"plain": {"serve"},
	} {
		t.Run(name, func(t *testing.T) {
			code, printed, errOut := command(t, append(args, "--print-config")...)
			if code != 0 || !json.Valid([]byte(printed)) {
				t.Fatalf("exit %d: %s%s", code, printed, errOut)
			}
			code, again, errOut := command(t, args[0], "--config", write(t, "conf.json", printed), "--print-config")
			if code != 0 || again != printed {
				t.Errorf("exit %d %s, printed\n%s, and read back\n%s", code, errOut, printed, again)
			}
		})
	}
	_, printed, _ := command(t, "serve", "--store", "memory", "--identity-secret", "a secret of 16 letters", "--print-config")
	code, _, errOut := command(t, append([]string{"serve", "--config", write(t, "conf.json", printed)}, anyPort...)...)
	if code != exitUsage || !strings.Contains(errOut, "--identity-secret") {
		t.Errorf("a redacted secret was taken for one: exit %d, %s", code, errOut)
	}
}

// A name in the file that no flag has is refused: a misspelt flag would
// silently keep its default.
func TestConfigFileNames(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		says string // "" when it is taken
	}{
		"misspelt":                  {`{"sesion-idle":"41m","max_sesions":9}`, "max_sesions, sesion-idle"},
		"misspelt in a command":     {`{"serve":{"lisen":"x"}}`, "serve.lisen"},
		"of another command":        {`{"serve":{"scope":"pk"}}`, "serve.scope"},
		"misspelt command":          {`{"sevre":{"listen":"x"}}`, "sevre"},
		"for the command line only": {`{"config":"x"}`, "config"},
		"twice":                     {`{"listen":"127.0.0.1:1","listen":"127.0.0.1:2"}`, "listen"},
		"no object":                 {`[]`, "JSON object"},
		"flags of all commands":     {`{"listen":"127.0.0.1:4100","scope":"pk","param":{"a":1},"keys":{"create":{"label":"x"}},"train":{"param":{"a":0.5},"out":"m"}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := command(t, "serve", "--config", write(t, "conf.json", c.file), "--print-config")
			if c.says == "" {
				if code != exitDone || !strings.Contains(out, "127.0.0.1:4100") {
					t.Errorf("exit %d, %s%s", code, out, errOut)
				}
				return
			}
			if code != exitUsage || !strings.Contains(errOut, c.says) {
				t.Errorf("exit %d, want 2 and to read %q in\n%s", code, c.says, errOut)
			}
		})
	}
	file := write(t, "conf.json", `{"label":"outside","keys":{"scope":"pk","create":{"label":"inside","origin":["https://shop.example"]}}}`)
	dir := t.TempDir()
	if code, _, errOut := command(t, "keys", "create", "--config", file, "--data", dir); code != exitDone {
		t.Fatal(errOut)
	}
	_, out, _ := command(t, "keys", "list", "--data", dir, "--json")
	for _, want := range []string{`"inside"`, `"pk"`, `"https://shop.example"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the key that the file describes lacks %s:\n%s", want, out)
		}
	}
}

func TestHelpShowsDefaults(t *testing.T) {
	_, out, _ := command(t, "serve", "--help")
	text := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{"(127.0.0.1:8080)", "(127.0.0.1:9090)", "at least 16 characters", "docs/rules.md", "--origin"} {
		if !strings.Contains(text, want) {
			t.Errorf("the help does not say %q:\n%s", want, out)
		}
	}
}
