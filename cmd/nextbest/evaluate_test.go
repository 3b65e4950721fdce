package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sessionFiles are a training and a test file of a little shop.
func sessionFiles(t *testing.T) (train, test string) {
	t.Helper()
	dir := t.TempDir()
	train, test = filepath.Join(dir, "train_sessions.txt"), filepath.Join(dir, "test_sessions.txt")
	for path, body := range map[string]string{train: "a b\na b\na c\nb c\n", test: "a b\nb c\n"} {
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return train, test
}

func TestEvaluatePrintsOneJSONObject(t *testing.T) {
	train, test := sessionFiles(t)
	var out, errOut bytes.Buffer
	args := []string{"evaluate", "--train", train, "--test", test, "--param", "a=.4", "--param", "delta=1", "--exclude", "current", "--json"}
	if code := run(t.Context(), args, &out, &errOut); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	var report struct {
		Model  string             `json:"model"`
		N      int                `json:"n"`
		HR     float64            `json:"hr"`
		Params map[string]float64 `json:"params"`
	}
	dec := json.NewDecoder(&out)
	if err := dec.Decode(&report); err != nil || dec.More() {
		t.Fatalf("standard output is not one JSON object: %v", err)
	}
	if report.Model != "rows" || report.N != 2 || report.HR != 1 || report.Params["a"] != .4 || report.Params["delta"] != 1 {
		t.Errorf("report %+v", report)
	}
}

func TestEvaluatePrintsText(t *testing.T) {
	train, test := sessionFiles(t)
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"evaluate", "--train", train, "--test", test, "--model", "pop"}, &out, &errOut); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	if !strings.Contains(out.String(), "hr           1.0000") || !strings.Contains(out.String(), "predictions  2") {
		t.Errorf("printed\n%s", out.String())
	}
	out.Reset()
	run(t.Context(), []string{"evaluate", "--train", train, "--test", test, "--param", "a=.4"}, &out, &errOut)
	if !strings.Contains(out.String(), "rows a=0.4 lambda=10 tw=1 sw_days=128 delta=2 top=50 last=10\n") {
		t.Errorf("the parameters do not stand under their flags' names:\n%s", out.String())
	}
}

// All problems are told at once, before a file is read.
func TestEvaluateTellsAllProblems(t *testing.T) {
	code, out, errOut := command(t, "evaluate", "--train", "gone_sessions.txt", "--test", "away_sessions.txt", "--exclude", "all", "--top", "0",
		"--span-days", "0", "--param", "depth=3", "--param", "lambda=x")
	if code != exitUsage || out != "" {
		t.Errorf("exit %d, output %q", code, out)
	}
	for _, want := range []string{"gone_sessions.txt", "away_sessions.txt", "--exclude", "--top", "--span-days", "--param depth", "--param lambda=x"} {
		if !strings.Contains(errOut, want) {
			t.Errorf("the problem with %s is not told in\n%s", want, errOut)
		}
	}
}

