package nft

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// hooks that a packet passes before or at our chains.
var hookNames = map[nftables.ChainHook]string{
	unix.NF_INET_PRE_ROUTING: "prerouting", unix.NF_INET_LOCAL_IN: "input",
	unix.NF_INET_FORWARD: "forward", unix.NF_INET_LOCAL_OUT: "output",
}

var familyNames = map[nftables.TableFamily]string{
	nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6", nftables.TableFamilyINet: "inet",
}

// Probe finds out what the kernel offers without regard to who owns our table,
// and installs nothing. See [Open] for the errors.
func Probe(opts ...Option) (Facts, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	f, err := probe(o.ns)
	if err != nil {
		return Facts{}, err
	}
	return (&Table{features: f}).Facts(), nil
}

// Look surveys the nftables of a namespace. Tables that change meanwhile may be
// missed.
func Look(opts ...Option) (Survey, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	s, err := dial(o.ns)
	if err != nil {
		return Survey{}, err
	}
	defer s.CloseLasting()
	chains, err := s.ListChains()
	if err != nil {
		return Survey{}, fmt.Errorf("list chains: %w", err)
	}
	v := surveyor{s: s, chains: make(map[chainName]*nftables.Chain),
		rules: make(map[chainName][]*nftables.Rule)}
	var tables []*nftables.Table
	for _, c := range chains {
		if familyNames[c.Table.Family] == "" {
			continue
		}
		v.chains[nameOf(c)] = c
		if !slices.ContainsFunc(tables,
			func(t *nftables.Table) bool { return t.Name == c.Table.Name && t.Family == c.Table.Family }) {
			tables = append(tables, c.Table)
		}
	}
	for _, c := range chains {
		if c.Table.Family == nftables.TableFamilyINet && c.Table.Name == TableName {
			continue
		}
		if c.Hooknum != nil && hookNames[*c.Hooknum] != "" && familyNames[c.Table.Family] != "" {
			v.base(c)
		}
	}
	for _, t := range tables {
		list, err := s.ListFlowtables(t)
		if err != nil {
			v.out.Unread = append(v.out.Unread,
				fmt.Sprintf("flowtables of %s %s: %v", familyNames[t.Family], t.Name, err))
		}
		for _, f := range list {
			v.out.Flowtables = append(v.out.Flowtables,
				Flowtable{Family: familyNames[t.Family], Table: t.Name, Name: f.Name, Devices: f.Devices})
		}
	}
	slices.SortFunc(v.out.Chains, func(a, b ForeignChain) int {
		return cmp.Or(cmp.Compare(a.Hook, b.Hook), cmp.Compare(a.Priority, b.Priority),
			cmp.Compare(a.Family+a.Table+a.Name, b.Family+b.Table+b.Name))
	})
	return v.out, nil
}

// chainName names a chain in its namespace.
type chainName struct {
	family      nftables.TableFamily
	table, name string
}

func nameOf(c *nftables.Chain) chainName { return chainName{c.Table.Family, c.Table.Name, c.Name} }

// surveyor reads each chain once.
type surveyor struct {
	s      *socket
	chains map[chainName]*nftables.Chain
	rules  map[chainName][]*nftables.Rule
	out    Survey
}

func (v *surveyor) base(c *nftables.Chain) {
	f := ForeignChain{
		Family: familyNames[c.Table.Family], Table: c.Table.Name, Name: c.Name,
		Hook: hookNames[*c.Hooknum], Priority: int(*c.Priority),
		Drops: c.Policy != nil && *c.Policy == nftables.ChainPolicyDrop,
	}
	v.walk(c, &f, make(map[chainName]bool))
	v.out.Chains = append(v.out.Chains, f)
}

