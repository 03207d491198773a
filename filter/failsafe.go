package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// failsafeAt is FailsafeOf in a hook, for failsafes that the policy has not switched
// off. They are a machine's traffic with its link, so what is routed is none. Otherwise
// those ports would lead through every policy, in both directions, to and from the
// machines behind this one.
//
// The kernel rules of filter/nft pass failsafes before they are queued, so they pass even
// while the daemon is dead. Judge passes them too: explain has to agree with the kernel,
// and some packets of a failsafe do not match the kernel's rules.
func (t *attachmentTemplate) failsafeAt(h Hook, p *packet.Packet,
	d conntrack.Direction) policy.Failsafe {
	if h == HookForward || h == HookPrerouting && !grouped(p.Dst) {
		return policy.NoFailsafe
	}
	if l := FailsafeOf(p, d); !t.cut.Has(l) {
		return l
	}
	return policy.NoFailsafe
}

// grouped reports whether a is an address that nobody routes to: link-local of IPv6,
// multicast or broadcast. In prerouting others may yet be forwarded, those of
// 169.254.0.0/16 among them; those of this machine pass in the kernel, which knows them.
func grouped(a conntrack.Addr) bool {
	if !a.Is4() {
		return linkLocal(a) || a.Hi>>56 == 0xff
	}
	v4 := uint32(a.Lo)
	return v4>>28 == 0xe || v4 == 0xffffffff
}

// FailsafeOf says which failsafe a packet belongs to that is not forwarded, as seen from
// the protected machine. It never says OwnMulticast, which only the kernel can tell.
func FailsafeOf(p *packet.Packet, d conntrack.Direction) policy.Failsafe {
	switch p.Kind {
	case packet.KindICMPv6:
		switch t := p.ICMPType; {
		case t >= 133 && t <= 137 && p.HopLimit == 255:
			return policy.NeighbourDiscovery
		case (t >= 130 && t <= 132 || t == 143) && p.HopLimit == 1 &&
			(linkLocal(p.Src) || p.Src == conntrack.Addr{}):
			return policy.MulticastListener
		}
	case packet.KindUDP:
		client, server := p.SrcPort, p.DstPort
		if d == conntrack.Ingress {
			client, server = server, client
		}
		switch {
		case client == 68 && server == 67 && p.Src.Is4():
			return policy.DHCPClient
		case client == 546 && server == 547 && linkLocal(p.Src):
			return policy.DHCPv6Client
		}
	}
	return policy.NoFailsafe
}

// linkLocal reports whether a lies in fe80::/10.
func linkLocal(a conntrack.Addr) bool { return a.Hi>>54 == 0xfe80>>6 }
