package main

import (
	"io"
	"strings"
	"testing"
)

// doc makes a document of one block.
func doc(info string, lines ...string) string {
	return "# Title\n```sh\nfalse\n```\n```" + info + "\n" + strings.Join(lines, "\n") + "\n```\ntext $ no\n"
}

func TestDocuments(t *testing.T) {
	for _, s := range []struct {
		name, text, want string
	}{
		{"as shown", doc("console", "$ echo a; echo b", "a", "b", "$ X=7", "$ echo $X", "7"), ""},
		{"no line end", doc("console", "$ printf abc", "abc"), ""},
		{"wildcards", doc("console", "$ echo took 12 ms", "took ... ms", "$ seq 1 9", "1", "...", "9"), ""},
		{"standard error", doc("console", "$ echo oops >&2", "oops"), ""},
		{"two lines", doc("console", "$ echo a \\", "> b", "a b"), ""},
		{"nothing promised", doc("console", "$ echo a"), ""},
		{"background", doc("console background", "$ echo ready; sleep 60", "ready") + doc("console", "$ echo on", "on"), ""},
		{"other output", doc("console", "$ echo a", "b"), "printed\na"},
		{"more output", doc("console", "$ echo a; echo b", "a"), "printed\na\nb"},
		{"failure", doc("console", "$ echo why; exit 3 | false", "why"), "ended with 1"},
		{"shell gone", doc("console", "$ exit 3"), "the shell ended"},
		{"background ends", doc("console background", "$ echo no", "ready"), "ended; printed\nno"},
	} {
		err := run(parse(s.text), io.Discard)
		switch {
		case s.want == "" && err != nil:
			t.Errorf("%s: %v", s.name, err)
		case s.want != "" && (err == nil || !strings.Contains(err.Error(), s.want)):
			t.Errorf("%s: error %v, want %q", s.name, err, s.want)
		}
	}
}

func TestEmptyDocument(t *testing.T) {
	if err := document("main.go", io.Discard); err == nil {
		t.Error("a document without commands passed")
	}
}
