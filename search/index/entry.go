package index

// Form tells apart the terms that one value gives. A Term equals another only if Num, Form and Text are equal.
type Form uint8

// The forms. Token code text is folded where the parameter is not case-sensitive.
const (
	FormCode       Form = iota + 1 // Token: "code", whatever the system
	FormSystemCode                 // Token: "system|code"
	FormSystem                     // Token: "system|"
	FormNoSystem                   // Token: "|code", only of values without a system
	FormReference                  // Reference: "Type/id", the URL as written, or "#id"; versions and our base stripped
	FormID                         // Reference: the bare id, whatever the type
	FormIdentifier                 // Reference.identifier: "system|value"
	FormIdentCode                  // Reference.identifier: "value"
	FormCanonical                  // Reference: of a URL with a |version, the URL without it (FormReference holds it whole)
	FormURI                        // URI: as written
	FormString                     // String: folded text, whole
	FormPrefix                     // String: the first one, two and three characters of the folded text
	FormExact                      // String: text as written
	FormPresent                    // the parameter has a value; Text is ""
	FormIn                         // Num is NumIn: member of the compartment "Patient/123"
	FormOnly                       // Num is NumOnly: refers, in any element, to a Patient and to no Patient but this one
	FormComposite                  // Composite of tokens and references only: parts joined by "$", see part
	FormOfType                     // Token of an Identifier with a type: "type system|type code|value"
	FormWord                       // a word of any text of the resource, folded; the parameter is _content
	FormGram                       // String of types with short texts: three characters of the folded text, fewer at its end
)

// Numbers of internal terms, above every parameter of the definitions.
const (
	NumIn        uint16 = 0xFF00 + iota // compartment membership
	NumOnly                             // access.md D4
	NumLink                             // attachments that are Binaries, and a Binary's securityContext (access.md D8)
	NumContained                        // FormCode: a type of which a resource is contained
	NumShared                           // FormCode: the code of a parameter that refers to what all patients share, and to nothing else
)

// Term is an exact string under which a resource is found.
type Term struct {
	Num  uint16 // r4.SearchParameter.Num or a Num constant
	Form Form
	Text string
}

// Key is a value in an order: bytes compare (memcmp) as the values do. Dates are DateKey of microseconds, numbers
// fhir.Decimal.Key. The empty Key stands for "no bound" in a plan and never for a value.
type Key string

// Range is one value of an ordered parameter: an interval of keys. For dates half-open [Low, High), for numbers and
// quantities closed [Low, High]. An open end is KeyMin or KeyMax.
type Range struct {
	Num uint16
	// Unit of a Quantity: "" any unit; "|unit" as written (code or unit); "ucum:unit" with Low and High in that canonical
	// unit, or, where the code has none, "system|code". An entry for each. Of near: UnitLatitude, UnitLongitude.
	Unit string
	Low  Key
	High Key
}

// Units of the two ranges of a position (near), in degrees.
const (
	UnitLatitude  = "latitude"
	UnitLongitude = "longitude"
)

// The ends of every order.
const (
	KeyMin Key = "\x00"
	KeyMax Key = "\xff\xff\xff\xff\xff\xff\xff\xff\xff"
)

// Entries are all that an engine needs to find a resource again.
type Entries struct {
	Terms  []Term  // sorted by Num, Form, Text; no duplicates
	Ranges []Range // sorted; no duplicates
	Pairs  []Pair  // in no order
	// Order is the start of the resource's main date (r4.MainDate), the largest of several, in microseconds; it is
	// fhir.MinTime if there is none: those come last in the default order.
	Order int64
	// Compartments are the patients whose compartment holds the resource, as "Patient/123": what patient-prefixed
	// postings are made of. (Other compartments have only their FormIn term.)
	Compartments []string
}
