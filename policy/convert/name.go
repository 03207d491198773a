package convert

import (
	"fmt"
	"strings"
)

// names are those that are taken, in lower case, with the number that the next one of that
// name is tried with.
type names map[string]int

// unique returns the name, or one that begins like it and is not taken; apart tells it
// from others of that name, unless it is empty.
func (n names) unique(name, apart string) string {
	tried := name
	if n.taken(tried) && apart != "" {
		tried = name + " (" + apart + ")"
	}
	for n.taken(tried) {
		key := strings.ToLower(name)
		n[key] = max(n[key], 1) + 1
		tried = fmt.Sprintf("%s-%d", name, n[key])
	}
	n[strings.ToLower(tried)] = 1
	return tried
}

func (n names) taken(name string) bool {
	_, there := n[strings.ToLower(name)]
	return there
}
