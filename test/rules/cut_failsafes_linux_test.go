package rules

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestCutFailsafes switches off one failsafe after the other: it is left to the
// rules, and the others pass as before. What the kernel's rules leave to the
// daemon obeys the same switch.
func TestCutFailsafes(t *testing.T) {
	t.Parallel()
	// With neighbours that are known nothing else depends on their discovery.
	topology := netlab.Pair()
	topology.Links[0].Neighbours = netlab.NeighboursStatic
	lab := labtest.New(t, topology)
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	shots := failsafes(t, client, server)
	cLL, sLL := harness.LinkLocal(t, client).WithZone(""), harness.LinkLocal(t, server).WithZone("")
	queued := harness.Passes(harness.Raw(t, "DHCPv6 answer behind an extension header in", client,
		harness.NewRawInbox(t, server.Host(), wire.ProtoUDP, netip.IPv6Unspecified()),
		func(content []byte) []byte {
			return wire.UDP(harness.AddrPort(cLL, 547), harness.AddrPort(sLL, 546), content,
				wire.DestinationOptions(1, 0))
		}))
	from, at := harness.NewInbox(t, client.Host(), harness.AddrPort(client.IPv6(), 0)),
		harness.NewInbox(t, server.Host(), harness.AddrPort(server.IPv6(), harness.GateIn))
	shots = append(shots, queued, harness.Passes(
		harness.Datagram(t, "what a rule admits", from, at,
			harness.AddrPort(server.IPv6(), harness.GateIn))))
	policy := func(settings ...string) string {
		return harness.PolicyWith([]string{harness.Allow("udp", harness.GateIn)}, nil,
			append(settings, harness.InOrder)...)
	}
	d := harness.Enforce(t, server.Host(), policy())
	harness.VolleyEach(t, "all on", shots)
	for name, first := range map[string]string{
		"neighbour-discovery": "neighbour ", "multicast-listener-discovery": "listener ",
		"dhcpv4-client": "DHCP ", "dhcpv6-client": "DHCPv6 ",
	} {
		t.Run(name, func(t *testing.T) {
			parity.Proves(t, "X2")
			d.Reload(policy("failsafe: { " + name + ": false }"))
			left, cut := slices.Clone(shots), 0
			for i := range left {
				if left[i].Want == harness.Pass && strings.HasPrefix(left[i].What, first) {
					left[i] = harness.Drops(left[i])
					cut++
				}
			}
			if cut == 0 {
				t.Fatal("nothing here is that failsafe")
			}
			harness.VolleyEach(t, "without "+name, left)
			for _, x := range d.Exemptions() {
				want := "on"
				if x.Name == name {
					want = "off"
				}
				if x.Kind == "failsafe" && x.State != want && x.State != "always" {
					t.Errorf("status has %+v", x)
				}
			}
			if out, _ := d.Sgfw("status"); !strings.Contains(out, "SWITCHED OFF") ||
				!strings.Contains(out, "decide about: "+name+"\n") {
				t.Errorf("status:\n%s", out)
			}
			if out, code := d.Sgfw("check", d.Config); code != 0 ||
				!strings.Contains(out, "failsafe "+name+" is off") {
				t.Errorf("check: exit %d\n%s", code, out)
			}
		})
	}
	d.Reload(policy())
	harness.VolleyEach(t, "all on again", shots)
	if x := d.Exemptions()["dhcpv4-client"]; x.Packets == nil || *x.Packets == 0 {
		t.Errorf("status has %+v", x)
	}
}
