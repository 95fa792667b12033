package audit

import "strings"

// Codes of acts that are no interactions of FHIR: the kinds of events of Kinds.
const (
	Login      = "login"
	Logout     = "logout"
	Consent    = "consent"
	Token      = "token"
	Revoke     = "revoke"
	Introspect = "introspect"
	Register   = "register"
	Change     = "change"
	Look       = "look"
	Import     = "import"
	Export     = "export"
	Strangers  = "strangers"
)

// Kind is what happens beside the interactions and operations of FHIR.
type Kind struct {
	Code   string // of an Act
	Text   string // what has happened, or was refused
	Writes bool   // also logged where only writes are
	form   form
}

// Kinds are all of them. They are told in the codes of DICOM's audit messages (PS3.15 A.5) and of IHE's Internet User
// Authorization.
var Kinds = []Kind{
	{Login, "Somebody signed in.", true, signing("110122", "Login")},
	{Logout, "Somebody signed out.", true, signing("110123", "Logout")},
	{Consent, "A user, or what an administrator or the user has approved before, allowed an app what it may do.", true, alert("110136", "Security Roles Changed")},
	{Token, "An access token was given, to an app, a service or an administrator.", true, iua("ITI-71", "Get Access Token")},
	{Revoke, "What an app may do was taken back, by a token of it or by the user.", true, alert("110137", "User Security Attributes Changed")},
	{Introspect, "It was asked what a token is, or whose.", false, iua("ITI-102", "Introspect Token")},
	{Register, "A client was registered, or its registration read, changed or removed with the client's own token.", true, alert("110135", "Object Security Attributes Changed")},
	{Change, "A user, client, policy, key or launch was made, changed or removed: the query is the method and path of the administrators' interface.", true, alert("110129", "Security Configuration")},
	{Look, "Something was read by the administrators' interface, or by a user of what apps may do.", false, administered("110100", "Application Activity", "R", coding{dicom, "110132", "Use of Restricted Function"})},
	{Import, "Files were loaded into a store that no server has open.", true, administered("110107", "Import", "C", coding{restful, "batch", "batch"})},
	{Export, "Resources were written to files out of a store that no server has open.", true, administered("110106", "Export", "R", coding{restful, "search-system", "search-system"})},
	{Strangers, "Requests were refused of callers who had not shown who they are, more than are told one by one: the count says how many.", true, alert("110126", "Node Authentication")},
}

// A form is what an AuditEvent says of an act by its type, subtype and action, which profile of BALP it has, and which part
// client and server play.
type form struct {
	typ, subtype    coding
	action, profile string
	client, server  coding
}

// administered is a form without a profile.
func administered(typ, display, action string, subtype coding) form {
	return form{coding{dicom, typ, display}, subtype, action, "", coding{dicom, source, "Source Role ID"}, coding{dicom, target, "Destination Role ID"}}
}

func signing(code, display string) form {
	return administered("110114", "User Authentication", "E", coding{dicom, code, display})
}

func iua(code, display string) form {
	return administered("110114", "User Authentication", "E", coding{"urn:ihe:event-type-code", code, display})
}

func alert(code, display string) form {
	return administered("110113", "Security Alert", "U", coding{dicom, code, display})
}

// formOf is the form of an act with that code.
func formOf(code string) form {
	k := form{coding{hl7 + "audit-event-type", "rest", "RESTful Operation"}, coding{restful, code, code}, "E", "",
		coding{dicom, source, "Source Role ID"}, coding{dicom, target, "Destination Role ID"}}
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
	default:
		if own := kindOf(code); own != nil {
			return own.form
		}
	}
	return k
}

// kindOf is the kind with a code, nil for an interaction or operation of FHIR.
func kindOf(code string) *Kind {
	for i := range Kinds {
		if Kinds[i].Code == code {
			return &Kinds[i]
		}
	}
	return nil
}

// Codes are the codes of AuditEvent.type and subtype of events with the code of an Act.
func Codes(code string) (typ, subtype string) {
	k := formOf(code)
	return k.typ.Code, k.subtype.Code
}

// CodeOf is the code of the Act that an event with that type and subtype tells of; of operations it is "operation".
func CodeOf(typ, subtype string) string {
	for i := range Kinds {
		if f := &Kinds[i].form; f.typ.Code == typ && f.subtype.Code == subtype {
			return Kinds[i].Code
		}
	}
	return subtype
}

// Writes says whether the act is a write, done or refused, or of a kind that is logged where only writes are.
func (a *Act) Writes() bool {
	switch a.Code {
	case "create", "update", "patch", "delete", "batch", "transaction", "$meta-add", "$meta-delete":
		return true
	}
	k := kindOf(a.Code)
	return k != nil && k.Writes
}

// rest says whether the act is an interaction or operation of FHIR.
func (k *form) rest() bool { return k.typ.System != dicom }
