package explain_test

import (
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
)

// paste does to a text what the changes say, as people would.
func paste(text string, changes []api.PolicyChange) string {
	lines := strings.Split(text, "\n")
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b api.PolicyChange) int { return b.After - a.After })
	for _, c := range changes {
		if c.Replace {
			key := "    " + c.Path[strings.LastIndexByte(c.Path, '.')+1:] + ":"
			for i := c.After; i < len(lines) && strings.HasPrefix(lines[i], "    "); i++ {
				if strings.HasPrefix(lines[i], key) {
					lines = slices.Delete(lines, i, i+1)
					break
				}
			}
		}
		lines = slices.Insert(lines, c.After, c.Lines...)
	}
	return strings.Join(lines, "\n")
}
