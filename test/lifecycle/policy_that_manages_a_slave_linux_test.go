package lifecycle

import (
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// TestPolicyThatManagesASlave: packets of a bridge port appear on the bridge, and are never
// judged. A reload refuses it; a start says so, and enforces the rest.
func TestPolicyThatManagesASlave(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	bridge(t, server, "br0")
	d := harness.Enforce(t, server.Host(), harness.GateOn([]string{"br0"}))
	g.Expect(t, "the bridge managed", harness.Filtered)
	refuses := func(what, policy string) {
		t.Helper()
		d.Write(policy)
		if out := d.Must(t, 3, "reload"); !strings.Contains(out, "eth0 belongs to br0 (bridge)") ||
			!strings.Contains(out, "policy.yaml:") {
			t.Errorf("%s: it does not name the bridge, or the line:\n%s", what, out)
		}
		g.Expect(t, what+" refused", harness.Filtered)
	}
	refuses("a port", harness.GatePolicy())
	// A guest's port of a bridge is no better: its packets are switched.
	refuses("a guest", harness.AsGuest(harness.GatePolicy()))
	refuses("a port and its bridge", harness.GateOn([]string{"br0", "eth0"}))
	// With a pattern nobody named the port. Where its bridge is filtered nothing is lost.
	d.Write(harness.GateOn([]string{"e*", "br0"}))
	if out := d.Must(t, 0, "reload"); strings.Contains(out, "warning") {
		t.Errorf("a pattern, and the bridge:\n%s", out)
	}
	g.Expect(t, "a pattern, and the bridge", harness.Filtered)
	if s := d.Status(); s.State != "running" {
		t.Errorf("a pattern, and the bridge: %s, %q", s.State, s.Degraded)
	}
	d.Write(harness.GateOn([]string{"e*"}))
	if out := d.Must(t, 0, "reload"); !strings.Contains(out, "warning: eth0 belongs to br0") {
		t.Errorf("a pattern for a port:\n%s", out)
	}
	g.Expect(t, "a pattern for a port", harness.Open)
}

// TestSlaveAtStart: a device that belongs to another one is no reason to leave the others
// open, whether the policy names it or has a pattern for it, whether a policy was ever in
// force, or whether it was enslaved under a daemon.
func TestSlaveAtStart(t *testing.T) {
	t.Parallel()
	for what, names := range map[string][]string{
		"named":     {"eth0", "eth9"},
		"a pattern": {"eth*"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			client, server, g := harness.NewPair(t)
			far, near := client.Host(), server.Host()
			plug(t, far, near, "eth9")
			u := unspecific(t, far, near)
			br := harness.NewBridge(t, near, "br0", nil)
			enslave := func() {
				t.Helper()
				if err := near.Netlink().LinkSetMaster(harness.Link(t, near, "eth9"), br); err != nil {
					t.Fatal(err)
				}
			}
			const said = "eth9 belongs to br0 (bridge) and filters nothing"
			d := harness.Prepare(t, near, harness.GateOn(names))
			tells := func(when string) {
				t.Helper()
				g.Expect(t, when, harness.Filtered)
				d.Becomes(t, when, func(s harness.StatusDocument) bool {
					return s.State == "degraded" && len(s.Degraded) == 1 &&
						strings.HasPrefix(s.Degraded[0], said)
				})
				if s := d.Unconfirmed().Policy; s.StandIn != "" {
					t.Errorf("%s: the policy file is not in force: %q", when, s.StandIn)
				}
				out := d.Must(t, 0, "check", d.Config)
				if !strings.Contains(out, "warning: "+said) || !strings.Contains(out, "name br0") {
					t.Errorf("%s: check: %s", when, out)
				}
				if doc := d.Examined(t); !doc.Says("devices", "problem", said) {
					t.Errorf("%s: the doctor: %+v", when, doc.Findings)
				}
			}
			enslave()
			d.Start()
			tells("the first start")
			if log := d.Log.String(); !strings.Contains(log, "level=WARN") ||
				!strings.Contains(log, said) {
				t.Errorf("the log does not say it:\n%s", log)
			}

			// It is a device like any other once it is free.
			if err := near.Netlink().LinkSetNoMaster(harness.Link(t, near, "eth9")); err != nil {
				t.Fatal(err)
			}
			d.Becomes(t, "free", func(s harness.StatusDocument) bool { return s.State == "running" })
			u.Soon(t, "free", harness.Filtered)
			enslave()
			tells("enslaved under the daemon")
			d.Stop()
			g.Expect(t, "stopped", harness.Open)
			d.Start()
			tells("started anew")

			// The last good policy has the same device.
			d.Kill()
			d.Write(broken)
			d.Start()
			g.Expect(t, "the last good policy", harness.Filtered)
			if s := d.Unconfirmed().Policy; s.StandIn != "last-good" {
				t.Errorf("a broken file: %q", s.StandIn)
			}
			d.StopsWith(3)
		})
	}
}

// bridge makes a device a port of a new bridge, which takes its addresses over.
func bridge(t testing.TB, dev *netlab.Device, name string) {
	t.Helper()
	h := dev.Host().Netlink()
	link, err := h.LinkByName(dev.Name())
	if err != nil {
		t.Fatal(err)
	}
	br := harness.NewBridge(t, dev.Host(), name, dev.MAC())
	if err := h.LinkSetMaster(link, br); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{dev.IPv4().String() + "/24", dev.IPv6().String() + "/64"} {
		harness.RemoveAddr(t, dev.Host(), dev.Name(), p)
		harness.AddAddr(t, dev.Host(), name, p)
	}
}
