package test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/test/parity"
)

// sshPolicy is the gate's policy with a rule for port 22.
func sshPolicy(peer string) string {
	rule := `{ protocol: tcp, ports: 22, ` + peer + ` }`
	return strings.Replace(gatePolicy(), "ingress: [", "ingress: ["+rule+", ", 1)
}

// TestSSHGuard starts and reloads while an SSH session is live: a policy that
// would not let its client connect again is refused, unless that is forced (X7).
func TestSSHGuard(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X7")
	for i, name := range []string{"IPv4", "IPv6"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, server, g := newPair(t)
			peer := families(client)[i]
			// Whoever listens on port 22 is taken for an SSH server.
			echoOn(t, server.Host(), port(families(server)[i], 22))
			c := dialTCP(t, client.Host(), netip.AddrPort{}, port(families(server)[i], 22), patience)
			if c == nil || !talks(c) {
				t.Fatal("no session")
			}
			defer c.Close()
			admits := sshPolicy([]string{`cidr_blocks: [192.0.2.1/32]`, `ipv6_cidr_blocks: ["2001:db8::1/128"]`}[i])
			// It admits the other family and the address beside the client's.
			refuses := []string{gatePolicy(), sshPolicy([]string{
				`cidr_blocks: [192.0.2.2/32], ipv6_cidr_blocks: ["::/0"]`,
				`ipv6_cidr_blocks: ["2001:db8::2/128"], cidr_blocks: [0.0.0.0/0]`}[i])}
			names := func(said string) {
				t.Helper()
				if !strings.Contains(said, peer.String()) || !strings.Contains(said, "eth0") || !strings.Contains(said, "--force") {
					t.Errorf("it does not name %s, eth0 and --force:\n%s", peer, said)
				}
			}

			before := snapshot(t, server.Host())
			d := prepare(t, server.Host(), "")
			for _, p := range refuses {
				d.write(p)
				names(d.refuses(5))
			}
			if diff := cmp.Diff(before, snapshot(t, server.Host())); diff != "" {
				t.Errorf("the machine before (-) and after the refusal (+):\n%s", diff)
			}
			g.expect(t, "start refused", open)

			d.write(admits)
			d.start()
			g.expect(t, "a policy that admits the session", filtered)
			for _, p := range refuses {
				d.write(p)
				said, code := d.sgfw("reload")
				if code != 5 {
					t.Errorf("reload: exit %d, want 5\n%s", code, said)
				}
				names(said)
				g.expect(t, "reload refused", filtered)
				if !talks(c) {
					t.Fatal("the session died of a refused reload")
				}
				if !connects(t, client.Host(), netip.AddrPort{}, port(families(server)[i], 22), patience) {
					t.Error("a new session does not come about after a refused reload")
				}
			}
			d.reload(refuses[0], "--force")
			g.expect(t, "reload forced", filtered)
			if connects(t, client.Host(), netip.AddrPort{}, port(families(server)[i], 22), silence) {
				t.Error("a new session comes about although no rule admits it")
			}
			d.stop()

			d.start("--force")
			g.expect(t, "start forced", filtered)
			if !mute(c) {
				t.Error("the session goes on although no rule admits it and no daemon has seen it begin")
			}
		})
	}
}

// TestSSHGuardKnowsItsCaller starts from a session of which only the environment
// tells, as when its server is not in this network namespace's socket table.
func TestSSHGuardKnowsItsCaller(t *testing.T) {
	t.Parallel()
	_, server, g := newPair(t)
	d := prepare(t, server.Host(), gatePolicy())
	for _, connection := range []string{"192.0.2.1 50000 192.0.2.2 22", "2001:db8::1 50000 2001:db8::2 2222"} {
		d.env = []string{"SSH_CONNECTION=" + connection}
		said := d.refuses(5)
		if client, _, _ := strings.Cut(connection, " "); !strings.Contains(said, client) || !strings.Contains(said, "eth0") {
			t.Errorf("it does not name %s and eth0:\n%s", client, said)
		}
	}
	g.expect(t, "refused", open)
	// Neither an admitted client nor one of another machine is in danger.
	for _, c := range []struct{ connection, policy string }{
		{"192.0.2.1 50000 192.0.2.2 22", sshPolicy(`cidr_blocks: [192.0.2.1/32]`)},
		{"192.0.2.1 50000 203.0.113.9 22", gatePolicy()},
		{"", gatePolicy()},
	} {
		d.env = []string{"SSH_CONNECTION=" + c.connection}
		d.write(c.policy)
		d.start()
		g.expect(t, "SSH_CONNECTION="+c.connection, filtered)
		d.stop()
	}
}
