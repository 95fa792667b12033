package auth_test

import "strings"

// What the guide of Ireland asks servers for, after the guide of the United States.
var (
	guideTypes = suffixed("AllergyIntolerance CarePlan CareTeam Condition Coverage Device DiagnosticReport DocumentReference Encounter Goal Immunization "+
		"MedicationDispense MedicationRequest Observation Organization Patient Practitioner PractitionerRole Procedure Provenance QuestionnaireResponse RelatedPerson "+
		"ServiceRequest Specimen", ".rs")
	moreTypes  = suffixed("Location Medication", ".rs")
	guideParts = []string{
		"Condition.rs?category=http://iehr.ai/fhir/ie/core/CodeSystem/condition-category|health-concern",
		"Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|encounter-diagnosis",
		"Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item",
		"Observation.rs?category=http://iehr.ai/fhir/ie/core/CodeSystem/ie-core-category|sdoh",
		"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|social-history",
		"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
		"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|survey",
		"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs",
		"DocumentReference.rs?category=http://iehr.ai/fhir/ie/core/CodeSystem/ie-core-documentreference-category|clinical-note",
	}
)

func suffixed(words, suffix string) (list []string) {
	for _, w := range strings.Fields(words) {
		list = append(list, w+suffix)
	}
	return list
}
