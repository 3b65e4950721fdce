package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// command runs the program in this process.
func command(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, &o, &e)
	return code, o.String(), e.String()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newStore is the data directory of a stopped server with the site main.
func newStore(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if code, _, errOut := command(t, "keys", "create", "--data", dir); code != exitDone {
		t.Fatalf("keys create: exit %d, %s", code, errOut)
	}
	return dir
}

// anyPort lets a server that is to refuse listen where nobody else does.
var anyPort = []string{"--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"}

const testSessions = "a b c\nb c d\na b d\nc d a\na c b\n"

// Wrong use ends with 2 and a sentence that says what to do; a failure with 1.
func TestExitCodes(t *testing.T) {
	sessions := write(t, "x_sessions.txt", testSessions)
	stopped := newStore(t)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--help"}, 0, "Commands:"},
		{[]string{"version"}, 0, "nextbest"},
		{[]string{"dance"}, 2, "dance"},
		{[]string{"serve", "--durability", "always"}, 2, "os"},
		{[]string{"serve", "--data", "", "--listen", "nowhere", "--session-idle", "1s"}, 2, "--session-idle"},
		{[]string{"serve", "--data", t.TempDir(), "--listen", "0.0.0.0:0", "--ops-listen", "127.0.0.1:0"}, 2, "keys create"},
		{[]string{"keys", "list"}, 2, "--data DIR"},
		{[]string{"keys", "list", "--server", "http://127.0.0.1:1"}, 2, "--key"},
		{[]string{"keys", "list", "--server", "http://127.0.0.1:1", "--key", "sk_x"}, 1, "does not answer"},
		{[]string{"keys", "revoke", "key_none", "--data", stopped}, 1, "keys list"},
		{[]string{"keys", "list", "--server", "ftp://x", "--key", "sk_x"}, 2, "ftp://x"},
		{[]string{"train"}, 2, "--events"},
		{[]string{"train", "--events", sessions, "--out", filepath.Join(t.TempDir(), "m"), "--param", "depth=3"}, 2, "--param depth is none of best, which has a, lambda"},
		{[]string{"train", "--events", sessions, "--out", filepath.Join(t.TempDir(), "m"), "--param", "dim=7", "--param", "a=2"}, 2, "- --param dim must be a multiple of 8"},
		{[]string{"train", "--events", sessions, "--out", filepath.Join(t.TempDir(), "m"), "--model", "rows", "--param", "dim=8"}, 2, "--param dim is none of rows"},
		{[]string{"train", "--events", sessions, "--out", filepath.Join(t.TempDir(), "m"), "--model", "oracle"}, 2, "best, rows"},
		{[]string{"train", "--events", "missing_sessions.txt", "--out", "m"}, 1, "missing_sessions.txt"},
		{[]string{"train", "--data", stopped}, 1, "no session"},
		{[]string{"evaluate", "--train", sessions, "--test", sessions, "--model", "oracle"}, 2, "rows"},
		{[]string{"import", "catalog", "items.xls", "--data", stopped}, 1, "csv"},
	} {
		code, out, errOut := command(t, c.args...)
		if code != c.code || !strings.Contains(out+errOut, c.says) {
			t.Errorf("nextbest %s: exit %d, want %d, and to read %q in\n%s%s", strings.Join(c.args, " "), code, c.code, c.says, out, errOut)
		}
	}
}

var shownKey = regexp.MustCompile(`sk  (sk_\S+)`)

