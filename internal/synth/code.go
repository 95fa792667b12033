package synth

import "time"

// The code systems.
const (
	loinc  = "http://loinc.org"
	snomed = "http://snomed.info/sct"
	rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
	cvx    = "http://hl7.org/fhir/sid/cvx"
	ucum   = "http://unitsofmeasure.org"
	hl7    = "http://terminology.hl7.org/CodeSystem/"
	usCore = "http://hl7.org/fhir/us/core/StructureDefinition/"
	own    = "https://firewarden.example/identifier/"
)

// code is a coding with its text.
type code struct{ system, code, display string }

func (c code) coding() object {
	return object{"system", c.system, "code", c.code, "display", c.display}
}

// concept is a CodeableConcept of one coding.
func (c code) concept() object { return object{"coding", list{c.coding()}, "text", c.display} }

// concept of a system of terminology.hl7.org.
func term(system, text, display string) object {
	return object{"coding", list{object{"system", hl7 + system, "code", text, "display", display}}}
}

func reference(to, display string) object { return object{"reference", to, "display", display} }

func profile(name string) object { return object{"profile", list{usCore + name}} }

// zone is that of the clinic: the offset of Boston in winter, all year.
var zone = time.FixedZone("", -5*3600)

// End is where every history ends.
var End = time.Date(2026, 6, 30, 17, 0, 0, 0, zone)

func day(t time.Time) string     { return t.Format("2006-01-02") }
func instant(t time.Time) string { return t.Format("2006-01-02T15:04:05-07:00") }

func date(text string) time.Time {
	t, err := time.ParseInLocation("2006-01-02", text, zone)
	if err != nil {
		panic(err) // of our own tables
	}
	return t
}

// years is the time from a to b.
func years(a, b time.Time) float64 { return b.Sub(a).Hours() / 24 / 365.25 }
