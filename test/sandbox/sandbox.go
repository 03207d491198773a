package sandbox

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// Unit is what a unit file says under [Service]: every directive with the
// values of its lines, in their order.
type Unit map[string][]string

// ReadUnit reads a unit file. Continued lines are not understood.
func ReadUnit(path string) (Unit, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	u, section := Unit{}, ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			section = line
		case section != "[Service]":
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok || strings.HasSuffix(value, `\`) {
				return nil, fmt.Errorf("%s: cannot read %q", path, line)
			}
			u[key] = append(u[key], value)
		}
	}
	return u, nil
}

// With is the unit with what a drop-in adds to it (systemd.unit(5)). Of a directive that takes
// one value the last one counts.
func (u Unit) With(added Unit) Unit {
	out := maps.Clone(u)
	for key, values := range added {
		out[key] = slices.Concat(u[key], values)
	}
	return out
}

// Is reports whether a directive has one value.
func (u Unit) Is(key, value string) bool { return slices.Equal(u[key], []string{value}) }

// Words are the words of all lines of a directive.
func (u Unit) Words(key string) []string { return strings.Fields(strings.Join(u[key], " ")) }
