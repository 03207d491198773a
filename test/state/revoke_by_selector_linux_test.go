package state

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestRevokeBySelector cuts, one selector at a time, one of many sessions that the
// rules go on to permit: the answer says so, and each can be opened anew.
func TestRevokeBySelector(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	near, far := client.IPv4(), server.IPv4()
	d := harness.Enforce(t, server.Host(),
		harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward),
			harness.Allow("tcp", harness.Inward+1), harness.Allow("tcp", harness.Inward+2)},
			[]string{harness.Allow("tcp", harness.Outward)}))
	forbidden := harness.AddrPort(far, harness.Inward+9)
	harness.Accepting(t, server.Host(), forbidden)
	witness := newCord(t, d, client.Host(), server.Host(), harness.AddrPort(far, harness.Inward+2))
	conns := harness.Accepting(t, server.Host(), harness.AddrPort(far, harness.Inward))
	for _, tc := range []struct {
		what string
		args func(c net.Conn) []string
	}{
		{"both ends", func(c net.Conn) []string {
			return []string{"--proto", "tcp", "--from", c.LocalAddr().String(), "--to",
				c.RemoteAddr().String()}
		}},
		{"the rule", func(net.Conn) []string { return []string{"--rule", "state/ingress/0"} }},
		{"a port", func(net.Conn) []string {
			return []string{"--port", fmt.Sprint(harness.Inward), "--interface", "eth0"}
		}},
		{"an address and the group", func(net.Conn) []string {
			return []string{"--address", near.String() + "/32", "--group", "state", "--to",
				fmt.Sprint(":", harness.Inward)}
		}},
	} {
		s := harness.Connect(t, d, client.Host(), harness.AddrPort(far, harness.Inward), conns)
		d.Revoke(t, 0, 0, "--address", "198.51.100.0/24")
		d.Revoke(t, 0, 0, "--rule", "state/ingress/1")
		d.Revoke(t, 1, 1, tc.args(s.Caller)...)
		if !s.Cut() {
			t.Errorf("%s: the session goes on", tc.what)
		}
		if !witness.Lives() {
			t.Fatalf("%s: another session was cut", tc.what)
		}
		again := harness.Connect(t, d, client.Host(), harness.AddrPort(far, harness.Inward), conns)
		if !again.Lives() {
			t.Errorf("%s: a new session does not live", tc.what)
		}
		again.Caller.Close()
		again.Callee.Close()
		d.Revoke(t, 1, 1, "--from", again.Caller.LocalAddr().String())
	}
	if out := d.Must(t, 0, "flows", "revoke", "--address", far.String()+"/31", "--state",
		"established"); !strings.Contains(out, "rules still permit 1 of them") {
		t.Errorf("it does not say that the rules permit the flow:\n%s", out)
	}
	if !witness.Cut() {
		t.Error("the last session goes on")
	}
	if harness.Connects(t, client.Host(), harness.Anywhere, forbidden, harness.SilenceTimeout) {
		t.Error("a connection that no rule permits came about")
	}

	for _, args := range [][]string{
		{}, {"--dry-run"}, {"--address", "x"}, {"--port", "9-1"}, {"--rule", "state/0"},
		{"--rule", "state/ingress/7"},
		{"--state", "asleep"}, {"--proto", "ipx"}, {"--from", "1.2.3"}, {"--group", "nosuch"}} {
		d.Must(t, 2, append([]string{"flows", "revoke"}, args...)...)
	}
}
