package bench

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// World is a population and its facts. The same number of patients makes the same world.
type World struct {
	Patients      []Patient
	Practitioners []Practitioner
	Encounters    []Encounter
	Observations  []Observation
	Conditions    []Condition
}

// Patient is what the truth needs of a patient; Enc, Obs and Con are the patient's ranges in the world's slices.
type Patient struct {
	Family, Given, City string
	Male                bool
	Birth               time.Time
	Enc, Obs, Con       [2]int
}

// Practitioner is a member of the directory.
type Practitioner struct{ Family, Given string }

// Encounter is a visit: half an hour that begins at Start (Unix seconds).
type Encounter struct {
	Patient, Practitioner int32
	Start                 int64
	Class                 uint8 // index of classes
}

// Observation is one measurement; A and B are tenths of the unit (B: the diastolic pressure).
type Observation struct {
	Patient, Encounter int32
	Kind               uint8 // index of Kinds
	A, B               int32
	At                 int64 // Unix seconds
}

// Condition is a problem with its onset.
type Condition struct {
	Patient, Encounter int32
	Code               uint8 // index of problems
	Onset              int64
}

// Kind is a sort of observation.
type Kind struct {
	Code, Display, Category, Unit, UCUM string
	Low, High                           int32 // tenths
	Rare                                int   // 1 in Rare visits has it
}

// Kinds are the observations of the world: LOINC codes with UCUM units. Index bloodPressure has two components.
var Kinds = []Kind{
	{"85354-9", "Blood pressure panel", "vital-signs", "mmHg", "mm[Hg]", 900, 1700, 1},
	{"8867-4", "Heart rate", "vital-signs", "/min", "/min", 500, 1100, 1},
	{"29463-7", "Body weight", "vital-signs", "kg", "kg", 450, 1200, 1},
	{"8302-2", "Body height", "vital-signs", "cm", "cm", 1500, 2000, 1},
	{"39156-5", "Body mass index", "vital-signs", "kg/m2", "kg/m2", 180, 400, 1},
	{"8310-5", "Body temperature", "vital-signs", "Cel", "Cel", 360, 395, 1},
	{"9279-1", "Respiratory rate", "vital-signs", "/min", "/min", 110, 220, 1},
	{"2708-6", "Oxygen saturation", "vital-signs", "%", "%", 900, 1000, 2},
	{"2339-0", "Glucose", "laboratory", "mg/dL", "mg/dL", 600, 2000, 2},
	{"4548-4", "Hemoglobin A1c", "laboratory", "%", "%", 40, 120, 3},
	{"2160-0", "Creatinine", "laboratory", "mg/dL", "mg/dL", 5, 30, 2},
	{"2093-3", "Cholesterol", "laboratory", "mg/dL", "mg/dL", 1200, 3000, 3},
	{"2085-9", "HDL cholesterol", "laboratory", "mg/dL", "mg/dL", 250, 900, 3},
	{"2571-8", "Triglycerides", "laboratory", "mg/dL", "mg/dL", 500, 4000, 3},
	{"2951-2", "Sodium", "laboratory", "mmol/L", "mmol/L", 1300, 1500, 2},
	{"6298-4", "Potassium", "laboratory", "mmol/L", "mmol/L", 30, 60, 2},
	{"718-7", "Hemoglobin", "laboratory", "g/dL", "g/dL", 90, 180, 2},
	{"1988-5", "C reactive protein", "laboratory", "mg/L", "mg/L", 0, 1000, 60},
}

const bloodPressure = 0

var (
	classes  = []string{"AMB", "AMB", "AMB", "AMB", "AMB", "AMB", "WELLNESS", "WELLNESS", "EMER", "IMP"}
	problems = []struct{ code, text string }{
		{"38341003", "Hypertension"}, {"44054006", "Diabetes mellitus type 2"}, {"195662009", "Acute viral pharyngitis"},
		{"10509002", "Acute bronchitis"}, {"40055000", "Chronic sinusitis"}, {"162864005", "Body mass index 30+"},
		{"271737000", "Anemia"}, {"55822004", "Hyperlipidemia"}, {"15777000", "Prediabetes"}, {"195967001", "Asthma"},
		{"239873007", "Osteoarthritis of knee"}, {"64859006", "Osteoporosis"},
	}
	cities = strings.Fields("Boston Worcester Springfield Cambridge Lowell Brockton Quincy Lynn Newton Lawrence Somerville Framingham " +
		"Haverhill Waltham Malden Brookline Plymouth Medford Taunton Chicopee Weymouth Revere Peabody Methuen Barnstable")
	heads = strings.Fields("Ab Ber Cal Dor El Fen Gar Hol Ir Jan Kel Lam Mor Nor Ol Per Quin Ros Sal Tor Ul Ver Wal Yar Zel")
	tails = strings.Fields("bach den feld gate ham ing kamp ler man nov owitz pont quist ren son ton und vale wick yer")
	given = strings.Fields("Anna Ben Clara David Emilia Felix Greta Henry Ida Jonas Karla Leo Mira Nils Olga Paul Rosa Simon Tessa Umar " +
		"Vera Willem Xenia Yusuf Zoe Adam Bella Carl Dina Erik")
)

