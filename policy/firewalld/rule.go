package firewalld

import (
	"strconv"
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/iptables"
	"sgfw/policy/space"
)

// zone turns one zone into a chain of one family.
type zone struct {
	*files
	family  policy.Family
	dir     policy.Direction // of the packets
	chain   *chains.Chain
	visited int // services that are included
}

// maxIncluded bounds how many services one element stands for.
const maxIncluded = 200

// other is the element that has the peers: the source of what comes in, the destination of
// what goes out.
func (z *zone) other() string {
	if z.dir == policy.Egress {
		return "destination"
	}
	return "source"
}

// add appends a rule.
func (z *zone) add(r chains.Rule) { z.chain.Rules = append(z.chain.Rules, r) }

// service adds the matches of a service and of those that it includes. A destination counts
// for the parts of its own service.
func (z *zone) service(e *element, name string, add func(chains.Match)) {
	z.visited++
	s := z.services[name]
	if s == nil {
		s = wellKnown()[name]
	}
	switch {
	case z.visited > maxIncluded:
		z.errorf(e.pos, "", "service %q includes too many others", name)
		return
	case s == nil:
		z.errorf(e.pos, "give its file, too, of /etc/firewalld/services",
			"service %q is unknown", name)
		return
	}
	if s.source {
		add(chains.Match{Unsaid: &chains.Unsaid{
			Why: "service " + name + " asks for source ports"}})
	}
	for _, p := range s.parts {
		if z.count(e, 1); z.full() {
			return
		}
		if p.include != "" {
			z.service(e, p.include, add)
			continue
		}
		m, ok := z.port(e, p.protocol, p.ports)
		if !ok {
			continue
		}
		switch to := s.to[z.family]; {
		case len(s.to) > 0 && to == "":
			continue // of the other family alone
		case to != "" && z.dir == policy.Egress:
			if cidr, ok := iptables.Prefix(to); ok {
				peers := space.PeersOf(cidr)
				m.Peers = &peers
			}
		case to == "fe80::/64" && p.ports == "546":
			m.Never = true // a failsafe
		case to != "":
			m.Unsaid = &chains.Unsaid{Why: "service " + name + " is for the destination " + to +
				", and groups are for all addresses of a device"}
		}
		add(m)
	}
}

// protocols are those by name that rules of firewalld use beside those of policies.
var protocols = map[string]string{"gre": "47", "esp": "50", "ah": "51", "ipv6-icmp": "icmpv6",
	"sctp": "132", "igmp": "2", "vrrp": "112", "ospf": "89", "dccp": "33", "ospfigp": "89",
	"ipip": "94", "ipencap": "4", "ipv6": "41", "pim": "103"}

// port is a match of a protocol, with ports unless they are empty.
func (z *zone) port(e *element, protocol, ports string) (m chains.Match, ok bool) {
	if n, there := protocols[protocol]; there {
		protocol = n
	}
	p, bad := policy.ParseProtocol(protocol)
	switch {
	case bad != nil:
		z.errorf(e.pos, "its number is known", "%q is no protocol that is known here", protocol)
		return m, false
	case p == policy.AllProtocols:
		return m, true
	case p == policy.ICMP && z.family == policy.IPv6, p == policy.ICMPv6 && z.family == policy.IPv4:
		m.Never = true
		return m, true
	case ports == "" && p.HasPorts():
		m.Spans = []space.Span{space.Ports(p, 0, policy.MaxPort)}
		return m, true
	case ports == "":
		m.Spans = []space.Span{space.Ports(p, -1, -1)}
		return m, true
	case !p.HasPorts():
		m.Spans = []space.Span{space.Ports(p, -1, -1)}
		m.Unsaid = &chains.Unsaid{Why: "its protocol has no ports here"}
		return m, true
	}
	lo, hi, ranged := strings.Cut(ports, "-")
	if !ranged {
		hi = lo
	}
	from, err := strconv.Atoi(lo)
	to, worse := strconv.Atoi(hi)
	if err != nil || worse != nil {
		z.errorf(e.pos, "a number, or a range such as 8000-8010", "%q is no port", ports)
		return m, false
	}
	if bad := policy.CheckRange(p, from, to); bad != nil {
		z.errorf(e.pos, bad.Hint, "%s", bad.Message)
		return m, false
	}
	m.Spans = []space.Span{space.Ports(p, from, to)}
	return m, true
}

// icmp is a match of a type of ICMP by its name. Not all are of both families.
func (z *zone) icmp(e *element, name string) (m chains.Match, ok bool) {
	p, other := policy.ICMP, policy.ICMPv6
	if z.family == policy.IPv6 {
		p, other = other, p
	}
	span, there := iptables.Type(p, name)
	if !there {
		if _, known := iptables.Type(other, name); !known {
			z.errorf(e.pos, "", "%q is no type of ICMP that is known here", name)
			return m, false
		}
		m.Never = true
		return m, true
	}
	m.Spans = []space.Span{span}
	return m, true
}

// peers adds the peers of an element to a match: an address, a set, or a hardware address.
func (z *zone) peers(e *element, m *chains.Match) bool {
	unsaid := func(why string) bool {
		m.Unsaid = &chains.Unsaid{Why: why}
		return true
	}
	not := e.attrs["invert"] == "True" || e.attrs["invert"] == "yes" || e.attrs["invert"] == "true"
	switch {
	case e.attrs["mac"] != "":
		return unsaid("it asks for a hardware address")
	case e.attrs["ipset"] != "":
		name := e.attrs["ipset"]
		l, there := z.sets[name]
		if !there {
			m.List, m.Unknown, m.Peers = name, true, &space.Peers{}
			if not {
				m.List, m.Unknown, m.Peers = "", false, nil
				return unsaid("who is in " + name + " is unknown")
			}
			return true
		}
		known := z.files.peers[name]
		if known == nil {
			set := chains.PeersOf(l.Entries)
			known = &set
			z.files.peers[name] = known
		}
		peers := *known
		of := policy.Family(0)
		for _, entry := range l.Entries {
			of = policy.FamilyOf(entry.CIDR)
		}
		if of != 0 && of != z.family {
			m.Never = true
			return true
		}
		if m.List = name; not {
			m.List = ""
			peers = all(z.family).Minus(peers)
		}
		m.Peers = &peers
		return true
	}
	p, ok := iptables.Prefix(e.attrs["address"])
	if !ok {
		z.errorf(e.pos, "such as 192.0.2.0/24", "%q is no address", e.attrs["address"])
		return false
	}
	if policy.FamilyOf(p) != z.family {
		m.Never = true
		return true
	}
	peers := space.PeersOf(p)
	if not {
		peers = all(z.family).Minus(peers)
	}
	m.Peers = &peers
	return true
}

func all(f policy.Family) space.Peers {
	if f == policy.IPv6 {
		return space.PeersOf(policy.AnyIPv6)
	}
	return space.PeersOf(policy.AnyIPv4)
}
