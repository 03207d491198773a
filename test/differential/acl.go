package differential

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"sgfw/test/naive"
)

// aclName is the network ACL of trials.
const aclName = "edge"

// acl makes a network ACL: often one that allows everything but for a few denials, for one
// of random rules denies nearly all.
func (w *World) acl(r *rand.Rand) naive.ACL {
	list := naive.ACL{Name: aclName}
	for d := range list.Rules {
		numbers := r.Perm(15)
		for _, n := range numbers[:r.IntN(6)] {
			rule := w.rule(r, "")
			rule.CIDR, rule.List, rule.Group = w.cidr(r, r.IntN(2)), "", ""
			list.Rules[d] = append(list.Rules[d],
				naive.ACLRule{Number: 100 * (n + 1), Allow: chance(r, 40), Rule: rule})
		}
		for family := range 2 {
			if chance(r, 85) {
				list.Rules[d] = append(list.Rules[d],
					naive.ACLRule{Number: 32000 + family, Allow: true, Rule: wide(family)})
			}
		}
		r.Shuffle(len(list.Rules[d]), func(i, j int) {
			list.Rules[d][i], list.Rules[d][j] = list.Rules[d][j], list.Rules[d][i]
		})
	}
	return list
}

// changeACL is what an operator at work does to the network ACL: another one, or one rule
// less.
func (w *World) changeACL(r *rand.Rand, p *naive.Policy) {
	if len(p.ACLs) == 0 {
		return
	}
	d := r.IntN(2)
	if rules := p.ACLs[0].Rules[d]; len(rules) > 0 && chance(r, 60) {
		i := r.IntN(len(rules))
		p.ACLs = []naive.ACL{p.ACLs[0]}
		p.ACLs[0].Rules[d] = slices.Delete(slices.Clone(rules), i, i+1)
		return
	}
	p.ACLs = []naive.ACL{w.acl(r)}
}

// aclText is the part of the policy file with the network ACLs.
func aclText(acls []naive.ACL) string {
	var b strings.Builder
	for _, n := range acls {
		fmt.Fprintf(&b, "network_acls:\n  - name: %s\n", n.Name)
		for d, rules := range n.Rules {
			if len(rules) == 0 {
				continue
			}
			fmt.Fprintf(&b, "    %s:\n", naive.Direction(d))
			for _, r := range rules {
				action, key := "deny", "cidr_block"
				if r.Allow {
					action = "allow"
				}
				if r.CIDR.Addr().Is6() {
					key = "ipv6_cidr_block"
				}
				fmt.Fprintf(&b, "      - { rule_no: %d, action: %s, protocol: %d, from_port: %d, "+
					"to_port: %d, %s: %q }\n", r.Number, action, r.Protocol, r.From, r.To, key, r.CIDR)
			}
		}
	}
	return b.String()
}
