package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// modes are the ways in which an entry can look at its device, as keys of the entry.
var modes = map[string]string{
	"host":        "mode: host",
	"guest":       "mode: guest",
	"host, wire":  "mode: host\n    view: wire",
	"guest, wire": "mode: guest\n    view: wire",
}

// inMode is the gate's policy for late0 in a mode, and an entry that opens open0. What the
// gate calls in is a guest's egress.
func inMode(keys string) string {
	into := []string{harness.Allow("udp", harness.GateIn), harness.Allow("udp", harness.GateEcho)}
	out := []string{harness.Allow("udp", harness.GateOut)}
	if strings.Contains(keys, "guest") {
		into, out = out, into
	}
	text := harness.PolicyOn("late0", into, out, "queues: { count: 1 }")
	text = strings.Replace(text, "device: late0", "device: late0\n    "+keys, 1)
	return strings.NewReplacer(
		"security_groups:\n  - name: state", `security_groups:
  - name: everything
    description: Everything
    ingress: [{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }]
  - name: state`,
		"interfaces:\n",
		"interfaces:\n  - device: open0\n    security_groups: [everything]\n    "+keys+"\n",
	).Replace(text)
}

// TestExchangedUnderTraffic: whatever becomes of the device that an entry names, in every
// mode: another one takes its name, it goes to another namespace and comes back, it is
// replaced by one of the same name, it is a port of a bridge for a while. What comes in
// through a device of that name is judged, at once. Where it had the name of another
// entry, that entry's groups judge it until the daemon knows.
func TestExchangedUnderTraffic(t *testing.T) {
	t.Parallel()
	for what, keys := range modes {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			exchanged(t, inMode(keys))
		})
	}
}

// knowsAs waits until the daemon knows a device by a name.
func knowsAs(t *testing.T, d *harness.Daemon, name string, index int) {
	t.Helper()
	for deadline := time.Now().Add(harness.ArrivalTimeout); time.Now().Before(deadline); {
		var status struct {
			Interfaces []struct {
				Covered []struct {
					Name  string
					Index int
				}
			}
		}
		d.Document(&status, "status")
		for _, in := range status.Interfaces {
			for _, c := range in.Covered {
				if c.Name == name && c.Index == index {
					return
				}
			}
		}
	}
	t.Fatalf("the daemon does not know device %d as %s", index, name)
}

func exchanged(t *testing.T, policy string) {
	lab := labtest.New(t, netlab.Pair())
	far, near := lab.Host("client"), lab.Host("server")
	d := harness.Enforce(t, near, policy)
	g := unspecific(t, far, near)
	plug(t, far, near, "late0")
	g.Soon(t, "plugged in", harness.Filtered)

	// The names of two managed devices are exchanged, again and again.
	if err := near.Netlink().LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "open0"},
		PeerName: "other1", PeerNamespace: netlink.NsFd(far.NetNS())}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		renameLive(t, near, "late0", "between")
		renameLive(t, near, "open0", "late0")
		renameLive(t, near, "between", "open0")
		index := harness.Link(t, near, "open0").Attrs().Index
		knowsAs(t, d, "open0", index)
		g.Soon(t, "with the name of the open entry", harness.Open)
		s := g.DeniedTraffic(t)
		s.WaitForMore()
		// Something else begins a burst of changes, for whose end the daemon waits.
		harness.AddAddr(t, near, "eth0", fmt.Sprintf("203.0.113.%d/32", i+1))
		time.Sleep(2 * time.Millisecond)
		renameLive(t, near, "open0", "between")
		renameLive(t, near, "late0", "open0")
		back := renameLive(t, near, "between", "late0")
		knowsAs(t, d, "late0", index)
		known := time.Now()
		s.WaitForMore()
		s.ClosesWithin(fmt.Sprintf("exchange %d", i), back, known, busy)
		s.DropsAll(fmt.Sprintf("exchange %d", i), known, forever)
	}
	harness.Unplug(t, near, "open0")

	away := func(what string, leave func(), come func()) {
		t.Helper()
		s, began := g.DeniedTraffic(t), time.Now()
		leave()
		come()
		harness.Addresses(t, near, "late0", laterNear)
		g.Soon(t, what, harness.Filtered)
		s.DropsAll(what, began, forever)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		away("moved to another namespace and back", func() {
			must(near.Netlink().LinkSetNsFd(harness.Link(t, near, "late0"), far.NetNS()))
		}, func() {
			must(far.Netlink().LinkSetNsFd(harness.Link(t, far, "late0"), near.NetNS()))
		})
		away("replaced by another one of its name", func() {
			harness.Unplug(t, near, "late0")
		}, func() {
			plug(t, far, near, "late0")
		})
		// As long as no entry names it, a device is open.
		renameLive(t, near, "late0", "gone0")
		harness.Unplug(t, near, "gone0")
		plug(t, far, near, "new0")
		g.Soon(t, "another name", harness.Open)
		s := g.DeniedTraffic(t)
		s.Arrives()
		renamed := renameLive(t, near, "new0", "late0")
		g.Soon(t, "replaced by one that had another name", harness.Filtered)
		s.DropsAll("replaced by one that had another name", renamed, forever)
		// A port of a bridge is the bridge's, which no entry names; a device again, it is late0.
		bridge := harness.NewBridge(t, near, "br0", nil)
		must(near.Netlink().LinkSetMaster(harness.Link(t, near, "late0"), bridge))
		must(near.Netlink().LinkSetNoMaster(harness.Link(t, near, "late0")))
		freed := time.Now()
		s = g.DeniedTraffic(t)
		harness.Addresses(t, near, "late0", laterNear)
		g.Soon(t, "a port of a bridge for a while", harness.Filtered)
		s.DropsAll("a port of a bridge for a while", freed, forever)
		harness.Unplug(t, near, "br0")
	}
}
