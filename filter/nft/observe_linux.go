package nft

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// observePriority is behind the filters of other programs (0), so that what they drop is
// not seen, and before SNAT: addresses are as the rules of a policy see them.
const observePriority = 40

// Bounds of what the kernel remembers for an observation: conversations of each family,
// and how long one of them is not reported again. Beyond the bound every packet is.
const (
	observeMost  = 1 << 16
	observeAgain = time.Minute
)

// observeBatch is how many packets the kernel joins in one message.
const observeBatch = 64

// Registers of 4 bytes that a key is put together in (NFT_REG32_00 and on).
const (
	key0     = 8
	regBytes = 4
)

// chainWatch is where the packets of observed devices go.
const chainWatch = "watch"

// Observation is a table of its own that decides nothing: it hands a copy of the first
// packet of each conversation through some devices to a log group, and one more every
// minute. Not for concurrent use; made by [Observe].
type Observation struct{ s *socket }

// Observe begins to copy packets that go in or out through devices, by their names, to the
// log group (NFLOG), which somebody should be listening on. A conversation is the
// addresses, protocol and ports of one direction; of ICMP the type instead of ports.
//
// The table vanishes with this process, however that ends. It fails with ErrObserved while
// there is another observation in the namespace, and with ErrNoOwner where the kernel has no
// owned tables.
func Observe(group uint16, devices []string, opts ...Option) (*Observation, error) {
	var opt options
	for _, set := range opts {
		set(&opt)
	}
	s, err := dial(opt.ns)
	if err != nil {
		return nil, err
	}
	if err := observe(s, group, devices); err != nil {
		return nil, errors.Join(err, s.CloseLasting())
	}
	return &Observation{s: s}, nil
}

func observe(s *socket, group uint16, devices []string) error {
	switch st, err := s.table(ObserveTable); {
	case err != nil:
		return err
	case st.exists:
		return ErrObserved
	}
	if ok, err := verdict(s.transact(newTable(ObserveTable, tableOwner))); err != nil {
		return fmt.Errorf("make table inet %s: %w", ObserveTable, err)
	} else if !ok {
		return ErrNoOwner
	}
	table := &nftables.Table{Name: ObserveTable, Family: nftables.TableFamilyINet}
	watch := s.AddChain(&nftables.Chain{Name: chainWatch, Table: table})
	for _, f := range observedFamilies {
		set := &nftables.Set{Table: table, Name: f.set, KeyType: f.key, Dynamic: true,
			HasTimeout: true, Timeout: observeAgain, Size: observeMost}
		if err := s.AddSet(set, nil); err != nil {
			return fmt.Errorf("make set %s: %w", f.set, err)
		}
		for _, icmp := range []expr.CmpOp{expr.CmpOpEq, expr.CmpOpNeq} {
			exprs := f.first(icmp, set, group)
			if icmp == expr.CmpOpEq {
				exprs = append(f.queries(), exprs...)
			}
			s.AddRule(&nftables.Rule{Table: table, Chain: watch, Exprs: exprs})
		}
	}
	for _, c := range []struct {
		name string
		hook *nftables.ChainHook
		keys []expr.MetaKey
	}{
		{chainInput, nftables.ChainHookInput, []expr.MetaKey{expr.MetaKeyIIFNAME}},
		{chainForward, nftables.ChainHookForward,
			[]expr.MetaKey{expr.MetaKeyIIFNAME, expr.MetaKeyOIFNAME}},
		{chainOutput, nftables.ChainHookOutput, []expr.MetaKey{expr.MetaKeyOIFNAME}},
	} {
		priority := nftables.ChainPriority(observePriority)
		base := s.AddChain((chain{name: c.name, hook: c.hook, priority: priority}).of(table))
		for _, key := range c.keys {
			for _, d := range devices {
				s.AddRule(&nftables.Rule{Table: table, Chain: base,
					Exprs: append(deviceName(key, Device{Name: d}), goTo(chainWatch))})
			}
		}
	}
	if err := s.commit(); err != nil {
		return fmt.Errorf("fill table inet %s: %w", ObserveTable, err)
	}
	return nil
}

// Close removes the table.
func (o *Observation) Close() error {
	return errors.Join(o.s.transact(deleteTable(ObserveTable)), o.s.CloseLasting())
}

// observedFamily is how the conversations of an IP version are told apart.
type observedFamily struct {
	set             string
	match           []expr.Any
	icmp            byte
	source, address uint32 // offset and length of the source address; the other one follows
	key             nftables.SetDatatype
}

var observedFamilies = []observedFamily{
	{"seen-ipv4", ipv4(), unix.IPPROTO_ICMP, 12, 4, nftables.MustConcatSetType(nftables.TypeIPAddr,
		nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeMark)},
	{"seen-ipv6", ipv6(), unix.IPPROTO_ICMPV6, offIPv6Saddr, 16, nftables.MustConcatSetType(
		nftables.TypeIP6Addr, nftables.TypeIP6Addr, nftables.TypeInetProto, nftables.TypeMark)},
}

// queries keeps packets of ICMP that are no errors: those begin nothing, and a scan has one for
// each of its packets.
func (f observedFamily) queries() []expr.Any {
	out := append(slices.Clone(f.match), meta(expr.MetaKeyL4PROTO), equal(f.icmp), transport(0, 1))
	if f.icmp == unix.IPPROTO_ICMPV6 { // types from 128 on (RFC 4443 §2.1)
		return append(out, &expr.Cmp{Op: expr.CmpOpGte, Register: reg, Data: []byte{128}})
	}
	for _, t := range []byte{3, 4, 5, 11, 12} { // RFC 792
		out = append(out, &expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: []byte{t}})
	}
	return out
}

// first is a rule that logs a packet unless its conversation is in the set, and puts it
// there. It logs before: what finds no room in the set is reported all the same.
//
// Of the transport header the first four bytes count, which are the ports of TCP, UDP, SCTP;
// of ICMP the type and code alone, as a checksum follows.
func (f observedFamily) first(icmp expr.CmpOp, set *nftables.Set, group uint16) []expr.Any {
	destination := key0 + f.address/regBytes
	protocol := destination + f.address/regBytes
	length := uint32(4)
	if icmp == expr.CmpOpEq {
		length = 2
	}
	at := func(base expr.PayloadBase, register, offset, length uint32) expr.Any {
		return &expr.Payload{DestRegister: register, Base: base, Offset: offset, Len: length}
	}
	return append(slices.Clone(f.match),
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: protocol},
		&expr.Cmp{Op: icmp, Register: protocol, Data: []byte{f.icmp}},
		at(expr.PayloadBaseNetworkHeader, key0, f.source, f.address),
		at(expr.PayloadBaseNetworkHeader, destination, f.source+f.address, f.address),
		at(expr.PayloadBaseTransportHeader, protocol+1, 0, length),
		&expr.Lookup{SourceRegister: key0, SetID: set.ID, SetName: set.Name, Invert: true},
		&expr.Log{Key: 1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_QTHRESHOLD, Group: group,
			QThreshold: observeBatch},
		&expr.Dynset{SrcRegKey: key0, SetID: set.ID, SetName: set.Name,
			Operation: unix.NFT_DYNSET_OP_ADD},
	)
}

// ObserveGroups are the numbers of log groups that an observation tries, the first one
// first: unusual ones, as others log, too.
func ObserveGroups(yield func(uint16) bool) {
	for g := uint16(observeGroup); g < math.MaxUint16 && g < observeGroup+16; g++ {
		if !yield(g) {
			return
		}
	}
}
