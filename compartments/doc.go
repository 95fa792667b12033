// Package compartments says which resources belong to which compartment, by the CompartmentDefinitions of R4.
package compartments
