package lifecycle

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/test/harness"
	"sgfw/test/parity"
)

// TestSSHGuard starts and reloads while an SSH session is live: a policy that
// would not let its client connect again is refused, unless that is forced (X7).
func TestSSHGuard(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X7")
	for i, name := range []string{"IPv4", "IPv6"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, server, g := harness.NewPair(t)
			peer := harness.BothAddresses(client)[i]
			// Whoever listens on port 22 is taken for an SSH server.
			harness.EchoOn(t, server.Host(), harness.AddrPort(harness.BothAddresses(server)[i], 22))
			c := harness.DialTCP(t, client.Host(), netip.AddrPort{},
				harness.AddrPort(harness.BothAddresses(server)[i], 22), harness.ArrivalTimeout)
			if c == nil || !harness.Talks(c) {
				t.Fatal("no session")
			}
			defer c.Close()
			admits := harness.SSHPolicy([]string{
				`cidr_blocks: [192.0.2.1/32]`, `ipv6_cidr_blocks: ["2001:db8::1/128"]`}[i])
			// It admits the other family and the address beside the client's.
			refuses := []string{harness.GatePolicy(), harness.SSHPolicy([]string{
				`cidr_blocks: [192.0.2.2/32], ipv6_cidr_blocks: ["::/0"]`,
				`ipv6_cidr_blocks: ["2001:db8::2/128"], cidr_blocks: [0.0.0.0/0]`}[i])}
			names := func(said string) {
				t.Helper()
				if !strings.Contains(said, peer.String()) || !strings.Contains(said, "eth0") ||
					!strings.Contains(said, "--force") {
					t.Errorf("it does not name %s, eth0 and --force:\n%s", peer, said)
				}
			}

			before := snapshot(t, server.Host())
			d := harness.Prepare(t, server.Host(), "")
			for _, p := range refuses {
				d.Write(p)
				names(d.Refuses(5))
			}
			if diff := cmp.Diff(before, snapshot(t, server.Host())); diff != "" {
				t.Errorf("the machine before (-) and after the refusal (+):\n%s", diff)
			}
			g.Expect(t, "start refused", harness.Open)

			d.Write(admits)
			d.Start()
			g.Expect(t, "a policy that admits the session", harness.Filtered)
			for _, p := range refuses {
				d.Write(p)
				said, code := d.Sgfw("reload")
				if code != 5 {
					t.Errorf("reload: exit %d, want 5\n%s", code, said)
				}
				names(said)
				g.Expect(t, "reload refused", harness.Filtered)
				if !harness.Talks(c) {
					t.Fatal("the session died of a refused reload")
				}
				if !harness.Connects(t, client.Host(), netip.AddrPort{},
					harness.AddrPort(harness.BothAddresses(server)[i], 22), harness.ArrivalTimeout) {
					t.Error("a new session does not come about after a refused reload")
				}
			}
			d.Reload(refuses[0], "--force")
			g.Expect(t, "reload forced", harness.Filtered)
			if harness.Connects(t, client.Host(), netip.AddrPort{},
				harness.AddrPort(harness.BothAddresses(server)[i], 22), harness.SilenceTimeout) {
				t.Error("a new session comes about although no rule admits it")
			}
			d.Stop()

			d.Start("--force", "--no-adopt")
			g.Expect(t, "start forced", harness.Filtered)
			if !harness.Talks(c) {
				t.Error("the session ended with the daemon that saw it begin")
			}
			d.Stop()

			d.ForgetFlows()
			d.Start("--force", "--no-adopt")
			g.Expect(t, "start forced, without flows", harness.Filtered)
			if !harness.Silenced(c) {
				t.Error("the session goes on although no rule admits it and no daemon has seen it begin")
			}
		})
	}
}
