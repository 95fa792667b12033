package main

import (
	"go/ast"
	"go/token"
	"slices"
)

// change is one thing that can be done to a tree, and undone.
type change struct {
	op  string
	was ast.Node
	now func() ast.Node // what stands there after do; nil: nothing
	do  func() (undo func())
}

// swapped are names that stand for each other's opposite.
var swapped = map[string]string{
	"true": "false", "false": "true", "None": "All", "All": "None", "And": "Or", "Or": "And", "and": "or", "or": "and",
	"intersection": "or",
}

// wider is the letter that is put in the place of another one.
var wider = map[string]string{"Read": "Search", "Search": "Read", "Create": "Update", "Update": "Read", "Delete": "Update"}

// classes are those of access.md D7, and what a type of that class is made instead.
var classes = map[string]string{
	"Denied": "Definitional", "Definitional": "Denied", "Directory": "Denied", "Subject": "Directory", "Linked": "Directory", "InPatient": "Directory",
}

// opposite is what an operator is replaced by.
var opposite = map[token.Token]struct {
	op string
	by token.Token
}{
	token.LAND: {"and-or", token.LOR}, token.LOR: {"and-or", token.LAND},
	token.EQL: {"equality", token.NEQ}, token.NEQ: {"equality", token.EQL},
	token.LSS: {"boundary", token.LEQ}, token.LEQ: {"boundary", token.LSS},
	token.GTR: {"boundary", token.GEQ}, token.GEQ: {"boundary", token.GTR},
	token.AND: {"and-or", token.OR}, token.OR: {"and-or", token.AND}, token.AND_NOT: {"and-or", token.OR},
}

// changes are all changes of a tree, in its order. Messages of errors and the sizes of what is made are left alone.
func changes(root ast.Node) (out []change) {
	ast.Inspect(root, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok && quiet(e) {
			return false
		}
		out = append(out, statements(n)...)
		for _, slot := range expressions(n) {
			if !quiet(*slot) {
				out = append(out, expression(slot)...)
			}
		}
		return n != nil
	})
	return out
}

// quiet says whether e is an error that is made, or an empty list.
func quiet(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	return ok && slices.Contains([]string{"Errorf", "make", "New"}, nameOf(call.Fun))
}

// expression are the changes of what stands in a slot.
func expression(slot *ast.Expr) (out []change) {
	by := func(op string, to ast.Expr) { out = append(out, replace(op, slot, to)) }
	switch e := (*slot).(type) {
	case *ast.BinaryExpr:
		if o, ok := opposite[e.Op]; ok && !failed(e) {
			by(o.op, &ast.BinaryExpr{X: e.X, Op: o.by, Y: e.Y})
		}
		switch e.Op {
		case token.LAND, token.LOR, token.OR, token.AND, token.AND_NOT:
			by("operand", e.X)
			by("operand", e.Y)
		}
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			by("negation", e.X)
		}
	case *ast.Ident:
		if to, ok := swapped[e.Name]; ok {
			by("swap", ast.NewIdent(to))
		}
		if to, ok := wider[e.Name]; ok {
			by("letter", ast.NewIdent(to))
		}
		if to, ok := classes[e.Name]; ok {
			by("class", ast.NewIdent(to))
		}
	case *ast.SelectorExpr:
		if to, ok := swapped[e.Sel.Name]; ok {
			by("swap", &ast.SelectorExpr{X: e.X, Sel: ast.NewIdent(to)})
		}
		if to, ok := wider[e.Sel.Name]; ok {
			by("letter", &ast.SelectorExpr{X: e.X, Sel: ast.NewIdent(to)})
		}
	case *ast.CompositeLit:
		if to, ok := swapped[nameOf(e.Type)]; ok {
			by("swap", &ast.CompositeLit{Type: renamed(e.Type, to), Elts: e.Elts})
		}
		if _, keyed := e.Type.(*ast.MapType); !keyed { // rows of maps are changed one by one, below
			for i := range e.Elts {
				by("member", &ast.CompositeLit{Type: e.Type, Elts: slices.Delete(slices.Clone(e.Elts), i, i+1)})
			}
		}
	case *ast.CallExpr:
		if to, ok := swapped[nameOf(e.Fun)]; ok {
			by("swap", &ast.CallExpr{Fun: renamed(e.Fun, to), Args: e.Args, Ellipsis: e.Ellipsis})
		}
		for _, arg := range e.Args {
			by("argument", arg)
		}
	}
	return out
}

