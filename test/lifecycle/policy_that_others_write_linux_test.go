package lifecycle

import (
	"os"
	"strings"
	"testing"

	"sgfw/test/harness"
)

// TestPolicyThatOthersWrite: check, run, reload and doctor warn of a policy file that
// everybody can write, and enforce it all the same.
func TestPolicyThatOthersWrite(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	d := harness.Prepare(t, server.Host(), harness.GatePolicy())
	const warning = "everybody can change "
	chmod := func(mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(d.Config, mode); err != nil {
			t.Fatal(err)
		}
	}
	chmod(0o666)
	d.Start()
	g.Expect(t, "started", harness.Filtered)
	if !strings.Contains(d.Log.String(), warning) {
		t.Errorf("the start does not warn:\n%s", d.Log)
	}
	for _, command := range []string{"reload", "reload --dry-run", "check " + d.Config, "doctor"} {
		out, code := d.Sgfw(strings.Fields(command)...)
		if !strings.Contains(out, warning) || command != "doctor" && code != 0 {
			t.Errorf("%s: exit %d, and no warning\n%s", command, code, out)
		}
	}
	chmod(0o644)
	for _, command := range []string{"reload", "check " + d.Config, "doctor"} {
		if out, _ := d.Sgfw(strings.Fields(command)...); strings.Contains(out, warning) {
			t.Errorf("%s warns of a file that nobody else can write:\n%s", command, out)
		}
	}
}
