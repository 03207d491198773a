package operations

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestAuditNarrows: an audit of the running daemon tells which rule nobody has used, and gives
// a narrower one for a range of which one port is used. In force it permits what was seen and
// nothing else.
func TestAuditNarrows(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	const idle = 9999
	wide := fmt.Sprintf("{ description: x, protocol: tcp, ports: %d-%d, cidr_blocks: [%s/32] }",
		harness.Inward, harness.Inward+50, client.IPv4())
	spare := harness.Allow("tcp", idle)
	d := harness.Enforce(t, server.Host(), harness.PolicyWith([]string{wide, spare}, nil))
	used, other := harness.AddrPort(server.IPv4(), harness.Inward+1),
		harness.AddrPort(server.IPv4(), harness.Inward+2)
	harness.EchoOn(t, server.Host(), used, other)
	connects := func(to netip.AddrPort) bool {
		return harness.Connects(t, client.Host(), netip.AddrPort{}, to, harness.ArrivalTimeout/4)
	}
	c := harness.DialTCP(t, client.Host(), netip.AddrPort{}, used, harness.ArrivalTimeout)
	if c == nil || !harness.Talks(c) {
		t.Fatal("no connection where a rule permits it")
	}
	defer c.Close()

	var doc struct {
		Findings []struct{ Code, Rule, Narrower string }
	}
	d.Document(&doc, "audit", "--fail-on", "none")
	narrower, unused := "", ""
	for _, f := range doc.Findings {
		switch f.Code {
		case "unused-rule":
			unused += f.Rule
		case "wider-than-used":
			narrower += f.Narrower
		}
	}
	if !strings.Contains(unused, fmt.Sprint(idle)) || strings.Contains(unused, "7000-7050") {
		t.Errorf("unused are %q", unused)
	}
	if narrower == "" {
		t.Fatalf("nothing is narrower: %+v", doc)
	}
	if !connects(other) {
		t.Fatal("the wide rule does not permit its other ports")
	}
	d.Reload(harness.PolicyWith([]string{strings.TrimPrefix(narrower, "- ")}, nil))
	if !connects(used) {
		t.Errorf("%s does not permit what was seen", narrower)
	}
	if connects(other) {
		t.Errorf("%s permits what nobody used", narrower)
	}
}
