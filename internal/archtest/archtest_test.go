package archtest

import (
	"strings"
	"testing"
)

// rules are all that is checked.
var rules = map[string]func(*Tree) []Finding{
	"imports": Imports, "size": Size, "calls": Calls, "state": State, "docs": Docs,
}

// TestTree applies every rule to the module itself.
func TestTree(t *testing.T) {
	tree, err := Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Files) < 20 {
		t.Fatalf("only %d files were read: the walk is broken", len(tree.Files))
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			for _, f := range rule(tree) {
				t.Error(f)
			}
		})
	}
}

func lines(n int) string { return strings.Repeat("\n", n) }

// function makes a documented function of n lines.
func function(name string, n int) string {
	return "// " + name + " is long.\nfunc " + name + "() {" + lines(n-1) + "}\n"
}

// seeded holds sources with one defect each, and what must be said of it.
var seeded = []struct {
	name, path, src, want string
}{
	{"later layer", "session/s.go", `package session; import _ "github.com/nextbest/nextbest/recommend"`, "session must not import recommend"},
	{"event above session", "session/event/e.go", `package event; import _ "github.com/nextbest/nextbest/session"`, "later layers"},
	{"neighbours", "recommend/r.go", `package recommend; import _ "github.com/nextbest/nextbest/session/ingest"`, "neighbours"},
	{"backends", "store/cached/c.go", `package cached; import _ "github.com/nextbest/nextbest/store/embedded"`, "neighbours"},
	{"backend and site", "store/memory/m.go", `package memory; import _ "github.com/nextbest/nextbest/internal/site"`, "nothing above the store"},
	{"http and store", "internal/httpapi/h.go", `package httpapi; import _ "github.com/nextbest/nextbest/store"`, "never to a store"},
	{"site and backend", "internal/site/s.go", `package site; import _ "github.com/nextbest/nextbest/store/memory"`, "later layers"},
	{"site and fiber", "internal/site/s.go", `package site; import _ "github.com/gofiber/fiber/v2"`, "belongs to internal/httpapi"},
	{"huma", "internal/console/c.go", `package console; import _ "github.com/danielgtaylor/huma/v2"`, "belongs to internal/httpapi"},
	{"ristretto", "store/memory/m.go", `package memory; import _ "github.com/dgraph-io/ristretto/v2"`, "belongs to store/cached"},
	{"pebble", "store/store.go", `package store; import _ "github.com/cockroachdb/pebble/v2/vfs"`, "belongs to store/embedded"},
	{"otel sdk", "session/ingest/i.go", `package ingest; import _ "go.opentelemetry.io/otel/sdk/metric"`, "belongs to internal/telemetry"},
	{"parquet", "recommend/catalog/c.go", `package catalog; import _ "github.com/parquet-go/parquet-go"`, "belongs to internal/dataset"},
	{"kong", "internal/httpapi/h.go", `package httpapi; import _ "github.com/alecthomas/kong"`, "only cmd may"},
	{"cmd from below", "internal/demo/d.go", `package demo; import _ "github.com/nextbest/nextbest/cmd/nextbest"`, "only cmd may"},
	{"load test and inside", "loadtest/main.go", `package main; import _ "github.com/nextbest/nextbest/session"`, "HTTP interface only"},
	{"new package", "internal/util/u.go", "package util", "not in the layers"},
	{"long file", "session/s.go", "package session\n" + lines(500), "501 lines"},
	{"long function", "session/s.go", "package session\n" + function("F", 81) + strings.Repeat("func _() {}\n", 10), "F has 81 lines"},
	{"many long functions", "session/s.go", "package session\n" + function("F", 41), "1 of 1 functions"},
	{"init", "session/s.go", "package session\nfunc init() {}", "runs on import"},
	{"panic", "session/s.go", "package session\nfunc f() { panic(1) }", "panic ends the program"},
	{"fatal", "session/s.go", "package session\nimport \"log\"\nfunc f() { log.Fatalf(\"\") }", "log.Fatalf ends"},
	{"exit", "session/s.go", "package session\nimport \"os\"\nfunc f() { os.Exit(1) }", "os.Exit ends"},
	{"sleep", "session/s_test.go", "package session\nimport \"time\"\nfunc f() { time.Sleep(1) }", "must not sleep"},
	{"skip", "session/s_test.go", "package session\nimport \"testing\"\nfunc f(t *testing.T) { t.Skip() }", "must not be skipped"},
	{"lock", "session/s.go", "package session\nimport \"sync\"\nvar mu = sync.Mutex{}", "is a lock"},
	{"shared pool", "session/s.go", "package session\nimport \"sync/atomic\"\nvar p = atomic.Pointer[int]{}", "is a lock"},
	{"empty variable", "session/s.go", "package session\nimport \"sync\"\nvar mu sync.Mutex", "starts empty"},
	{"map", "session/s.go", "package session\nvar m = make(map[string]int)", "result of make"},
	{"default", "session/s.go", "package session\nvar d = newThing()", "result of newThing"},
	{"pointer", "session/s.go", "package session\nvar d = &struct{}{}", "pointer"},
	{"clock", "session/s.go", "package session\nimport \"time\"\nvar now = time.Now", "can be replaced"},
	{"number", "session/s.go", "package session\nvar n = 7", "make it a const"},
	{"function", "session/s.go", "package session\nvar f = func() {}", "declare a func"},
	{"changed table", "session/s.go", "package session\nvar t = map[string]int{}\nfunc f() { t[\"\"] = 1 }", "t is changed"},
	{"counted table", "session/s.go", "package session\nvar t = []int{1}\nfunc f() { t[0]++ }", "t is changed"},
	{"emptied table", "session/s.go", "package session\nvar t = map[string]int{}\nfunc f() { clear(t) }", "t is changed"},
	{"undocumented function", "session/s.go", "package session\nfunc F() {}", "F is exported"},
	{"undocumented method", "session/s.go", "package session\n// T is.\ntype T struct{}\nfunc (t *T) M() {}", "M is exported"},
	{"undocumented type", "session/s.go", "package session\ntype T int", "T is exported"},
	{"undocumented constant", "session/s.go", "package session\nconst C = 1", "C is exported"},
}

