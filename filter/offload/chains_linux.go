package offload

import (
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// A Chain is rules that packets are sent to.
type Chain struct {
	Name  string
	Rules []Rule
	// Maps are those that the rules use, in the order of the rules.
	Maps []Map
}

// A Map sends packets to a chain for each shard. The rule that looks it up has its number.
type Map struct {
	ID     uint32
	Chains []string // by the number of the shard
}

// firstMap is the number of the first map in a transaction, beyond those that others have.
const firstMap = 1 << 16

// chains are built one after another, so that each map has its own number.
type chains struct {
	cfg  Config
	list []Chain
	maps uint32
}

// carry lets pass what the sets have: plain segments and datagrams, and SYN-ACKs that a SYN
// asked for.
func carry(c Config) []Chain {
	b := chains{cfg: c, maps: firstMap}
	last := Chain{Name: ChainCarry}
	const all = flagFIN | flagSYN | flagRST | flagACK
	for f := range families {
		segment, datagram := tcp(f, all, flagACK), plain(f, unix.IPPROTO_UDP)
		for _, match := range []Rule{datagram, segment} {
			b.each(&last, "carry", f, match, forwardHash(f), func(shard int) []Rule {
				return []Rule{lookup(set{Proven, f, shard}), lookup(set{Opening, f, shard})}
			})
		}
		b.each(&last, "answer", f, tcp(f, all, flagSYN|flagACK), forwardHash(f),
			func(shard int) []Rule { return []Rule{lookup(set{Answer, f, shard})} })
	}
	return append(b.list, last)
}

// decided has the flow carried as a verdict says, and takes its marks away.
func decided(c Config) []Chain {
	m := uint32(c.Marks)
	b := chains{cfg: c, maps: 2 * firstMap}
	last := Chain{Name: ChainDecided}
	if c.Carries() {
		last.Rules = []Rule{
			{load(expr.MetaKeyMARK), masked(m), same(c.Marks.Opening()), jump(b.add(Opening))},
			{load(expr.MetaKeyMARK), masked(m), same(c.Marks.Proven()), jump(b.add(Proven))},
		}
	}
	last.Rules = append(last.Rules, Rule{load(expr.MetaKeyMARK), masked(^m), store(expr.MetaKeyMARK),
		load(expr.MetaKeyPRIORITY), masked(^uint32(Pending)), store(expr.MetaKeyPRIORITY), accept()})
	return append(b.list, last)
}

// add makes a chain that puts both directions of a packet's flow into the sets of a kind, and
// returns its name. What finds a set full passes all the same.
func (b *chains) add(k Kind) string {
	name := "decided-" + k.String()
	there, back := Chain{Name: name + "-there"}, Chain{Name: name + "-back"}
	rules := []Rule{{jump(there.Name)}, {jump(back.Name)}}
	asked := Chain{Name: "decided-asked"}
	for f := range families {
		for _, proto := range []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
			b.each(&there, k.String()+"-there", f, plain(f, proto), forwardHash(f),
				func(shard int) []Rule { return []Rule{b.update(forward(f), set{k, f, shard})} })
			b.each(&back, k.String()+"-back", f, plain(f, proto), backwardHash(f),
				func(shard int) []Rule { return []Rule{b.update(backward(f), set{k, f, shard})} })
		}
		if k == Opening {
			b.each(&asked, "asked", f, tcp(f, flagSYN|flagACK, flagSYN), backwardHash(f),
				func(shard int) []Rule { return []Rule{b.update(backward(f), set{Answer, f, shard})} })
		}
	}
	b.list = append(b.list, there, back)
	if k == Opening {
		b.list = append(b.list, asked)
		rules = append(rules, Rule{jump(asked.Name)})
	}
	b.list = append(b.list, Chain{Name: name, Rules: rules})
	return name
}

// each has a chain send what matches to the chain of its shard, which is made if it is not
// there. Of a single shard the rules are its own.
func (b *chains) each(in *Chain, name string, f Family, match, hash Rule,
	of func(shard int) []Rule) {
	n := b.cfg.Shards()
	if n == 1 {
		for _, r := range of(0) {
			in.Rules = append(in.Rules, append(append(Rule{}, match...), r...))
		}
		return
	}
	m := Map{ID: b.maps}
	b.maps++
	for shard := range n {
		s := Chain{Name: name + set{family: f, shard: shard}.suffix(), Rules: of(shard)}
		m.Chains = append(m.Chains, s.Name)
		if !b.has(s.Name) {
			b.list = append(b.list, s)
		}
	}
	in.Maps = append(in.Maps, m)
	r := append(append(Rule{}, match...), hash...)
	in.Rules = append(in.Rules, append(r,
		&expr.Hash{SourceRegister: regKey, DestRegister: regWord, Length: uint32(f.hashLen()),
			Modulus: uint32(n), Seed: hashSeed, Type: expr.HashTypeJenkins},
		&expr.Lookup{SourceRegister: regWord, DestRegister: unix.NFT_REG_VERDICT, IsDestRegSet: true,
			SetName: MapName, SetID: m.ID}))
}

// MapName asks the kernel for the first name of a map that is free.
const MapName = "__map%d"

func (b *chains) has(name string) bool {
	return slices.ContainsFunc(b.list, func(c Chain) bool { return c.Name == name })
}

// lookup accepts what is in a set.
func lookup(s set) Rule {
	return append(forward(s.family),
		&expr.Lookup{SourceRegister: regKey, SetName: s.name()}, accept())
}

// update adds an element with a key, or begins its lifetime anew.
func (b *chains) update(key Rule, s set) Rule {
	return append(key, &expr.Dynset{SrcRegKey: regKey, SetName: s.name(),
		Operation: unix.NFT_DYNSET_OP_UPDATE, Timeout: b.cfg.lifetime(s.kind)})
}
