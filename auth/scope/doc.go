// Package scope reads SMART scopes, compares them, and compiles them to what the planner needs: a search.Access.
//
// A data scope is (level, type, letters, constraint) and stays in one piece: patient/Observation.rs?category=laboratory.
// Version 1 scopes are read as version 2: .read is .rs, .write is .cud, .* is .cruds. Other scopes (launch, openid,
// offline_access, __mine, …) are kept apart: they open no data. Of these fhircast/Event.read and .write are compared as data
// scopes are: the event and the way may be "*".
//
// A Set is a lattice under Covers: a scope covers another if whatever the other allows it allows too, by level, type,
// letter and constraint. Order and repetition never matter. The laws, each a property test:
//
//	a.Covers(a);  a.Covers(b) && b.Covers(a)  ⇔  a.String() == b.String()
//	a.Covers(a.Intersect(b)) && b.Covers(a.Intersect(b))
//	a.Covers(x) && b.Covers(x)  ⇒  a.Intersect(b).Covers(x)
//	Parse(a.String()) == a;  a.Narrow(b) is a.Intersect(b), with the spelling of a
//	a.Covers(b)  ⇒  what b's Access allows, a's Access allows
//
// What a user may see bounds every scope (access.md §2): Allowed = And{user policy, client ceiling, Or{granted scopes}}.
// A Role becomes a policy for a user; the rule of a policy, a search for Patients, is answered with each request, on its
// snapshot: plan.Settle does that. Until then nothing is in reach by it.
//
// A constraint, or the rule of a policy, may name search parameters of the server's own (conformance/parameters). It is what
// those say that the snapshot of the request has; where one is unknown, being indexed, or another one than when it was
// granted, the scope grants nothing and the policy opens nothing (Set.Available, Access.Settle).
//
// What never belongs here: OAuth flows, tokens, the store, HTTP.
//
//	set, refused := scope.Parse("patient/Observation.rs?category=laboratory launch/patient patient/Obervation.rs")
//	// refused: one error, about Obervation
//	access := set.Access(scope.Context{Patient: "123"})
//	access.Allowed(search.Read, "Observation")  // (or (and in:Patient/123 category=laboratory))
//	access.Allowed(search.Create, "Observation") // none
//
//	role, err := scope.ParseRole("Patient?general-practitioner={user}", "rs")
//	policy, err := role.For(fhir.Reference{Type: "Practitioner", ID: "1"})
//	access = set.Access(scope.Context{User: policy})
package scope
