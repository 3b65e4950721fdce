package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sort"
	"strings"
	"testing"
)

// TestReadme runs the commands of the README's transcript against the real
// demo and compares what they print with what the README shows: the same
// items in the same order, the same reasons, the same fields. Figures that
// depend on the clock or on chance may differ.
func TestReadme(t *testing.T) {
	t.Parallel()
	commands := transcript(t, "../../README.md")
	if len(commands) < 5 {
		t.Fatalf("the README's transcript has %d commands; at least 5 are promised", len(commands))
	}
	p := start(t, "demo")
	for _, c := range commands {
		run := strings.ReplaceAll(c.command, "http://127.0.0.1:8080", p.url)
		got, err := exec.Command("bash", "-c", run).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", c.command, err, got)
		}
		want, have := shape(t, c.shown), shape(t, string(got))
		if !slices.Equal(want, have) {
			t.Errorf("%s\nprints\n%s\nwhich differs from the README:\n%s", c.command, got, difference(want, have))
		}
	}
}

type shownCommand struct{ command, shown string }

// transcript reads the fenced console block: lines that start with "$ " are
// commands (continued by a trailing backslash), the others what they print.
func transcript(t *testing.T, path string) []shownCommand {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(raw), "```console transcript\n")
	block, _, closed := strings.Cut(rest, "\n```")
	if !found || !closed {
		t.Fatal("the README has no ```console transcript block")
	}
	var out []shownCommand
	more := false
	for line := range strings.SplitSeq(block, "\n") {
		switch {
		case more:
			out[len(out)-1].command += "\n" + line
		case strings.HasPrefix(line, "$ "):
			out = append(out, shownCommand{command: line[2:]})
		case len(out) > 0:
			out[len(out)-1].shown += line + "\n"
		}
		more = strings.HasSuffix(line, "\\")
	}
	return out
}

// shape flattens a JSON document to sorted "path = value" lines; of values that
// may differ between two runs only the kind is kept.
func shape(t *testing.T, doc string) []string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, doc)
	}
	var out []string
	flatten("", v, &out)
	sort.Strings(out)
	return out
}

func flatten(path string, v any, out *[]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if k == "ledger" || k == "candidates" || k == "drops" {
				*out = append(*out, path+"/"+k)
				continue
			}
			flatten(path+"/"+k, x, out)
		}
	case []any:
		for i, x := range v {
			flatten(fmt.Sprintf("%s/%d", path, i), x, out)
		}
	default:
		*out = append(*out, path+" = "+stable(path, v))
	}
}

func stable(path string, v any) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch name {
	case "recommendation_id", "session_id", "model", "catalog", "rules", "profiles", "score", "detail", "session", "profile":
		return fmt.Sprintf("%T", v)
	}
	return fmt.Sprint(v)
}

func difference(want, have []string) string {
	var b strings.Builder
	for _, w := range want {
		if !slices.Contains(have, w) {
			fmt.Fprintf(&b, "  README only: %s\n", w)
		}
	}
	for _, h := range have {
		if !slices.Contains(want, h) {
			fmt.Fprintf(&b, "  run only:    %s\n", h)
		}
	}
	return b.String()
}
