package policy

import (
	"maps"
	"slices"
	"strings"
)

// Bounds of what [Suggest] compares, so that a hostile file full of misspelt names costs
// little.
const (
	maxSuggestLen    = 64
	maxSuggestNames  = 256
	maxSuggestMisses = 2
)

// Suggest returns the name that s most likely meant, "" when none is near. A name that
// differs in case alone goes first, then the one with the fewest edits: at most two, and
// fewer than half of s. Long words and long lists get no suggestion.
func Suggest(s string, names []string) string {
	if len(s) > maxSuggestLen || len(names) > maxSuggestNames {
		return ""
	}
	best, fewest := "", min(maxSuggestMisses, (len(s)-1)/2)+1
	for _, name := range names {
		if strings.EqualFold(s, name) {
			return name
		}
		if len(name) > maxSuggestLen || max(len(name)-len(s), len(s)-len(name)) >= fewest {
			continue
		}
		if d := edits(strings.ToLower(s), strings.ToLower(name)); d < fewest {
			best, fewest = name, d
		}
	}
	return best
}

// edits is the Levenshtein distance with neighbours swapped counted as one.
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func didYouMean(s string, names []string) string {
	if near := Suggest(s, names); near != "" {
		if quoted := Quote(near); quoted != `"`+near+`"` { // a name of any characters
			near = quoted
		}
		return "did you mean " + near + "?"
	}
	return ""
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
