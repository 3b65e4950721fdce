package proc

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain plays nextbest when a test starts this binary as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "keys" || os.Args[1] == "serve") {
		if err := play(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func play(args []string) error {
	value := func(flag string) string { return args[slices.Index(args, flag)+1] }
	switch {
	case value("--data") == "broken":
		return fmt.Errorf("the folder is broken")
	case args[0] == "keys":
		fmt.Printf(`{"key":"sk_of_%s"}`+"\n", value("--site"))
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, runtime.NumCPU())
	})
	return http.ListenAndServe(value("--ops-listen"), mux)
}

func server(t *testing.T, dir string) *Nextbest {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &Nextbest{Bin: self, Dir: dir, Core: 0}
}

func TestStartKillStartStop(t *testing.T) {
	n := server(t, t.TempDir())
	if err := n.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n.Key != "sk_of_main" || n.Addr() == "" {
		t.Errorf("prepared %+v", n)
	}
	for range 2 {
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := n.Kill(); err != nil {
			t.Errorf("killing a dead process: %v", err)
		}
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The fake does not handle the signal, so that it ends with an error.
	if err := n.Stop(); err == nil || strings.Contains(err.Error(), "killed") {
		t.Errorf("Stop: %v", err)
	}
}

func TestBrokenServerSaysWhy(t *testing.T) {
	n := server(t, "broken")
	if err := n.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "the folder is broken") {
		t.Errorf("Prepare: %v", err)
	}
	n.addr, n.ops = "127.0.0.1:1", "127.0.0.1:2"
	if err := n.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "the folder is broken") {
		t.Errorf("Start: %v", err)
	}
	n.Bin = "/nowhere/nextbest"
	if err := n.Start(t.Context()); err == nil {
		t.Error("a missing program was started")
	}
}

func TestNotReadyInTime(t *testing.T) {
	n := server(t, t.TempDir())
	if err := n.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.Kill() }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := n.process.WaitReady(ctx, n.ops, "/nothing-here"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("WaitReady: %v", err)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var copied strings.Builder
	log := tail{also: &copied}
	for i := range 2000 {
		_, _ = fmt.Fprintf(&log, "line %d\n", i)
	}
	if s := log.String(); len(s) != tailBytes || !strings.HasSuffix(s, "line 1999\n") {
		t.Errorf("kept %d bytes", len(s))
	}
	if !strings.HasPrefix(copied.String(), "line 0\n") {
		t.Error("the copy lacks the start")
	}
}
