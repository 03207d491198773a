package learn

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/space"
)

// block is a rule of the file before it is written: services that have the same peers.
type block struct {
	direction policy.Direction
	protocol  policy.Protocol
	from, to  int
	processes []string
	// conversations is how often somebody came, peers how many different addresses did.
	conversations uint64
	peers         int
	live          bool
	// first and last are the first and the last of them.
	first, last moment
	cidrs       []netip.Prefix
	// why says of a block that has more than the addresses that were seen, why.
	why []string
}

// moment is when a peer was seen.
type moment struct {
	peer netip.Addr
	use  *use
}

// blocks are those of a device, in the order of the file.
func (r *Record) blocks(device string, o *Options) (out []*block) {
	for _, s := range slices.SortedFunc(maps.Keys(r.services), compareServices) {
		if s.Device == device {
			out = append(out, newBlock(s, r.services[s], o))
		}
	}
	return out
}

// compareServices orders services: ingress first, as they are in a file.
func compareServices(a, b Service) int {
	return cmp.Or(cmp.Compare(a.Direction, b.Direction), cmp.Compare(rank(a), rank(b)),
		cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To),
		cmp.Compare(a.Device, b.Device))
}

// rank puts TCP and UDP first, and then ICMP.
func rank(s Service) int {
	switch s.Protocol {
	case policy.TCP:
		return 0
	case policy.UDP:
		return 1
	case policy.ICMP, policy.ICMPv6:
		return 2
	}
	return 3
}

func newBlock(s Service, of *offered, o *Options) *block {
	b := &block{direction: s.Direction, protocol: s.Protocol, from: s.From, to: s.To,
		processes: slices.Sorted(slices.Values(of.processes)), peers: len(of.peers)}
	internet := space.Internet()
	var public [2]int
	for _, peer := range slices.SortedFunc(maps.Keys(of.peers), netip.Addr.Compare) {
		b.saw(moment{peer, of.peers[peer]})
		b.cidrs = append(b.cidrs, o.widened(peer))
		if internet.Contains(peer) {
			public[family(peer)]++
		}
	}
	for i, f := range []policy.Family{policy.IPv4, policy.IPv6} {
		crowd := of.crowded[f]
		switch {
		case crowd != nil:
			b.saw(moment{use: crowd})
			b.open(f)
			b.say("Open to everyone by " + f.String() + ": there were more addresses than are remembered.")
		case o.Everyone > 0 && public[i] >= o.Everyone:
			b.open(f)
			b.say("Open to everyone by " + f.String() + ": " + number(public[i]) +
				" public addresses, and from " + number(o.Everyone) + " on it counts as public.")
		}
	}
	b.fold()
	return b
}

// family is the index of an address's family.
func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

func (b *block) saw(m moment) {
	b.conversations += m.use.count
	b.live = b.live || m.use.live
	if b.first.use == nil || m.use.first.Before(b.first.use.first) {
		b.first = m
	}
	if b.last.use == nil || m.use.last.After(b.last.use.last) {
		b.last = m
	}
}

// open adds every address of a family.
func (b *block) open(f policy.Family) {
	if f == policy.IPv4 {
		b.cidrs = append(b.cidrs, policy.AnyIPv4)
	} else {
		b.cidrs = append(b.cidrs, policy.AnyIPv6)
	}
}

// fold makes the CIDRs the fewest that have the same addresses.
func (b *block) fold() { b.cidrs = space.PeersOf(b.cidrs...).CIDRs() }

// of counts the CIDRs of a family, which are the rules that AWS counts (Q3).
func (b *block) of(f policy.Family) (n int) {
	for _, c := range b.cidrs {
		if policy.FamilyOf(c) == f {
			n++
		}
	}
	return n
}

// say adds a sentence, once.
func (b *block) say(why string) {
	if !slices.Contains(b.why, why) {
		b.why = append(b.why, why)
	}
}

// joined puts blocks of adjacent ports together where nothing but the port differs: the
// same peers and the same processes.
func joined(blocks []*block) (out []*block) {
	for _, b := range blocks {
		if len(out) > 0 {
			last := out[len(out)-1]
			if b.protocol.HasPorts() && last.direction == b.direction && last.protocol == b.protocol &&
				last.to+1 == b.from && slices.Equal(last.cidrs, b.cidrs) &&
				slices.Equal(last.processes, b.processes) {
				last.merge(b)
				continue
			}
		}
		out = append(out, b)
	}
	return out
}

// merge takes another block of the same protocol and direction in, with all ports between, but
// for its CIDRs.
func (b *block) merge(o *block) {
	b.from, b.to = min(b.from, o.from), max(b.to, o.to)
	b.conversations += o.conversations
	b.peers, b.live = max(b.peers, o.peers), b.live || o.live
	if b.first.use == nil || o.first.use != nil && o.first.use.first.Before(b.first.use.first) {
		b.first = o.first
	}
	if b.last.use == nil || o.last.use != nil && o.last.use.last.After(b.last.use.last) {
		b.last = o.last
	}
	for _, p := range o.processes {
		if len(b.processes) < maxProcesses && !slices.Contains(b.processes, p) {
			b.processes = append(b.processes, p)
		}
	}
	for _, w := range o.why {
		b.say(w)
	}
}

// title is the description of the rules: after the processes, which may call themselves
// anything, and the service, else after what the rules say.
func (b *block) title() string {
	const known = " ._-"
	text := strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
			strings.ContainsRune(known, c) {
			return c
		}
		return '_'
	}, strings.Join(b.processes, " "))
	switch name := b.service(); {
	case text != "" && name != "":
		return text + " " + name
	case text != "" || name != "":
		return text + name
	case b.protocol.HasPorts() && b.from == b.to:
		return fmt.Sprintf("Port %d", b.from)
	case b.protocol.HasPorts():
		return fmt.Sprintf("Ports %d-%d", b.from, b.to)
	case b.protocol.IsICMP():
		return fmt.Sprintf("Type %d", b.from)
	}
	return "Protocol " + b.protocol.String()
}

// service is what the port or type is known for, "" for nothing.
func (b *block) service() string {
	if b.protocol.IsICMP() {
		if b.protocol == policy.ICMP && b.from == 8 || b.protocol == policy.ICMPv6 && b.from == 128 {
			return "ping"
		}
		return ""
	}
	for _, s := range policy.Services() {
		if b.from == b.to && s.Port == b.from && slices.Contains(s.Protocols, b.protocol) {
			return s.Name
		}
	}
	return ""
}
