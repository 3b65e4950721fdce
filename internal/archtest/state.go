package archtest

import (
	"go/ast"
	"go/token"
	"strings"
)

// makers are the functions whose result may stand in a package variable: what
// they make does not change.
var makers = map[string]bool{
	"errors.New": true, "fmt.Errorf": true, "regexp.MustCompile": true, "strings.NewReplacer": true,
	"template.Must": true, "netip.MustParsePrefix": true, "netip.MustParseAddr": true,
	"crc32.MakeTable": true, "crc64.MakeTable": true, "big.NewInt": true, "reflect.TypeFor": true,
}

// State checks that packages hold no state: a package variable is an error, a
// regular expression, a table, an embedded file or a pool of spare memory, and
// nobody assigns to it.
func State(t *Tree) []Finding {
	var found []Finding
	vars := map[string]map[string]bool{} // folder → names
	for _, f := range t.Files {
		if f.Test {
			continue
		}
		for _, d := range f.AST.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				found = append(found, t.checkVar(f, g, v)...)
				for _, n := range v.Names {
					if vars[f.Dir] == nil {
						vars[f.Dir] = map[string]bool{}
					}
					vars[f.Dir][n.Name] = true
				}
			}
		}
	}
	for _, f := range t.Files {
		found = append(found, t.assignments(f, vars[f.Dir])...)
	}
	return found
}

// checkVar looks at one declaration.
func (t *Tree) checkVar(f *File, g *ast.GenDecl, v *ast.ValueSpec) []Finding {
	if embedded(g, v) || setByTheLinker(f, v) {
		return nil
	}
	var found []Finding
	if len(v.Values) == 0 {
		return append(found, t.at("state", v.Pos(), "package variable %s starts empty: whoever fills it makes it state", v.Names[0].Name))
	}
	for i, n := range v.Names {
		if n.Name == "_" {
			continue // a check by the compiler
		}
		value := v.Values[min(i, len(v.Values)-1)]
		if why := mutable(value); why != "" {
			found = append(found, t.at("state", n.Pos(), "package variable %s %s", n.Name, why))
		}
	}
	return found
}

func embedded(g *ast.GenDecl, v *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{g.Doc, v.Doc} {
		if doc == nil {
			continue
		}
		for _, c := range doc.List {
			if strings.HasPrefix(c.Text, "//go:embed ") {
				return true
			}
		}
	}
	return false
}

// setByTheLinker reports the one string that -ldflags -X may set.
func setByTheLinker(f *File, v *ast.ValueSpec) bool {
	return f.AST.Name.Name == "main" && len(v.Names) == 1 && v.Names[0].Name == "version"
}

// mutable says why a value may hold state, "" when it is a table or the like.
func mutable(value ast.Expr) string {
	switch x := value.(type) {
	case *ast.CompositeLit:
		if pool(x.Type) {
			return "" // spare memory: what a program does never depends on it
		}
		if pkg := packageOf(x.Type); pkg == "sync" || pkg == "atomic" {
			return "is a lock or shared state: put it into a struct that a constructor makes"
		}
		return ""
	case *ast.FuncLit:
		return "is a function that can be replaced: declare a func"
	case *ast.CallExpr:
		return mutableCall(x)
	case *ast.ParenExpr:
		return mutable(x.X)
	case *ast.UnaryExpr:
		return "is a pointer to something that can change"
	case *ast.BasicLit, *ast.BinaryExpr:
		return "never changes: make it a const"
	}
	return "can be replaced: pass it to a constructor"
}

func mutableCall(c *ast.CallExpr) string {
	switch c.Fun.(type) {
	case *ast.ArrayType, *ast.MapType:
		return "" // a conversion
	}
	pkg, name := callee(c)
	if makers[join(pkg, name)] {
		return ""
	}
	// A function of this package may compute a table; what it is called tells a
	// table from a running thing.
	if pkg == "" && name != "make" && name != "new" && !strings.HasPrefix(strings.ToLower(name), "new") {
		return ""
	}
	return "holds the result of " + join(pkg, name) + ", which can change: put it into a struct that a constructor makes"
}

// pool reports sync.Pool.
func pool(e ast.Expr) bool {
	sel, ok := e.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Pool" && packageOf(e) == "sync"
}

// packageOf is the package of a qualified type, also of a generic one.
func packageOf(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.SelectorExpr:
		if id, ok := x.X.(*ast.Ident); ok {
			return id.Name
		}
	case *ast.IndexExpr:
		return packageOf(x.X)
	}
	return ""
}

// assignments finds places that change a package variable. A name that the
// function declares itself is its own.
func (t *Tree) assignments(f *File, vars map[string]bool) []Finding {
	if len(vars) == 0 {
		return nil
	}
	var found []Finding
	for _, d := range f.AST.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		own := declared(fn)
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			for _, e := range changed(n) {
				if id := root(e); id != nil && id.Name != "_" && vars[id.Name] && !own[id.Name] {
					found = append(found, t.at("state", e.Pos(), "package variable %s is changed", id.Name))
				}
			}
			return true
		})
	}
	return found
}

// changed lists what a statement writes to.
func changed(n ast.Node) []ast.Expr {
	switch s := n.(type) {
	case *ast.AssignStmt:
		if s.Tok != token.DEFINE {
			return s.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{s.X}
	case *ast.CallExpr:
		if _, name := callee(s); (name == "delete" || name == "clear") && len(s.Args) > 0 {
			return s.Args[:1]
		}
	}
	return nil
}

// root is the variable that an expression starts from: x of x.a[i].
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// declared collects the names that a function declares.
func declared(fn *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	add := func(ids ...*ast.Ident) {
		for _, id := range ids {
			names[id.Name] = true
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			add(n.Names...)
		case *ast.ValueSpec:
			add(n.Names...)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					if id, ok := e.(*ast.Ident); ok {
						add(id)
					}
				}
			}
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if id, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
					add(id)
				}
			}
		}
		return true
	})
	return names
}
