package nftables

import (
	"net/netip"
	"slices"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/convert/tree"
	"sgfw/policy/space"
)

// address reads a condition on an address.
func (r *reading) address(field string, not bool, right *tree.Node) {
	m := &r.rule.Match
	if (field == "saddr") != (r.dir == policy.Ingress) {
		if r.own(not, right) {
			return
		}
		side := map[string]string{"saddr": "source", "daddr": "destination"}[field]
		r.unsaid("it asks for the " + side + ", and groups are for all addresses of a device")
		return
	}
	s, is := r.named(right)
	var peers space.Peers
	key := ""
	switch {
	case is && s == nil:
		return
	case is && s.list.Name == "":
		r.unsaid("it asks for more than an address")
		return
	case is:
		key = s.list.Name
		peers = chains.PeersOf(s.list.Entries)
		if len(s.list.Entries) == 0 {
			m.Never = m.Never || !not
			return
		}
	default:
		cidrs, ok := addresses(right)
		if !ok {
			r.unsaid("it asks for parts of an address")
			return
		}
		for _, c := range cidrs {
			if policy.FamilyOf(c) != r.family {
				r.errorf(right.Pos(r.file), "", "%s is not of this family", c)
				return
			}
		}
		peers = space.PeersOf(cidrs...)
	}
	all := policy.AnyIPv4
	if r.family == policy.IPv6 {
		all = policy.AnyIPv6
	}
	if not {
		peers, key = space.PeersOf(all).Minus(peers), ""
	}
	if m.Peers != nil {
		peers, key = peers.Intersect(*m.Peers), ""
	}
	m.Peers, m.List = &peers, key
}

// The addresses that tell something of packets to or from this machine, whatever its own are.
var (
	anywhere = space.PeersOf(policy.AnyIPv4, policy.AnyIPv6)
	loopback = peersOf("127.0.0.0/8", "::1/128")
	group    = peersOf("224.0.0.0/4", "255.255.255.255/32", "ff00::/8") // of several machines
)

func peersOf(cidrs ...string) space.Peers {
	var out []netip.Prefix
	for _, c := range cidrs {
		out = append(out, netip.MustParsePrefix(c))
	}
	return space.PeersOf(out...)
}

// own reads a condition on the address of this machine, as far as it does not matter what that
// is: packets to the loopback addresses come over no other device, the kernel drops them. It
// reports whether that is all there is to say.
func (r *reading) own(not bool, right *tree.Node) bool {
	if s, is := r.named(right); is && (s == nil || s.list.Name == "") {
		return false
	}
	list, ok := r.elements(right)
	if !ok {
		return false
	}
	var cidrs []netip.Prefix
	for _, n := range list {
		c, ok := addresses(n)
		if !ok {
			return false
		}
		cidrs = append(cidrs, c...)
	}
	peers := space.PeersOf(cidrs...)
	all := anywhere.Only(r.family)
	switch {
	case peers.Covers(all) || peers.Empty():
		if peers.Empty() != not {
			r.rule.Match.Never = true
		}
	case loopback.Covers(peers):
		r.rule.Match.Never = r.rule.Match.Never || !not
	case group.Covers(peers) && !not:
		r.apart()
		return false
	default:
		return false
	}
	return true
}

// apart leaves out TCP, of a rule for packets to several machines: nobody connects to those.
func (r *reading) apart() {
	r.only(true, []space.Span{{Lo: 0, Hi: space.Last}}, []space.Span{whole(policy.TCP)})
}

// fib reads a condition on what the routes say.
func (r *reading) fib(f *tree.Node, not bool, right *tree.Node) {
	kinds, ok := r.elements(right)
	if !ok {
		return
	}
	var flags []string
	if l := f.Get("flags"); l != nil {
		for _, n := range values(l) {
			flags = append(flags, n.Text)
		}
	}
	has := func(kind string) bool {
		return slices.ContainsFunc(kinds, func(n *tree.Node) bool { return n.Text == kind })
	}
	toUs := text(f, "result") == "type" && r.dir == policy.Ingress &&
		slices.Contains(flags, "daddr") && !slices.Contains(flags, "saddr")
	switch {
	case toUs && not && has("local") && has("broadcast") && has("multicast"):
		r.rule.Match.Never = true // others are not for this machine
	case toUs && !not && has("local"):
		// All that comes here but broadcasts, which groups do not tell apart.
	case toUs && !not && !has("unicast"), toUs && not && has("local"):
		r.apart()
		r.unsaid("it asks for broadcasts")
	case slices.Contains(flags, "saddr") && text(f, "result") != "type":
		r.unsaid("it asks for the way back")
		if u := r.rule.Match.Unsaid; u.Hint == "" {
			u.Hint = "the kernel checks it, too, with net.ipv4.conf.all.rp_filter=1; " + r.apartFrom()
		}
	default:
		r.unsaid("it asks for routes or broadcasts")
	}
}
