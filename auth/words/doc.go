// Package words says SMART scopes in words, for people who are asked to allow them. A scope is read as auth/scope reads
// it, and its parts (letters, type, level, constraint) are looked up in a table for a language. English is built in;
// other languages, and sentences of one's own for single scopes, are tables too and can be read from JSON.
//
// What never belongs here: HTML, decisions about scopes.
//
//	var t words.Texts
//	t.Sentence("patient/Observation.rs?category=laboratory", "en")
//	// "Read and search observations of this patient, only category laboratory", "en"
//	t.Sentence("launch/patient", "de")                      // "Know which patient is open", "en": there is no German table
//	t.Type("DocumentReference", "en")                       // "documents", "en"
package words
