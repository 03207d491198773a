package convert

import (
	"cmp"
	"fmt"
	"strings"

	"sgfw/policy"
)

// networkACL is a network ACL with what tells it from others of its name, such as its ID, and
// the subnets that have it.
type networkACL struct {
	policy.NetworkACL
	apart   string
	subnets []string
}

// NetworkACL adds a network ACL; apart tells it from others of its name. Which interface gets
// it the sources cannot say: AWS gives it to subnets, which [Draft.Finish] names. Rules with a
// number above [policy.MaxACLNumber] are left out: they are the rules `*`, which every list
// has.
func (d *Draft) NetworkACL(n policy.NetworkACL, apart string, subnets ...string) {
	for _, list := range []*[]policy.ACLRule{&n.Ingress, &n.Egress} {
		kept := make([]policy.ACLRule, 0, len(*list))
		for _, r := range *list {
			if r.Number <= policy.MaxACLNumber {
				kept = append(kept, r)
			}
		}
		*list = kept
	}
	d.acls = append(d.acls, networkACL{NetworkACL: n, apart: apart, subnets: subnets})
}

// nameACLs makes the network ACLs, and says of each that no interface has it.
func (d *Draft) nameACLs(p *policy.Policy) {
	taken := names{}
	for i := range d.acls {
		n := &d.acls[i]
		n.Name = taken.unique(d.Printable(n.Pos, "the name", cmp.Or(n.Name, n.apart)), n.apart)
		where := "no subnet has it there"
		if len(n.subnets) > 0 {
			where = "it is for " + someOf(n.subnets) + ", and which device is in there is not said"
		}
		d.Lost(n.Pos, "write network_acl: "+n.Name+" at the interface that is to have it",
			"network ACL %s judges nothing yet: %s", policy.Quote(n.Name), where)
		p.NetworkACLs = append(p.NetworkACLs, n.NetworkACL)
		u := n.Usage()
		most := max(u.IngressIPv4, u.IngressIPv6, u.EgressIPv4, u.EgressIPv6)
		if q := &p.Quotas.RulesPerNetworkACL; most > *q {
			*q = min(most, policy.MaxRulesPerNetworkACL)
		}
	}
	p.Quotas.NetworkACLs = max(p.Quotas.NetworkACLs, len(p.NetworkACLs))
}

// someOf names the first of several things.
func someOf(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}
