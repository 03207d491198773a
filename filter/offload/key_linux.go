package offload

import (
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Registers: a key begins at the first one of four bytes, and single values have one that no
// key reaches (enum nft_registers).
const (
	regKey  = unix.NFT_REG_1
	regWord = unix.NFT_REG32_15
)

// forward loads the key of the packet's way.
func forward(f Family) Rule {
	return Rule{
		&expr.Meta{Key: expr.MetaKeyIIF, Register: register(offIn)},
		&expr.Meta{Key: expr.MetaKeyOIF, Register: register(offOut)},
		network(register(offAddress), f.offSaddr(), uint32(2*f.addressLen())),
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register(f.offProto())},
		transport(register(f.offProto()+wordLen), offSourcePort),
		transport(register(f.offProto()+2*wordLen), offDestPort),
	}
}

// backward loads the key of the answers' way.
func backward(f Family) Rule {
	n, at := uint32(f.addressLen()), f.offSaddr()
	return Rule{
		&expr.Meta{Key: expr.MetaKeyOIF, Register: register(offIn)},
		&expr.Meta{Key: expr.MetaKeyIIF, Register: register(offOut)},
		network(register(offAddress), at+n, n),
		network(register(offAddress+int(n)), at, n),
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register(f.offProto())},
		transport(register(f.offProto()+wordLen), offDestPort),
		transport(register(f.offProto()+2*wordLen), offSourcePort),
	}
}

// forwardHash loads what the shard of the packet's way is told by, see [Config.shardOf].
func forwardHash(f Family) Rule {
	n := 2 * f.addressLen()
	return Rule{
		network(register(0), f.offSaddr(), uint32(n)),
		transport(register(n), offSourcePort),
		transport(register(n+wordLen), offDestPort),
	}
}

// backwardHash loads what the shard of the answers' way is told by.
func backwardHash(f Family) Rule {
	n, at := f.addressLen(), f.offSaddr()
	return Rule{
		network(register(0), at+uint32(n), uint32(n)),
		network(register(n), at, uint32(n)),
		transport(register(2*n), offDestPort),
		transport(register(2*n+wordLen), offSourcePort),
	}
}

// offSaddr is where the source address stands in the header of the network, with the
// destination behind it.
func (f Family) offSaddr() uint32 { return [...]uint32{offIPv4Saddr, offIPv6Saddr}[f] }

// register is the one of a part of a key. Where one of sixteen bytes begins at the same
// place it is called after that, as the kernel does (nft_dump_register).
func register(offset int) uint32 {
	n := uint32(offset / wordLen)
	if n%4 == 0 {
		return unix.NFT_REG_1 + n/4
	}
	return unix.NFT_REG32_00 + n
}
