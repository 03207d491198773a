package state

import (
	"fmt"
	"net"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestForgottenIsCut opens more untracked sessions than are remembered and takes their
// rule away: each is cut, whoever goes on first, and the server's next segment brings
// none of them back as a flow that is tracked (T15, T22). So it is when the daemon
// starts anew without the rule, and knows no session at all. What is tracked goes on,
// or is picked up where only the client can have opened it.
func TestForgottenIsCut(t *testing.T) {
	const remembered = 1024 // with so small a table
	for _, c := range []struct {
		what     string
		sessions int
		shut     func(d *harness.Daemon, policy string)
	}{
		{"reload", remembered + 77, func(d *harness.Daemon, policy string) { d.Reload(policy) }},
		{"restart", 40, func(d *harness.Daemon, policy string) {
			d.Stop()
			d.ForgetFlows()
			d.Write(policy)
			d.Start("--no-adopt")
		}},
		{"restart with flows", 40, func(d *harness.Daemon, policy string) {
			d.Stop()
			d.Write(policy)
			d.Start("--no-adopt")
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			parity.Proves(t, "T6", "T15", "T22")
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
			desk := fmt.Sprintf(`{ protocol: tcp, ports: 22, cidr_blocks: [%s/32] }`, client.IPv4())
			d := harness.Enforce(t, server.Host(), harness.PolicyWith(
				[]string{harness.Allow("tcp", harness.Inward), desk}, []string{toEverybody}, asAWS,
				"max_flows: 1024"))
			kept := newCord(t, d, client.Host(), server.Host(), harness.AddrPort(server.IPv4(), 22))
			sessions := manySessions(t, client.Host(), server, c.sessions)

			c.shut(d, harness.PolicyWith([]string{desk}, []string{toEverybody}, asAWS,
				"max_flows: 1024"))
			sent := make([][]byte, len(sessions))
			for i, s := range sessions {
				sent[i] = tell(t, s.Callee) // a rule permits it
			}
			for i, s := range sessions {
				if !gets(s.Caller, sent[i], harness.ArrivalTimeout) {
					t.Fatalf("session %d: a segment that a rule permits did not arrive", i)
				}
				sent[i] = tell(t, s.Caller)
			}
			until := time.Now().Add(2 * harness.SilenceTimeout)
			var alive []int
			for i, s := range sessions {
				if gets(s.Callee, sent[i], time.Until(until)) {
					alive = append(alive, i)
				}
			}
			if len(alive) > 0 {
				t.Errorf("%d of %d sessions go on without their rule, the first are %v", len(alive),
					len(sessions), alive[:min(len(alive), 8)])
			}
			// The client first, or nobody knows whose it is.
			if !harness.Delivers(kept.Caller, kept.Callee, harness.ArrivalTimeout) || !kept.Lives() {
				t.Error("a session with a rule was cut")
			}
		})
	}
}

// manySessions opens sessions to the server's port, over both families.
func manySessions(t *testing.T, from *netlab.Host, to *netlab.Device,
	n int) (all []harness.Connection) {
	t.Helper()
	for _, far := range harness.BothAddresses(to) {
		conns := harness.Accepting(t, to.Host(), harness.AddrPort(far, harness.Inward))
		for range n / 2 {
			c := harness.DialTCP(t, from, harness.Anywhere, harness.AddrPort(far, harness.Inward),
				harness.ArrivalTimeout)
			if c == nil {
				t.Fatal("no session")
			}
			t.Cleanup(func() { c.Close() })
			s := harness.Connection{Caller: c, Callee: harness.Accept(t, conns)}
			for _, end := range []net.Conn{s.Caller, s.Callee} {
				end.SetDeadline(time.Time{})
			}
			if !gets(s.Callee, tell(t, s.Caller), harness.ArrivalTimeout) {
				t.Fatal("the session is mute")
			}
			all = append(all, s)
		}
	}
	return all
}
