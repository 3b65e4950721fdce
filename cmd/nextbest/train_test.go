package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// quickly trains in a moment.
var quickly = []string{"--param", "dim=0", "--param", "lists=600", "--param", "ranker_epochs=1"}

// noise are the events of visitors who looked at anything, in no order.
func noise() string {
	r := rand.New(rand.NewPCG(3, 4))
	start := time.Now().Add(-10 * 24 * time.Hour)
	var b strings.Builder
	for v := range 1200 {
		for k := range 5 {
			at := start.Add(time.Duration(v)*11*time.Minute + time.Duration(k)*time.Second)
			fmt.Fprintf(&b, `{"anonymous_id":"v%d","session_id":"s%d","kind":"view","item_id":"i%d","ts":%d}`+"\n", v, v, r.IntN(200), at.UnixMilli())
		}
	}
	return b.String()
}

// noiseSessions are the same in a file to train on.
func noiseSessions() string {
	r := rand.New(rand.NewPCG(5, 6))
	var b strings.Builder
	for range 800 {
		for range 5 {
			fmt.Fprintf(&b, "i%d ", r.IntN(200))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// What the gate refuses is kept and told, and ends with 1; force overrules it.
// So it is with the files of a stopped server and beside a running one.
func TestGateRefuses(t *testing.T) {
	t.Parallel()
	stopped := newStore(t)
	events := write(t, "noise.ndjson", noise())
	if code, _, errOut := command(t, "import", "events", events, "--data", stopped); code != 0 {
		t.Fatal(errOut)
	}
	refusedAndForced(t, []string{"--data", stopped})
	if files, err := filepath.Glob(filepath.Join(stopped, "models", "main-*.model")); err != nil || len(files) != 1 {
		t.Errorf("model files %v, %v; want that of the active one", files, err)
	}

	running := t.TempDir()
	p := start(t, "serve", "--data", running, "--default-consent", "full")
	key := shownKey.FindStringSubmatch(p.output.String())[1]
	beside := []string{"--server", p.url, "--key", key}
	if code, _, errOut := command(t, append([]string{"import", "events", events}, beside...)...); code != 0 {
		t.Fatal(errOut)
	}
	refusedAndForced(t, beside)
	list := p.call(http.MethodGet, "/v1/models", key, "")
	for _, want := range []string{`"reason":"no_better_than_popular"`, `"forced":true`, `"rankers":`} {
		if list.Status != http.StatusOK || !strings.Contains(list.Raw, want) {
			t.Errorf("the models lack %s: %s", want, list.Raw)
		}
	}
	for _, verdict := range []string{`{verdict="refused"} 2`, `{verdict="forced"} 2`, `{verdict="activated"} 0`} {
		if !strings.Contains(metricsOf(t, p), "nextbest_gate_verdicts_total"+verdict) {
			t.Errorf("the metrics lack %s", verdict)
		}
	}
	p.terminate()
}

func metricsOf(t *testing.T, p *process) string {
	t.Helper()
	public := p.url
	defer func() { p.url = public }()
	p.url = p.ops
	return p.call(http.MethodGet, "/metrics", "", "").Raw
}

func refusedAndForced(t *testing.T, target []string) {
	t.Helper()
	file := write(t, "noise_sessions.txt", noiseSessions())
	for _, from := range [][]string{nil, {"--events", file}} {
		args := append(append([]string{"train", "--json"}, append(from, target...)...), quickly...)
		code, out, errOut := command(t, args...)
		var refused trained
		if err := json.Unmarshal([]byte(out), &refused); code != exitFailed || err != nil || refused.Active || refused.Gate == nil || refused.Gate.Activate {
			t.Fatalf("%v: exit %d, %+v, %v\n%s%s", args, code, refused, err, out, errOut)
		}
		if !strings.Contains(errOut, "not activated") || !strings.Contains(errOut, "refused: HR") || !strings.Contains(errOut, "--force") {
			t.Errorf("%v says %s", args, errOut)
		}
		code, out, errOut = command(t, append(args, "--force")...)
		var forced trained
		if err := json.Unmarshal([]byte(out), &forced); code != 0 || err != nil || !forced.Active || !forced.Gate.Forced {
			t.Fatalf("%v with force: exit %d, %+v, %v\n%s%s", args, code, forced, err, out, errOut)
		}
	}
}

// A server that is told to trains by itself, and what it made is there after a
// start, mapped from its file.
func TestServeTrainsByItself(t *testing.T) {
	for _, c := range []struct {
		every string
		says  string
	}{{"1s", "--train-every 1s is below 1m0s"}, {"-1h", "--train-every"}} {
		if code, _, errOut := command(t, append([]string{"serve", "--store", "memory", "--train-every=" + c.every}, anyPort...)...); code != exitUsage || !strings.Contains(errOut, c.says) {
			t.Errorf("--train-every %s: exit %d, %s", c.every, code, errOut)
		}
	}
	file := filepath.Join(t.TempDir(), "conf.json")
	if err := os.WriteFile(file, []byte(`{"serve":{"train_every":"24h"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errOut := command(t, "serve", "--config", file, "--print-config"); code != 0 || !strings.Contains(out, `"train-every": "24h0m0s"`) {
		t.Errorf("from a file: exit %d, %s%s", code, out, errOut)
	}
}
