// Package compartments says which resources belong to which compartment, and what a caller bound to patients may see
// of the types that belong to none. Membership is exactly what the five CompartmentDefinitions of R4 nominate
// (http://hl7.org/fhir/R4/compartmentdefinition.html); the tables are generated, their counts are tested.
//
// What never belongs here: evaluating a search parameter (search/index does), or a decision about a caller (search
// and auth/scope do).
//
//	compartments.Params("Patient", "Observation")     // ["subject", "performer"]
//	compartments.Of("Observation", "9", references)   // [Encounter/4 Patient/1 Practitioner/7], given its references
//	compartments.PatientImplies("Observation")        // "patient": patient=Patient/1 implies membership of Patient/1
//	compartments.ClassOf("Organization")              // Directory
package compartments
