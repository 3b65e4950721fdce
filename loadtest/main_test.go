package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/loadtest/fake"
	"github.com/nextbest/nextbest/loadtest/replay"
)

// TestMain plays the control when a test starts this binary as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "control" {
		main()
		return
	}
	os.Exit(m.Run())
}

func attach(t *testing.T, f fake.Fault) string {
	t.Helper()
	s := &fake.Server{Fault: f, Items: replay.Generate(1, 10, 100).Items}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Kill() })
	return "http://" + s.Addr()
}

func do(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := dispatch(t.Context(), args, &out, io.Discard)
	return out.String(), err
}

func TestRunEveryMode(t *testing.T) {
	url := attach(t, fake.None)
	for _, mode := range []string{"events", "recommendations", "inline", "pairs", "mixed"} {
		args := []string{"run", "--url", url, "--mode", mode, "--rounds", "1", "--control=false",
			"--rate", "100", "--duration", "100ms", "--warmup", "10ms", "--json"}
		out, err := do(t, args...)
		if err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		var r report
		if err := json.Unmarshal([]byte(out), &r); err != nil || r.Sent == 0 || r.Errors != 0 {
			t.Errorf("%s: %s (%v)", mode, out, err)
		}
		// The fake answers no verdicts inline, and the driver says so.
		if (r.Mismatches > 0) != (mode == "inline") {
			t.Errorf("%s: %d mismatches", mode, r.Mismatches)
		}
	}
}

func TestRunBesideTheControl(t *testing.T) {
	out, err := do(t, "--url", attach(t, fake.None), "--mode", "recommendations", "--closed", "--conns", "2",
		"--rounds", "1", "--duration", "100ms", "--warmup", "10ms", "--server-core", "0")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"closed loop", "control: bare Fiber", "share of control", "p99.9", "errors 0"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
}

func TestOwnClicksExitCode(t *testing.T) {
	if out, err := do(t, "ryw", "--url", attach(t, fake.None), "--pairs", "50", "--clients", "4"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	out, err := do(t, "ryw", "--url", attach(t, fake.AnswersStale), "--pairs", "50", "--clients", "4")
	if !errors.Is(err, errFound) || !strings.Contains(out, "BROKEN") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestWrongUse(t *testing.T) {
	for _, args := range [][]string{
		{"fly"}, {"run", "--mode", "waltz"}, {"run", "extra"}, {"run", "--url", "here"}, {"run", "--nothing"},
		{"kill", "--bin", "/nowhere/nextbest"}, {"ryw", "--sessions", "/nowhere"}, {"control", "--listen", "nowhere:-1"},
		{"run", "--bin", "/nowhere/nextbest"},
	} {
		if _, err := do(t, args...); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
	if out, err := do(t, "--help"); err != nil || !strings.Contains(out, "Commands") {
		t.Errorf("--help: %v\n%s", err, out)
	}
}

func TestControlEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	log := &signalling{found: cancel}
	if err := dispatch(ctx, []string{"control", "--listen", "127.0.0.1:0"}, io.Discard, log); err != nil {
		t.Error(err)
	}
}

// signalling calls found at the first line.
type signalling struct{ found func() }

func (s *signalling) Write(b []byte) (int, error) {
	s.found()
	return len(b), nil
}

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{0: nil, 2: {3, 1, 2}, 2.5: {4, 1, 2, 3}} {
		if got := median(values); got != want {
			t.Errorf("median(%v) = %v, want %v", values, got, want)
		}
	}
}
