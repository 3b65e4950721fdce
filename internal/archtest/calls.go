package archtest

import (
	"go/ast"
)

// banned calls by package and name; "" is a built-in. Outside tests they are
// left to main packages, which end the program on purpose.
var banned = map[[2]string]string{
	{"", "panic"}:      "return an error",
	{"log", "Fatal"}:   "return an error",
	{"log", "Fatalf"}:  "return an error",
	{"log", "Fatalln"}: "return an error",
	{"log", "Panic"}:   "return an error",
	{"log", "Panicf"}:  "return an error",
	{"log", "Panicln"}: "return an error",
	{"os", "Exit"}:     "return an error: main decides the exit code",
}

// reasoned are the files that may make a banned call, and why.
var reasoned = map[[2]string]string{
	{"store/embedded/fault.go", "panic"}: "pebble's Fatalf must not return; the caller's guard turns the panic into an error",
}

// Calls checks that libraries do not end the program and run nothing when they
// are imported, and that tests neither sleep nor skip.
func Calls(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.Files {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					found = append(found, t.at("calls", n.Pos(), "init runs on import: make a constructor"))
				}
			case *ast.CallExpr:
				if why := badCall(f, n); why != "" {
					found = append(found, t.at("calls", n.Pos(), "%s", why))
				}
			}
			return true
		})
	}
	return found
}

// badCall says what is wrong with a call, "" when nothing is.
func badCall(f *File, c *ast.CallExpr) string {
	pkg, name := callee(c)
	if f.Test {
		switch {
		case pkg == "time" && name == "Sleep":
			return "a test must not sleep: poll with a deadline or use testing/synctest"
		case name == "Skip" || name == "Skipf" || name == "SkipNow":
			return "a test must not be skipped: delete it or make it run"
		}
		return ""
	}
	if f.AST.Name.Name == "main" {
		return ""
	}
	if reasoned[[2]string{f.Path, join(pkg, name)}] != "" {
		return ""
	}
	if why, bad := banned[[2]string{pkg, name}]; bad {
		return join(pkg, name) + " ends the program: " + why
	}
	return ""
}

// callee names the called function as far as syntax tells.
func callee(c *ast.CallExpr) (pkg, name string) {
	switch fn := c.Fun.(type) {
	case *ast.Ident:
		return "", fn.Name
	case *ast.SelectorExpr:
		if x, ok := fn.X.(*ast.Ident); ok {
			return x.Name, fn.Sel.Name
		}
		return "?", fn.Sel.Name
	}
	return "?", "?"
}

func join(pkg, name string) string {
	if pkg == "" {
		return name
	}
	return pkg + "." + name
}
