package config

import "fmt"

// nearest finds the word that was most likely meant: at most two slips away, and never more than a third of the word.
func nearest(word string, words []string) (string, bool) {
	best, slips := "", 3
	for _, w := range words {
		if n := distance(word, w); n < slips && n <= (len([]rune(w))+2)/3 {
			best, slips = w, n
		}
	}
	return best, best != ""
}

// didYouMean is the suggestion as the end of a sentence, or nothing.
func didYouMean(word string, words []string) string {
	if near, ok := nearest(word, words); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// distance counts the slips between two words: a letter too many, too few, wrong, or two exchanged
// (Damerau-Levenshtein, optimal string alignment). Words of more than 64 characters are far from everything.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return 64
	}
	var older []int
	last := make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, last = last, row
	}
	return last[len(y)]
}
