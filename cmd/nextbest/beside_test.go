package main

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/merch"
)

// controlPlane stands in for a server: it answers everything with reply and
// keeps the bodies.
type controlPlane struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
}

func newControlPlane(t *testing.T, status int, reply string) *controlPlane {
	t.Helper()
	c := &controlPlane{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.bodies = append(c.bodies, r.Method+" "+r.URL.Path+" "+string(body))
		c.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, reply)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *controlPlane) got() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bodies
}

// The parameters of a training reach the server that trains.
func TestTrainBesideSendsParameters(t *testing.T) {
	srv := newControlPlane(t, http.StatusOK, `{"version":"v1","state":"active","bytes":7,"training":{"model":"best","items":3,"entries":9}}`)
	code, out, errOut := command(t, "train", "--server", srv.URL, "--key", "sk_x", "--param", "a=.4", "--param", "top=30", "--json")
	var got trained
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil || got.Items != 3 || got.Entries != 9 || !got.Active {
		t.Errorf("exit %d, %+v, %v\n%s", code, got, err, errOut)
	}
	want := `POST /v1/models:train {"force":false,"model":"best","params":{"a":0.4,"top":30}}`
	if sent := srv.got(); len(sent) != 1 || sent[0] != want {
		t.Errorf("sent %q, want %q", sent, want)
	}
	if code, _, _ := command(t, "train", "--server", srv.URL, "--key", "sk_x"); code != 0 {
		t.Errorf("exit %d", code)
	}
	if sent := srv.got(); len(sent) != 2 || sent[1] != `POST /v1/models:train {"force":false,"model":"best"}` {
		t.Errorf("without parameters it sent %q", sent[len(sent)-1])
	}
	old := newControlPlane(t, http.StatusOK, `{"version":"v1","state":"active"}`)
	if _, out, _ := command(t, "train", "--server", old.URL, "--key", "sk_x", "--json"); strings.Contains(out, "entries") {
		t.Errorf("entries that are not known are reported: %s", out)
	}
	code, _, errOut = command(t, "train", "--server", srv.URL, "--key", "sk_x", "--param", "depth=3", "--param", "a=9", "--param", "top=1.5")
	if code != exitUsage || !strings.Contains(errOut, "depth") || !strings.Contains(errOut, "between 0 and 1") || !strings.Contains(errOut, "--param top must be a whole number") {
		t.Errorf("exit %d, want 2 and all three parameters in\n%s", code, errOut)
	}
}

// What is wrong with a file is said as such, and known before a row is sent.
func TestImportBesideTellsTheFilesError(t *testing.T) {
	srv := newControlPlane(t, http.StatusOK, `{"rows":1,"good":1,"bad":0}`)
	target := []string{"--server", srv.URL, "--key", "sk_x"}
	good := write(t, "items.csv", "item_id\na\n")
	code, out, errOut := command(t, append([]string{"import", "catalog", good, "gone.csv", "items.xls", t.TempDir() + "/"}, target...)...)
	if code != exitFailed || !strings.Contains(errOut, "gone.csv") || !strings.Contains(errOut, "items.xls") || out != "" {
		t.Errorf("exit %d, output %q, want 1 and both bad files in\n%s", code, out, errOut)
	}
	noHeader := write(t, "names.csv", "name\na\n")
	code, out, errOut = command(t, append([]string{"import", "catalog", noHeader}, target...)...)
	if code != exitFailed || !strings.Contains(errOut, "no column item_id") || strings.Contains(errOut, "does not answer") || out != "" {
		t.Errorf("exit %d, output %q, want 1 and the column that is missing in\n%s", code, out, errOut)
	}
	cut := cutOff(t)
	code, out, errOut = command(t, append([]string{"import", "catalog", cut}, target...)...)
	if code != exitFailed || !strings.Contains(errOut, cut) || strings.Contains(errOut, "does not answer") || out != "" {
		t.Errorf("exit %d, output %q, want 1 and the broken file in\n%s", code, out, errOut)
	}
	if sent := srv.got(); len(sent) != 0 {
		t.Errorf("of files that cannot be read it sent %.100q", sent)
	}
	for name, base := range map[string]string{
		"nobody there": "http://127.0.0.1:1",
		"refused":      newControlPlane(t, http.StatusUnauthorized, `{"code":"key_unknown","detail":"does not answer to this key"}`).URL,
	} {
		code, out, errOut = command(t, "import", "catalog", good, "--server", base, "--key", "sk_x")
		if code != exitFailed || !strings.Contains(errOut, "does not answer") || out != "" {
			t.Errorf("%s: exit %d, output %q, %s", name, code, out, errOut)
		}
	}
}

