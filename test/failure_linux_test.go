package test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"sgfw/test/netlab"
)

// neighbour is what a host knows of a neighbour's link-layer address.
func neighbour(t testing.TB, dev *netlab.Device, a netip.Addr) (n netlink.Neigh, ok bool) {
	t.Helper()
	list, err := dev.Host().Netlink().NeighList(dev.Index(), familyOf(a))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(n netlink.Neigh) bool {
		got, _ := netip.AddrFromSlice(n.IP)
		return got.Unmap() == a.WithZone("")
	})
	if i < 0 {
		return netlink.Neigh{}, false
	}
	return list[i], true
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return netlink.FAMILY_V4
	}
	return netlink.FAMILY_V6
}

// resolve makes a host forget a neighbour and find it again by ARP or neighbour
// discovery, and reports whether that came about.
func resolve(t testing.TB, dev *netlab.Device, a netip.Addr) bool {
	t.Helper()
	if old, ok := neighbour(t, dev, a); ok {
		// The traffic of the test may make it find the neighbour again at once.
		if err := dev.Host().Netlink().NeighDel(&old); err != nil {
			t.Fatal(err)
		}
	}
	// NTF_USE looks the neighbour up as a packet to it would.
	if err := dev.Host().Netlink().NeighSet(&netlink.Neigh{
		LinkIndex: dev.Index(), Family: familyOf(a), IP: a.AsSlice(), Flags: netlink.NTF_USE,
	}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if n, ok := neighbour(t, dev, a); ok && n.State&netlink.NUD_REACHABLE != 0 {
			return true
		}
	}
	return false
}

// TestKilledStaysClosed is on_failure: { gone: drop }, the default: after kill -9
// nothing passes but the failsafes, and the next daemon takes over at once.
func TestKilledStaysClosed(t *testing.T) {
	t.Parallel()
	client, server, g := newPair(t)
	for _, a := range families(server) {
		echoOn(t, server.Host(), port(a, gateEcho))
	}
	static := netlink.Neigh{
		LinkIndex: server.Index(), Family: netlink.FAMILY_V4, State: netlink.NUD_PERMANENT,
		IP: ip("192.0.2.77").AsSlice(), HardwareAddr: client.MAC(),
	}
	if err := server.Host().Netlink().NeighSet(&static); err != nil {
		t.Fatal(err)
	}
	d := enforce(t, server.Host(), gatePolicy())
	g.expect(t, "enforced", filtered)
	var sessions []session
	for _, a := range families(server) {
		c := dialTCP(t, client.Host(), netip.AddrPort{}, port(a, gateEcho), patience)
		if c == nil || !talks(c) {
			t.Fatalf("no session with %s", a)
		}
		t.Cleanup(func() { c.Close() })
		sessions = append(sessions, sessionOf("TCP "+a.String(), c))
	}
	lift := g.besiege(t)
	for range 2 {
		d.kill()
		if q := queues(t, server.Host()); len(q) != 0 {
			t.Errorf("queues of a dead daemon: %v", q)
		}
		if !ours(ruleset(t, server.Host())) {
			t.Error("the table went with the daemon")
		}
		g.expect(t, "killed", shut)
		// Each side finds the other: solicitations and answers pass both hooks (X3).
		for _, dev := range []*netlab.Device{client, server} {
			for _, a := range families(dev.Peer()) {
				if !resolve(t, dev, a) {
					t.Errorf("killed: %s does not find %s", dev.Host().Name(), a)
				}
			}
		}
		if n, ok := neighbour(t, server, ip("192.0.2.77")); !ok || n.State != netlink.NUD_PERMANENT || n.HardwareAddr.String() != client.MAC().String() {
			t.Errorf("the static ARP entry is %v", n)
		}

		d.start()
		g.expect(t, "started again", filtered)
		for _, s := range sessions {
			// The rules allow what it sends, so the new daemon picks it up (T22).
			if !s.alive() {
				t.Errorf("%s: did not outlive the daemon", s.what)
			}
		}
	}
	lift()
	d.kill()
	if out, code := d.sgfw("cleanup"); code != 0 {
		t.Errorf("cleanup after a kill: exit %d\n%s", code, out)
	}
	g.expect(t, "cleaned up", open)
}

// TestKilledOpens is on_failure: { gone: accept }: the table goes with the daemon
// however that ends, and the next one closes again what it should.
func TestKilledOpens(t *testing.T) {
	t.Parallel()
	_, server, g := newPair(t)
	d := enforce(t, server.Host(), gatePolicy("on_failure: { gone: accept }"))
	for range 2 {
		g.expect(t, "enforced", filtered)
		d.kill()
		g.expect(t, "killed", open)
		if ours(ruleset(t, server.Host())) {
			t.Error("the table outlived the daemon")
		}
		d.start()
	}
	// The policy of the next start decides, not that of the last one.
	g.expect(t, "started again", filtered)
	d.kill()
	d.write(gatePolicy())
	d.start()
	d.kill()
	g.expect(t, "killed under gone: drop", shut)
	d.write(gatePolicy("on_failure: { gone: accept }"))
	d.start()
	g.expect(t, "started over a closed table", filtered)
	// A reload changes what the death of the daemon means.
	d.reload(gatePolicy())
	g.expect(t, "reloaded", filtered)
	d.kill()
	g.expect(t, "killed after the reload", shut)
}

// TestForeignFlushOpensNothing has another tool flush the ruleset, as the start
// of most firewall scripts does, and go at our table by name.
func TestForeignFlushOpensNothing(t *testing.T) {
	t.Parallel()
	for _, gone := range []string{"drop", "accept"} {
		t.Run("gone "+gone, func(t *testing.T) {
			t.Parallel()
			_, server, g := newPair(t)
			enforce(t, server.Host(), gatePolicy("on_failure: { gone: "+gone+" }"))
			lift := g.besiege(t)
			table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "sgfw"}
			chain := &nftables.Chain{Table: table, Name: "input"}
			for _, attack := range []struct {
				what string
				do   func(c *nftables.Conn)
			}{
				{"flush ruleset", (*nftables.Conn).FlushRuleset},
				{"delete table inet sgfw", func(c *nftables.Conn) { c.DelTable(table) }},
				{"flush table inet sgfw", func(c *nftables.Conn) { c.FlushTable(table) }},
				{"flush chain inet sgfw input", func(c *nftables.Conn) { c.FlushChain(chain) }},
				{"delete chain inet sgfw input", func(c *nftables.Conn) { c.FlushChain(chain); c.DelChain(chain) }},
			} {
				foreignTable(t, server.Host(), 9)
				c := nft(t, server.Host())
				attack.do(c)
				err := c.Flush()
				if attack.what == "flush ruleset" {
					// It takes what nobody owns.
					if err != nil || len(ruleset(t, server.Host())) == 0 {
						t.Errorf("%s: %v", attack.what, err)
					}
					if slices.ContainsFunc(ruleset(t, server.Host()), func(s string) bool { return s == "table 1 other flags 0" }) {
						t.Errorf("%s did not happen", attack.what)
					}
				}
				g.soon(t, attack.what, filtered)
			}
			lift()
		})
	}
}
