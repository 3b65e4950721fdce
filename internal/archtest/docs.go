package archtest

import (
	"go/ast"
	"go/token"
)

// Docs checks that every exported name of a library has a comment.
func Docs(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.Files {
		if f.Test || f.AST.Name.Name == "main" {
			continue
		}
		for _, d := range f.AST.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) && !selfEvident(d) {
					found = append(found, t.at("docs", d.Pos(), "%s is exported and has no comment", d.Name.Name))
				}
			case *ast.GenDecl:
				found = append(found, t.undocumented(d)...)
			}
		}
	}
	return found
}

// undocumented looks at a group of types, constants or variables. A comment on
// the group is enough for constants and variables.
func (t *Tree) undocumented(g *ast.GenDecl) []Finding {
	var found []Finding
	report := func(id *ast.Ident) {
		found = append(found, t.at("docs", id.Pos(), "%s is exported and has no comment", id.Name))
	}
	for _, s := range g.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			single := g.Doc != nil && g.Lparen == token.NoPos
			if s.Name.IsExported() && s.Doc == nil && !single {
				report(s.Name)
			}
		case *ast.ValueSpec:
			for _, n := range s.Names {
				if n.IsExported() && g.Doc == nil && s.Doc == nil && s.Comment == nil {
					report(n)
				}
			}
		}
	}
	return found
}

// selfEvident reports the methods whose meaning the language gives.
func selfEvident(fn *ast.FuncDecl) bool {
	return fn.Recv != nil && (fn.Name.Name == "Error" || fn.Name.Name == "String")
}

// exportedReceiver reports whether a function or the type of a method is seen
// from outside.
func exportedReceiver(fn *ast.FuncDecl) bool {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return true
	}
	e := fn.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}
