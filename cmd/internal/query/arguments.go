package query

import (
	"slices"
	"strings"
)

// FromArguments is the query that stands on a command line. A shell has taken quotes away:
// an argument with blanks is one term, unless each of its words looks like one.
func FromArguments(args []string) string {
	parts := make([]string, 0, len(args))
	for _, a := range args {
		a = strings.TrimSpace(a)
		key, value, ok := strings.Cut(a, ":")
		if ok && !strings.Contains(a, `"`) &&
			slices.ContainsFunc(strings.Fields(a), func(w string) bool { return !IsTerm(w) }) {
			values := strings.Split(value, ",")
			for i := range values {
				values[i] = Quote(values[i])
			}
			a = key + ":" + strings.Join(values, ",")
		}
		parts = append(parts, a)
	}
	return strings.Join(parts, " ")
}

// IsTerm reports whether a word begins as a term does, with any key there is.
func IsTerm(word string) bool {
	key, _, ok := strings.Cut(strings.TrimPrefix(word, "-"), ":")
	return ok && (slices.Contains(OfVerdicts, key) || slices.Contains(OfFlows, key))
}

// Shield puts a blank before arguments such as -proto:icmp, which are terms and no flags.
// Those behind -- are none in any case.
func Shield(args []string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		if a == "--" {
			break
		}
		if strings.HasPrefix(a, "-") && IsTerm(a) {
			out[i] = " " + a
		}
	}
	return out
}