// cutOff is a compressed file that ends in the middle of its rows.
func cutOff(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "items.csv.gz")
	var packed strings.Builder
	z := gzip.NewWriter(&packed)
	fmt.Fprintln(z, "item_id")
	random := rand.New(rand.NewPCG(1, 2))
	for range 50_000 {
		fmt.Fprintln(z, random.Uint64())
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(packed.String()[:packed.Len()/2]), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A typing error in a directory or a site is told; it makes neither.
func TestOfflineMakesNothingByMistake(t *testing.T) {
	items := write(t, "items.csv", "item_id\na\n")
	stopped := newStore(t)
	for _, args := range [][]string{
		{"import", "catalog", items}, {"train"}, {"export"}, {"keys", "list"}, {"keys", "revoke", "key_x"},
	} {
		dir := filepath.Join(t.TempDir(), "typo")
		code, out, errOut := command(t, append(args, "--data", dir)...)
		if code != exitFailed || !strings.Contains(errOut, "no store in --data "+dir) || out != "" {
			t.Errorf("%v: exit %d, %s%s", args, code, out, errOut)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%v made the directory", args)
		}
		if args[0] == "keys" {
			continue
		}
		code, _, errOut = command(t, append(args, "--data", stopped, "--site", "typo")...)
		if code != exitFailed || !strings.Contains(errOut, `no site "typo"; it has: main.`) {
			t.Errorf("%v of an unknown site: exit %d, %s", args, code, errOut)
		}
	}
	for _, site := range []string{"", "-", "a b", "a/b", "ö", strings.Repeat("x", 65)} {
		if code, _, errOut := command(t, "keys", "create", "--data", stopped, "--site", site); code != exitUsage || !strings.Contains(errOut, "--site") {
			t.Errorf("a key of the site %q: exit %d, %s", site, code, errOut)
		}
	}
	if code, _, errOut := command(t, "keys", "create", "--data", stopped, "--site", "Shop_2.at-x"); code != exitDone {
		t.Errorf("a key of a new site: %s", errOut)
	}
	if code, _, errOut := command(t, "import", "catalog", items, "--data", stopped, "--site", "Shop_2.at-x"); code != exitDone {
		t.Errorf("an import into a new site: %s", errOut)
	}
}

// A publishable key without an origin is no use to a page: the hint says so,
// and what it names works.
func TestKeysOfPagesNeedAnOrigin(t *testing.T) {
	t.Parallel()
	_, out, errOut := command(t, "keys", "create", "--data", t.TempDir(), "--scope", "pk", "--json")
	if !strings.Contains(errOut, "--origin") || !json.Valid([]byte(out)) {
		t.Errorf("no hint in %q, or no JSON: %s", errOut, out)
	}
	if _, _, errOut := command(t, "keys", "create", "--data", t.TempDir(), "--scope", "pk", "--origin", "https://your.shop"); errOut != "" {
		t.Errorf("a key with an origin is warned about: %s", errOut)
	}
	p := start(t, "serve", "--store", "memory")
	if !strings.Contains(p.output.String(), "keys create --scope pk --origin https://your.shop --server "+p.url) {
		t.Errorf("the first start does not say how a page gets a key:\n%s", p.output)
	}
	secret := shownKey.FindStringSubmatch(p.output.String())[1]
	_, out, _ = command(t, "keys", "create", "--scope", "pk", "--origin", "https://your.shop", "--server", p.url, "--key", secret, "--json")
	var made madeKey
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, p.url+"/v1/recommendations", strings.NewReader(`{"key":"`+made.Key+`","placement":"home"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://your.shop")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Access-Control-Allow-Origin") != "https://your.shop" {
		t.Errorf("the page of the key's origin gets %d %v", res.StatusCode, res.Header)
	}
}

// Errors name every faulty place and carry no code words.
func TestErrorsArePlain(t *testing.T) {
	rules := write(t, "rules.json", `[{"id":"r1","action":{"type":"pin","slot":900}},{"id":"r2","action":{"type":"dance"}}]`)
	_, _, errOut := command(t, append([]string{"serve", "--store", "memory", "--rules", rules}, anyPort...)...)
	for _, want := range []string{"\n  /0/action/item: ", "\n  /0/action/slot: ", "\n  /1/action/type: must be one of"} {
		if !strings.Contains(errOut, want) {
			t.Errorf("the error lacks %q:\n%s", want, errOut)
		}
	}
	if strings.Contains(errOut, "invalid_rules") {
		t.Errorf("the error has a code word:\n%s", errOut)
	}
	inner := fault.NotFoundf("no_file", "there is no x").Because(errors.New("enoent"))
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("plain: as it is"), "plain: as it is"},
		{fmt.Errorf("read: %w", inner), "read: there is no x: enoent"},
		{errors.Join(errors.New("a"), inner), "a\nthere is no x: enoent"},
		{fault.Invalidf("outer", "broken").At("/a", "too long").Because(inner), "broken: there is no x: enoent\n  /a: too long"},
		{fault.Invalidf("once", "cannot be read: enoent").Because(errors.New("enoent")), "cannot be read: enoent"},
	} {
		if got := told(c.err); got != c.want {
			t.Errorf("told %q, want %q", got, c.want)
		}
	}
}

// Every example of docs/rules.md is a rule that is taken, and every action has one.
func TestRulesDocument(t *testing.T) {
	raw, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, block := range strings.Split(string(raw), "```json\n")[1:] {
		body, _, _ := strings.Cut(block, "```")
		rules, err := merch.Parse([]byte(body))
		if err != nil {
			t.Errorf("example %d: %s\n%s", i+1, told(err), body)
		}
		for _, r := range rules {
			seen[r.Action.Type] = true
		}
	}
	for _, action := range []string{"pin", "boost", "bury", "hide", "filter", "slot", "diversify"} {
		if !seen[action] {
			t.Errorf("no example of %s", action)
		}
	}
}
