package learn

import "testing"

// TestTooMany: a table of connections that would take very much memory is not read.
func TestTooMany(t *testing.T) {
	for count, want := range map[string]uint64{"": 0, "x": 0, "0\n": 0, "131072\n": 0,
		"131073\n": 131073, "4000000\n": 4000000} {
		if got := tooMany(count); got != want {
			t.Errorf("%q: %d, want %d", count, got, want)
		}
	}
}
