// Package synth invents patients: charts that look as charts do, with visits over years, vital signs and laboratory
// results that follow the patient's problems and treatment, prescriptions, immunizations, plans. Nothing in it is of a
// real person, and nothing depends on the clock or on chance: the same version writes the same bytes.
//
// What never belongs here: searches and their known answers (internal/bench), the store.
//
//	synth.Directory()      // the transaction Bundle of the clinic: organizations, locations, practitioners. It goes first
//	synth.Chart(0)         // the transaction Bundle of the first patient, everything under fixed ids (PUT)
//	synth.PatientID(0)     // "patient-001"
package synth
