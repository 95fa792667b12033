// Package launch is what an app is launched with (SMART App Launch 2.2, "Scopes and Launch Context"): the resources and
// hints that go into the answer of the token endpoint, and what an EHR puts aside for an app that it launches.
//
// What never belongs here: OAuth, storage, pages.
//
//	c := launch.Context{Patient: "123", Intent: "reconcile-medications"}
//	c.Parameters()["patient"]     // "123"
package launch
