package config

import (
	"fmt"
	"strings"
)

// didYouMean returns `; did you mean "x"?` for the candidate nearest to name,
// or nothing when none is near enough to be a slip.
func didYouMean(name string, candidates []string) string {
	best, bestDist := "", len(name)/3+2
	name = strings.ToLower(name)
	for _, c := range candidates {
		if d := distance(name, strings.ToLower(c), bestDist); d < bestDist {
			best, bestDist = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// maxSuggestLen keeps the quadratic distance cheap for hostile names.
const maxSuggestLen = 128

// distance is the edit distance of a and b, or limit when they are too long or
// too different to matter.
func distance(a, b string, limit int) int {
	if len(a) > maxSuggestLen || len(b) > maxSuggestLen || len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	prev := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(prev[j]+cost, prev[j+1]+1, row[j]+1)
		}
		prev, row = row, prev
	}
	return prev[len(b)]
}
