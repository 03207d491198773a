package state

import (
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestScopeIsTracked: what rules for everybody would leave untracked is tracked where
// devices share it: it outlives its rule, and explain says why.
func TestScopeIsTracked(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T26")
	far, near := roundabout(t)
	from, to := farSelf[0], nearSelf[0]
	harness.Echoes(t, near, to, 8000, 8001)
	wide := func(scope string) string {
		s := strings.ReplaceAll(roundaboutPolicy(scope), "egress: []",
			"egress: [{ protocol: -1, cidr_blocks: [0.0.0.0/0] }]")
		return strings.Replace(s, "settings: {", "settings: { tracking: aws,", 1)
	}
	d := harness.Enforce(t, near, wide(""))
	ask := func() (tracked bool, clause, detail string) {
		var doc struct {
			Tracking struct {
				Tracked        bool
				Clause, Detail string
			}
		}
		d.Document(&doc, "explain", "--interface", "eth1", "--ingress", "--proto", "tcp", "--from",
			from.String(), "--to", harness.AddrPort(to, 8000).String())
		return doc.Tracking.Tracked, doc.Tracking.Clause, doc.Tracking.Detail
	}
	if tracked, clause, detail := ask(); tracked || clause != "both-rules" {
		t.Errorf("without a scope: %t, %s, %s", tracked, clause, detail)
	}
	harness.Run(t, []harness.Attempt{
		harness.Drops(harness.Exchange(t, "without a scope", far, "tcp", from,
			harness.AddrPort(to, 8000)))})
	d.Reload(wide("uplinks"))
	if tracked, clause, detail := ask(); !tracked || clause != "scope" ||
		!strings.HasPrefix(detail, "tracked: ") {
		t.Errorf("with a scope: %t, %s, %s", tracked, clause, detail)
	}
	c, err := far.Dial(labtest.Within(t, harness.ArrivalTimeout), "tcp", harness.AddrPort(to, 8000),
		netlab.From(harness.AddrPort(from, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if !harness.Talks(c) {
		t.Fatal("with a scope nobody answers")
	}
	d.Reload(strings.ReplaceAll(wide("uplinks"), harness.Allow("tcp", 8000),
		harness.Allow("tcp", 8002)))
	if !harness.Talks(c) {
		t.Error("the connection did not outlive its rule")
	}
	harness.Run(t, []harness.Attempt{
		harness.Drops(harness.Exchange(t, "without a rule", far, "tcp", from,
			harness.AddrPort(to, 8000)))})
}