// epoch is the day on which every history ends; nothing in a world depends on the clock.
var epoch = time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)

// NewWorld makes the facts of n patients.
func NewWorld(n int) *World {
	w := &World{}
	for i := range n/20 + 10 {
		r := rand.New(rand.NewPCG(77, uint64(i)))
		w.Practitioners = append(w.Practitioners, Practitioner{Family: name(r), Given: given[r.IntN(len(given))]})
	}
	for i := range n {
		w.addPatient(i)
	}
	return w
}

func name(r *rand.Rand) string { return heads[r.IntN(len(heads))] + tails[r.IntN(len(tails))] }

func (w *World) addPatient(i int) {
	r := rand.New(rand.NewPCG(2026, uint64(i)))
	p := Patient{
		Family: name(r), Given: given[r.IntN(len(given))], City: cities[r.IntN(len(cities))], Male: r.IntN(2) == 0,
		Birth: epoch.AddDate(-18-r.IntN(75), 0, -r.IntN(365)),
	}
	p.Enc[0], p.Obs[0], p.Con[0] = len(w.Encounters), len(w.Observations), len(w.Conditions)
	doctor := int32(r.IntN(10))
	if own := 10 + i/20; own < len(w.Practitioners) {
		doctor = int32(own)
	}
	at := epoch.AddDate(-10, 0, 0).Unix() + r.Int64N(300*86400)
	for at < epoch.Unix() {
		e := int32(len(w.Encounters))
		w.Encounters = append(w.Encounters, Encounter{Patient: int32(i), Practitioner: doctor, Start: at, Class: uint8(r.IntN(len(classes)))})
		for k, kind := range Kinds {
			if r.IntN(kind.Rare) != 0 {
				continue
			}
			o := Observation{Patient: int32(i), Encounter: e, Kind: uint8(k), At: at + int64(60+r.IntN(1500)), A: kind.Low + r.Int32N(kind.High-kind.Low)}
			if k == bloodPressure {
				o.B = 500 + r.Int32N(500)
			}
			w.Observations = append(w.Observations, o)
		}
		if r.IntN(2) == 0 {
			w.Conditions = append(w.Conditions, Condition{Patient: int32(i), Encounter: e, Code: uint8(r.IntN(len(problems))), Onset: at})
		}
		at += int64(100*86400) + r.Int64N(500*86400)
	}
	p.Enc[1], p.Obs[1], p.Con[1] = len(w.Encounters), len(w.Observations), len(w.Conditions)
	w.Patients = append(w.Patients, p)
}

// PatientID and the others are the ids under which the world's resources are stored.
func PatientID(i int) string      { return fmt.Sprintf("p%06d", i) }
func PractitionerID(i int) string { return fmt.Sprintf("dr%05d", i) }
func EncounterID(i int) string    { return "e" + strconv.Itoa(i) }
func ObservationID(i int) string  { return "o" + strconv.Itoa(i) }
func ConditionID(i int) string    { return "c" + strconv.Itoa(i) }

// Resources is the number of resources of the world, the directory included.
func (w *World) Resources() int {
	n := 1 + len(w.Practitioners) + len(w.Patients) + len(w.Conditions) + len(w.Observations)
	return n + 4*len(w.Encounters) // the encounter, its claim, procedure and prescription
}

func instant(sec int64) string { return time.Unix(sec, 0).UTC().Format("2006-01-02T15:04:05Z") }

// Directory is the batch that stores the organization and the practitioners; it goes first.
func (w *World) Directory() []byte {
	b := newBundle("batch")
	b.put("Organization", "org1", `"identifier":[{"system":"http://firewarden.example/org","value":"1"}],"active":true,"name":"Bay Clinic","address":[{"city":"Boston","state":"MA"}]`)
	for i, p := range w.Practitioners {
		b.put("Practitioner", PractitionerID(i), fmt.Sprintf(`"identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"99%08d"}],"active":true,"name":[{"family":%q,"given":[%q],"prefix":["Dr."]}]`, i, p.Family, p.Given))
	}
	return b.end()
}

// Bundle is the transaction that stores patient i with the whole chart, under known ids.
func (w *World) Bundle(i int) []byte { return w.bundle(i, false) }

