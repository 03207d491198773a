package filter

import (
	"net/netip"

	"sgfw/conntrack"
	"sgfw/policy"
)

// outside are the packets nearest to v that a rule does not cover which covers v: with the
// addresses before and behind its CIDR, and the ports before and behind its own.
func (v *Variant) outside(info *RuleInfo) (out []Variant) {
	was := v.Src
	if v.Direction == conntrack.Egress {
		was = v.Dst
	}
	cidr := info.Rule.Peer.CIDR
	if !cidr.Contains(was) {
		return nil
	}
	for _, a := range []netip.Addr{cidr.Masked().Addr().Prev(), lastIn(cidr).Next()} {
		if !a.IsValid() {
			continue
		}
		next := *v
		if next.Src = a; v.Direction == conntrack.Egress {
			next.Src, next.Dst = v.Src, a
		}
		_, far := nearestIn(netip.PrefixFrom(a, a.BitLen()), was)
		next.differs("peer", 2, far)
		out = append(out, next)
	}
	port := int(v.DstPort)
	if r := &info.Rule; r.Protocol.HasPorts() && r.From <= port && port <= r.To {
		for _, p := range []int{r.From - 1, r.To + 1} {
			if p < 1 || p > policy.MaxPort {
				continue
			}
			next := *v
			next.DstPort = uint16(p)
			next.differs("port", 4, max(p-port, port-p))
			out = append(out, next)
		}
	}
	return out
}

// lastIn is the last address of a prefix.
func lastIn(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().AsSlice()
	for i := range a {
		a[i] |= 0xff >> min(8, max(0, p.Bits()-8*i))
	}
	last, _ := netip.AddrFromSlice(a)
	return last
}

// nearDenied are the packets outside the rule of the network ACL that denies v, if one does.
func (a *Attachment) nearDenied(rs *Ruleset, v *Variant) []Variant {
	if a.acl == nil {
		return nil
	}
	p := v.packet()
	rule, allowed := a.acl.first(p.Src, p.Dst, v.Direction, selectorOf(&p))
	if info, ok := rs.Rule(rule); ok && !allowed {
		return v.outside(&info)
	}
	return nil
}
