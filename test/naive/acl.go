package naive

import "net/netip"

// ACL is a network ACL: numbered rules that allow or deny, the lowest number first.
type ACL struct {
	Name  string
	Rules [2][]ACLRule // by Direction
}

// ACLRule matches as a rule of a group with a CIDR does.
type ACLRule struct {
	Number int
	Allow  bool
	Rule
}

// denied reports whether the network ACL of an interface denies a packet: the lowest number
// that matches decides, and without any match it is denied (N1, N2).
func (m *Machine) denied(n *Interface, d Direction, p *Packet) bool {
	for _, list := range m.policy.ACLs {
		if list.Name != n.ACL {
			continue
		}
		lowest, allowed := 0, false
		for _, r := range list.Rules[d] {
			if (lowest == 0 || r.Number < lowest) && r.covers(p) && inside(r.CIDR, peer(d, p)) &&
				ofFamily(r.Rule, peer(d, p)) {
				lowest, allowed = r.Number, r.Allow
			}
		}
		return !allowed
	}
	return false
}

// ofFamily is false for the ICMP of the other family.
func ofFamily(r Rule, a netip.Addr) bool {
	return !(r.Protocol == ICMP && a.Is6() || r.Protocol == ICMPv6 && a.Is4())
}

// wouldSay is what the groups say of a packet, without anything being remembered of it.
func (m *Machine) wouldSay(n *Interface, device string, h Hook, d Direction, p *Packet) Verdict {
	other := *m
	other.flows = nil
	for _, f := range m.flows {
		same := *f
		other.flows = append(other.flows, &same)
	}
	return other.ask(n, device, h, d, p)
}
