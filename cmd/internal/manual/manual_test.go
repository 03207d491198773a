package manual

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"sgfw/policy/file"
)

// formatted is what man(1) would show, and what the formatter has to say about
// the source.
func formatted(t *testing.T, source string) (text, complaints string) {
	t.Helper()
	c := exec.Command("groff", "-man", "-ww", "-Tascii", "-P-c", "-rLL=200n")
	c.Stdin = strings.NewReader(source)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); errors.Is(err, exec.ErrNotFound) {
		t.Skip("groff is not installed")
	} else if err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	b := exec.Command("col", "-bx")
	b.Stdin = &out
	plain, err := b.Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("col is not installed")
	} else if err != nil {
		t.Fatal(err)
	}
	return string(plain), errs.String()
}

// tree is a program with what could go wrong in roff: requests at the beginning
// of a line, quotes, backslashes, hyphens.
func tree() *cobra.Command {
	root := &cobra.Command{Use: "sgfw", Short: "short text", Long: "First.\n\nSecond `quoted`.",
		Example: "  sgfw look -o json"}
	root.PersistentFlags().String("socket", "/run/s.sock", "control socket")
	look := &cobra.Command{
		Use: "look [FLAG]", Short: "Look", Run: func(*cobra.Command, []string) {},
		Long:    "It prints\n.hidden and 'quoted' and \\n of \"a\".\n\n    kept   as\n    it is",
		Example: "  sgfw look --all | jq '.x'",
	}
	look.Flags().BoolP("all", "a", false, "everything")
	look.Flags().Int("rate", 100, "`N` per second")
	look.Flags().String("secret", "", "")
	_ = look.Flags().MarkHidden("secret")
	nested := &cobra.Command{Use: "deep", Short: "Look deeper", Run: func(*cobra.Command, []string) {}}
	look.AddCommand(nested)
	root.AddCommand(look, &cobra.Command{
		Use: "ghost", Hidden: true, Short: "Unseen", Run: func(*cobra.Command, []string) {}})
	return root
}

func TestProgram(t *testing.T) {
	var b strings.Builder
	if err := Program(&b, tree(), "1.2", Surroundings{
		Files:     []Item{{"/etc/x.yaml", "The file."}},
		Variables: []Item{{"X_SOCKET", "The socket."}},
	}); err != nil {
		t.Fatal(err)
	}
	text, complaints := formatted(t, b.String())
	if complaints != "" {
		t.Errorf("the formatter complains:\n%s", complaints)
	}
	for _, want := range []string{
		"sgfw - short text", "First.", "Second `quoted`.", "    sgfw look -o json",
		"--socket string", "control socket (default: /run/s.sock)",
		"sgfw look [FLAG]", `It prints .hidden and 'quoted' and \n of "a".`, "kept   as\n",
		"-a, --all", "--rate N", "N per second (default: 100)", "sgfw look --all | jq '.x'",
		"sgfw look deep", "Look deeper.", "/etc/x.yaml", "X_SOCKET", "The socket.", "sgfw 1.2",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"ghost", "secret", "--help", `\(`, `\-`} {
		if strings.Contains(text, never) {
			t.Errorf("the page has %q", never)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestPolicy(t *testing.T) {
	var b strings.Builder
	parts := file.Reference()
	example := "# .not a request\nversion: 1\nkey:\n  - deep: 'x'\n"
	if err := Policy(&b, parts, "1.2", example); err != nil {
		t.Fatal(err)
	}
	text, complaints := formatted(t, b.String())
	if complaints != "" {
		t.Errorf("the formatter complains:\n%s", complaints)
	}
	for _, p := range parts {
		for _, k := range p.Keys {
			if !strings.Contains(text, k.Name+": "+k.Takes()+"\n") {
				t.Errorf("%s: the page lacks %s", p.Path, k.Name)
			}
		}
	}
	for line := range strings.Lines(example) {
		if !strings.Contains(text, line) {
			t.Errorf("the example lost %q", line)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}
