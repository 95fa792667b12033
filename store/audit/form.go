package audit

import "strings"

// Codes of acts that are no interactions of FHIR.
const (
	Login  = "login"
	Logout = "logout"
	Token  = "token"  // an access token was asked for
	Change = "change" // something of the server was changed by an administrator: Query is the request's method and path
	Look   = "look"   // the same was read
	Import = "import" // files were loaded into a store that no server has open
)

// A form is what an AuditEvent says of an act by its type, subtype and action, which profile of BALP it has, and which part
// client and server play.
type form struct {
	typ, subtype    coding
	action, profile string
	client, server  coding
}

// formOf is the form of an act with that code. Logins, tokens and administration are told in the codes of DICOM's audit
// messages (PS3.15 A.5) and of IHE's Internet User Authorization (ITI-71).
func formOf(code string) form {
	k := form{coding{hl7 + "audit-event-type", "rest", "RESTful Operation"}, coding{restful, code, code}, "E", "",
		coding{dicom, source, "Source Role ID"}, coding{dicom, target, "Destination Role ID"}}
	signing := coding{dicom, "110114", "User Authentication"}
	switch {
	case code == "create":
		k.action, k.profile = "C", "Create"
	case code == "read", code == "vread":
		k.action, k.profile = "R", "Read"
		k.client, k.server = k.server, k.client
	case code == "update", code == "patch":
		k.action, k.profile = "U", "Update"
	case code == "delete":
		k.action, k.profile = "D", "Delete"
		k.client, k.server = coding{dicom, application, "Application"}, coding{hl7 + "provenance-participant-type", "custodian", "Custodian"}
	case strings.HasPrefix(code, "search-"), strings.HasPrefix(code, "history-"):
		k.profile = "Query"
	case strings.HasPrefix(code, "$"):
		k.subtype = coding{restful, "operation", "operation"}
	case code == Login:
		k.typ, k.subtype = signing, coding{dicom, "110122", "Login"}
	case code == Logout:
		k.typ, k.subtype = signing, coding{dicom, "110123", "Logout"}
	case code == Token:
		k.typ, k.subtype = signing, coding{"urn:ihe:event-type-code", "ITI-71", "Get Access Token"}
	case code == Change:
		k.typ, k.subtype, k.action = coding{dicom, "110113", "Security Alert"}, coding{dicom, "110129", "Security Configuration"}, "U"
	case code == Look:
		k.typ, k.subtype, k.action = coding{dicom, "110100", "Application Activity"}, coding{dicom, "110132", "Use of Restricted Function"}, "R"
	case code == Import:
		k.typ, k.subtype, k.action = coding{dicom, "110107", "Import"}, coding{restful, "batch", "batch"}, "C"
	}
	return k
}

// rest says whether the act is an interaction or operation of FHIR.
func (k *form) rest() bool { return k.typ.System != dicom }
