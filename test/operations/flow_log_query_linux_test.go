package operations

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestFlowLogQuery: the query of the documentation about who was refused, as it stands there,
// answers with who was.
func TestFlowLogQuery(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Skip("sqlite3 is not there")
	}
	page, err := os.ReadFile("../../docs/flow-logs.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```sh\n(day=.*?\nSQL\n)```").FindSubmatch(page)
	if m == nil {
		t.Fatal("the page has no query")
	}
	lab := labtest.New(t, netlab.Pair())
	folder, scratch := t.TempDir(), t.TempDir()
	d := harness.Enforce(t, lab.Host("server"), harness.PolicyWith(
		[]string{harness.Allow("tcp", harness.Inward)}, nil, harness.FlowLog(folder, "")))
	from := harness.AddrPort(harness.IP("192.0.2.1"), harness.UnusedPort())
	harness.EchoOn(t, lab.Host("server"), harness.AddrPort(harness.IP("192.0.2.2"), harness.Inward))
	if !harness.Connects(t, lab.Host("client"), from,
		harness.AddrPort(harness.IP("192.0.2.2"), harness.Inward), harness.ArrivalTimeout) {
		t.Fatal("no connection")
	}
	if harness.Connects(t, lab.Host("client"), from, harness.AddrPort(harness.IP("192.0.2.2"), 2222),
		harness.SilenceTimeout/2) {
		t.Fatal("connected without a rule")
	}
	d.Stop()
	script := strings.NewReplacer("/var/log/sgfw/", folder+"/", "/tmp/", scratch+"/").
		Replace(string(m[1]))
	out, err := exec.Command("sh", "-euc", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !regexp.MustCompile(`(?m)^192\.0\.2\.1 +2222 +6 +[1-9][0-9]* +20\d\d-`).Match(out) ||
		strings.Count(string(out), "192.0.2.1") != 1 {
		t.Errorf("who was refused:\n%s", out)
	}
}