// PostBundle is the same chart as a transaction of POSTs with urn:uuid references, as Synthea writes it; salt makes
// further patients of the same shape.
func (w *World) PostBundle(i, salt int) []byte {
	b := w.bundle(i, true)
	return []byte(strings.ReplaceAll(string(b), "-SALT-", fmt.Sprintf("-%04x-", salt&0xffff)))
}

func (w *World) bundle(i int, post bool) []byte {
	b := newBundle("transaction")
	b.post = post
	p := w.Patients[i]
	gender := "female"
	if p.Male {
		gender = "male"
	}
	pid := PatientID(i)
	b.put("Patient", pid, fmt.Sprintf(`"meta":{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"]},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>%s %s</p></div>"},"extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex","valueCode":"%s"}],"identifier":[{"system":"http://firewarden.example/mrn","value":"MRN%07d"},{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"SS"}]},"system":"http://hl7.org/fhir/sid/us-ssn","value":"999-%02d-%04d"}],"active":true,"name":[{"use":"official","family":"%s","given":["%s"]}],"telecom":[{"system":"phone","value":"555-%03d-%04d","use":"home"}],"gender":"%s","birthDate":"%s","address":[{"line":["%d Main Street"],"city":"%s","state":"MA","postalCode":"%05d","country":"US"}],"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M","display":"Married"}]},"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"en-US","display":"English"}]}}],"managingOrganization":{"reference":"Organization/org1"}`,
		p.Given, p.Family, strings.ToUpper(gender[:1]), i, i/10000%100, i%10000, p.Family, p.Given, i%1000, i%10000, gender, p.Birth.Format("2006-01-02"), i%900+1, p.City, i%99999))
	patient := b.ref("Patient", pid)
	for e := p.Enc[0]; e < p.Enc[1]; e++ {
		enc := w.Encounters[e]
		b.put("Encounter", EncounterID(e), fmt.Sprintf(`"status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"%s"},"type":[{"coding":[{"system":"http://snomed.info/sct","code":"185349003","display":"Encounter for check up (procedure)"}],"text":"Encounter for check up (procedure)"}],"subject":{"reference":"%s","display":"%s %s"},"participant":[{"individual":{"reference":"Practitioner/%s","display":"Dr. %s"}}],"period":{"start":"%s","end":"%s"},"serviceProvider":{"reference":"Organization/org1","display":"Bay Clinic"}`,
			classes[enc.Class], patient, p.Given, p.Family, PractitionerID(int(enc.Practitioner)), w.Practitioners[enc.Practitioner].Family, instant(enc.Start), instant(enc.Start+1800)))
		w.visit(b, e, patient)
	}
	for o := p.Obs[0]; o < p.Obs[1]; o++ {
		w.observation(b, o, patient)
	}
	for c := p.Con[0]; c < p.Con[1]; c++ {
		con := w.Conditions[c]
		b.put("Condition", ConditionID(c), fmt.Sprintf(`"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"encounter-diagnosis","display":"Encounter Diagnosis"}]}],"code":{"coding":[{"system":"http://snomed.info/sct","code":"%s","display":"%s"}],"text":"%s"},"subject":{"reference":"%s"},"encounter":{"reference":"%s"},"onsetDateTime":"%s","recordedDate":"%s"`,
			problems[con.Code].code, problems[con.Code].text, problems[con.Code].text, patient, b.ref("Encounter", EncounterID(int(con.Encounter))), instant(con.Onset), instant(con.Onset)))
	}
	return b.end()
}

