package lifecycle

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// altname gives a device another name beside its own.
func altname(t testing.TB, h *netlab.Host, device, name string) time.Time {
	t.Helper()
	if err := h.Netlink().LinkAddAltName(harness.Link(t, h, device), name); err != nil {
		t.Fatal(err)
	}
	return time.Now()
}

// TestAltnamesUnderTraffic: a device that the policy names by an altname is judged, in every
// mode: from the moment on at which it is known to have it, whatever becomes of its own
// name, and when it loses the altname again, until another device has that.
func TestAltnamesUnderTraffic(t *testing.T) {
	t.Parallel()
	for what, keys := range modes {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			altnamed(t, inMode(keys))
		})
	}
}

func altnamed(t *testing.T, policy string) {
	lab := labtest.New(t, netlab.Pair())
	far, near := lab.Host("client"), lab.Host("server")
	const long = "a-name-that-only-an-altname-can-be"
	policy = strings.ReplaceAll(policy, "late0", long)
	g := unspecific(t, far, near)
	plug(t, far, near, "card0")
	altname(t, near, "card0", long)
	d := harness.Enforce(t, near, policy)
	g.Expect(t, "the altname is there from the start", harness.Filtered)
	index := harness.Link(t, near, "card0").Attrs().Index
	judged := func(what string, from time.Time, s *harness.DeniedTraffic) {
		t.Helper()
		g.Soon(t, what, harness.Filtered)
		s.DropsAll(what, from, forever)
	}

	s, began := g.DeniedTraffic(t), time.Now()
	renameLive(t, near, "card0", "card1")
	knowsAs(t, d, "card1", index)
	judged("renamed", began, s)

	s, began = g.DeniedTraffic(t), time.Now()
	d.Reload(policy + "\n")
	judged("reloaded", began, s)

	s, began = g.DeniedTraffic(t), time.Now()
	if err := near.Netlink().LinkDelAltName(harness.Link(t, near, "card1"), long); err != nil {
		t.Fatal(err)
	}
	d.Becomes(t, "a warning", func(s harness.StatusDocument) bool {
		return s.Warns(long + " is no altname of card1 any more")
	})
	dir := filepath.Join(filepath.Dir(d.Config), "state")
	if out := d.Must(t, 0, "check", "--state-dir", dir, d.Config); !strings.Contains(out,
		long+" is no altname of card1 any more") || strings.Contains(out, "nothing is filtered") {
		t.Errorf("check: %s", out)
	}
	judged("the altname taken away", began, s)
	s, began = g.DeniedTraffic(t), time.Now()
	renameLive(t, near, "card1", "card2")
	d.Reload(policy)
	judged("renamed and reloaded without it", began, s)

	for _, end := range []func(){d.Kill, d.Stop} {
		end()
		d.Start()
		g.Expect(t, "started anew without it", harness.Filtered)
	}

	// Another device has it: the entry is that one's.
	if err := near.Netlink().LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "other0"},
		PeerName: "other1", PeerNamespace: netlink.NsFd(far.NetNS())}); err != nil {
		t.Fatal(err)
	}
	altname(t, near, "other0", long)
	harness.Addresses(t, near, "other0", nil) // a device that is down has no news
	d.Becomes(t, "the other device", func(s harness.StatusDocument) bool { return s.Covers("other0") })
	g.Soon(t, "another device has the altname", harness.Open)
	harness.Unplug(t, near, "other0")

	// And back, under traffic: from when it is known.
	s = g.DeniedTraffic(t)
	s.Arrives()
	added := altname(t, near, "card2", long)
	d.Becomes(t, "the device", func(s harness.StatusDocument) bool { return s.Covers("card2") })
	known := time.Now()
	g.Soon(t, "the altname given back", harness.Filtered)
	s.WaitForMore()
	s.ClosesWithin("the altname given back", added, known, busy)
	s.DropsAll("the altname given back", known, forever)
}
