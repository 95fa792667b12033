// Package embedded is the store that needs no server: Pebble, an ordered key-value store, in one directory or in memory.
// It is the only package that knows Pebble.
//
// # Layout
//
// A document is an instance under a number that the store counts up and never hands out. Bodies lie by number
// (keyBody), so what was loaded together is read together, and are found by type and id through a small entry (keyID):
// two point reads. Older versions move to keyOld. A body is zstd with a dictionary trained on FHIR JSON.
//
// A posting is a key that ends in a position: the main date (r4.MainDate), descending, missing last, then the document
// number. All postings of a type have this one order, so that And is a merge in which each list leaps to where another
// one is, Or a heap, Not an exclusion, a page its first rows, the next page a seek, `_sort=-date` free and a range of
// the main date a window on whatever list is walked. What a position does not say of the date (documents with several
// dates, or one that is wider than a day) is in a list of its own (keyWide) and is looked up.
//
// Three things keep it small and quick, each measured on Synthea data:
//
//   - Presence is a shape. Which parameters have a value, and in which code systems, is the same for thousands of
//     resources: such a set is a shape, and a document is listed once by its shape (keyMember), not by each of twenty
//     terms. :missing is a merge of the shapes that lack the parameter, its total a sum of counts.
//   - A token is one key. code behind which lies its system stands for "code", "system|code" and "|code"; an id behind
//     which lies its type for "Type/id" and "id" (term.go).
//   - A patient's things lie together. References of a compartment's members to their patient are kept behind that
//     patient only, and their tokens a second time (keyPatient): patient, type, code, date is one key order, and what a
//     chart asks touches that patient's blocks only.
//
// What is often asked of a document, its shape, its dates and numbers and the patients that it refers to (links), is in
// the list of all documents (keyAll): nobody has to read a body for it.
//
// Other ranges (keyRange) order by their low end within a class of widths (interval.go), so that a bound of the high
// end is a bound of the low end too. A range with few members is sorted in memory; with many the candidates are probed
// through the list of all documents, which holds their intervals. Any other order is made by looking at the keys of all
// matches, or, if they are many, by walking the index in that order.
//
// A code and a quantity of one element (index.Pair) lie together, both ways: the quantities in their order under each code
// (keyPair), and beside each posting of a code the quantities that it has, as its value. A range with few members is
// listed; of one with many the first are found along the code.
//
// The changes of a type are in a list of their times (keyChange), and each version once more, for good, behind the patients in
// whose charts it was when it was written (keyChart), a deletion behind those of what it deleted. So the history that a patient
// sees is the merge of that patient's lists: it meets nothing of others. That is a key of 4 bytes, as they are packed, and 1 %
// of the disk that a resource takes.
//
// Totals of what is in one list, or in several at once, are kept in memory once they took a walk (counts): commits keep
// them right, and each snapshot gets the one of its own time.
//
// # Writing
//
// A commit is prepared by whoever calls: parsing what was, indexing, compressing, the batch. Then one at a time: the
// versions and conditions that it relies on are checked on the state that all earlier commits have made, durable or
// not, and it is applied in memory. Then it waits for the log, and Pebble syncs once for all who wait. Since the log has
// the order of the commits, none can be durable without those that it saw. A snapshot that is lent is of the last commit
// that is durable: nobody reads what a crash could take back. Records of KV are read as they are applied.
//
// What never belongs here: query syntax, authorization, anything that a plan does not say.
//
//	s, err := embedded.Open(embedded.Options{Dir: "data", Mode: "serve", Indexer: &index.Indexer{Base: base}})
//	err = s.Commit(ctx, store.Commit{Writes: …, Reads: …})   // durable
//	snap, err := s.Snapshot(ctx)                             // a plan.Source
package embedded
