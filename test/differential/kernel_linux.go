package differential

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"

	"sgfw/test/naive"
)

// Kernel is the kernel's own firewall in a router's namespace: a policy as
// nftables rules, its connection tracking in place of our flows. It goes with the
// namespace. It cannot have what has no word in nftables: timers for each
// interface, source/destination checks, untracked flows, flows of one device alone.
type Kernel struct {
	conn    *nftables.Conn
	table   *nftables.Table
	hook    *nftables.Chain
	devices []naive.Device
	invalid nftables.Obj
}

const (
	// answers is room in bytes for the kernel's answers to all rules at once.
	answers = 8 << 20
	// confirmed is the bit of a connection's status that says that a packet of it
	// went through before (IPS_CONFIRMED, nf_conntrack_common.h).
	confirmed = 1 << 3
	// Offsets and sizes of fields (RFC 791, RFC 8200).
	source4, destination4 = 12, 16
	source6, destination6 = 8, 24
)

// NewKernel installs an empty firewall, which passes everything, in a namespace.
func NewKernel(netns int, devices []naive.Device) (*Kernel, error) {
	c, err := nftables.New(nftables.WithNetNSFd(netns), nftables.AsLasting(),
		nftables.WithSockOptions(func(s *netlink.Conn) error { return s.SetReadBuffer(answers) }))
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	k := &Kernel{conn: c, devices: devices}
	k.table = c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "twin"})
	k.hook = c.AddChain(&nftables.Chain{
		Table: k.table, Name: "forward", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter,
	})
	k.invalid = c.AddObj(&nftables.CounterObj{Table: k.table, Name: "invalid"})
	if err := c.Flush(); err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	return k, nil
}

// Close lets go of the firewall, which stays.
func (k *Kernel) Close() error { return k.conn.CloseLasting() }

// Invalid returns how many packets the kernel's connection tracking would have
// nothing to do with.
func (k *Kernel) Invalid() (uint64, error) {
	o, err := k.conn.GetObject(k.invalid)
	if err != nil {
		return 0, fmt.Errorf("nftables: %w", err)
	}
	return o.(*nftables.CounterObj).Packets, nil
}

// Apply puts a policy in force at once. What went through before goes on.
func (k *Kernel) Apply(p *naive.Policy) error {
	c := k.conn
	c.FlushChain(k.hook)
	add := func(chain *nftables.Chain, list ...[]expr.Any) {
		var all []expr.Any
		for _, l := range list {
			all = append(all, l...)
		}
		c.AddRule(&nftables.Rule{Table: k.table, Chain: chain, Exprs: all})
	}
	add(k.hook, inState(expr.CtStateBitINVALID), []expr.Any{&expr.Objref{Type: 1, Name: "invalid"}})
	for _, n := range p.Interfaces {
		for _, inward := range []bool{true, false} {
			d := naive.Out
			if inward != n.Guest { // through the device into this machine, or from it to the guest
				d = naive.In
			}
			chain := k.chain(fmt.Sprintf("%s-%s", n.Device, d))
			rules := k.chain(chain.Name + "-rules")
			key := expr.MetaKeyOIFNAME
			if inward {
				key = expr.MetaKeyIIFNAME
			}
			add(k.hook, name(key, n.Device),
				[]expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: chain.Name}})
			goOn := []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: rules.Name}}
			if p.RulesForErrors {
				add(chain, inState(expr.CtStateBitRELATED), goOn)
			}
			add(chain, hasStatus(confirmed), returns())
			add(chain, goOn)
			for _, r := range k.expand(p, n, d) {
				add(rules, matches(r, d), returns())
			}
			add(rules, []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}})
		}
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	return nil
}

// chain returns an empty chain of that name.
func (k *Kernel) chain(name string) *nftables.Chain {
	c := k.conn.AddChain(&nftables.Chain{Table: k.table, Name: name})
	k.conn.FlushChain(c)
	return c
}

// expand returns the rules of an interface in one direction, with nothing but
// CIDRs for peers.
func (k *Kernel) expand(p *naive.Policy, n naive.Interface, d naive.Direction) (all []naive.Rule) {
	for _, g := range p.Groups {
		attached := false
		for _, name := range n.Groups {
			attached = attached || name == g.Name
		}
		if !attached {
			continue
		}
		for _, r := range g.Rules[d] {
			var peers []netip.Prefix
			switch {
			case r.CIDR.IsValid():
				peers = []netip.Prefix{r.CIDR}
			case r.List != "":
				for _, l := range p.Lists {
					if l.Name == r.List {
						peers = l.Entries
					}
				}
			default:
				peers = p.Members(r.Group, k.devices)
			}
			for _, c := range peers {
				v4 := c.Addr().Is4()
				if r.Protocol == naive.ICMP && !v4 || r.Protocol == naive.ICMPv6 && v4 {
					continue
				}
				one := r
				one.CIDR = c
				all = append(all, one)
			}
		}
	}
	return all
}

// matches are the expressions of a rule whose peer is a CIDR.
func matches(r naive.Rule, d naive.Direction) []expr.Any {
	family, offset, size := byte(2), uint32(source4), uint32(4) // AF_INET
	if d == naive.Out {
		offset = destination4
	}
	if r.CIDR.Addr().Is6() {
		family, offset, size = 10, source6, 16 // AF_INET6
		if d == naive.Out {
			offset = destination6
		}
	}
	mask := make([]byte, size)
	for i := range r.CIDR.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	all := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, equal(family),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: size, Mask: mask, Xor: make([]byte, size)},
		equal(r.CIDR.Addr().AsSlice()...),
	}
	if r.Protocol == naive.All {
		return all
	}
	all = append(all, &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equal(byte(r.Protocol)))
	field := func(offset, size uint32) expr.Any {
		return &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset,
			Len: size}
	}
	switch r.Protocol {
	case naive.TCP, naive.UDP:
		all = append(all, field(2, 2),
			&expr.Cmp{Op: expr.CmpOpGte, Register: 1,
				Data: binary.BigEndian.AppendUint16(nil, uint16(r.From))},
			&expr.Cmp{Op: expr.CmpOpLte, Register: 1,
				Data: binary.BigEndian.AppendUint16(nil, uint16(r.To))})
	case naive.ICMP, naive.ICMPv6:
		if r.From != naive.All {
			all = append(all, field(0, 1), equal(byte(r.From)))
		}
		if r.To != naive.All {
			all = append(all, field(1, 1), equal(byte(r.To)))
		}
	}
	return all
}

func equal(data ...byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }

func returns() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}} }

// name keeps packets of one device.
func name(key expr.MetaKey, device string) []expr.Any {
	padded := make([]byte, 16) // IFNAMSIZ
	copy(padded, device)
	return []expr.Any{&expr.Meta{Key: key, Register: 1}, equal(padded...)}
}

// inState keeps packets that the kernel's connection tracking puts into one of the
// states, hasStatus those of connections that have one of the bits.
func inState(bits uint32) []expr.Any   { return connection(expr.CtKeySTATE, bits) }
func hasStatus(bits uint32) []expr.Any { return connection(expr.CtKeySTATUS, bits) }

func connection(key expr.CtKey, bits uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: key, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}
