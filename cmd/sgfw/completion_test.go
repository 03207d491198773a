package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spf13/cobra"
)

// TestGroupCompletion: where a command takes a group, those of the policy file
// that the command line names are offered.
func TestGroupCompletion(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p.yaml")
	text := `version: 1
security_groups:
  - { name: web, description: w }
  - { name: db, description: d }
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &program{out: io.Discard, err: io.Discard, socket: filepath.Join(dir, "nobody.sock")}
	c := &cobra.Command{Use: "rules", Run: func(*cobra.Command, []string) {}}
	c.Flags().String("group", "", "")
	c.Flags().String("config", "", "")
	p.complete(c)
	answer, ok := c.GetFlagCompletionFunc("group")
	if !ok {
		t.Fatal("--group has no completion")
	}
	if err := c.ParseFlags([]string{"--config", path}); err != nil {
		t.Fatal(err)
	}
	got, directive := answer(c, nil, "")
	if want := []cobra.Completion{"web", "db"}; !slices.Equal(got, want) ||
		directive != cobra.ShellCompDirectiveNoFileComp {
		t.Errorf("%v, %v, want %v and no files", got, directive, want)
	}
	if err := os.WriteFile(path, []byte("version: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, directive := answer(c, nil, ""); len(got) != 0 ||
		directive != cobra.ShellCompDirectiveNoFileComp {
		t.Errorf("an invalid policy offers %v, %v", got, directive)
	}
}
