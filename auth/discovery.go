package auth

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// A claim is a capability of SMART App Launch 2.2 ("Conformance") and the test that shows it. Nothing is claimed that
// has no test: discovery_test.go looks for them.
type claim struct{ capability, test string }

var claims = []claim{
	{"launch-ehr", "TestS1_02_EHRLaunch"},
	{"launch-standalone", "TestS1_01_StandaloneLaunch"},
	{"authorize-post", "TestS4_14_AuthorizeByPost"},
	{"client-public", "TestS1_01_StandaloneLaunch"},
	{"client-confidential-symmetric", "TestS1_05_SymmetricClientAuthentication"},
	{"client-confidential-asymmetric", "TestS1_06_AsymmetricClientAuthentication"},
	{"sso-openid-connect", "TestS1_07_OpenIDFHIRUser"},
	{"context-banner", "TestS5_10_TokenAnswer"},
	{"context-style", "TestS5_10_TokenAnswer"},
	{"context-ehr-patient", "TestS1_02_EHRLaunch"},
	{"context-ehr-encounter", "TestS1_02_EHRLaunch"},
	{"context-standalone-patient", "TestS1_01_StandaloneLaunch"},
	{"context-standalone-encounter", "TestS2_04_LaunchEncounter"},
	{"permission-offline", "TestS1_10_OfflineAccess"},
	{"permission-online", "TestS1_09_OnlineAccess"},
	{"permission-patient", "TestS1_01_StandaloneLaunch"},
	{"permission-user", "TestS1_21_UserScopes"},
	{"permission-v1", "TestScopesOfVersion1"},
	{"permission-v2", "TestS1_01_StandaloneLaunch"},
}

// What is offered, by the name of discovery; each has its tests.
var (
	offeredGrants   = []string{grantCode, grantRefresh, grantCredentials}
	offeredMethods  = []string{authBasic, authPost, authKey, authNone}
	offeredMetadata = []string{"RS256", "ES256"} // id tokens
)

// documents are the discovery documents, made once.
type documents struct{ smart, openid, oauth []byte }

func (s *Server) makeDocuments() documents {
	var capabilities []string
	for _, c := range claims {
		if c.capability == "permission-v2" && s.o.OldScopesOnly {
			continue
		}
		capabilities = append(capabilities, c.capability)
	}
	var algorithms []string
	for _, a := range assertionAlgorithms {
		algorithms = append(algorithms, string(a))
	}
	oauth := map[string]any{
		"issuer":                                                   s.o.Base,
		"authorization_endpoint":                                   s.url("authorize"),
		"token_endpoint":                                           s.url("token"),
		"jwks_uri":                                                 s.url("jwks.json"),
		"introspection_endpoint":                                   s.url("introspect"),
		"revocation_endpoint":                                      s.url("revoke"),
		"registration_endpoint":                                    s.url("register"),
		"grant_types_supported":                                    offeredGrants,
		"response_types_supported":                                 []string{"code"},
		"response_modes_supported":                                 []string{"query"},
		"code_challenge_methods_supported":                         []string{"S256"},
		"token_endpoint_auth_methods_supported":                    offeredMethods,
		"token_endpoint_auth_signing_alg_values_supported":         algorithms,
		"introspection_endpoint_auth_methods_supported":            offeredMethods[:3],
		"introspection_endpoint_auth_signing_alg_values_supported": algorithms,
		"revocation_endpoint_auth_methods_supported":               offeredMethods,
		"revocation_endpoint_auth_signing_alg_values_supported":    algorithms,
		"authorization_response_iss_parameter_supported":           true,
		"scopes_supported":                                         s.offeredScopes(),
	}
	openid := with(oauth, map[string]any{
		"userinfo_endpoint":                     s.url("userinfo"),
		"end_session_endpoint":                  s.url("logout"),
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": offeredMetadata,
		"claims_supported":                      []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "fhirUser", "profile", "name", "preferred_username"},
		"claim_types_supported":                 []string{"normal"},
		"prompt_values_supported":               []string{"none", "login", "consent", "select_account"},
		"request_parameter_supported":           false,
		"request_uri_parameter_supported":       false,
	})
	smart := with(oauth, map[string]any{
		"capabilities":        capabilities,
		"management_endpoint": s.url("manage"),
		"userinfo_endpoint":   s.url("userinfo"),
	})
	return documents{smart: document(smart), openid: document(openid), oauth: document(oauth)}
}

func with(a, b map[string]any) map[string]any {
	out := map[string]any{}
	for _, m := range []map[string]any{a, b} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

func document(v map[string]any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of our own values only
	}
	return append(b, '\n')
}

// Levels and types that the guides of several countries ask servers to list (US Core, IE Core).
var (
	listedTypes = strings.Fields("AllergyIntolerance CarePlan CareTeam Condition Coverage Device DiagnosticReport DocumentReference Encounter Goal " +
		"Immunization Location Medication MedicationDispense MedicationRequest Observation Organization Patient Practitioner PractitionerRole " +
		"Procedure Provenance QuestionnaireResponse RelatedPerson ServiceRequest Specimen")
	listedParts = []string{
		"Condition.rs?category=http://iehr.ai/fhir/ie/core/CodeSystem/condition-category|health-concern",
		"Condition.rs?category=http://hl7.org/fhir/us/core/CodeSystem/condition-category|health-concern",
		"Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|encounter-diagnosis",
		"Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item",
		"DocumentReference.rs?category=http://iehr.ai/fhir/ie/core/CodeSystem/ie-core-documentreference-category|clinical-note",
		"DocumentReference.rs?category=http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category|clinical-note",
		"Observation.rs?category=http://iehr.ai/fhir/ie/core/CodeSystem/ie-core-category|sdoh",
		"Observation.rs?category=http://hl7.org/fhir/us/core/CodeSystem/us-core-category|sdoh",
		"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|social-history",
		"Observation.rs?category=http://terminology.hl7.org//CodeSystem-observation-category|social-history",
		"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
		"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|survey",
		"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs",
	}
)

// offeredScopes are those that discovery lists; every other scope of the grammar can be had, too.
func (s *Server) offeredScopes() []string {
	list := []string{"openid", "fhirUser", "profile", "launch", "launch/patient", "launch/encounter", "launch/location", "offline_access", "online_access"}
	for _, level := range []string{"patient", "user", "system"} {
		for _, letters := range []string{"read", "write", "*"} {
			list = append(list, level+"/*."+letters)
		}
		if s.o.OldScopesOnly {
			for _, typ := range listedTypes {
				list = append(list, level+"/"+typ+".read")
			}
			continue
		}
		list = append(list, level+"/*.rs", level+"/*.cruds")
		for _, typ := range listedTypes {
			list = append(list, level+"/"+typ+".rs")
		}
		for _, part := range listedParts {
			list = append(list, level+"/"+part)
		}
	}
	return slices.Clip(list)
}

func discover(doc func(*documents) []byte) func(*Server, http.ResponseWriter, *http.Request) {
	return func(s *Server, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Write(doc(&s.documents))
	}
}

// noUDAP says where clients register instead.
func (s *Server) noUDAP(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusNotFound, map[string]string{"error": "not_supported", "error_description": "UDAP (FAST security) is not supported: clients register by " + s.url("register")})
}

// jwks publishes the keys that our tokens are verified by.
func (s *Server) jwks(w http.ResponseWriter, r *http.Request) {
	set, err := s.ring.Public(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	writeJSON(w, http.StatusOK, set)
}
