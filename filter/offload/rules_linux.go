package offload

import (
	"encoding/binary"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// A Rule is the expressions of one rule of nftables.
type Rule = []expr.Any

// Registers: a key begins at the first one of four bytes, and single values have one that no
// key reaches (enum nft_registers).
const (
	regKey  = unix.NFT_REG_1
	regWord = unix.NFT_REG32_15
)

// Header fields.
const (
	offIPv4Fragment = 6
	offIPv4Saddr    = 12
	offIPv6NextHdr  = 6
	offIPv6Saddr    = 8
	offSourcePort   = 0
	offDestPort     = 2
	offTCPFlags     = 13

	// maskFragment leaves of the third word of IPv4 what a fragment has: an offset, or
	// more fragments.
	maskFragment = 0x3fff

	flagFIN = 1 << 0
	flagSYN = 1 << 1
	flagRST = 1 << 2
	flagACK = 1 << 4
)

// Alive is the bit of a packet's priority that packets have while the daemon lives: chains of a
// table that goes with it set the bit, and without it nothing is carried.
const Alive = 1 << 29

// Pending is the bit of a packet's priority that it has while it waits for a verdict. What
// has it behind our chains got there without one: another program took the queue, or the
// queue has nobody and lets packets pass. It is in the priority, because another mark would
// have the kernel route again what this machine sends.
const Pending = 1 << 30

// Chains are what the rules of the table lead to.
type Chains struct {
	// Verdict leads packets that come back with a verdict away from all other rules. It is
	// the first rule of each base chain but for Alive.
	Verdict Rule
	// Alive leads to Carry while the daemon lives. It is the first rule of each base chain
	// that sees packets between their routes.
	Alive Rule
	// Carry lets pass what is carried, and returns with the rest.
	Carry []Rule
	// Wait stands right before the queue.
	Wait Rule
	// Decided is what Verdict leads to, with Opening and Proven before it.
	Decided, Opening, Proven []Rule
	// Before is all of a base chain before the others, in the table that goes with the
	// daemon: it has the packet carried, and nobody has waited for a verdict yet, whatever
	// the sender says. So a mark alone is none.
	Before []Rule
	// Forged is all of a base chain before that for what this machine sends. It stays when
	// the daemon is gone.
	Forged []Rule
	// Behind is all of a base chain behind the others: it drops what has no verdict, and
	// the priority is the packet's own again.
	Behind []Rule
	// Passing is Behind where a full queue lets packets pass: it counts them.
	Passing []Rule
	// Stuck stands right before Wait: while the daemon lives and its pulse is not felt it
	// lets pass what would wait, and counts it.
	Stuck Rule
}

// Names of the chains that rules lead to, and of the counters of what a base chain behind the
// others dropped, or let pass, and of what passed while the daemon was stuck.
const (
	ChainAsk          = "ask"
	ChainCarry        = "carry"
	ChainDecided      = "decided"
	ChainOpening      = "decided-opening"
	ChainProven       = "decided-proven"
	CounterUnanswered = "unanswered"
	CounterOverloaded = "overloaded"
	CounterStuck      = "stuck"
)

// Rules returns the rules for the sets of a configuration.
func Rules(c Config) Chains {
	m := uint32(c.Marks)
	return Chains{
		Verdict: Rule{load(expr.MetaKeyMARK), masked(m), unequal(0),
			load(expr.MetaKeyPRIORITY), masked(Pending), unequal(0), goTo(ChainDecided)},
		Alive: Rule{load(expr.MetaKeyPRIORITY), masked(Alive | Pending),
			same(Alive), jump(ChainCarry)},
		Carry: carry(),
		Wait: Rule{load(expr.MetaKeyPRIORITY), withBits(^uint32(Pending), Pending),
			store(expr.MetaKeyPRIORITY)},
		Decided: decided(c),
		Opening: add(c, Opening),
		Proven:  add(c, Proven),
		Before: []Rule{
			{load(expr.MetaKeyPRIORITY), withBits(^uint32(Alive|Pending), Alive),
				store(expr.MetaKeyPRIORITY)},
		},
		Forged: []Rule{{load(expr.MetaKeyPRIORITY), masked(Alive | Pending), unequal(0),
			load(expr.MetaKeyPRIORITY), masked(^uint32(Alive | Pending)),
			store(expr.MetaKeyPRIORITY)}},
		Behind: []Rule{
			{load(expr.MetaKeyPRIORITY), masked(Pending), unequal(0), count(CounterUnanswered), drop()},
			{load(expr.MetaKeyPRIORITY), masked(^uint32(Alive)), store(expr.MetaKeyPRIORITY)},
		},
		Passing: []Rule{
			{load(expr.MetaKeyPRIORITY), masked(Pending), unequal(0), count(CounterOverloaded)},
			{load(expr.MetaKeyPRIORITY), masked(^uint32(Alive | Pending)),
				store(expr.MetaKeyPRIORITY)},
		},
		Stuck: stuck(),
	}
}

// decided has the flow carried as a verdict says, and takes its marks away.
func decided(c Config) (out []Rule) {
	m := uint32(c.Marks)
	if c.Carries() {
		out = []Rule{
			{load(expr.MetaKeyMARK), masked(m), same(c.Marks.Opening()), jump(ChainOpening)},
			{load(expr.MetaKeyMARK), masked(m), same(c.Marks.Proven()), jump(ChainProven)},
		}
	}
	return append(out, Rule{load(expr.MetaKeyMARK), masked(^m), store(expr.MetaKeyMARK),
		load(expr.MetaKeyPRIORITY), masked(^uint32(Pending)), store(expr.MetaKeyPRIORITY), accept()})
}

// carry lets pass what the sets have: plain segments and datagrams, and SYN-ACKs that a SYN
// asked for.
func carry() (out []Rule) {
	const all = flagFIN | flagSYN | flagRST | flagACK
	for f := range families {
		segment, datagram := tcp(f, all, flagACK), plain(f, unix.IPPROTO_UDP)
		for _, k := range []Kind{Proven, Opening} {
			out = append(out, lookup(datagram, set{k, f}), lookup(segment, set{k, f}))
		}
		out = append(out, lookup(tcp(f, all, flagSYN|flagACK), set{Answer, f}))
	}
	return out
}

// plain keeps packets of a family and protocol that are whole and have no headers between.
// It leaves the protocol in its place of the key.
func plain(f Family, proto byte) Rule {
	out := Rule{
		load(expr.MetaKeyNFPROTO), equal([...]byte{unix.NFPROTO_IPV4, unix.NFPROTO_IPV6}[f]),
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register(f.offProto())},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register(f.offProto()), Data: []byte{proto}},
	}
	if f == IPv6 {
		return append(out, network(regWord, offIPv6NextHdr, 1), equal(proto))
	}
	return append(out, network(regWord, offIPv4Fragment, 2),
		&expr.Bitwise{SourceRegister: regWord, DestRegister: regWord, Len: 2,
			Mask: binary.BigEndian.AppendUint16(nil, maskFragment), Xor: []byte{0, 0}},
		equal(0, 0))
}

