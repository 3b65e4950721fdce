package archtest

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// link is a Markdown link or image; what follows the target is its title.
var link = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?:\s[^)]*)?\)`)

// absent is the name of a paper that is not part of the repository: whoever
// reads a reference to it cannot follow it.
const absent = "DESIGN" + ".md"

// Links checks that what documents and comments refer to is there: every
// relative link of a *.md file leads to a file or folder.
func Links(fsys fs.FS) ([]Finding, error) {
	var found []Finding
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && leftOut(d.Name()) {
			return fs.SkipDir
		}
		ext := path.Ext(p)
		if d.IsDir() || ext != ".md" && ext != ".go" {
			return nil
		}
		text, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		found = append(found, references(fsys, p, text)...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the documents: %w", err)
	}
	return found, nil
}

// references checks one file.
func references(fsys fs.FS, name string, text []byte) []Finding {
	var found []Finding
	fenced := false
	n := 0
	for line := range bytes.Lines(text) {
		n++
		at := fmt.Sprintf("%s:%d", name, n)
		if bytes.Contains(line, []byte(absent)) {
			found = append(found, Finding{Rule: "links", Pos: at, Text: absent + " is not in the repository: say it here, or in docs/adr"})
		}
		if bytes.HasPrefix(bytes.TrimSpace(line), []byte("```")) {
			fenced = !fenced
		}
		if fenced || path.Ext(name) != ".md" {
			continue
		}
		for _, m := range link.FindAllSubmatch(line, -1) {
			if target := string(m[1]); dead(fsys, name, target) {
				found = append(found, Finding{Rule: "links", Pos: at, Text: "there is no " + target})
			}
		}
	}
	return found
}

// dead reports whether a link is relative and leads nowhere.
func dead(fsys fs.FS, from, target string) bool {
	target, _, _ = strings.Cut(target, "#")
	if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return false
	}
	p := path.Join(path.Dir(from), target)
	if strings.HasPrefix(target, "/") {
		p = path.Clean(target[1:])
	}
	_, err := fs.Stat(fsys, p) // what leaves the repository is no valid path: dead too
	return err != nil
}
