package embedded

// limits are where the store changes from one way of answering to another. They are fields because answers must not
// depend on them: tests shrink them and ask the same questions.
type limits struct {
	lists     int // of a union that are merged; more are read into memory one after the other
	list      int // postings that are so read of one list
	shapes    int // lists of shapes that are merged; with more the shape of each candidate is looked up
	shapesOf  int // shapes of a type; documents of further ones have postings for each term
	patients  int // of a set of patients, who are asked one by one; more are not told apart
	atOnce    int // of those who are merged; more are asked one after the other, for the postings of one
	ofPatient int // postings of one patient that are read into memory at a time

	// Postings of a range that are sorted in memory: alone, if there is another list to probe, if that is of one patient.
	alone, beside, ofOne int
	probes               int    // candidates that are probed before the whole range is read, as a set
	few                  int    // pairs that are listed for a page before postings are walked
	pairs, looks         int    // for a page, if postings are walked otherwise: the root of so many times the documents
	sample               int    // postings of a range that are read before it is asked whether it is common
	walked               uint64 // times as large as a common range is the list of all documents at most

	// Matches whose sort keys are looked at one by one before the index is walked instead, if they have to be parsed or
	// not; and matches that are put into a set to know them again.
	terms, intervals, known int

	targets int // times as many documents as references that Targets looks at

	counted, totals int // what takes more reads to count is kept, so many of them
}

var defaultLimits = limits{
	lists: 32, list: 256, shapes: 32, shapesOf: 1000,
	patients: 2000, atOnce: 8, ofPatient: 256,
	alone: 1 << 16, beside: 1 << 9, ofOne: 1 << 8, probes: 1 << 9, few: 32, pairs: 2, looks: 100, sample: 1000, walked: 32,
	terms: 1000, intervals: 10_000, known: 50_000,
	targets: 8,
	counted: 500, totals: 500,
}