func TestRulesFindSeededDefects(t *testing.T) {
	for _, s := range seeded {
		t.Run(s.name, func(t *testing.T) {
			found := check(t, s.path, s.src)
			if len(found) != 1 || !strings.Contains(found[0].String(), s.want) {
				t.Errorf("found %v, want one finding with %q", found, s.want)
			}
		})
	}
}

// fine holds sources that no rule may object to.
var fine = []struct{ name, path, src string }{
	{"downwards", "recommend/r.go", `package recommend; import _ "github.com/nextbest/nextbest/session/event"`},
	{"site and store", "internal/site/s.go", `package site; import _ "github.com/nextbest/nextbest/store"`},
	{"reasoned panic", "store/embedded/fault.go", "package embedded\nfunc f() { panic(1) }"},
	{"own sub-package", "internal/httpapi/h.go", `package httpapi; import _ "github.com/nextbest/nextbest/internal/httpapi/wire"`},
	{"owner", "store/embedded/e.go", `package embedded; import _ "github.com/cockroachdb/pebble/v2"`},
	{"otel api", "session/ingest/i.go", `package ingest; import _ "go.opentelemetry.io/otel/metric"`},
	{"cmd", "cmd/nextbest/m.go", "package main\nimport _ \"github.com/nextbest/nextbest/store/embedded\"\nimport \"os\"\nvar version = \"dev\"\nfunc main() { os.Exit(1) }"},
	{"control server", "loadtest/control/c.go", `package control; import _ "github.com/gofiber/fiber/v2"`},
	{"a test joins", "session/s_test.go", `package session_test; import _ "github.com/nextbest/nextbest/store/memory"`},
	{"longest file", "session/s.go", "package session\n" + lines(499)},
	{"tables", "session/s.go", `package session
import ("embed"; "errors"; "regexp"; "sync")
//go:embed x
var files embed.FS
var errGone = errors.New("gone")
var word = regexp.MustCompile("a")
var weights = map[string]int{"a": 1}
var computed = table()
var _ error = (*own)(nil)
func drop() { _ = errGone.Error() }
var magic = []byte("NB")
var spare = sync.Pool{New: func() any { return new(int) }}
func table() []int { weights := map[string]int{}; weights["b"] = 2; return nil }
`},
	{"comments", "session/s.go", "package session\n// Of the group.\nconst (\n\tA = 1\n\tB = 2\n)\ntype t int\nfunc (t) M() {}\nvar X = []int{1} // a table\n"},
}

func TestRulesAcceptGoodSources(t *testing.T) {
	for _, s := range fine {
		t.Run(s.name, func(t *testing.T) {
			if found := check(t, s.path, s.src); len(found) > 0 {
				t.Errorf("found %v", found)
			}
		})
	}
}

func check(t *testing.T, path, src string) []Finding {
	t.Helper()
	tree, err := Parse(map[string][]byte{path: []byte(src)})
	if err != nil {
		t.Fatal(err)
	}
	var found []Finding
	for _, rule := range rules {
		found = append(found, rule(tree)...)
	}
	return found
}

// TestEveryPackageIsOnce guards the picture itself.
func TestEveryPackageIsOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range layers {
		for _, p := range l {
			if seen[p] {
				t.Errorf("%s stands in two layers", p)
			}
			seen[p] = true
		}
	}
}
