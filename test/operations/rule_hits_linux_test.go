package operations

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestRuleHits: a rule counts exactly the connections that it admitted, and goes
// on counting over a reload; a rule that is gone is listed while it has flows.
func TestRuleHits(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := harness.Enforce(t, server.Host(),
		harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward),
			harness.Allow("tcp", harness.Inward+1)}, nil))
	for _, far := range []netip.Addr{server.IPv4(), server.IPv6()} {
		harness.EchoOn(t, server.Host(), harness.AddrPort(far, harness.Inward),
			harness.AddrPort(far, harness.Inward+2))
	}
	began := time.Now()
	const times4, times6 = 7, 3
	for i := range times4 + times6 {
		far := server.IPv4()
		if i >= times4 {
			far = server.IPv6()
		}
		if !harness.Connects(t, client.Host(), netip.AddrPort{}, harness.AddrPort(far, harness.Inward),
			harness.ArrivalTimeout) {
			t.Fatal("no connection where a rule permits it")
		}
		if i < 2 && harness.Connects(t, client.Host(), netip.AddrPort{},
			harness.AddrPort(far, harness.Inward+2), harness.SilenceTimeout/4) {
			t.Error("a connection came about without a rule")
		}
	}
	v4, v6 := fmt.Sprintf("%d 0.0.0.0/0", harness.Inward), fmt.Sprintf("%d ::/0", harness.Inward)
	other := fmt.Sprintf("%d 0.0.0.0/0", harness.Inward+1)
	rules := d.Rules()
	if len(rules) != 4 || rules[v4].Hits != times4 || rules[v6].Hits != times6 ||
		rules[other].Hits != 0 {
		t.Errorf("rules %+v, want %d and %d hits, and two rules without", rules, times4, times6)
	}
	if last := rules[v4].LastHit; last == nil || last.Before(began.Add(-time.Second)) ||
		last.After(time.Now().Add(time.Second)) || rules[other].LastHit != nil {
		t.Errorf("last hits: %v, and %v of a rule without", last, rules[other].LastHit)
	}
	if unused := d.Rules("--unused"); len(unused) != 2 || unused[other].Ports == "" {
		t.Errorf("unused: %+v", unused)
	}
	if out := d.Must(t, 2, "rules", "--group", "nobody"); !strings.Contains(out,
		"InvalidGroup.NotFound") {
		t.Errorf("of no group: %s", out)
	}

	c := harness.DialTCP(t, client.Host(), netip.AddrPort{},
		harness.AddrPort(server.IPv4(), harness.Inward), harness.ArrivalTimeout)
	if c == nil || !harness.Talks(c) {
		t.Fatal("no connection")
	}
	defer c.Close()
	d.Reload(harness.Closed)
	if gone := d.Rules()[v4]; !gone.Gone || gone.Attached || gone.Hits != times4+1 || gone.Flows < 1 {
		t.Errorf("a rule that is gone with a live flow: %+v", gone)
	}
	if !harness.Talks(c) {
		t.Error("the connection did not outlive its rule")
	}
	d.Reload(harness.PolicyWith([]string{
		harness.Allow("tcp", harness.Inward+5), harness.Allow("tcp", harness.Inward)}, nil))
	if !harness.Connects(t, client.Host(), netip.AddrPort{},
		harness.AddrPort(server.IPv4(), harness.Inward), harness.ArrivalTimeout) {
		t.Fatal("no connection after the rule came back")
	}
	if back := d.Rules()[v4]; back.Gone || !back.Attached || back.Hits != times4+2 || back.Index != 1 {
		t.Errorf("a rule that came back at another place: %+v", back)
	}
}
