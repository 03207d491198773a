package demo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/cmd/internal/screen"
)

// program builds the program that is drilled.
func program(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: it makes network namespaces and stops threads")
	}
	self := filepath.Join(t.TempDir(), "sgfw")
	out, err := exec.Command("go", "build", "-o", self, "sgfw/cmd/sgfw").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return self
}

// TestDrill: every promise is kept, and the table says so.
func TestDrill(t *testing.T) {
	var out bytes.Buffer
	if err := Drill(t.Context(), &out, screen.Screen{Width: 80}, program(t)); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	all := fmt.Sprintf("%d provoked, %[1]d as promised", len(exercises))
	if !strings.Contains(out.String(), all) {
		t.Errorf("it does not say %q:\n%s", all, &out)
	}
	for line := range strings.Lines(out.String()) {
		if len([]rune(line)) > 81 {
			t.Errorf("too wide: %s", line)
		}
	}
}

// TestDrillNotKept: a daemon that stays closed where its policy says that it opens is found
// out.
func TestDrillNotKept(t *testing.T) {
	self := program(t)
	deaf := filepath.Join(t.TempDir(), "deaf")
	script := "#!/bin/sh\nsed -i 's/on_failure: { gone: accept }//' \"$5\"\nexec " + self + " \"$@\"\n"
	if err := os.WriteFile(deaf, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := drill(t.Context(), &out, screen.Screen{}, deaf, exercises[1:2])
	if !errors.Is(err, ErrSurprise) || !strings.Contains(out.String(), "nothing passes") ||
		!strings.Contains(out.String(), "1 provoked, 0 as promised") {
		t.Errorf("%v\n%s", err, &out)
	}
}
