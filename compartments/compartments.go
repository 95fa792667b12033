package compartments

// definition is one CompartmentDefinition.
type definition struct {
	compartment string
	members     []membership
}

// membership are the reference parameters that link a type to the compartment; "{def}" is the resource itself.
type membership struct {
	typ    string
	params []string
}
