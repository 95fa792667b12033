// Package subset cuts resources down to the part that an answer is to hold: _summary and _elements (R4
// search.html#summary, #elements). The cut is made on the tree, by the bytes: what stays is as it was sent.
//
// What never belongs here: which resources are answered. Searches and constraints look at whole resources.
//
//	s, ok := subset.Summary("true")
//	s, unknown := subset.Elements([]string{"Patient"}, []string{"name", "birthDate"})
//	b, err := s.Append(nil, body)   // resourceType, id, meta with the tag SUBSETTED, name, birthDate, what is mandatory
package subset
