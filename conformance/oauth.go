package conformance

import "github.com/samply/golang-fhir-models/fhir-models/fhir"

// OAuth are the endpoints of the authorization server, as SMART App Launch 1.0 looked for them ("Declaring support for
// oauth2 endpoints"); later apps read smart-configuration.
type OAuth struct{ Authorize, Token, Register, Manage, Introspect, Revoke string }

// security is rest.security.
func (c *Claims) security() *fhir.CapabilityStatementRestSecurity {
	s := &fhir.CapabilityStatementRestSecurity{Cors: ptr(true), Description: optional(c.Security)}
	if c.OAuth == nil {
		return s
	}
	s.Service = []fhir.CodeableConcept{{
		Coding: []fhir.Coding{{System: ptr("http://terminology.hl7.org/CodeSystem/restful-security-service"), Code: ptr("SMART-on-FHIR"), Display: ptr("SMART-on-FHIR")}},
		Text:   ptr("OAuth2 using SMART-on-FHIR profile (see http://docs.smarthealthit.org)"),
	}}
	uris := fhir.Extension{Url: "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"}
	for _, u := range []struct{ name, uri string }{
		{"authorize", c.OAuth.Authorize}, {"token", c.OAuth.Token}, {"register", c.OAuth.Register}, {"manage", c.OAuth.Manage},
		{"introspect", c.OAuth.Introspect}, {"revoke", c.OAuth.Revoke},
	} {
		uris.Extension = append(uris.Extension, fhir.Extension{Url: u.name, ValueUri: ptr(u.uri)})
	}
	s.Extension = []fhir.Extension{uris}
	return s
}
