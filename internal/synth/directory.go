package synth

// practitioner is a member of the clinic.
type practitioner struct {
	id, family, given, npi string
	female                 bool
	specialty              code
	where                  int // index of locations
}

var practitioners = []practitioner{
	{"practitioner-01", "Okafor", "Ngozi", "9999000018", true, code{snomed, "419772000", "Family practice"}, 0},
	{"practitioner-02", "Lindqvist", "Henrik", "9999000026", false, code{snomed, "419192003", "Internal medicine"}, 0},
	{"practitioner-03", "Castellanos", "Rosa", "9999000034", true, code{snomed, "394537008", "Pediatric specialty"}, 0},
	{"practitioner-04", "Mukherjee", "Arjun", "9999000042", false, code{snomed, "394579002", "Cardiology"}, 1},
	{"practitioner-05", "Brennan", "Aoife", "9999000059", true, code{snomed, "394583002", "Endocrinology"}, 1},
	{"practitioner-06", "Takahashi", "Kenji", "9999000067", false, code{snomed, "773568002", "Emergency medicine"}, 2},
}

// The places of practitioner by what they do.
const (
	familyDoctor = iota
	internist
	pediatrician
	cardiologist
	endocrinologist
	emergencyDoctor
)

func (p practitioner) ref() string  { return "Practitioner/" + p.id }
func (p practitioner) name() string { return "Dr. " + p.given + " " + p.family }

// organization is the clinic or the hospital.
type organization struct{ id, name, npi, street, city, zip, phone string }

var organizations = []organization{
	{"organization-01", "Elm Street Family Practice", "9999100016", "18 Elm Street", "Quincy", "02169", "617-555-0118"},
	{"organization-02", "Bayside General Hospital", "9999100024", "400 Harbor Road", "Boston", "02118", "617-555-0140"},
}

func (o organization) ref() string { return "Organization/" + o.id }

// location is a room or a ward.
type location struct {
	id, name string
	owner    int // index of organizations
	kind     code
}

var locations = []location{
	{"location-01", "Elm Street Family Practice, consulting rooms", 0, code{hl7 + "v3-RoleCode", "FMC", "Family medicine clinic"}},
	{"location-02", "Bayside General Hospital, outpatient clinics", 1, code{hl7 + "v3-RoleCode", "HOSP", "Hospital"}},
	{"location-03", "Bayside General Hospital, emergency room", 1, code{hl7 + "v3-RoleCode", "ER", "Emergency room"}},
}

func (l location) ref() string { return "Location/" + l.id }

func phone(number, use string) object {
	return object{"system", "phone", "value", number, "use", use}
}

func address(street, city, zip string) object {
	return object{"line", list{street}, "city", city, "state", "MA", "postalCode", zip, "country", "US"}
}

func gender(female bool) string {
	if female {
		return "female"
	}
	return "male"
}

// Directory is the transaction of what all charts refer to. It goes first.
func Directory() []byte {
	var b bundle
	for _, o := range organizations {
		b.put("Organization", o.id,
			"meta", profile("us-core-organization"),
			"identifier", list{object{"system", "http://hl7.org/fhir/sid/us-npi", "value", o.npi}},
			"active", true,
			"type", list{term("organization-type", "prov", "Healthcare Provider")},
			"name", o.name,
			"telecom", list{phone(o.phone, "work")},
			"address", list{address(o.street, o.city, o.zip)})
	}
	for _, l := range locations {
		o := organizations[l.owner]
		b.put("Location", l.id,
			"meta", profile("us-core-location"),
			"identifier", list{object{"system", own + "location", "value", l.id}},
			"status", "active", "name", l.name, "mode", "instance",
			"type", list{l.kind.concept()},
			"telecom", list{phone(o.phone, "work")},
			"address", address(o.street, o.city, o.zip),
			"managingOrganization", reference(o.ref(), o.name))
	}
	for _, p := range practitioners {
		l := locations[p.where]
		o := organizations[l.owner]
		b.put("Practitioner", p.id,
			"meta", profile("us-core-practitioner"),
			"identifier", list{object{"system", "http://hl7.org/fhir/sid/us-npi", "value", p.npi}},
			"active", true,
			"name", list{object{"use", "official", "family", p.family, "given", list{p.given}, "prefix", list{"Dr."}}},
			"telecom", list{phone(o.phone, "work")},
			"address", list{address(o.street, o.city, o.zip)},
			"gender", gender(p.female))
		b.put("PractitionerRole", "role-"+p.id[len("practitioner-"):],
			"meta", profile("us-core-practitionerrole"),
			"active", true,
			"practitioner", reference(p.ref(), p.name()),
			"organization", reference(o.ref(), o.name),
			"code", list{code{snomed, "158965000", "Medical practitioner"}.concept()},
			"specialty", list{p.specialty.concept()},
			"location", list{reference(l.ref(), l.name)},
			"telecom", list{phone(o.phone, "work")})
	}
	return b.end()
}
