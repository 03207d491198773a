package harness

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// Diagnosis is what `sgfw doctor -o json` says.
type Diagnosis struct {
	Schema, Policy string
	Healthy        bool
	Findings       []struct{ Check, Level, Message string }
}

// Says reports whether a finding has these words.
func (d Diagnosis) Says(check, level string, words ...string) bool {
	for _, f := range d.Findings {
		if f.Check == check && f.Level == level &&
			!slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(f.Message, w) }) {
			return true
		}
	}
	return false
}

// Examined runs the doctor, whose exit code says whether it found a problem.
func (d *Daemon) Examined(t *testing.T, args ...string) (doc Diagnosis) {
	t.Helper()
	out, code := d.Sgfw(append([]string{"doctor", "-o", "json"}, args...)...)
	text, _, _ := strings.Cut(out, "\nsgfw: ")
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("doctor: %v\n%s", err, out)
	}
	if doc.Schema != "sgfw/v1" || (code == 0) != doc.Healthy || code > 1 {
		t.Errorf("doctor: exit %d with\n%s", code, out)
	}
	return doc
}
