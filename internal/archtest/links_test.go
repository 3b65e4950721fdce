package archtest

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// TestLinks applies the rule to the module itself.
func TestLinks(t *testing.T) {
	found, err := Links(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error(f)
	}
}

func TestLinksFindsSeededDefects(t *testing.T) {
	for name, c := range map[string]struct {
		path, text string
		want       string // "" when nothing may be found
	}{
		"gone":            {"docs/a.md", "see\n[two](adr/0002-x.md)", "docs/a.md:2: there is no adr/0002-x.md"},
		"gone image":      {"docs/a.md", "![a shop](shop.png \"A shop\")", "there is no shop.png"},
		"second of line":  {"a.md", "[a](docs/b.md) and [b](docs/c.md)", "there is no docs/c.md"},
		"outside":         {"a.md", "[up](../other/x.md)", "there is no ../other/x.md"},
		"gone before #":   {"a.md", "[up](docs/c.md#top)", "there is no docs/c.md#top"},
		"paper in go":     {"session/s.go", "package session // see " + absent + " §2", "session/s.go:1: " + absent},
		"paper in a text": {"docs/a.md", "as " + absent + " says", absent},
		"there":           {"docs/a.md", "[b](b.md) [top](../README.md#top) ![p](p.png)", ""},
		"folder":          {"README.md", "[decisions](docs)", ""},
		"elsewhere":       {"README.md", "[x](https://x.example/y.md) [me](mailto:a@b.example) [here](#here)", ""},
		"code":            {"README.md", "```\n[a](b)\n```\n", ""},
		"go code":         {"session/s.go", "package session\nvar x = []func(int){}[0](gone)\n", ""},
		"a package's own": {"sdk/node_modules/x/README.md", "[gone](gone.md)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			tree := fstest.MapFS{"README.md": {}, "docs/b.md": {}, "docs/p.png": {}}
			tree[c.path] = &fstest.MapFile{Data: []byte(c.text)}
			found, err := Links(tree)
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" && len(found) > 0 || c.want != "" && (len(found) != 1 || !strings.Contains(found[0].String(), c.want)) {
				t.Errorf("found %v, want %q", found, c.want)
			}
		})
	}
}