// visit adds what a visit leaves behind besides measurements: a procedure, a prescription and the claim.
func (w *World) visit(b *bundle, e int, patient string) {
	enc := w.Encounters[e]
	ref, start, end := b.ref("Encounter", EncounterID(e)), instant(enc.Start), instant(enc.Start+1800)
	doctor := "Practitioner/" + PractitionerID(int(enc.Practitioner))
	b.put("Procedure", "pr"+strconv.Itoa(e), fmt.Sprintf(`"status":"completed","code":{"coding":[{"system":"http://snomed.info/sct","code":"430193006","display":"Medication Reconciliation (procedure)"}],"text":"Medication Reconciliation (procedure)"},"subject":{"reference":"%s"},"encounter":{"reference":"%s"},"performedPeriod":{"start":"%s","end":"%s"},"performer":[{"actor":{"reference":"%s"}}]`, patient, ref, start, end, doctor))
	b.put("MedicationRequest", "mr"+strconv.Itoa(e), fmt.Sprintf(`"status":"active","intent":"order","medicationCodeableConcept":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"314076","display":"lisinopril 10 MG Oral Tablet"}],"text":"lisinopril 10 MG Oral Tablet"},"subject":{"reference":"%s"},"encounter":{"reference":"%s"},"authoredOn":"%s","requester":{"reference":"%s"},"dosageInstruction":[{"sequence":1,"timing":{"repeat":{"frequency":1,"period":1.0,"periodUnit":"d"}},"asNeededBoolean":false,"doseAndRate":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/dose-rate-type","code":"ordered","display":"Ordered"}]},"doseQuantity":{"value":1.0}}]}]`, patient, ref, start, doctor))
	b.put("Claim", "cl"+strconv.Itoa(e), fmt.Sprintf(`"status":"active","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/claim-type","code":"professional"}]},"use":"claim","patient":{"reference":"%s"},"billablePeriod":{"start":"%s","end":"%s"},"created":"%s","provider":{"reference":"Organization/org1","display":"Bay Clinic"},"priority":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/processpriority","code":"normal"}]},"insurance":[{"sequence":1,"focal":true,"coverage":{"display":"Medicare"}}],"item":[{"sequence":1,"productOrService":{"coding":[{"system":"http://snomed.info/sct","code":"185349003","display":"Encounter for check up (procedure)"}],"text":"Encounter for check up (procedure)"},"encounter":[{"reference":"%s"}],"net":{"value":129.16,"currency":"USD"}}],"total":{"value":129.16,"currency":"USD"}`, patient, start, end, end, ref))
}

func (w *World) observation(b *bundle, i int, patient string) {
	o := w.Observations[i]
	k := Kinds[o.Kind]
	value := fmt.Sprintf(`"valueQuantity":{"value":%s,"unit":"%s","system":"http://unitsofmeasure.org","code":"%s"}`, tenths(o.A), k.Unit, k.UCUM)
	if o.Kind == bloodPressure {
		part := func(code, text string, v int32) string {
			return fmt.Sprintf(`{"code":{"coding":[{"system":"http://loinc.org","code":"%s","display":"%s"}],"text":"%s"},"valueQuantity":{"value":%s,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}`, code, text, text, tenths(v))
		}
		value = `"component":[` + part("8480-6", "Systolic blood pressure", o.A) + "," + part("8462-4", "Diastolic blood pressure", o.B) + "]"
	}
	b.put("Observation", ObservationID(i), fmt.Sprintf(`"meta":{"profile":["http://hl7.org/fhir/StructureDefinition/vitalsigns"]},"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"%s","display":"%s"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"%s","display":"%s"}],"text":"%s"},"subject":{"reference":"%s"},"encounter":{"reference":"%s"},"effectiveDateTime":"%s","issued":"%s",%s`,
		k.Category, k.Category, k.Code, k.Display, k.Display, patient, b.ref("Encounter", EncounterID(int(o.Encounter))), instant(o.At), instant(o.At), value))
}

// tenths writes n/10 as a decimal with one digit behind the point.
func tenths(n int32) string { return fmt.Sprintf("%d.%d", n/10, n%10) }

// bundle writes a Bundle, with PUT entries under known ids or with POST entries and urn:uuid names.
type bundle struct {
	strings.Builder
	post bool
	n    int
}

func newBundle(kind string) *bundle {
	b := &bundle{}
	b.WriteString(`{"resourceType":"Bundle","type":"` + kind + `","entry":[`)
	return b
}

// ref is how an entry of this Bundle refers to another one of it.
func (b *bundle) ref(typ, id string) string {
	if b.post {
		return urn(typ, id)
	}
	return typ + "/" + id
}

func urn(typ, id string) string {
	h := uint64(14695981039346656037)
	for i := range len(typ) + len(id) {
		c := byte(0)
		if i < len(typ) {
			c = typ[i]
		} else {
			c = id[i-len(typ)]
		}
		h = (h ^ uint64(c)) * 1099511628211
	}
	return fmt.Sprintf("urn:uuid:%08x-SALT-4%03x-8%03x-%012x", uint32(h>>32), h>>20&0xfff, h>>8&0xfff, h&0xffffffffffff)
}

func (b *bundle) put(typ, id, members string) {
	if b.n > 0 {
		b.WriteByte(',')
	}
	b.n++
	if b.post {
		fmt.Fprintf(b, `{"fullUrl":"%s","resource":{"resourceType":"%s",%s},"request":{"method":"POST","url":"%s"}}`, urn(typ, id), typ, members, typ)
		return
	}
	fmt.Fprintf(b, `{"resource":{"resourceType":"%s","id":"%s",%s},"request":{"method":"PUT","url":"%s/%s"}}`, typ, id, members, typ, id)
}

func (b *bundle) end() []byte {
	b.WriteString("]}")
	return []byte(b.String())
}
