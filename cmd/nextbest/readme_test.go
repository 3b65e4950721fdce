package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestReadme runs the commands of the README's transcript against the real
// demo: everything that the README shows is printed, the same items in the same
// places for the same reasons. The README may leave fields out; figures that
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
		have := shape(t, string(got))
		for _, want := range shape(t, c.shown) {
			if !slices.Contains(have, want) {
				t.Errorf("%s\nprints\n%s\nwithout what the README shows: %s", c.command, got, want)
			}
		}
	}
}

type shownCommand struct{ command, shown string }

// transcript reads the fenced console block: lines that start with "$ " are
// commands (they go on while a quote is open), the others what they print.
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
		more = len(out) > 0 && strings.Count(out[len(out)-1].command, "'")%2 == 1
	}
	return out
}

// shape flattens a JSON document to "path = value" lines; of values that may
// differ between two runs only the kind is kept.
func shape(t *testing.T, doc string) []string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, doc)
	}
	var out []string
	flatten("", v, &out)
	return out
}

func flatten(path string, v any, out *[]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
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
	case "recommendation_id", "session_id", "model", "catalog", "rules", "profiles", "score", "value", "detail", "session", "profile":
		return fmt.Sprintf("%T", v)
	}
	return fmt.Sprint(v)
}
