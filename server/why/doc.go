// Package why explains why a caller may, or may not, do something to a resource: which scopes let it through and which
// do not, by which parameter the resource is linked to the patient, what a constraint wanted and what the resource has
// there, and the smallest scope that would do.
//
// Nothing is decided here. What is let through say the functions that answer (interaction.Refusal); what each scope adds
// says the access itself, taken apart (scope.Access.Shares); whether the resource is in a part of that says the planner
// (plan.Holds). The smallest scope is one that was tried on the same snapshot.
//
// What never belongs here: rules of access, HTTP. Whoever asks has been let in: explanations tell what is hidden.
//
//	answer, err := why.Asker{Service: s}.Why(ctx, caller, "Observation", "9")
//	// answer.Letters[1]: r, refused, 404: "patient/Observation.rs?category=laboratory: category=laboratory: it has vital-signs"
//	// Smallest: patient/Observation.r?category=…|vital-signs
package why
