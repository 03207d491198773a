package lifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// renameLive gives a device another name while it is up, as Linux allows since 6.2,
// and returns when that was done. Its addresses stay.
func renameLive(t testing.TB, h *netlab.Host, from, to string) time.Time {
	t.Helper()
	if err := h.Netlink().LinkSetName(harness.Link(t, h, from), to); err != nil {
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
	).Replace(harness.GateOn([]string{gated}))
}

// TestRenamedUnderTraffic renames, removes and makes devices while packets come in
// that the entry of their name forbids. The kernel takes packets by the name of
// their device, at once; the daemon judges by its index, and knows the new name a
// moment later.
func TestRenamedUnderTraffic(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	far, near := lab.Host("client"), lab.Host("server")
	d := harness.Enforce(t, near, twoPolicies("open0", "late0"))
	g := unspecific(t, far, near)
	plug(t, far, near, "any0")
	g.Soon(t, "a device that no entry names", harness.Open)

	for _, from := range []string{"any0", "away0"} {
		s := g.DeniedTraffic(t)
		s.Arrives()
		renamed := renameLive(t, near, from, "late0")
		g.Soon(t, from+" renamed to the name of an entry", harness.Filtered)
		if n, _, _ := s.Passed(renamed.Add(-time.Second), renamed); n == 0 {
			t.Errorf("nothing passed before %s was renamed: the siege shows nothing", from)
		}
		s.DropsAll(from+" renamed to the name of an entry", renamed, forever)
		renameLive(t, near, "late0", "away0")
		g.Soon(t, "renamed out of all entries", harness.Open)
	}

	// From one entry to another: the rules of the old name hold until the daemon
	// knows the new one.
	renameLive(t, near, "away0", "open0")
	d.Becomes(t, "the new name", func(s harness.StatusDocument) bool { return s.Covers("open0") })
	g.Soon(t, "renamed to the name of the open entry", harness.Open)
	s := g.DeniedTraffic(t)
	s.WaitForMore()
	renamed := renameLive(t, near, "open0", "late0")
	d.Becomes(t, "the new name", func(s harness.StatusDocument) bool { return s.Covers("late0") })
	known := time.Now()
	g.Soon(t, "renamed from entry to entry", harness.Filtered)
	s.WaitForMore()
	s.ClosesWithin("renamed from entry to entry", renamed, known, busy)
	s.DropsAll("renamed from entry to entry", known, forever)

	// Removed and made again with the same index, under the name of either entry.
	index := harness.Link(t, near, "late0").Attrs().Index
	for range 3 {
		s, began := g.DeniedTraffic(t), time.Now()
		harness.Unplug(t, near, "late0")
		if err := near.Netlink().LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: "late0", Index: index}, PeerName: "far0",
			PeerNamespace: netlink.NsFd(far.NetNS()),
		}); err != nil {
			t.Fatal(err)
		}
		harness.Addresses(t, far, "far0", laterFar)
		harness.Addresses(t, near, "late0", laterNear)
		g.Soon(t, "made again", harness.Filtered)
		s.DropsAll("made again", began, forever)
	}
}
