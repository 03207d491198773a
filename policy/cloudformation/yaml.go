package cloudformation

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// yamlWriter writes YAML, line by line.
type yamlWriter struct{ strings.Builder }

func (w *yamlWriter) line(indent int, s string) {
	w.WriteString(strings.Repeat(" ", indent))
	w.WriteString(s)
	w.WriteByte('\n')
}

// field writes a key with a text, unless that is empty.
func (w *yamlWriter) field(indent int, key, s string) {
	if s != "" {
		w.line(indent, key+": "+quoted(s))
	}
}

// plain are texts that every reader of YAML takes for the texts they are: those without the
// looks of a number, a date or a truth.
var (
	plain   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*([ ._/-]+[A-Za-z0-9()]+)*$`)
	address = regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+/\d+$`)
)

var notPlain = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}

// quoted is a text as YAML writes it, in quotes where they are needed.
func quoted(s string) string {
	if address.MatchString(s) ||
		plain.MatchString(s) && !slices.Contains(notPlain, strings.ToLower(s)) {
		return s
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string is always encoded
	}
	// What JSON leaves as it is and YAML does not take is none of what can be printed.
	return strings.TrimSuffix(b.String(), "\n")
}

func sortedTags(tags map[string]string) []string { return slices.Sorted(maps.Keys(tags)) }
