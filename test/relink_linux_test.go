package test

import (
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// renameLive gives a device another name while it is up, as Linux allows since 6.2,
// and returns when that was done. Its addresses stay.
func renameLive(t testing.TB, h *netlab.Host, from, to string) time.Time {
	t.Helper()
	if err := h.Netlink().LinkSetName(link(t, h, from), to); err != nil {
		t.Skipf("a device that is up cannot be renamed: %v", err)
	}
	return time.Now()
}

// twoPolicies has an entry that allows everything and one that is a gate's.
func twoPolicies(open, gated string) string {
	return strings.NewReplacer(
		"security_groups:\n  - name: state", `security_groups:
  - name: everything
    description: Everything
    ingress: [{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }]
  - name: state`,
		"interfaces:\n", "interfaces:\n  - { device: "+open+", security_groups: [everything] }\n",
	).Replace(gateOn([]string{gated}))
}

// covers tells whether an entry of the status has a device.
func (s statusDocument) covers(device string) bool {
	for _, in := range s.Interfaces {
		for _, c := range in.Covered {
			if c.Name == device {
				return true
			}
		}
	}
	return false
}

// TestRenamedUnderTraffic renames, removes and makes devices while packets come in
// that the entry of their name forbids. The kernel takes packets by the name of
// their device, at once; the daemon judges by its index, and knows the new name a
// moment later.
func TestRenamedUnderTraffic(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	far, near := lab.Host("client"), lab.Host("server")
	d := enforce(t, near, twoPolicies("open0", "late0"))
	g := unspecific(t, far, near)
	plug(t, far, near, "any0")
	g.soon(t, "a device that no entry names", open)

	for _, from := range []string{"any0", "away0"} {
		s := g.siege(t)
		s.arrives()
		renamed := renameLive(t, near, from, "late0")
		g.soon(t, from+" renamed to the name of an entry", filtered)
		if n, _, _ := s.passed(renamed.Add(-time.Second), renamed); n == 0 {
			t.Errorf("nothing passed before %s was renamed: the siege shows nothing", from)
		}
		s.held(from+" renamed to the name of an entry", renamed, forever)
		renameLive(t, near, "late0", "away0")
		g.soon(t, "renamed out of all entries", open)
	}

	// From one entry to another: the rules of the old name hold until the daemon
	// knows the new one.
	renameLive(t, near, "away0", "open0")
	d.becomes(t, "the new name", func(s statusDocument) bool { return s.covers("open0") })
	g.soon(t, "renamed to the name of the open entry", open)
	s := g.siege(t)
	s.goOn()
	renamed := renameLive(t, near, "open0", "late0")
	d.becomes(t, "the new name", func(s statusDocument) bool { return s.covers("late0") })
	known := time.Now()
	g.soon(t, "renamed from entry to entry", filtered)
	s.goOn()
	s.broke("renamed from entry to entry", renamed, known, busy)
	s.held("renamed from entry to entry", known, forever)

	// Removed and made again with the same index, under the name of either entry.
	index := link(t, near, "late0").Attrs().Index
	for range 3 {
		s, began := g.siege(t), time.Now()
		unplug(t, near, "late0")
		if err := near.Netlink().LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: "late0", Index: index}, PeerName: "far0", PeerNamespace: netlink.NsFd(far.NetNS()),
		}); err != nil {
			t.Fatal(err)
		}
		addresses(t, far, "far0", laterFar)
		addresses(t, near, "late0", laterNear)
		g.soon(t, "made again", filtered)
		s.held("made again", began, forever)
	}
}

// TestEnslavedUnderTraffic makes a managed device a bridge port at run time: its
// packets are the bridge's from then on, so the state is degraded; the other
// devices do not notice.
func TestEnslavedUnderTraffic(t *testing.T) {
	t.Parallel()
	client, server, g := newPair(t)
	far, near := client.Host(), server.Host()
	d := enforce(t, near, gateOn([]string{"eth0", "late0"}))
	plug(t, far, near, "late0")
	u := unspecific(t, far, near)
	u.soon(t, "late0", filtered)
	g.expect(t, "eth0", filtered)
	br := newBridge(t, near, "br0", nil)
	for range 2 {
		s, began := g.siege(t), time.Now()
		if err := near.Netlink().LinkSetMaster(link(t, near, "late0"), br); err != nil {
			t.Fatal(err)
		}
		status := d.becomes(t, "state degraded", func(s statusDocument) bool { return s.State == "degraded" })
		if took := time.Since(began); took > busy {
			t.Errorf("it took %v to notice", took)
		}
		if len(status.Degraded) != 1 || !strings.Contains(status.Degraded[0], "late0 belongs to br0") {
			t.Errorf("degraded: %q", status.Degraded)
		}
		g.expect(t, "eth0 beside a bridge port", filtered)
		if err := near.Netlink().LinkSetNoMaster(link(t, near, "late0")); err != nil {
			t.Fatal(err)
		}
		freed := time.Now()
		v := u.siege(t)
		d.becomes(t, "state running", func(s statusDocument) bool { return s.State == "running" })
		u.soon(t, "late0 freed", filtered)
		v.held("late0 freed", freed, forever)
		s.held("eth0 beside a bridge port", began, forever)
	}
}
