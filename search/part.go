package search

// Parts are the expressions that e is made of, one step down: the members of an And or Or, what a Not negates, and what
// a Chain, Has or Contains asks of the resources that it looks at. Only And, Or and Not speak of the same resource as
// their parts.
func Parts(e Expr) []Expr {
	switch e := e.(type) {
	case And:
		return e
	case Or:
		return e
	case Not:
		return []Expr{e.X}
	case Chain:
		return []Expr{e.X}
	case Has:
		return []Expr{e.X}
	case Contains:
		return []Expr{e.X}
	}
	return nil
}

// Map is e with to(x) in the place of each x of its Parts; e itself if it has none.
func Map(e Expr, to func(Expr) Expr) Expr {
	switch e := e.(type) {
	case And:
		return And(mapAll(e, to))
	case Or:
		return Or(mapAll(e, to))
	case Not:
		return Not{to(e.X)}
	case Chain:
		e.X = to(e.X)
		return e
	case Has:
		e.X = to(e.X)
		return e
	case Contains:
		e.X = to(e.X)
		return e
	}
	return e
}

func mapAll(list []Expr, to func(Expr) Expr) []Expr {
	out := make([]Expr, len(list))
	for i, x := range list {
		out[i] = to(x)
	}
	return out
}
