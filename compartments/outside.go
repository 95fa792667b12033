package compartments

// Class says what a caller who is bound to patients (a patient/ scope, a panel) may see of a type. Callers whose
// policy is everything and system/ scopes see every type.
type Class uint8

// The classes. The zero Class denies: a type that nobody thought of is not shown.
const (
	Denied       Class = iota
	InPatient          // can be a member of the Patient compartment: the members
	Directory          // who and where, shared by all patients: visible
	Subject            // outside the compartment but about a patient: visible if SubjectParam names the caller's patient
	Linked             // visible through another visible resource only: Binary (search.Linked)
	Definitional       // knowledge without patients: visible
)

// ClassOf is the class of a type. Each resource type outside the Patient compartment stands in one list of outside.
func ClassOf(typ string) Class {
	if Params("Patient", typ) != nil {
		return InPatient
	}
	return outside[typ]
}

// Shared says whether all patients share the type: it says who, where or how, of nobody.
func Shared(typ string) bool {
	c := ClassOf(typ)
	return c == Directory || c == Definitional
}

// SubjectParam is the parameter that names the patient of a type of class Subject, "" for other types.
func SubjectParam(typ string) string {
	if ClassOf(typ) == Subject {
		return "patient"
	}
	return ""
}

// NeedsOnly says whether membership is not enough under a patient/ scope: resources of these types speak of several
// patients by design, so they are visible only if the caller's patient is the only one that they refer to.
func NeedsOnly(typ string) bool {
	switch typ {
	case "AuditEvent", "Group", "MeasureReport", "Person", "Provenance", "Schedule":
		return true
	}
	return false
}

// outside has one row for each resource type outside the Patient compartment. The denied ones are spelled out to show
// that they were thought of.
var outside = map[string]Class{
	"Endpoint":                Directory,
	"HealthcareService":       Directory,
	"InsurancePlan":           Directory,
	"Location":                Directory,
	"Medication":              Directory,
	"MedicationKnowledge":     Directory,
	"Organization":            Directory,
	"OrganizationAffiliation": Directory,
	"Practitioner":            Directory,
	"PractitionerRole":        Directory,
	"Substance":               Directory,

	"Contract":         Subject,
	"Device":           Subject,
	"GuidanceResponse": Subject,
	"Task":             Subject,

	"Binary": Linked,

	"BiologicallyDerivedProduct": Denied,
	"Bundle":                     Denied,
	"DeviceMetric":               Denied,
	"EnrollmentResponse":         Denied,
	"Linkage":                    Denied,
	"MessageHeader":              Denied,
	"OperationOutcome":           Denied,
	"PaymentNotice":              Denied,
	"PaymentReconciliation":      Denied,
	"Slot":                       Denied,
	"Subscription":               Denied,
	"VerificationResult":         Denied,

	"ActivityDefinition":                Definitional,
	"CapabilityStatement":               Definitional,
	"CatalogEntry":                      Definitional,
	"ChargeItemDefinition":              Definitional,
	"CodeSystem":                        Definitional,
	"CompartmentDefinition":             Definitional,
	"ConceptMap":                        Definitional,
	"DeviceDefinition":                  Definitional,
	"EffectEvidenceSynthesis":           Definitional,
	"EventDefinition":                   Definitional,
	"Evidence":                          Definitional,
	"EvidenceVariable":                  Definitional,
	"ExampleScenario":                   Definitional,
	"GraphDefinition":                   Definitional,
	"ImplementationGuide":               Definitional,
	"Library":                           Definitional,
	"Measure":                           Definitional,
	"MedicinalProduct":                  Definitional,
	"MedicinalProductAuthorization":     Definitional,
	"MedicinalProductContraindication":  Definitional,
	"MedicinalProductIndication":        Definitional,
	"MedicinalProductIngredient":        Definitional,
	"MedicinalProductInteraction":       Definitional,
	"MedicinalProductManufactured":      Definitional,
	"MedicinalProductPackaged":          Definitional,
	"MedicinalProductPharmaceutical":    Definitional,
	"MedicinalProductUndesirableEffect": Definitional,
	"MessageDefinition":                 Definitional,
	"NamingSystem":                      Definitional,
	"ObservationDefinition":             Definitional,
	"OperationDefinition":               Definitional,
	"PlanDefinition":                    Definitional,
	"Questionnaire":                     Definitional,
	"ResearchDefinition":                Definitional,
	"ResearchElementDefinition":         Definitional,
	"ResearchStudy":                     Definitional,
	"RiskEvidenceSynthesis":             Definitional,
	"SearchParameter":                   Definitional,
	"SpecimenDefinition":                Definitional,
	"StructureDefinition":               Definitional,
	"StructureMap":                      Definitional,
	"SubstanceNucleicAcid":              Definitional,
	"SubstancePolymer":                  Definitional,
	"SubstanceProtein":                  Definitional,
	"SubstanceReferenceInformation":     Definitional,
	"SubstanceSourceMaterial":           Definitional,
	"SubstanceSpecification":            Definitional,
	"TerminologyCapabilities":           Definitional,
	"TestReport":                        Definitional,
	"TestScript":                        Definitional,
	"ValueSet":                          Definitional,
}
