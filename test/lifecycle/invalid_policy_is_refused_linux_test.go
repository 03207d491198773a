package lifecycle

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/test/harness"
	"sgfw/test/parity"
)

// TestInvalidPolicyIsRefused reloads a policy that does not validate: everything stays as
// it was. So it does at a start, where no policy was good before, if a failure is to
// leave the machine open.
func TestInvalidPolicyIsRefused(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R40")
	_, server, g := harness.NewPair(t)
	// Two problems, in lines 5 and 8.
	const invalid = `version: 1
security_groups:
  - name: state
    description: Opens everything, were it not for two mistakes
    ingress: [{ protocol: tcp, ports: 70000, cidr_blocks: [0.0.0.0/0] }]
interfaces:
  - device: eth0
    security_groups: [nosuch]
`
	problems := []string{`policy\.yaml:5:\d+: .*70000`, `policy\.yaml:8:\d+: .*nosuch`}
	names := func(said string) {
		t.Helper()
		for _, p := range problems {
			if !regexp.MustCompile(p).MatchString(said) {
				t.Errorf("it does not say %s:\n%s", p, said)
			}
		}
	}
	before := snapshot(t, server.Host())
	d := harness.Prepare(t, server.Host(), invalid+"settings: { on_failure: { gone: accept } }\n")
	names(d.Refuses(3))
	if diff := cmp.Diff(before, snapshot(t, server.Host())); diff != "" {
		t.Errorf("the machine before (-) and after the refusal (+):\n%s", diff)
	}
	g.Expect(t, "start refused", harness.Open)

	d.Write(harness.GatePolicy())
	d.Start()
	g.Expect(t, "enforced", harness.Filtered)
	table, lift := harness.Ruleset(t, server.Host()), g.KeepTrying(t)
	for _, text := range []string{
		invalid, harness.AllowAll + "settings: { nosuch: 1 }\n", "", "version: 1\n\tbroken"} {
		d.Write(text)
		said, code := d.Sgfw("reload")
		if code != 3 || !strings.Contains(said, "policy.yaml") {
			t.Errorf("reload of %q: exit %d, want 3 and the file\n%s", text, code, said)
		}
		if text == invalid {
			names(said)
		}
		g.Expect(t, "reload refused", harness.Filtered)
	}
	lift()
	if diff := cmp.Diff(table, harness.Ruleset(t, server.Host())); diff != "" {
		t.Errorf("the ruleset before (-) and after the refused reloads (+):\n%s", diff)
	}
	d.Reload(harness.AllowAll)
	g.Expect(t, "a valid policy at last", harness.Open)
}
