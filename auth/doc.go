// Package auth is the authorization server: who a caller is and what was granted to it. Its language is auth/scope,
// which every request goes through; the flows (login, launch, consent, tokens) come later and live here.
//
// What never belongs here: FHIR interactions, storage engines, pages (auth declares those that it needs as an
// interface).
//
//	set, refused := scope.Parse("system/*.cruds")
//	caller := interaction.Caller{Access: set.Access(scope.Context{}), Grant: "anonymous"}
package auth