func TestEvaluateExitCodes(t *testing.T) {
	train, test := sessionFiles(t)
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"model":                    {[]string{"--train", train, "--test", test, "--model", "magic"}, exitUsage, "is none of rows, "},
		"param":                    {[]string{"--train", train, "--test", test, "--param", "k=1"}, exitUsage, "sw_days"},
		"value":                    {[]string{"--train", train, "--test", test, "--param", "a=9"}, exitUsage, "between 0 and 1"},
		"exclude":                  {[]string{"--train", train, "--test", test, "--exclude", "all"}, exitUsage, "current"},
		"top":                      {[]string{"--train", train, "--test", test, "--top", "0"}, exitUsage, "--top"},
		"span":                     {[]string{"--train", train, "--test", test, "--span-days", "0"}, exitUsage, "--span-days"},
		"both":                     {[]string{"--train", train, "--model-file", train, "--test", test}, exitUsage, "--model-file"},
		"neither":                  {[]string{"--test", test}, exitUsage, "either"},
		"no test":                  {[]string{"--train", train}, exitUsage, "--test"},
		"no file":                  {[]string{"--train", train + ".gone", "--test", test}, exitFailed, ".gone"},
		"compared":                 {[]string{"--train", train, "--test", test, "--against", "magic"}, exitUsage, "--against"},
		"compared with parameters": {[]string{"--train", train, "--test", test, "--against", "pop", "--against-param", "k=1"}, exitUsage, "--against-param k"},
		"parameters of nothing":    {[]string{"--train", train, "--test", test, "--against-param", "k=1"}, exitUsage, "--against NAME"},
		"compared file":            {[]string{"--model-file", train, "--test", test, "--against", "pop"}, exitUsage, "--train FILE"},
		"tuned file":               {[]string{"--model-file", train, "--test", test, "--tune"}, exitUsage, "--tune"},
		"nothing to tune":          {[]string{"--train", train, "--test", test, "--model", "pop", "--tune"}, exitUsage, "nothing to tune"},
		"share":                    {[]string{"--train", train, "--test", test, "--tune", "--valid-share", "1"}, exitUsage, "--valid-share"},
		"tries":                    {[]string{"--train", train, "--test", test, "--tune", "--tries", "0"}, exitUsage, "--tries"},
		"resamples":                {[]string{"--train", train, "--test", test, "--resamples", "1"}, exitUsage, "--resamples"},
		"users and train":          {[]string{"--users", test, "--train", train, "--test", test}, exitUsage, "leave --train and --test out"},
		"users and against":        {[]string{"--users", test, "--against", "pop"}, exitUsage, "--against"},
		"users and last":           {[]string{"--users", test, "--last-only"}, exitUsage, "--positions"},
		"users' cut":               {[]string{"--users", test, "--test-from", "soon"}, exitUsage, "--test-from"},
		"users' blend":             {[]string{"--users", test, "--a-max", "2", "--placement", "attic"}, exitUsage, "--placement"},
		"no users":                 {[]string{"--users", test + ".gone"}, exitFailed, ".gone"},
		"not users":                {[]string{"--users", test}, exitFailed, "column"},
		"cut without users":        {[]string{"--train", train, "--test", test, "--test-from", "2026-01-01"}, exitUsage, "--users FILE"},
		"config without users":     {[]string{"--train", train, "--test", test, "--write-config", "x.json"}, exitUsage, "--users FILE"},
		"no model":                 {[]string{"--model-file", train, "--test", test}, exitFailed, "not a usable model file"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			code := run(t.Context(), append([]string{"evaluate"}, c.args...), &out, &errOut)
			if code != c.code || !strings.Contains(errOut.String(), c.want) || out.Len() > 0 {
				t.Errorf("exit code %d, error output %q, output %q; want %d and %q", code, errOut.String(), out.String(), c.code, c.want)
			}
		})
	}
}

func TestEvaluateHelpNamesModelsAndParameters(t *testing.T) {
	var out, errOut bytes.Buffer
	run(t.Context(), []string{"evaluate", "--help"}, &out, &errOut)
	for _, want := range []string{"rows:", "pop:", "sw_days", "_sessions.txt", "--against vmis", "nextbest evaluate --users"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the help does not say %q:\n%s", want, out.String())
		}
	}
}

// What is asked for comes as objects of their own beside the contract's fields.
func TestEvaluateAddsWhatIsAskedFor(t *testing.T) {
	train, test := sessionFiles(t)
	fields := func(args ...string) map[string]any {
		t.Helper()
		code, out, errOut := command(t, append([]string{"evaluate", "--json"}, args...)...)
		if code != exitDone {
			t.Fatalf("exit %d: %s", code, errOut)
		}
		var all map[string]any
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	base := []string{"--train", train, "--test", test}
	plain := fields(base...)
	for _, c := range []struct {
		args  []string
		extra []string
	}{
		{append(base, "--against", "pop"), []string{"against"}},
		{append(base, "--exclude", "seen"), []string{"chances"}},
		{append(base, "--tune", "--valid-share", ".5", "--tries", "3", "--against", "pop"), []string{"tuning", "against"}},
		{[]string{"--users", ordersFile(t)}, []string{"users", "chances"}},
	} {
		got := fields(c.args...)
		for name := range plain {
			if _, ok := got[name]; !ok {
				t.Errorf("%v: the field %s is gone", c.args, name)
			}
		}
		for _, name := range c.extra {
			if _, ok := got[name].(map[string]any); !ok || plain[name] != nil {
				t.Errorf("%v: %s is %v, without being asked for %v", c.args, name, got[name], plain[name])
			}
		}
		if len(got) != len(plain)+len(c.extra) {
			t.Errorf("%v: %d fields, want %d and %v", c.args, len(got), len(plain), c.extra)
		}
	}
}

func TestEvaluatePrintsWhatIsAskedFor(t *testing.T) {
	train, test := sessionFiles(t)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--train", train, "--test", test, "--against", "pop", "--exclude", "current"},
			[]string{"against      pop", "95 % interval", "McNemar", "chances      2 whose target"}},
		{[]string{"--train", train, "--test", test, "--tune", "--valid-share", ".5", "--tries", "2"}, []string{"tuned on the newest 0.5", " 2"}},
		{[]string{"--users", ordersFile(t), "--tune", "--test-from", "2026-03-01"},
			[]string{"hr/mrr by a_max (down) and kappa", "best         a_max", "users        2 with 10 sessions", "session only", "new to the user", "excluded: seen"}},
	} {
		code, out, errOut := command(t, append([]string{"evaluate"}, c.args...)...)
		if code != exitDone {
			t.Fatalf("exit %d: %s", code, errOut)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%v: %q is not in\n%s", c.args, want, out)
			}
		}
	}
}
