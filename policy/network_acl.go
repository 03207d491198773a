package policy

import (
	"fmt"
	"net/netip"
)

// NetworkACL is a network ACL: numbered rules that allow or deny, in two lists. In each the
// first rule that matches a packet decides, in the order of numbers, and what none matches
// is denied (N1, N2). It is stateless: every packet is judged, that of a live flow too.
//
// Here an interface has one, where AWS gives one to a subnet: each interface is a subnet of
// its own (N12).
type NetworkACL struct {
	Name            string
	Tags            map[string]string
	Ingress, Egress []ACLRule
	// Default is true for the list that every policy has where the file does not define it,
	// see [DefaultNetworkACL].
	Default bool
	Pos     Pos
}

// ACLRule is a numbered rule of a network ACL (N4).
type ACLRule struct {
	// Number is its place in the order, MinACLNumber to MaxACLNumber.
	Number   int
	Action   ACLAction
	Protocol Protocol
	// From and To are as those of a [Rule].
	From, To int
	CIDR     netip.Prefix
	Pos      Pos
}

// ACLAction is what becomes of a packet that a rule of a network ACL matches. The zero value
// is Deny.
type ACLAction uint8

const (
	Deny ACLAction = iota
	Allow
)

// String is the value in the policy file: "deny" or "allow".
func (a ACLAction) String() string {
	if a == Allow {
		return "allow"
	}
	return "deny"
}

const (
	// MinACLNumber and MaxACLNumber are the first and the last number of a rule that can be
	// written (N1).
	MinACLNumber = 1
	MaxACLNumber = 32766
)

// LastACLNumber is the number that AWS shows for the rule `*` of a family, which denies what
// no other one matches (N2).
func LastACLNumber(f Family) int {
	if f == IPv6 {
		return MaxACLNumber + 2
	}
	return MaxACLNumber + 1
}

// Rules returns the rules of one direction.
func (n *NetworkACL) Rules(d Direction) []ACLRule {
	if d == Egress {
		return n.Egress
	}
	return n.Ingress
}

// Usage counts the rules of each direction and family as AWS does, with the rule `*` (N10).
func (n *NetworkACL) Usage() Usage {
	u := Usage{IngressIPv4: 1, IngressIPv6: 1, EgressIPv4: 1, EgressIPv6: 1}
	for i := range n.Ingress {
		v4, v6 := cost(&Peer{Kind: PeerCIDR, CIDR: n.Ingress[i].CIDR}, nil)
		u.IngressIPv4, u.IngressIPv6 = u.IngressIPv4+v4, u.IngressIPv6+v6
	}
	for i := range n.Egress {
		v4, v6 := cost(&Peer{Kind: PeerCIDR, CIDR: n.Egress[i].CIDR}, nil)
		u.EgressIPv4, u.EgressIPv6 = u.EgressIPv4+v4, u.EgressIPv6+v6
	}
	return u
}

// Rule returns the rule of a number, nil if there is none.
func (n *NetworkACL) Rule(d Direction, number int) *ACLRule {
	rules := n.Rules(d)
	for i := range rules {
		if rules[i].Number == number {
			return &rules[i]
		}
	}
	return nil
}

// Last returns the rule `*` of a family (N2).
func (n *NetworkACL) Last(f Family) ACLRule {
	r := ACLRule{Number: LastACLNumber(f), Protocol: AllProtocols, From: -1, To: -1, CIDR: AnyIPv4}
	if f == IPv6 {
		r.CIDR = AnyIPv6
	}
	return r
}

// String is the rule in one line, for people: "100 deny tcp 22 203.0.113.0/24". The number
// of the rule `*` is "*".
func (r *ACLRule) String() string { return r.Place() + " " + r.Action.String() + " " + r.What() }

// Place is the rule's number, "*" for the last one of its family.
func (r *ACLRule) Place() string {
	if r.Number > MaxACLNumber {
		return "*"
	}
	return fmt.Sprint(r.Number)
}

// What is what the rule matches: "tcp 22 203.0.113.0/24".
func (r *ACLRule) What() string {
	as := r.AsRule()
	return as.String()
}

// AsRule returns what the rule matches as a rule of a group, without its number and action.
func (r *ACLRule) AsRule() Rule {
	return Rule{Protocol: r.Protocol, From: r.From, To: r.To, Pos: r.Pos,
		Peer: Peer{Kind: PeerCIDR, CIDR: r.CIDR, Pos: r.Pos}}
}

// DefaultNetworkACL returns the network ACL that AWS creates with a network: it allows
// everything, in rules 100 and 101 (N3).
func DefaultNetworkACL() NetworkACL {
	all := func() []ACLRule {
		return []ACLRule{
			{Number: 100, Action: Allow, Protocol: AllProtocols, From: -1, To: -1, CIDR: AnyIPv4},
			{Number: 101, Action: Allow, Protocol: AllProtocols, From: -1, To: -1, CIDR: AnyIPv6},
		}
	}
	return NetworkACL{Name: DefaultName, Ingress: all(), Egress: all(), Default: true}
}

// NetworkACL returns the network ACL of that name, nil when there is none.
func (p *Policy) NetworkACL(name string) *NetworkACL {
	for i := range p.NetworkACLs {
		if p.NetworkACLs[i].Name == name {
			return &p.NetworkACLs[i]
		}
	}
	return nil
}