// TestBesideAndOffline loads the same shop into a running server through its
// control plane and into the files of a stopped one: both answer the same.
func TestBesideAndOffline(t *testing.T) {
	t.Parallel()
	items := write(t, "items.csv", "item_id,name,price,categories,colour\na,Apple,1,fruit,red\nb,Banana,2,fruit,yellow\nc,Carrot,1,roots,orange\nd,Dill,3,herbs,green\n,Nameless,1,,\n")
	events := write(t, "events.ndjson", pastEvents())
	profiles := write(t, "profiles.ndjson", `{"id":"u1","affinities":[{"item_id":"d","weight":2}]}`+"\n")

	running := t.TempDir()
	p := start(t, "serve", "--data", running, "--default-consent", "full")
	key := shownKey.FindStringSubmatch(p.output.String())
	if key == nil {
		t.Fatalf("the first start shows no key:\n%s", p.output)
	}
	beside := []string{"--server", p.url, "--key", key[1], "--json"}
	loadShop(t, items, events, profiles, beside)
	if code, _, errOut := command(t, "keys", "list", "--data", running); code != 1 || !strings.Contains(errOut, "--server") {
		t.Errorf("the files of a running server: exit %d, %s; want 1 and --server named", code, errOut)
	}

	stopped := t.TempDir()
	code, out, errOut := command(t, "keys", "create", "--data", stopped, "--json")
	var made madeKey
	if err := json.Unmarshal([]byte(out), &made); code != 0 || err != nil {
		t.Fatalf("keys create: exit %d, %v\n%s%s", code, err, out, errOut)
	}
	loadShop(t, items, events, profiles, []string{"--data", stopped, "--json"})
	q := start(t, "serve", "--data", stopped, "--default-consent", "full")

	for _, body := range []string{
		`{"placement":"item","limit":3,"anonymous_id":"x","context":{"item_id":"a"}}`,
		`{"placement":"home","limit":3,"anonymous_id":"y","user_id":"u1"}`,
		`{"placement":"home","limit":3}`,
	} {
		one, two := p.post("/v1/recommendations", key[1], body, http.StatusOK), q.post("/v1/recommendations", made.Key, body, http.StatusOK)
		if len(one.Items) == 0 || one.ids() != two.ids() {
			t.Errorf("%s: beside a server %q, offline %q", body, one.ids(), two.ids())
		}
	}
	p.terminate()
	q.terminate()
	exportsAll(t, stopped)
}

func pastEvents() string {
	var b strings.Builder
	for v := range 12 {
		for k, item := range []string{"a", "b", "c"} {
			b.WriteString(`{"anonymous_id":"v` + string(rune('a'+v)) + `","session_id":"s","kind":"view","item_id":"` + item + `","ts":` +
				`"2026-11-2` + string(rune('0'+k)) + `T10:00:00Z"}` + "\n")
		}
	}
	return b.String()
}

func loadShop(t *testing.T, items, events, profiles string, target []string) {
	t.Helper()
	for _, c := range []struct {
		args      []string
		good, bad int64
	}{
		{[]string{"import", "catalog", items}, 4, 1},
		{[]string{"import", "events", events}, 36, 0},
		{[]string{"import", "profiles", profiles}, 1, 0},
	} {
		code, out, errOut := command(t, append(c.args, target...)...)
		var report struct{ Rows, Good, Bad int64 }
		if err := json.Unmarshal([]byte(out), &report); code != 0 || err != nil {
			t.Fatalf("%v: exit %d, %v\n%s%s", c.args, code, err, out, errOut)
		}
		if report.Good != c.good || report.Bad != c.bad || report.Rows != c.good+c.bad {
			t.Errorf("%v reports %+v, want %d good and %d bad\n%s", c.args, report, c.good, c.bad, out)
		}
	}
	code, out, errOut := command(t, append([]string{"train"}, target...)...)
	var model trained
	if err := json.Unmarshal([]byte(out), &model); code != 0 || err != nil || !model.Active || model.Items != 3 {
		t.Fatalf("train: exit %d, %+v, %v\n%s%s", code, model, err, out, errOut)
	}
}

