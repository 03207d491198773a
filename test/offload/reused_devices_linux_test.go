package offload

import (
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"sgfw/test/harness"
)

// TestDeviceNumberReused takes a guest's device away and gives its number to another one with
// the same addresses behind it: nothing of the first one's flows passes to the second.
func TestDeviceNumberReused(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p = 7000
	text := policy(both(p), []string{everything}, "tracking: aws") // and another guest has no rules
	text = strings.Replace(text, "interfaces:",
		"interfaces:\n  - { device: veth-next, mode: guest, security_groups: [nothing] }", 1)
	d := harness.Enforce(t, h.Fw, text)
	servers(t, h, p)
	var w way
	for _, w = range ways(h) {
		if w.to == h.App && w.dst.Is4() {
			break
		}
	}
	c := carriedFlow(t, d, w, p)
	old := harness.Link(t, h.Fw, "veth-app")
	if err := h.Fw.Netlink().LinkDel(old); err != nil {
		t.Fatal(err)
	}
	d.Becomes(t, "a device less", func(s harness.StatusDocument) bool { return !s.Covers("veth-app") })
	if err := h.Fw.Netlink().LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "veth-next", Index: old.Attrs().Index},
		PeerName:  "eth0", PeerNamespace: netlink.NsFd(h.App.NetNS()),
	}); err != nil {
		t.Fatal(err)
	}
	// A change of addresses empties the sets: here the device has none.
	harness.Addresses(t, h.Fw, "veth-next", nil)
	harness.Addresses(t, h.App, "eth0", []string{w.dst.String() + "/24"})
	guest, err := netlink.ParseIPNet(w.dst.String() + "/32")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Fw.Netlink().RouteAdd(&netlink.Route{Dst: guest, LinkIndex: old.Attrs().Index,
		Scope: netlink.SCOPE_LINK}); err != nil {
		t.Fatal(err)
	}
	d.Becomes(t, "another device", func(s harness.StatusDocument) bool {
		return s.Covers("veth-next")
	})
	watch := newWitness(t, h.Fw)
	watch.counts("asked", askedAt(p)...)
	stopped(t, "a device with the number of another one", c)
	if n := watch.tallies()["asked"].packets; n > 0 {
		t.Errorf("%d datagrams passed to a device that has no rules", n)
	}
}