// tcp is plain for segments that have these flags, of those in a mask.
func tcp(f Family, mask, flags byte) Rule {
	return append(plain(f, unix.IPPROTO_TCP),
		&expr.Payload{DestRegister: regWord, Base: expr.PayloadBaseTransportHeader,
			Offset: offTCPFlags, Len: 1},
		&expr.Bitwise{SourceRegister: regWord, DestRegister: regWord, Len: 1,
			Mask: []byte{mask}, Xor: []byte{0}},
		equal(flags))
}

// lookup accepts what matches and is in a set.
func lookup(match Rule, s set) Rule {
	out := append(append(Rule{}, match...), forward(s.family)...)
	return append(out, &expr.Lookup{SourceRegister: regKey, SetName: s.name()}, accept())
}

// forward loads the key of the packet's way, but for the protocol.
func forward(f Family) Rule {
	return Rule{
		&expr.Meta{Key: expr.MetaKeyIIF, Register: register(offIn)},
		&expr.Meta{Key: expr.MetaKeyOIF, Register: register(offOut)},
		network(register(offAddress), [...]uint32{offIPv4Saddr, offIPv6Saddr}[f],
			uint32(2*f.addressLen())),
		transport(register(f.offProto()+wordLen), offSourcePort),
		transport(register(f.offProto()+2*wordLen), offDestPort),
	}
}

