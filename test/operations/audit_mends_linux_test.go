package operations

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
)

// TestAuditMends: what audit --fix writes for a running daemon, applied by patch, leaves the
// connection that is there alone, permits what it was seen for, and closes what nobody used.
func TestAuditMends(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("patch"); err != nil {
		t.Skip("NOT TESTED: there is no patch to apply the diff with")
	}
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	const data, idle = 5432, 9999
	d := harness.Enforce(t, server.Host(), harness.PolicyWith([]string{
		fmt.Sprintf("{ description: x, protocol: tcp, ports: %d, cidr_blocks: [0.0.0.0/0] }", data),
		fmt.Sprintf("{ description: x, protocol: tcp, ports: %d, cidr_blocks: [0.0.0.0/0] }", idle),
	}, nil))
	base, idling := harness.AddrPort(server.IPv4(), data), harness.AddrPort(server.IPv4(), idle)
	harness.EchoOn(t, server.Host(), base, idling)
	other := netip.AddrPortFrom(harness.Neighbouring(client.IPv4(), 0x10), 0)
	same := netip.AddrPortFrom(client.IPv4(), 0)
	connects := func(from, to netip.AddrPort) bool {
		return harness.Connects(t, client.Host(), from, to, harness.ArrivalTimeout/4)
	}
	c := harness.DialTCP(t, client.Host(), same, base, harness.ArrivalTimeout)
	if c == nil || !harness.Talks(c) {
		t.Fatal("no connection where a rule permits it")
	}
	defer c.Close()

	diff := d.Must(t, 0, "audit", "--fix")
	for _, want := range []string{"wider-than-used", "unused-rule", client.IPv4().String() + "/32"} {
		if !strings.Contains(diff, want) {
			t.Errorf("no %q in\n%s", want, diff)
		}
	}
	file := d.Config + ".new"
	before, err := os.ReadFile(d.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, before, 0o600); err != nil {
		t.Fatal(err)
	}
	p := exec.Command("patch", file)
	p.Stdin = strings.NewReader(diff)
	if out, err := p.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, diff)
	}
	after, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !connects(other, base) || !connects(same, idling) {
		t.Fatal("the rules as they were do not permit what they say")
	}
	d.Reload(string(after))
	if !harness.Talks(c) {
		t.Error("the connection that was there is cut")
	}
	if !connects(same, base) {
		t.Errorf("what was seen is not permitted:\n%s", after)
	}
	if connects(other, base) || connects(same, idling) {
		t.Errorf("what nobody used is permitted:\n%s", after)
	}
}
