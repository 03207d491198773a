package offload

import (
	"encoding/binary"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// A Rule is the expressions of one rule of nftables.
type Rule = []expr.Any

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
	// Carry lets pass what is carried, and returns with the rest. It is the last of the
	// chains, the others it leads to.
	Carry []Chain
	// Wait stands right before the queue.
	Wait Rule
	// Decided is what Verdict leads to, the last one likewise.
	Decided []Chain
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

// Names of the chains that packets are sent to, and of the counters of what a base chain behind the
// others dropped, or let pass, and of what passed while the daemon was stuck.
const (
	ChainAsk          = "ask"
	ChainCarry        = "carry"
	ChainDecided      = "decided"
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
		Carry: carry(c),
		Wait: Rule{load(expr.MetaKeyPRIORITY), withBits(^uint32(Pending), Pending),
			store(expr.MetaKeyPRIORITY)},
		Decided: decided(c),
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

// plain keeps packets of a family and protocol that are whole and have no headers between.
func plain(f Family, proto byte) Rule {
	out := Rule{
		load(expr.MetaKeyNFPROTO), equal([...]byte{unix.NFPROTO_IPV4, unix.NFPROTO_IPV6}[f]),
		load(expr.MetaKeyL4PROTO), equal(proto),
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

// Declare are the sets, to be created in a table before its rules.
func Declare(c Config, table *nftables.Table) (out []*nftables.Set) {
	for _, s := range c.sets() {
		t := nftables.TypeInteger
		t.Bytes = uint32(s.family.keyLen())
		out = append(out, &nftables.Set{
			Table: table, Name: s.name(), KeyType: t, Dynamic: true, HasTimeout: true, Counter: true,
			Size: c.shardSize(s.kind),
		})
	}
	return out
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
