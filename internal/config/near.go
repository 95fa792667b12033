package config

// Near is the candidate that word was probably meant to be, "" if none is close: up to a third of its letters differ,
// or it goes on as the word begins.
func Near(word string, candidates []string) string {
	best, least := "", len(word)/3+1
	if len(word) > 8 {
		least = 4
	}
	for _, c := range candidates {
		if d := distance(word, c); d < least {
			best, least = c, d
		}
	}
	if best == "" && len(word) >= 3 {
		for _, c := range candidates {
			if len(c) > len(word) && c[:len(word)] == word {
				return c
			}
		}
	}
	return best
}

// distance is the number of letters to put in, leave out, change or swap with the next to make a of b.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	var older []int
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		older, before, row = before, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			d := before[j]
			if a[i] != b[j] {
				d++
			}
			row[j+1] = min(d, before[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], older[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
