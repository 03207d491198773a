package filter

import (
	"testing"

	"sgfw/conntrack"
	"sgfw/policy"
	"sgfw/policy/member"
)

// TestAltnames: the device that has a name as an altname is the one that the policy means by
// it, before any pattern for its own name. Its flows are those of the policy's name, also
// when it gets another name; and they go with the altname to another device.
func TestAltnames(t *testing.T) {
	p := sharedPolicy("")
	p.Interfaces = p.Interfaces[:2]
	p.Interfaces[0].Device, p.Interfaces[1].Device = "lan", "eth*"
	p.Interfaces[1].Groups = []string{"closed"}
	b := newBench(t, p)
	base := b.compiler.Compile(p, nil)
	bind := func(links ...member.Link) *Ruleset {
		rs := base.WithLinks(links)
		b.Publish(rs)
		return rs
	}
	first := member.Link{Name: "eth0", Index: 2, Altnames: []string{"a", "lan"}}
	second := member.Link{Name: "eth1", Index: 3, Altnames: []string{"b"}}
	other := member.Link{Name: "other", Index: 4, Altnames: []string{"eth7"}}
	rs := bind(first, second, other)
	for name, want := range map[string]string{
		"eth0": "lan", "a": "lan", "lan": "lan", "eth1": "eth1", "b": "eth1", "eth9": "eth9"} {
		if a := rs.Device(name); a == nil || a.Device != want || rs.Called(name) != want {
			t.Errorf("%s is called %q: %+v, want %s", name, rs.Called(name), a, want)
		}
	}
	for _, name := range []string{"other", "eth7"} { // patterns are about names alone
		if a := rs.Device(name); a != nil || rs.Called(name) != name {
			t.Errorf("%s is managed as %s", name, a.Device)
		}
	}
	if all := rs.Attachments(); len(all) != 2 || all[0].Device != "eth1" || all[1].Device != "lan" {
		t.Errorf("%d attachments", len(all))
	}

	syn := tcp4(client, us, 40000, 443, 1, 0, conntrack.SYN)
	answer := tcp4(us, client, 443, 40000, 9, 2, conntrack.SYN|conntrack.ACK)
	ack := tcp4(client, us, 40000, 443, 2, 10, conntrack.ACK)
	expect(t, "another device", b.cross(HookInput, 3, 0, syn), ReasonNoRule)
	expect(t, "a device that no entry names", b.cross(HookInput, 4, 0, syn), ReasonUnmanaged)
	expect(t, "in", b.cross(HookInput, 2, 0, syn), ReasonRule)
	first.Name = "renamed"
	bind(first, second)
	expect(t, "renamed: the answer", b.cross(HookOutput, 0, 2, answer), ReasonFlow)
	first.Altnames, second.Altnames = nil, []string{"lan"}
	rs = bind(first, second)
	expect(t, "without its altname", b.cross(HookInput, 2, 0, ack), ReasonUnmanaged)
	expect(t, "the device that has it now", b.cross(HookInput, 3, 0, ack), ReasonFlow)
	x := Explain(rs, b.Flows(), b.now, Query{Device: "eth1", Direction: conntrack.Ingress,
		Protocol: conntrack.ProtoTCP})
	if x.Device != "lan" || !x.Managed {
		t.Errorf("explained as %+v", x)
	}
}

// TestZonesByAltname: the zone of a name server's address is any name of its device.
func TestZonesByAltname(t *testing.T) {
	p := exempting(policy.ExemptResolvers)
	b := newBench(t, p)
	for _, zone := range []string{"eth0", "lan", "2"} {
		b.name(p, "fe80::53%"+zone)
		rs := b.Ruleset().WithLinks([]member.Link{{Name: "eth0", Index: 2, Altnames: []string{"lan"}}})
		a := rs.Device("lan")
		if a == nil || !a.zoned(zone) || a.zoned("eth1") || a.zoned("3") {
			t.Errorf("%s: %+v", zone, a)
		}
	}
}
