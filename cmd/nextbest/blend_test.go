package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// blendOf is what serve would run with.
func blendOf(t *testing.T, args ...string) map[string]blendRule {
	t.Helper()
	code, out, errOut := command(t, append([]string{"serve", "--data", "d", "--print-config"}, args...)...)
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	var shown struct{ Blend map[string]blendRule }
	if err := json.Unmarshal([]byte(out), &shown); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	return shown.Blend
}

func TestBlendIsReadFromFlagAndFile(t *testing.T) {
	file := write(t, "conf.json", `{"serve":{"blend":{"home":{"a_max":0.7,"kappa":0.2},"email":{"a_max":0,"kappa":0}}}}`)
	if got := blendOf(t, "--config", file); len(got) != 2 || got["home"] != (blendRule{AMax: .7, Kappa: .2}) {
		t.Errorf("from the file %v", got)
	}
	if got := blendOf(t, "--config", file, "--blend", "cart=.5/1", "--blend", "item=1/0"); len(got) != 2 || got["cart"] != (blendRule{AMax: .5, Kappa: 1}) {
		t.Errorf("from the flag %v", got)
	}
	if got := blendOf(t); len(got) != 0 {
		t.Errorf("without either %v", got)
	}
	// What --print-config prints can be read again.
	_, printed, _ := command(t, "serve", "--data", "d", "--print-config", "--config", file)
	if got := blendOf(t, "--config", write(t, "printed.json", printed)); got["home"] != (blendRule{AMax: .7, Kappa: .2}) {
		t.Errorf("printed and read again %v", got)
	}
}

func TestBlendTellsWhatIsWrong(t *testing.T) {
	code, _, errOut := command(t, append([]string{"serve", "--data", filepath.Join(t.TempDir(), "d"), "--blend", "attic=.5/1", "--blend", "home=2/-1", "--blend", "cart=half"}, anyPort...)...)
	if code != exitUsage {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{"--blend attic: there is no such placement", "--blend home: a_max 2", "--blend home: kappa -1", "--blend cart=half: expected"} {
		if !strings.Contains(errOut, want) {
			t.Errorf("%q is not told in\n%s", want, errOut)
		}
	}
	for _, wrong := range []string{`{"amax":0.7,"kappa":0.2}`, `{"a_max":0.7}`, `0.7`} {
		file := write(t, "conf.json", `{"blend":{"home":`+wrong+`}}`)
		if code, _, errOut := command(t, "serve", "--data", "d", "--config", file, "--print-config"); code != exitUsage || !strings.Contains(errOut, `"a_max":0.75`) {
			t.Errorf("%s: exit %d, %s", wrong, code, errOut)
		}
	}
}

// ordersFile is a shop of two customers with habits.
func ordersFile(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("user,session,item,time\n")
	for n := range 30 {
		day := []string{"2026-01-", "2026-02-", "2026-03-"}[n/10] + []string{"01", "03", "05", "07", "09", "11", "13", "15", "17", "19"}[n%10]
		user, items := "ann", []string{"tea", "cup", "pot"}
		if n%2 == 1 {
			user, items = "bob", []string{"pen", "ink", "cup"}
		}
		for _, item := range items {
			b.WriteString(strings.Join([]string{user, "s" + day, item, day}, ",") + "\n")
		}
	}
	return write(t, "orders.csv", b.String())
}

// TestWriteConfigIsWhatServeReads: the tuned blend goes into the file, the rest
// of the file stays, and serve runs with it.
func TestWriteConfigIsWhatServeReads(t *testing.T) {
	orders, file := ordersFile(t), filepath.Join(t.TempDir(), "conf.json")
	args := []string{"evaluate", "--users", orders, "--test-from", "2026-03-01", "--tune", "--write-config", file, "--json"}
	code, out, errOut := command(t, args...)
	if code != exitDone || !strings.Contains(errOut, file) {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	var report struct {
		Users struct {
			AMax  float64 `json:"a_max"`
			Kappa float64 `json:"kappa"`
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	found := blendRule{AMax: report.Users.AMax, Kappa: report.Users.Kappa}
	if got := blendOf(t, "--config", file); len(got) != 5 || got["home"] != found || got["email"] != found {
		t.Errorf("serve reads %v, found was %+v", got, found)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the new file: %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(file, []byte(`{"max-sessions":9007199254740993,"serve":{"session_idle":"41m","blend":{"item":{"a_max":0.1,"kappa":9}}}}`), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := command(t, append(args, "--placement", "cart", "--placement", "home")...); code != exitDone {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	got := blendOf(t, "--config", file)
	if len(got) != 3 || got["cart"] != found || got["home"] != found || got["item"] != (blendRule{AMax: .1, Kappa: 9}) {
		t.Errorf("merged into a file: %v", got)
	}
	body, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(body), "9007199254740993") || !strings.Contains(string(body), "41m") {
		t.Errorf("the rest of the file changed: %s, %v", body, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file's mode changed: %v, %v", info.Mode(), err)
	}
	for _, broken := range []string{"[]", "no", `{"blend":3}`} {
		if code, _, errOut := command(t, "evaluate", "--users", orders, "--write-config", write(t, "broken.json", broken)); code != exitFailed || !strings.Contains(errOut, "--write-config") {
			t.Errorf("into %s: exit %d, %s", broken, code, errOut)
		}
	}
}
