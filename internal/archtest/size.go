package archtest

import (
	"fmt"
	"go/ast"
)

// Limits of size. A file or function that reaches one is split by meaning.
const (
	maxFileLines  = 500
	maxFuncLines  = 80
	longFuncLines = 40
	longFuncShare = .10 // of all functions outside tests may be long
)

// Size checks the length of files and of functions outside tests.
func Size(t *Tree) []Finding {
	var found []Finding
	var long []string
	functions := 0
	for _, f := range t.Files {
		if f.Lines > maxFileLines {
			found = append(found, t.at("size", f.AST.Package, "%d lines: at most %d in a file", f.Lines, maxFileLines))
		}
		if f.Test {
			continue
		}
		for _, d := range f.AST.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			functions++
			lines := t.lines(fn)
			if lines > maxFuncLines {
				found = append(found, t.at("size", fn.Pos(), "%s has %d lines: at most %d in a function", fn.Name.Name, lines, maxFuncLines))
			}
			if lines > longFuncLines {
				long = append(long, fmt.Sprintf("%s %s (%d)", f.Path, fn.Name.Name, lines))
			}
		}
	}
	if allowed := int(float64(functions) * longFuncShare); len(long) > allowed {
		found = append(found, Finding{Rule: "size", Pos: "all files", Text: fmt.Sprintf(
			"%d of %d functions are longer than %d lines, at most %d may be: %v", len(long), functions, longFuncLines, allowed, long)})
	}
	return found
}

func (t *Tree) lines(n ast.Node) int {
	return t.Fset.Position(n.End()).Line - t.Fset.Position(n.Pos()).Line + 1
}
