// Package truth counts what a folder of Bundles holds without any of the server's code: encoding/json into maps, and
// plain loops. Tests load the same files into a server and compare its answers.
//
// What never belongs here: anything of search, index or plan, and any cleverness; a fault that both sides share would
// go unseen.
//
//	set, err := truth.Open("store/storetest/truth/testdata")
//	patient := truth.Keep(set.All("Patient"), truth.Identified("urn:mrn", "1"))[0]
//	vitals := truth.Keep(set.All("Observation"), truth.Refers("subject", patient), truth.Coded("category", "", "vital-signs"))
//	truth.Latest(vitals, "effectiveDateTime")[0].Date("effectiveDateTime")
//	why := truth.Difference(bodiesOfTheServer, vitals) // "" if they are the same resources
//
// A resource gets another id in the server than in its file, so resources are compared by Fingerprint, which leaves out
// id, meta and the text of references.
package truth
