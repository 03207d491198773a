package bulk

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
)

// Account is a number of security groups. Make one with [New].
type Account struct {
	Groups [][]Rule
}

// Rule lets one range of ports through, to or from one peer.
type Rule struct {
	Egress bool
	// Protocol is tcp or udp.
	Protocol string
	From, To int
	// CIDR is who it is for, unless Group says so.
	CIDR netip.Prefix
	// Group is the number of the group that it is for, -1 for CIDR.
	Group int
}

// New returns an account of groups that have so many rules each, a sixth of them egress. The
// rules of a group have ports of their own, so that no two of them could be one. A
// tenth of them names another group, another tenth a network of IPv6. The same numbers give
// the same account.
func New(groups, rules int) Account {
	rng := rand.New(rand.NewPCG(1, 2))
	a := Account{Groups: make([][]Rule, groups)}
	step := 60000 / rules
	for g := range a.Groups {
		for i := range rules {
			r := Rule{Egress: i >= rules*5/6, Protocol: "tcp", From: 1024 + i*step + rng.IntN(step/2),
				Group: -1}
			r.To = r.From
			switch rng.IntN(6) {
			case 0:
				r.To += rng.IntN(step / 2)
			case 1:
				r.Protocol = "udp"
			}
			r.CIDR = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(11 + rng.IntN(100)),
				byte(rng.IntN(256)), byte(rng.IntN(256)), byte(rng.IntN(256))}), 16+rng.IntN(17)).Masked()
			switch rng.IntN(10) {
			case 0:
				r.Group = rng.IntN(groups)
			case 1:
				r.CIDR = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8,
					byte(rng.IntN(256)), byte(rng.IntN(256))}), 48)
			}
			a.Groups[g] = append(a.Groups[g], r)
		}
	}
	return a
}

// Changed returns the account with another rule in every tenth group: SSH for everybody.
func (a Account) Changed() Account {
	b := Account{Groups: slices.Clone(a.Groups)}
	for g := 0; g < len(b.Groups); g += 10 {
		b.Groups[g] = slices.Clone(b.Groups[g])
		b.Groups[g][0] = Rule{Protocol: "tcp", From: 22, To: 22, Group: -1,
			CIDR: netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
	}
	return b
}

// name is what a group is called.
func name(group int) string { return fmt.Sprintf("service-%d", group) }

// device is what has a group on a machine.
func device(group int) string { return fmt.Sprintf("veth%d", group) }

// word is one of two, by the direction of the rule.
func (r Rule) word(ingress, egress string) string {
	if r.Egress {
		return egress
	}
	return ingress
}

// family is one of two, by the family of the rule's CIDR.
func (r Rule) family(four, six string) string {
	if r.CIDR.Addr().Is4() {
		return four
	}
	return six
}

// description is what people would write beside a rule.
func (r Rule) description(i int) string { return fmt.Sprintf("Rule %d of its group", i) }

// split are the rules of a group by direction, with their numbers.
func split(rules []Rule) (ways [2][]numbered) {
	for i, r := range rules {
		d := 0
		if r.Egress {
			d = 1
		}
		ways[d] = append(ways[d], numbered{r, i})
	}
	return ways
}

// numbered is a rule with its number in its group.
type numbered struct {
	Rule
	i int
}

// directions are the directions as formats call them, in the order of [split].
var directions = [2]string{"ingress", "egress"}