// What was imported comes out again, in a form that imports.
func exportsAll(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "log.ndjson")
	if code, _, errOut := command(t, "export", "--data", dir, "--out", file); code != 0 {
		t.Fatalf("export: %s", errOut)
	}
	code, out, errOut := command(t, "import", "events", file, "--data", newStore(t), "--json")
	var report struct{ Good, Bad int64 }
	if err := json.Unmarshal([]byte(out), &report); code != 0 || err != nil || report.Good != 36 || report.Bad != 0 {
		t.Errorf("an export imports as %+v (exit %d, %v)\n%s%s", report, code, err, out, errOut)
	}
}

// A model that was trained into a file measures the same as one trained on the
// spot; the file says which model it is.
func TestTrainToFile(t *testing.T) {
	sessions := write(t, "x_sessions.txt", testSessions)
	for _, model := range []string{"best", "rows"} {
		file := filepath.Join(t.TempDir(), "model")
		code, out, errOut := command(t, "train", "--events", sessions, "--out", file, "--model", model, "--json")
		var made trained
		if err := json.Unmarshal([]byte(out), &made); code != 0 || err != nil || made.Model != model || made.Items != 4 || made.Active || made.Gate != nil {
			t.Fatalf("train: exit %d, %+v, %v\n%s%s", code, made, err, out, errOut)
		}
		var got [2]struct {
			Model      string
			N, HR, MRR float64
		}
		for i, from := range [][]string{{"--train", sessions, "--model", model}, {"--model-file", file}} {
			code, out, errOut := command(t, append([]string{"evaluate", "--test", sessions, "--json"}, from...)...)
			if err := json.Unmarshal([]byte(out), &got[i]); code != 0 || err != nil {
				t.Fatalf("exit %d, %v: %s%s", code, err, out, errOut)
			}
		}
		if got[0] != got[1] || got[0].N != 10 || got[0].Model != model {
			t.Errorf("trained on the spot %+v, from the file %+v; want the same on 10 predictions of %s", got[0], got[1], model)
		}
	}
}

// A merchandiser's rules and item vectors come from files until they are uploaded.
func TestServeReadsRulesAndVectors(t *testing.T) {
	t.Parallel()
	rules := write(t, "rules.json", `[{"id":"r1","name":"banana first","enabled":true,"placements":["home"],"action":{"type":"pin","item":"b","slot":1}}]`)
	vectors := write(t, "vectors.ndjson", `{"id":"a","space":"v1","vector":[1,0]}`+"\n"+`{"id":"b","space":"v1","vector":[0,1]}`+"\n"+`{"id":"c","space":"v1","vector":[1,0.1]}`+"\n")
	p := start(t, "serve", "--store", "memory", "--default-consent", "full", "--rules", rules, "--vectors", vectors)
	key := shownKey.FindStringSubmatch(p.output.String())[1]
	beside := []string{"--server", p.url, "--key", key}
	items := write(t, "items.csv", "item_id\na\nb\nc\n")
	profiles := write(t, "profiles.ndjson", `{"id":"u1","space":"v1","vector":[1,0]}`+"\n")
	for _, args := range [][]string{{"import", "catalog", items}, {"import", "profiles", profiles}} {
		if code, _, errOut := command(t, append(args, beside...)...); code != 0 {
			t.Fatal(errOut)
		}
	}
	a := p.post("/v1/recommendations", key, `{"placement":"home","limit":3,"anonymous_id":"x","user_id":"u1"}`, http.StatusOK)
	if a.ids() != "b a c" || a.Items[0].Reason != "pinned" || a.Items[1].Reason != "profile" {
		t.Errorf("want b pinned, then a and c by the profile's vector: %s", a.Raw)
	}
	bad := write(t, "bad.ndjson", `{"id":"a","space":"v1","vector":[1,0]}`+"\n"+`{"id":"b","space":"v1","vector":[1]}`+"\n")
	if code, _, errOut := command(t, append([]string{"serve", "--store", "memory", "--vectors", bad}, anyPort...)...); code != 1 || !strings.Contains(errOut, "line 2") {
		t.Errorf("a vector of another dimension: exit %d, %s", code, errOut)
	}
}