// statements are the changes of a statement, or of the list of statements that it is.
func statements(n ast.Node) (out []change) {
	switch n := n.(type) {
	case *ast.BlockStmt:
		return dropped(&n.List)
	case *ast.CaseClause:
		out = dropped(&n.Body)
		for i := range n.List {
			if len(n.List) > 1 {
				without := slices.Delete(slices.Clone(n.List), i, i+1)
				out = append(out, set("case", n.List[i], &n.List, without))
			}
		}
		return out
	case *ast.IfStmt:
		cond := &ast.ParenExpr{X: n.Cond}
		out = append(out, replace("skip", &n.Cond, &ast.BinaryExpr{X: ast.NewIdent("false"), Op: token.LAND, Y: cond}))
		if failed(n.Cond) {
			return out // whatever else is done to it ends everything
		}
		out = append(out, replace("always", &n.Cond, &ast.BinaryExpr{X: ast.NewIdent("true"), Op: token.LOR, Y: cond}))
		if _, plain := n.Cond.(*ast.BinaryExpr); !plain {
			out = append(out, replace("negation", &n.Cond, &ast.UnaryExpr{Op: token.NOT, X: cond}))
		}
	case *ast.RangeStmt:
		end := &ast.BranchStmt{Tok: token.BREAK}
		out = append(out,
			set("empty", n, &n.Body.List, append([]ast.Stmt{&ast.BranchStmt{Tok: token.CONTINUE}}, n.Body.List...)),
			set("first", n, &n.Body.List, append(slices.Clone(n.Body.List), end)))
	case *ast.BranchStmt:
		to := map[token.Token]token.Token{token.CONTINUE: token.BREAK, token.BREAK: token.CONTINUE}[n.Tok]
		if to != 0 {
			out = append(out, change{"jump", &ast.BranchStmt{Tok: n.Tok}, func() ast.Node { return n }, func() func() {
				was := n.Tok
				n.Tok = to
				return func() { n.Tok = was }
			}})
		}
	case *ast.ReturnStmt:
		if last := len(n.Results) - 1; last >= 0 && nameOf(n.Results[last]) == "err" {
			out = append(out, replace("error", &n.Results[last], ast.NewIdent("nil")))
		}
	}
	return out
}

// failed says whether e is err != nil.
func failed(e ast.Expr) bool {
	b, ok := e.(*ast.BinaryExpr)
	return ok && b.Op == token.NEQ && nameOf(b.X) == "err" && nameOf(b.Y) == "nil"
}

// dropped are the changes of a list that leave out one member: an assignment, a call, a case.
func dropped(list *[]ast.Stmt) (out []change) {
	for i, s := range *list {
		op := "statement"
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue
			}
		case *ast.ExprStmt, *ast.IncDecStmt:
		case *ast.CaseClause:
			op = "case"
		default:
			continue
		}
		out = append(out, set(op, s, list, slices.Delete(slices.Clone(*list), i, i+1)))
	}
	return out
}

func replace(op string, slot *ast.Expr, to ast.Expr) change {
	was := *slot
	return change{op, was, func() ast.Node { return to }, func() func() {
		*slot = to
		return func() { *slot = was }
	}}
}

func set[T any](op string, was ast.Node, list *[]T, to []T) change {
	return change{op, was, nil, func() func() {
		before := *list
		*list = to
		return func() { *list = before }
	}}
}

// nameOf is the last name of an expression, "" of what is no name.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func renamed(e ast.Expr, to string) ast.Expr {
	if s, ok := e.(*ast.SelectorExpr); ok {
		return &ast.SelectorExpr{X: s.X, Sel: ast.NewIdent(to)}
	}
	return ast.NewIdent(to)
}

// expressions are the places in a node where an expression stands that can be another one.
func expressions(n ast.Node) (slots []*ast.Expr) {
	each := func(list []ast.Expr) {
		for i := range list {
			slots = append(slots, &list[i])
		}
	}
	switch n := n.(type) {
	case *ast.AssignStmt:
		each(n.Rhs)
	case *ast.BinaryExpr:
		slots = append(slots, &n.X, &n.Y)
	case *ast.CallExpr:
		each(n.Args)
	case *ast.CaseClause:
		each(n.List)
	case *ast.CompositeLit:
		each(n.Elts)
	case *ast.ExprStmt:
		slots = append(slots, &n.X)
	case *ast.IfStmt:
		slots = append(slots, &n.Cond)
	case *ast.IndexExpr:
		slots = append(slots, &n.X)
	case *ast.KeyValueExpr:
		slots = append(slots, &n.Value)
	case *ast.ParenExpr:
		slots = append(slots, &n.X)
	case *ast.RangeStmt:
		slots = append(slots, &n.X)
	case *ast.ReturnStmt:
		each(n.Results)
	case *ast.SelectorExpr:
		slots = append(slots, &n.X)
	case *ast.SwitchStmt:
		if n.Tag != nil {
			slots = append(slots, &n.Tag)
		}
	case *ast.UnaryExpr:
		slots = append(slots, &n.X)
	case *ast.ValueSpec:
		each(n.Values)
	}
	return slots
}
