package archtest

import (
	"go/token"
	"strings"
)

// layers is the picture of docs/ARCHITECTURE.md: a package may import packages
// of earlier lines only. A new package is added here and there.
var layers = [][]string{
	{"internal/fault", "internal/telemetry", "internal/archtest", "internal/jsonwalk"},
	{"session/event", "internal/keys", "recommend/vector", "recommend/snapshot"},
	{"recommend/catalog", "recommend/profile", "recommend/corpus"},
	{"recommend/rows", "recommend/embedding"},
	{"session", "recommend/merch", "recommend/popular", "recommend/neighbors", "recommend/best", "internal/dataset"},
	{"recommend", "session/ingest"},
	{"recommend/learn", "recommend/evaluate", "recommend/drift"},
	{"store"},
	{"internal/site"},
	{"store/storetest", "store/memory", "store/embedded", "store/scylla", "store/cached"},
	{"internal/httpapi", "internal/demo", "internal/console"},
}

// walls are imports that the order of layers would allow and the design does
// not: HTTP knows no store, the site no backend, and only cmd joins them.
var walls = []struct{ from, to, why string }{
	{"internal/httpapi", "store", "HTTP talks to the site, never to a store"},
	{"internal/demo", "store", "the demo talks to the site, never to a store"},
	{"internal/console", "store", "the console talks to the site, never to a store"},
	{"store", "internal/site", "a backend knows nothing above the store"},
	{"store", "internal/telemetry", "a store is given a meter"},
	{"recommend", "internal/telemetry", "the ranking is given a meter"},
	{"session", "internal/telemetry", "sessions are given a meter"},
	{"internal/httpapi", "internal/telemetry", "HTTP is given a meter and a handler"},
}

// owners names the one place of each heavy dependency.
var owners = []struct {
	dependency string
	dirs       []string
}{
	{"github.com/gofiber/", []string{"internal/httpapi", "loadtest"}},
	{"github.com/valyala/fasthttp", []string{"internal/httpapi", "loadtest"}},
	{"github.com/danielgtaylor/huma", []string{"internal/httpapi"}},
	{"github.com/dgraph-io/ristretto", []string{"store/cached"}},
	{"github.com/cockroachdb/pebble", []string{"store/embedded"}},
	{"github.com/gocql/gocql", []string{"store/scylla"}},
	{"go.opentelemetry.io/otel/sdk", []string{"internal/telemetry"}},
	{"go.opentelemetry.io/otel/exporters", []string{"internal/telemetry"}},
	{"github.com/prometheus/", []string{"internal/telemetry"}},
	{"github.com/parquet-go/", []string{"internal/dataset"}},
	{"github.com/alecthomas/kong", nil}, // cmd alone reads flags
}

// Imports checks the direction of imports and the owners of dependencies. Tests
// may join what they like: Go refuses cycles, and a test is not shipped.
func Imports(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.Files {
		if f.Test || under(f.Dir, "cmd") {
			continue
		}
		f.imports(func(path string, pos token.Pos) {
			if to, ours := strings.CutPrefix(path, Module+"/"); ours {
				if why := wrongWay(f.Dir, to); why != "" {
					found = append(found, t.at("imports", pos, "%s must not import %s: %s", f.Dir, to, why))
				}
			} else if why := notOwner(f.Dir, path); why != "" {
				found = append(found, t.at("owner", pos, "%s must not import %s: %s", f.Dir, path, why))
			}
		})
	}
	return append(found, unknownPackages(t)...)
}

// wrongWay says why from must not import to, "" when it may.
func wrongWay(from, to string) string {
	if under(from, "loadtest") {
		if under(to, "loadtest") {
			return ""
		}
		return "the load test knows the program by its HTTP interface only"
	}
	for _, w := range walls {
		if under(from, w.from) && under(to, w.to) && !under(from, w.to) {
			return w.why
		}
	}
	a, b := layer(from), layer(to)
	if a < 0 { // reported once by unknownPackages
		return ""
	}
	switch {
	case b < 0:
		return "only cmd may"
	case b > a:
		return "imports go from later layers to earlier ones"
	case b == a && parent(from) != parent(to):
		return "neighbours in a layer do not import each other"
	}
	return ""
}

// parent is the listed package that a folder belongs to.
func parent(dir string) string {
	best := ""
	for _, l := range layers {
		for _, p := range l {
			if under(dir, p) && len(p) > len(best) {
				best = p
			}
		}
	}
	return best
}

// layer is the line of a package in layers, -1 for one that is not in it.
func layer(dir string) int {
	p := parent(dir)
	for i, l := range layers {
		for _, name := range l {
			if name == p {
				return i
			}
		}
	}
	return -1
}

// notOwner says why dir must not import a dependency, "" when it may.
func notOwner(dir, path string) string {
	for _, o := range owners {
		if !strings.HasPrefix(path, o.dependency) {
			continue
		}
		for _, d := range o.dirs {
			if under(dir, d) {
				return ""
			}
		}
		if len(o.dirs) == 0 {
			return "only cmd may"
		}
		return "it belongs to " + strings.Join(o.dirs, " and ")
	}
	return ""
}

// unknownPackages finds folders that nobody put into the picture, once each.
func unknownPackages(t *Tree) []Finding {
	var found []Finding
	seen := map[string]bool{}
	for _, f := range t.Files {
		known := parent(f.Dir) != "" || under(f.Dir, "cmd") || under(f.Dir, "loadtest")
		if known || seen[f.Dir] {
			continue
		}
		seen[f.Dir] = true
		found = append(found, t.at("layout", f.AST.Name.Pos(),
			"%s is not in the layers: add it to internal/archtest and docs/ARCHITECTURE.md", f.Dir))
	}
	return found
}