// walk looks at the rules of a chain and of those that it leads to.
func (v *surveyor) walk(c *nftables.Chain, f *ForeignChain, seen map[chainName]bool) {
	name := nameOf(c)
	if seen[name] {
		return
	}
	seen[name] = true
	rules, read := v.rules[name]
	if !read {
		var err error
		if rules, err = v.s.GetRules(c.Table, c); err != nil {
			v.out.Unread = append(v.out.Unread,
				fmt.Sprintf("chain %s %s %s: %v", familyNames[name.family], name.table, name.name, err))
		}
		v.rules[name] = rules
		for _, r := range rules {
			v.published(r)
		}
	}
	for _, r := range rules {
		f.Marks |= marking(r)
		for _, e := range r.Exprs {
			switch e := e.(type) {
			case *expr.Verdict:
				switch e.Kind {
				case expr.VerdictDrop:
					f.Drops = true
				case expr.VerdictJump, expr.VerdictGoto:
					if next := v.chains[chainName{name.family, name.table, e.Chain}]; next != nil {
						v.walk(next, f, seen)
					}
				}
			case *expr.Reject:
				f.Drops = true
			case *expr.Queue:
				f.Queues = true
			case *expr.TProxy:
				f.Redirects = true
			case *expr.Target:
				switch e.Name {
				case "REJECT":
					f.Drops = true
				case "NFQUEUE":
					f.Queues = true
				case "TPROXY":
					f.Redirects = true
				}
			}
		}
	}
}

// published notes a rule that sends the packets of one port elsewhere.
func (v *surveyor) published(r *nftables.Rule) {
	var (
		p         = PublishedPort{Table: familyNames[r.Table.Family] + " " + r.Table.Name}
		registers = make(map[uint32][]byte) // what the rule has loaded
		field     *expr.Payload
		protocol  bool
		nat       bool
	)
	for _, e := range r.Exprs {
		switch e := e.(type) {
		case *expr.Payload:
			field, protocol = e, false
		case *expr.Meta:
			field, protocol = nil, e.Key == expr.MetaKeyL4PROTO
		case *expr.Cmp:
			if e.Op != expr.CmpOpEq {
				continue
			}
			switch {
			case protocol && len(e.Data) == 1:
				p.Protocol = protocolNames[e.Data[0]]
			case field != nil && field.Base == expr.PayloadBaseNetworkHeader && field.Len == 1 &&
				len(e.Data) == 1:
				p.Protocol = protocolNames[e.Data[0]] // IPv4 protocol or IPv6 next header
			case field != nil && field.Base == expr.PayloadBaseTransportHeader && field.Offset == 2 &&
				field.Len == 2 && len(e.Data) == 2:
				p.Port = binary.BigEndian.Uint16(e.Data)
			}
		case *expr.Match:
			switch info := e.Info.(type) {
			case *xt.Tcp:
				p.Protocol, p.Port = "tcp", single(info.DstPorts)
			case *xt.Udp:
				p.Protocol, p.Port = "udp", single(info.DstPorts)
			}
		case *expr.Immediate:
			registers[e.Register] = e.Data
		case *expr.NAT:
			if nat = e.Type == expr.NATTypeDestNAT; nat {
				a, _ := netip.AddrFromSlice(registers[e.RegAddrMin])
				p.To = netip.AddrPortFrom(a, port(registers[e.RegProtoMin]))
			}
		case *expr.Redir:
			nat = true
			p.To = netip.AddrPortFrom(netip.Addr{}, port(registers[e.RegisterProtoMin]))
		case *expr.Target:
			switch info := e.Info.(type) {
			case *xt.NatRange2:
				nat = e.Name == "DNAT"
				p.To = natTarget(&info.NatRange)
			case *xt.NatRange:
				nat = e.Name == "DNAT"
				p.To = natTarget(info)
			}
		}
	}
	if !nat || p.Port == 0 || p.Protocol == "" {
		return
	}
	if p.To.Port() == 0 {
		p.To = netip.AddrPortFrom(p.To.Addr(), p.Port)
	}
	if !slices.Contains(v.out.Published, p) {
		v.out.Published = append(v.out.Published, p)
	}
}

var protocolNames = map[byte]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp"}

// single is a range of one port, else 0.
func single(ports [2]uint16) uint16 {
	if ports[0] == ports[1] {
		return ports[0]
	}
	return 0
}

// port reads a register that was loaded with a port.
func port(data []byte) uint16 {
	if len(data) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(data)
}

func natTarget(r *xt.NatRange) netip.AddrPort {
	a, _ := netip.AddrFromSlice(r.MinIP)
	return netip.AddrPortFrom(a.Unmap(), r.MinPort)
}
