package file

import (
	"net/netip"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

// described is a peer with the description beside it.
type described struct {
	policy.Peer
	description string
}

// peers reads the far sides of a block, at least one.
func (d *decoder) peers(f fields, group string, pos policy.Pos) []described {
	room := 1
	for _, k := range peerKinds {
		if f[k.key] != nil {
			room += len(f[k.key].Content)
		}
	}
	peers := make([]described, 0, room)
	// A key with a value means to name peers, even if none of them is valid.
	named := false
	for _, k := range peerKinds {
		items, ok := d.list(f[k.key], k.key)
		named = named || !ok || len(items) > 0
		for _, n := range items {
			if peer, ok := d.peer(n, k); ok {
				peers = append(peers, peer)
			}
		}
	}
	self, ok := d.truth(f["self"], "self")
	if self {
		peers = append(peers, described{Peer: policy.Peer{
			Kind: policy.PeerGroup, Name: group, Self: true, Pos: d.at(f["self"])}})
	}
	if !named && !self && ok {
		d.errorAt(pos, policy.MissingParameter,
			"add cidr_blocks, ipv6_cidr_blocks, prefix_lists, security_groups or self: true",
			"the rule has no peer")
	}
	return peers
}

// peerKind is a key that names peers, with the key of an item that has a description.
type peerKind struct {
	key, inner, other string
	kind              policy.PeerKind
	family            policy.Family
}

var peerKinds = []peerKind{
	{"cidr_blocks", "cidr", "ipv6_cidr_blocks", policy.PeerCIDR, policy.IPv4},
	{"ipv6_cidr_blocks", "cidr", "cidr_blocks", policy.PeerCIDR, policy.IPv6},
	{"prefix_lists", "name", "", policy.PeerPrefixList, 0},
	{"security_groups", "name", "", policy.PeerGroup, 0},
}

// peer reads one peer: its CIDR or name, or a mapping of that and a description.
func (d *decoder) peer(n *node, k peerKind) (p described, ok bool) {
	label := "each of " + k.key
	p.Pos = d.at(n)
	if n.Kind == yaml.MappingNode {
		keys := namedPeerKeys
		if k.kind == policy.PeerCIDR {
			keys = cidrPeerKeys
		}
		what := "an item of " + k.key
		f, ok := d.mapping(n, what, keys)
		if !ok {
			return p, false
		}
		p.Pos = d.part(n)
		if f["description"] != nil {
			p.Described, p.description = true, d.description(f["description"])
		}
		if f[k.inner] == nil {
			d.errorAt(p.Pos, policy.MissingParameter, "", "%s needs a %s", what, k.inner)
			return p, false
		}
		n, label = f[k.inner], k.inner
	}
	p.Kind = k.kind
	if k.kind != policy.PeerCIDR {
		p.Name, ok = d.text(n, label)
		return p, ok
	}
	if p.CIDR, ok = d.cidr(n, label); !ok {
		return p, false
	}
	if f := policy.FamilyOf(p.CIDR); f != k.family {
		d.invalid(n, "it goes under "+k.other, "%s is %s", p.CIDR, f)
		return p, false
	}
	return p, true
}

// cidr reads a CIDR and adds a notice when it was not canonical (R16).
func (d *decoder) cidr(n *node, key string) (netip.Prefix, bool) {
	s, ok := d.plainText(n, key)
	if !ok {
		return netip.Prefix{}, false
	}
	cidr, bad := policy.ParseCIDR(s)
	if bad != nil {
		bad.Pos = d.at(n)
		d.found.Add(*bad)
		return cidr, false
	}
	if written, err := netip.ParsePrefix(s); err == nil && written != cidr {
		d.found.Add(policy.Problem{Pos: d.at(n), Severity: policy.SeverityNotice,
			Message: short(s) + " has host bits, read as " + cidr.String()})
	}
	return cidr, true
}
