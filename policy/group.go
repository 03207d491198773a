package policy

import "net/netip"

// Group is a security group. Rules are allow-only, without order (R4).
type Group struct {
	Name, Description string
	// VPCID is a label: the network in AWS that the group comes from, empty for none.
	VPCID           string
	Tags            map[string]string
	Ingress, Egress []Rule
	// Default is true for the group that every policy has, which nobody names
	// or describes, see [DefaultGroup].
	Default bool
	Pos     Pos
}

// The CIDRs that mean every address of a family. Neither covers the other
// family (R20).
var (
	AnyIPv4 = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	AnyIPv6 = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
)

// DefaultIndex is the Rule.Index of the rules that AWS creates.
const DefaultIndex = -1

// DefaultEgress returns the outbound rules of a group that does not say egress:
// all protocols to everywhere, once for each family (D1).
func DefaultEgress() []Rule {
	to := func(cidr netip.Prefix) Rule {
		return Rule{
			Index: DefaultIndex, Protocol: AllProtocols, From: -1, To: -1,
			Peer: Peer{Kind: PeerCIDR, CIDR: cidr},
		}
	}
	return []Rule{to(AnyIPv4), to(AnyIPv6)}
}

// DefaultDescription is that of a group without one, as in Terraform, since AWS demands one.
const DefaultDescription = "Managed by Terraform"

// DefaultName is the name of the default group.
const DefaultName = "default"

// DefaultGroup returns the group of an interface that names none, as AWS creates
// it: in comes everything from its members, out goes everything (D2). It cannot be
// defined or deleted; its rules can be changed (R48).
func DefaultGroup() Group {
	return Group{
		Name: DefaultName, Description: "The default group", Default: true,
		Ingress: DefaultIngress(), Egress: DefaultEgress(),
	}
}

// DefaultIngress returns the inbound rules of the default group: all protocols
// from itself (D2).
func DefaultIngress() []Rule {
	return []Rule{{
		Index: DefaultIndex, Protocol: AllProtocols, From: -1, To: -1,
		Peer: Peer{Kind: PeerGroup, Name: DefaultName, Self: true},
	}}
}

// Direction is the side of a group that a rule stands on.
type Direction uint8

const (
	Ingress Direction = iota
	Egress
)

// String is the key of the policy file: "ingress" or "egress".
func (d Direction) String() string {
	if d == Egress {
		return "egress"
	}
	return "ingress"
}

// Rules returns the group's rules of one direction.
func (g *Group) Rules(d Direction) []Rule {
	if d == Egress {
		return g.Egress
	}
	return g.Ingress
}
