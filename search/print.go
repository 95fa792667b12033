package search

import (
	"strconv"
	"strings"
)

var modNames = [...]string{
	ModExact: "exact", ModContains: "contains", ModText: "text", ModNot: "not", ModIn: "in", ModNotIn: "not-in",
	ModAbove: "above", ModBelow: "below", ModOfType: "of-type", ModIdentifier: "identifier",
	ModEqual: "(equal)", ModEnds: "(ends)", ModOrder: "(order)", ModHolds: "(holds)", ModOther: "(other)", ModVersions: "below",
}

// String is the modifier as it stands behind the colon, "" for ModNone.
func (m Modifier) String() string { return modNames[m] }

// printed is the s-expression of e.
func printed(e Expr) string { return string(appendExpr(nil, e)) }

func appendExpr(b []byte, e Expr) []byte {
	switch e := e.(type) {
	case Const:
		if e {
			return append(b, "all"...)
		}
		return append(b, "none"...)
	case And:
		return appendList(b, "and", e)
	case Or:
		return appendList(b, "or", e)
	case Not:
		return appendList(b, "not", []Expr{e.X})
	case Type:
		return append(append(b, "type:"...), e...)
	case ID:
		return appendText(append(b, "id:"...), string(e))
	case In:
		return append(append(b, "in:"...), e.Compartment.String()...)
	case InAny:
		return appendText(append(b, "in-any:"...), e.Panel.String())
	case Only:
		b = append(append(b, "only:"...), e.Compartment.String()...)
		if e.OrNone {
			b = append(b, "-or-none"...)
		}
		return b
	case Linked:
		return append(b, "linked"...)
	case Every:
		return append(append(append(b, "(every "...), e.P.Code...), " seen)"...)
	case Shared:
		return append(append(b, "shared:"...), e.P.Code...)
	case Sole:
		return append(append(b, "sole:"...), e.Compartment.String()...)
	case SoleAny:
		return appendText(append(b, "sole-any:"...), e.Panel.String())
	case Missing:
		return strconv.AppendBool(append(append(b, e.P.Code...), ":missing="...), e.Is)
	case Chain:
		return appendList(b, "chain "+e.P.Code+":"+e.Target, []Expr{e.X})
	case Has:
		return appendList(b, "has "+e.Source+":"+e.P.Code, []Expr{e.X})
	case Contains:
		return appendList(b, "contains "+e.Type, []Expr{e.X})
	case Param:
		b = append(b, e.P.Code...)
		if e.Mod != ModNone {
			b = append(append(b, ':'), e.Mod.String()...)
		}
		for i, v := range e.Any {
			b = append(b, "=,"[min(i, 1)])
			b = appendText(b, v.Raw)
		}
		return b
	}
	return append(b, "none"...) // nil
}

func appendList(b []byte, head string, list []Expr) []byte {
	b = append(append(b, '('), head...)
	for _, x := range list {
		b = appendExpr(append(b, ' '), x)
	}
	return append(b, ')')
}

// appendText quotes what would be mistaken for structure.
func appendText(b []byte, s string) []byte {
	if s == "" || strings.ContainsAny(s, " ()\"\n\t") {
		return strconv.AppendQuote(b, s)
	}
	return append(b, s...)
}
