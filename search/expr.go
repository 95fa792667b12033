package search

import (
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/conformance/terminology"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/ucum"
)

// An Expr denotes a set of resources.
type Expr interface {
	expr()
	String() string // s-expression: logs, Explain and tests read it
}

type (
	// Const is everything or nothing.
	Const bool
	// And is the intersection. An empty And is a mistake: it is nothing, and plan.Lower refuses it (everything is
	// Const(true), written out).
	And []Expr
	// Or is the union; an empty Or is nothing.
	Or []Expr
	// Not is the complement.
	Not struct{ X Expr }
	// Type is all resources of a type.
	Type string
	// ID is the resource with this id, of whatever type.
	ID string
	// Param is what a search parameter with one of the values finds: comma is any.
	Param struct {
		P   *r4.SearchParameter
		Mod Modifier
		Any []Value
	}
	// Missing is :missing.
	Missing struct {
		P  *r4.SearchParameter
		Is bool
	}
	// In is membership of one compartment.
	In struct{ Compartment fhir.Reference }
	// InAny is membership of the compartment of some Patient of the panel.
	InAny struct{ Panel Panel }
	// Only is access.md D4: refers, in any element, to this Patient and to no other; with OrNone also what refers to none.
	Only struct {
		Compartment fhir.Reference
		OrNone      bool
	}
	// Sole is membership of this Patient's compartment and of no other Patient's: what new content under a patient/
	// scope must be (access.md "Writes"). Only Match knows it: it is asked of content, never of a store.
	Sole struct{ Compartment fhir.Reference }
	// SoleAny is to speak of some Patients of the panel and of no others, by the parameters that link the type to the
	// Patient compartment, or, if there is one, by P: what new content under a panel must be. Only Match knows it.
	SoleAny struct {
		P     *r4.SearchParameter
		Panel Panel
	}
	// Chain is subject:Patient.name=…: some resource of type Target that P refers to is in X.
	Chain struct {
		P      *r4.SearchParameter
		Target string
		X      Expr
		// Contained: resources of type Target inside the resource itself count too. Guard takes it away from callers who
		// may search only a part of the type. Where X has a Chain or Has of its own it says nothing.
		Contained bool
	}
	// Linked is what is visible through other resources only (access.md "Linked types"): Guard puts in its place what that
	// means for the type. Until then nothing is in it.
	Linked struct{}
	// Every is what refers by P to something, and to nothing but current resources that are in Of.
	Every struct {
		P  *r4.SearchParameter
		Of *Sight
	}
	// Shared is what refers by P, which is index.Shows of its type, to something, and to nothing but types that all patients
	// share (compartments.Shared).
	Shared struct{ P *r4.SearchParameter }
	// Has is _has:Observation:patient:code=…: some resource of type Source in X refers to this one by P.
	Has struct {
		Source string
		P      *r4.SearchParameter
		X      Expr
	}
)

// None is the empty set.
const None = Const(false)

// All is everything.
const All = Const(true)

func (Const) expr()   {}
func (And) expr()     {}
func (Or) expr()      {}
func (Not) expr()     {}
func (Type) expr()    {}
func (ID) expr()      {}
func (Param) expr()   {}
func (Missing) expr() {}
func (In) expr()      {}
func (InAny) expr()   {}
func (Only) expr()    {}
func (Sole) expr()    {}
func (SoleAny) expr() {}
func (Chain) expr()   {}
func (Linked) expr()  {}
func (Every) expr()   {}
func (Shared) expr()  {}
func (Has) expr()     {}

func (e Const) String() string   { return printed(e) }
func (e And) String() string     { return printed(e) }
func (e Or) String() string      { return printed(e) }
func (e Not) String() string     { return printed(e) }
func (e Type) String() string    { return printed(e) }
func (e ID) String() string      { return printed(e) }
func (e Param) String() string   { return printed(e) }
func (e Missing) String() string { return printed(e) }
func (e In) String() string      { return printed(e) }
func (e InAny) String() string   { return printed(e) }
func (e Only) String() string    { return printed(e) }
func (e Sole) String() string    { return printed(e) }
func (e SoleAny) String() string { return printed(e) }
func (e Chain) String() string   { return printed(e) }
func (e Linked) String() string  { return printed(e) }
func (e Every) String() string   { return printed(e) }
func (e Shared) String() string  { return printed(e) }
func (e Has) String() string     { return printed(e) }

// Modifier is the part behind the colon of a parameter's name. :missing is an Expr of its own, :[type] becomes part of
// the reference value.
type Modifier uint8

// The modifiers.
const (
	ModNone Modifier = iota
	ModExact
	ModContains
	ModText
	ModNot
	ModIn
	ModNotIn
	ModAbove
	ModBelow
	ModOfType
	ModIdentifier

	// Operations of _filter that no modifier says. Of a string they compare folded texts.
	ModEqual // String: the whole text
	ModEnds  // String: its end
	ModOrder // String: in the order that Prefix says
	ModHolds // Number, Date: what is there, as precise as it is written, holds the value
	ModOther // some value is not what ModNone asks for; of a String, ModEqual

	// ModVersions is :below of canonicals, as long as ModBelow is of hierarchies: a version and those below it.
	ModVersions
)

// Prefix is the comparison of an ordered value; the zero value is eq.
type Prefix uint8

// The prefixes (R4 "Search" §3.1.1.4.4).
const (
	Eq Prefix = iota
	Ne
	Gt
	Lt
	Ge
	Le
	Sa
	Eb
	Ap
)

// Value is one parsed search value. Which fields count follows from the parameter's type.
type Value struct {
	Raw    string // as given, escapes resolved only where the type has none; what String prints
	Prefix Prefix

	HasSystem bool   // Token, Quantity: a | was given
	System    string // with HasSystem and "": explicitly no system
	Code      string // Token: "" is any code of System; Quantity: unit or code
	Text      string // String, URI: the text, escapes resolved; Token with ModOfType: the identifier's value

	Words  []string // ModText, _text, _content: folded words that stand one behind the other in a text
	Begins bool     // the last of Words may be the beginning of a longer one

	// Set are the codes of a Token with ModIn, ModNotIn, ModAbove or ModBelow; nil as long as it is open. An open ModIn
	// has its value set in Text (a canonical URL) or Ref.
	Set *terminology.Set

	Ref    fhir.Reference // Reference
	Time   fhir.Interval  // Date; with Ap already widened by the margin
	Number fhir.Decimal   // Number, Quantity
	Unit   *ucum.Unit     // Quantity: of a System and Code that convert to a canonical unit, else nil
	Parts  []Value        // Composite
	Near   Circle         // near
}

// Circle is the surroundings of a place (R4 location.html#search).
type Circle struct {
	Latitude, Longitude float64 // degrees, WGS84
	Metres              float64 // radius
}

// Interaction is the letter of a scope that a position of a request needs (access.md §2).
type Interaction uint8

// The letters, in the order of SMART v2.
const (
	Create Interaction = iota
	Read
	Update
	Delete
	Search
)

// Access gives, for an interaction and a type, the set that the caller may touch; None if no scope names the type.
type Access interface {
	Allowed(i Interaction, typ string) Expr
}