// backward loads the key of the answers' way, but for the protocol.
func backward(f Family) Rule {
	n, at := uint32(f.addressLen()), [...]uint32{offIPv4Saddr, offIPv6Saddr}[f]
	return Rule{
		&expr.Meta{Key: expr.MetaKeyOIF, Register: register(offIn)},
		&expr.Meta{Key: expr.MetaKeyIIF, Register: register(offOut)},
		network(register(offAddress), at+n, n),
		network(register(offAddress+int(n)), at, n),
		transport(register(f.offProto()+wordLen), offDestPort),
		transport(register(f.offProto()+2*wordLen), offSourcePort),
	}
}

// add puts both directions of a packet's flow into the set of a kind. A rule ends where a
// set is full, and the packet passes all the same.
func add(c Config, k Kind) (out []Rule) {
	for f := range families {
		for _, proto := range []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
			r := append(plain(f, proto), forward(f)...)
			r = append(r, c.update(set{k, f}))
			r = append(append(r, backward(f)...), c.update(set{k, f}))
			out = append(out, r)
		}
		if k == Opening {
			syn := append(tcp(f, flagSYN|flagACK, flagSYN), backward(f)...)
			out = append(out, append(syn, c.update(set{Answer, f})))
		}
	}
	return out
}

// update adds an element, or begins its lifetime anew.
func (c Config) update(s set) expr.Any {
	return &expr.Dynset{SrcRegKey: regKey, SetName: s.name(), Operation: unix.NFT_DYNSET_OP_UPDATE,
		Timeout: c.lifetime(s.kind)}
}

// Declare are the sets, to be created in a table before its rules.
func Declare(c Config, table *nftables.Table) (out []*nftables.Set) {
	for _, s := range sets() {
		t := nftables.TypeInteger
		t.Bytes = uint32(s.family.keyLen())
		out = append(out, &nftables.Set{
			Table: table, Name: s.name(), KeyType: t, Dynamic: true, HasTimeout: true, Counter: true,
			Size: c.size(s.kind),
		})
	}
	return out
}

// register is the one of a part of a key. Where one of sixteen bytes begins at the same
// place it is called after that, as the kernel does (nft_dump_register).
func register(offset int) uint32 {
	n := uint32(offset / wordLen)
	if n%4 == 0 {
		return unix.NFT_REG_1 + n/4
	}
	return unix.NFT_REG32_00 + n
}

func load(k expr.MetaKey) expr.Any { return &expr.Meta{Key: k, Register: regWord} }

func store(k expr.MetaKey) expr.Any {
	return &expr.Meta{Key: k, Register: regWord, SourceRegister: true}
}

func network(reg, offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: reg, Base: expr.PayloadBaseNetworkHeader, Offset: offset,
		Len: length}
}

func transport(reg, offset uint32) expr.Any {
	return &expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: offset,
		Len: 2}
}

func word(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

func masked(mask uint32) expr.Any { return withBits(mask, 0) }

// withBits keeps the bits of a mask and turns those of xor.
func withBits(mask, xor uint32) expr.Any {
	return &expr.Bitwise{SourceRegister: regWord, DestRegister: regWord, Len: wordLen,
		Mask: word(mask), Xor: word(xor)}
}

func equal(data ...byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: regWord, Data: data}
}

func same(v uint32) expr.Any { return equal(word(v)...) }

func unequal(v uint32) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpNeq, Register: regWord, Data: word(v)}
}

func goTo(chain string) expr.Any { return &expr.Verdict{Kind: expr.VerdictGoto, Chain: chain} }
func jump(chain string) expr.Any { return &expr.Verdict{Kind: expr.VerdictJump, Chain: chain} }
func accept() expr.Any           { return &expr.Verdict{Kind: expr.VerdictAccept} }
func drop() expr.Any             { return &expr.Verdict{Kind: expr.VerdictDrop} }

func count(counter string) expr.Any {
	return &expr.Objref{Type: int(nftables.ObjTypeCounter), Name: counter}
}
