package operations

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestDryRunLooksBackAtAnswers: a connection whose answers a network ACL would deny counts as
// refused, what an earlier reload has refused is not blamed on one that changes nothing, and
// answers that were dropped are no tries.
func TestDryRunLooksBackAtAnswers(t *testing.T) {
	t.Parallel()
	with := func(egress string) string {
		all := `{ rule_no: 100, action: allow, protocol: "-1", cidr_block: 0.0.0.0/0 }`
		if egress == "" {
			egress = all
		}
		return strings.Replace(harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward)},
			[]string{"{ protocol: all, cidr_blocks: [0.0.0.0/0] }"}),
			"    security_groups: [state]\n", "    security_groups: [state]\n    network_acl: edge\n"+
				"network_acls: [{ name: edge, ingress: ["+all+"], egress: ["+egress+"] }]\n", 1)
	}
	open := with("")
	shut := with("{ rule_no: 90, action: allow, protocol: tcp, ports: 443, " +
		"cidr_block: 0.0.0.0/0 }")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server").Device("eth0")
	d := harness.Enforce(t, server.Host(), open)
	to := harness.AddrPort(server.IPv4(), harness.Inward)
	harness.EchoOn(t, server.Host(), to)
	connects := func(wait time.Duration) bool {
		from := harness.AddrPort(client.Device("eth0").IPv4(), harness.UnusedPort())
		return harness.Connects(t, client, from, to, wait)
	}
	lookBack := func(policy string) (refused, admitted string) {
		t.Helper()
		time.Sleep(100 * time.Millisecond) // until it is remembered
		type list struct {
			List []struct {
				Direction, Protocol, Reason string
				Port                        int
				Count                       uint64
			}
		}
		var reply struct {
			Past struct{ Refused, Admitted list }
		}
		d.Write(policy)
		d.Document(&reply, "reload", "--dry-run")
		text := func(l list) string {
			var b strings.Builder
			for _, x := range l.List {
				fmt.Fprintf(&b, "%d x %s %s %d (%s)\n", x.Count, x.Direction, x.Protocol, x.Port, x.Reason)
			}
			return b.String()
		}
		return text(reply.Past.Refused), text(reply.Past.Admitted)
	}
	tries := func(n int, reason string) string {
		return fmt.Sprintf("%d x ingress tcp %d (%s)\n", n, harness.Inward, reason)
	}

	if !connects(harness.ArrivalTimeout) {
		t.Fatal("no connection")
	}
	if refused, admitted := lookBack(shut); refused != tries(1, "network-acl, of the answer") ||
		admitted != "" {
		t.Errorf("answers would be denied: %q, %q", refused, admitted)
	}
	d.Reload(shut)
	if connects(harness.SilenceTimeout / 2) {
		t.Error("connected, though the answer is denied")
	}
	if refused, admitted := lookBack(shut); refused+admitted != "" {
		t.Errorf("nothing changes: %q, %q", refused, admitted)
	}
	if refused, admitted := lookBack(open); refused != "" || admitted != tries(2, "rule") {
		t.Errorf("answers would be allowed: %q, %q", refused, admitted)
	}
	d.Reload(open)
	if !connects(harness.ArrivalTimeout) {
		t.Error("no connection after all")
	}
}
