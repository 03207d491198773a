package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/test/netlab/labtest"
)

// TestCarriedFlows: flows of real packets both ways are carried, all at the same time, or the
// run fails; and what they take is measured.
func TestCarriedFlows(t *testing.T) {
	labtest.RequireRoot(t)
	bench, program := programs(t, t.TempDir())
	cmd := exec.CommandContext(t.Context(), bench, "-quick", "-scale", "-only", "carried",
		"-sgfw", program)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), " MB ") || strings.Contains(string(out), "–") {
		t.Errorf("nothing was measured:\n%s", out)
	}
}

func TestKernelMemory(t *testing.T) {
	k, err := parseMeminfo([]byte("MemTotal:       24590748 kB\nSlab:             152712 kB\n" +
		"SReclaimable:     125428 kB\nVmallocTotal:   34359738367 kB\nVmallocUsed:       18772 kB\n" +
		"Percpu:              744 kB\nHugePages_Total:       0\n"))
	if want := (kernelMemory{152712 << 10, 744 << 10, 18772 << 10}); err != nil || k != want {
		t.Errorf("%+v, %v; want %+v", k, err, want)
	}
	if k, err := parseMeminfo([]byte("MemTotal: 1 kB\nSlab: 2 kB\n")); err == nil {
		t.Errorf("%+v without an error", k)
	}
}

// TestReplaceSheets: tables that were measured by themselves take the place of the old ones, or
// the last place, and the rest of the document stays.
func TestReplaceSheets(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "scale.md")
	old := "# Scale\n\n## One\n\nold\n\n## Two\n\nkept\n\n" + handWritten + "\n\n## Hand\n"
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	sheets := []sheet{
		{title: "One", text: "new", head: []string{"a"}, rows: [][]string{{"1"}}},
		{title: "Three", text: "more", head: []string{"b"}, rows: [][]string{{"3"}}},
	}
	if err := replaceSheets(sheets, thisMachine(), dir, path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := -1
	for _, want := range []string{
		"# Scale\n\n## One\n\nnew\n\nMeasured by itself. ",
		"|---:|\n| 1 |\n\n## Two\n\nkept\n\n## Three\n\nmore\n",
		"| 3 |\n\n" + handWritten + "\n\n## Hand\n",
	} {
		i := strings.Index(string(b), want)
		if i <= at {
			t.Errorf("%q is not in its place of\n%s", want, b)
		}
		at = i
	}
	if strings.Contains(string(b), "old") {
		t.Errorf("what was replaced is still there:\n%s", b)
	}
}
