// Package archtest holds the rules of this code base that a compiler does not
// check: which package may import which, who owns a heavy dependency, how long
// a file or function may be, what a library must never do. The rules read the
// source files, so that a cached test result cannot hide a change.
package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Module is the path of the module whose files are read.
const Module = "github.com/nextbest/nextbest"

// File is one parsed source file.
type File struct {
	Path  string // slash separated, from the module's root
	Dir   string // the package's folder, "." for the root
	Test  bool   // a _test.go file
	Lines int
	AST   *ast.File
}

// Tree is what the rules look at: every Go file of the module.
type Tree struct {
	Fset  *token.FileSet
	Files []*File
}

// Finding is one broken rule.
type Finding struct {
	Rule string
	Pos  string // path:line
	Text string
}

// String is the form in which a finding is reported.
func (f Finding) String() string { return fmt.Sprintf("%s: %s (%s)", f.Pos, f.Text, f.Rule) }

// Load reads the module under root. Folders of other modules, of other
// languages' packages and of test data are left out.
func Load(root string) (*Tree, error) {
	sources := map[string][]byte{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(root, p, d.Name())
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		sources[filepath.ToSlash(rel)] = src
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the sources: %w", err)
	}
	return Parse(sources)
}

// enter decides whether a folder belongs to the module.
func enter(root, dir, name string) error {
	if dir == root {
		return nil
	}
	if leftOut(name) {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return filepath.SkipDir // a module of its own
	}
	return nil
}

// leftOut are the folders that hold nothing of ours to read.
func leftOut(name string) bool {
	return name == "node_modules" || name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

// Parse makes a tree of sources by path.
func Parse(sources map[string][]byte) (*Tree, error) {
	t := &Tree{Fset: token.NewFileSet()}
	paths := make([]string, 0, len(sources))
	for p := range sources {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	for _, p := range paths {
		src := sources[p]
		f, err := parser.ParseFile(t.Fset, p, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", p, err)
		}
		t.Files = append(t.Files, &File{
			Path: p, Dir: path.Dir(p), Test: strings.HasSuffix(p, "_test.go"),
			Lines: bytes.Count(src, []byte("\n")), AST: f,
		})
	}
	return t, nil
}

// at makes a finding about a place.
func (t *Tree) at(rule string, pos token.Pos, format string, args ...any) Finding {
	p := t.Fset.Position(pos)
	return Finding{Rule: rule, Pos: fmt.Sprintf("%s:%d", p.Filename, p.Line), Text: fmt.Sprintf(format, args...)}
}

// imports calls fn for every import of a file.
func (f *File) imports(fn func(path string, pos token.Pos)) {
	for _, i := range f.AST.Imports {
		fn(strings.Trim(i.Path.Value, `"`), i.Pos())
	}
}

// under reports whether dir is the folder or inside it.
func under(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }
