package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadme runs the commands of the README's transcript against the real
// demo: everything that the README shows is printed, the same items in the same
// places for the same reasons. The README may leave fields out; see differences.
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
		for _, d := range differences(t, c.shown, string(got)) {
			t.Errorf("%s\nprints\n%s\n%s", c.command, got, d)
		}
	}
}

// Each of these is something that the README must not get away with.
func TestReadmeComparison(t *testing.T) {
	const shown = `{"items":[{"item_id":"a","score":0.9,"reason":"session"}],"blend":{"session":0.564},"degraded":[],"session":{"session_id":"x","events":3},
		"candidates":{"session":59},"why_not":[{"detail":"in place 93 with score 0.0048; the list ends at place 1"}]}`
	for name, c := range map[string]struct {
		from, to string
		differs  bool
	}{
		"the same":           {"", "", false},
		"more fields":        {`"degraded"`, `"recommendation_id":"r","degraded"`, false},
		"another id":         {`"x"`, `"y"`, false},
		"the clock":          {"0.564", "0.579", false},
		"another blend":      {"0.564", "0.59", true},
		"another score":      {"0.9,", "0.8,", false},
		"a score in words":   {"0.9,", `"high",`, true},
		"degraded":           {"[]", `["profile"]`, true},
		"another reason":     {`"reason":"session"`, `"reason":"popular"`, true},
		"one item more":      {`"items":[`, `"items":[{},`, true},
		"another count":      {`"events":3`, `"events":2`, true},
		"other candidates":   {"59", "58", true},
		"other figures":      {"place 93 with score 0.0048", "place 7 with score 1e-05", false},
		"other words":        {"in place", "at place", true},
		"a field is missing": {`"degraded":[],`, "", true},
	} {
		printed := strings.Replace(shown, c.from, c.to, 1)
		if d := differences(t, shown, printed); (len(d) > 0) != c.differs {
			t.Errorf("%s: differences %q", name, d)
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

// differences lists what is shown and not printed. Ids made by chance, versions
// and scores may be others; a blend may be off by what the clock does to it, a
// detail in its numbers.
func differences(t *testing.T, shown, printed string) []string {
	t.Helper()
	want, have := leaves(t, shown), leaves(t, printed)
	var out []string
	for path, w := range want {
		h, there := have[path]
		if !there || !same(path, w, h) {
			out = append(out, fmt.Sprintf("the README shows %s = %v, printed is %v", path, w, h))
		}
	}
	slices.Sort(out)
	return out
}

// leaves flattens a JSON document to values by path; an array is a value too,
// its length.
func leaves(t *testing.T, doc string) map[string]any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, doc)
	}
	out := map[string]any{}
	flatten("", v, out)
	return out
}

func flatten(path string, v any, out map[string]any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			flatten(path+"/"+k, x, out)
		}
	case []any:
		out[path] = fmt.Sprintf("[%d]", len(v))
		for i, x := range v {
			flatten(fmt.Sprintf("%s/%d", path, i), x, out)
		}
	default:
		out[path] = v
	}
}

const blendTolerance = .02

var figure = regexp.MustCompile(`\d+(\.\d+)?(e[+-]?\d+)?`)

// same compares two values of a path.
func same(path string, want, have any) bool {
	if strings.HasPrefix(path, "/blend/") {
		w, isNumber := want.(float64)
		h, isNumberToo := have.(float64)
		return isNumber && isNumberToo && math.Abs(w-h) <= blendTolerance
	}
	switch path[strings.LastIndexByte(path, '/')+1:] {
	case "recommendation_id", "session_id", "model", "catalog", "rules", "profiles", "score", "value":
		return fmt.Sprintf("%T", want) == fmt.Sprintf("%T", have)
	case "detail":
		return figure.ReplaceAllString(fmt.Sprint(want), "#") == figure.ReplaceAllString(fmt.Sprint(have), "#")
	}
	return want == have
}
