package nft

import (
	"encoding/binary"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// All matches go through one register: load, compare, next.
const reg = 1

// Header offsets in bytes.
const (
	offIPv4Daddr     = 16
	offIPv6NextHdr   = 6
	offIPv6HopLimit  = 7
	offIPv6Saddr     = 8
	offIPv6Daddr     = 24
	offHopByHopNext  = 40 // next header of the extension header behind the fixed one
	offICMPType      = 0
	offUDPPorts      = 0
	offDestPort      = 2
	lenEthernetDaddr = 6
)

// arphrdEther is the device type of everything with Ethernet framing
// (include/uapi/linux/if_arp.h).
const arphrdEther = 1

// Address types of the routing table (include/uapi/linux/rtnetlink.h).
const (
	rtnUnicast   = 1
	rtnLocal     = 2
	rtnBroadcast = 3
)

func equal(data ...byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: data}
}

// between keeps packets whose loaded byte lies in [low, high].
func between(low, high byte) []expr.Any {
	return []expr.Any{
		&expr.Cmp{Op: expr.CmpOpGte, Register: reg, Data: []byte{low}},
		&expr.Cmp{Op: expr.CmpOpLte, Register: reg, Data: []byte{high}},
	}
}

func meta(key expr.MetaKey) expr.Any { return &expr.Meta{Key: key, Register: reg} }

func load(base expr.PayloadBase, offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: reg, Base: base, Offset: offset, Len: length}
}

func network(offset, length uint32) expr.Any {
	return load(expr.PayloadBaseNetworkHeader, offset, length)
}

// transport loads from the transport header; fragments without one do not match.
func transport(offset, length uint32) expr.Any {
	return load(expr.PayloadBaseTransportHeader, offset, length)
}

func ipv4() []expr.Any {
	return []expr.Any{meta(expr.MetaKeyNFPROTO), equal(unix.NFPROTO_IPV4)}
}

func ipv6() []expr.Any {
	return []expr.Any{meta(expr.MetaKeyNFPROTO), equal(unix.NFPROTO_IPV6)}
}

// deviceName compares a device name: a whole one with its padding, a prefix
// without it.
func deviceName(key expr.MetaKey, d Device) []expr.Any {
	if data := d.compared(); len(data) > 0 {
		return []expr.Any{meta(key), equal(data...)}
	}
	return nil
}

// notDevice ends a rule, whose register holds the name of a device, for those that d
// names.
func notDevice(d Device) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: d.compared()}
}

// compared is what the name of a device is compared with, empty for any name.
func (d Device) compared() []byte {
	if name, glob := d.prefix(); glob {
		return []byte(name)
	}
	return d.nameKey()
}

// nameKey is the name of a device as the kernel has it, numberKey its number.
func (d Device) nameKey() []byte {
	data := make([]byte, unix.IFNAMSIZ)
	copy(data, d.Name)
	return data
}

func (d Device) numberKey() []byte { return binary.NativeEndian.AppendUint32(nil, d.Number) }

// numberOf is the key of a device's number, where the other one is that of its name.
func numberOf(name expr.MetaKey) expr.MetaKey {
	if name == expr.MetaKeyIIFNAME {
		return expr.MetaKeyIIF
	}
	return expr.MetaKeyOIF
}

// notNumbers keeps packets of devices with other numbers.
func notNumbers(key expr.MetaKey, numbers []uint32) (out []expr.Any) {
	for i, n := range numbers {
		if i == 0 {
			out = append(out, meta(key))
		}
		out = append(out, &expr.Cmp{Op: expr.CmpOpNeq, Register: reg,
			Data: binary.NativeEndian.AppendUint32(nil, n)})
	}
	return out
}

// addressType compares what the routing table says about an address.
func addressType(fib expr.Fib, rtn uint32) []expr.Any {
	fib.Register, fib.ResultADDRTYPE = reg, true
	return []expr.Any{&fib, equal(binaryutil.NativeEndian.PutUint32(rtn)...)}
}

// linkLocalSource keeps IPv6 packets from fe80::/10.
func linkLocalSource() []expr.Any {
	return []expr.Any{
		network(offIPv6Saddr, 2),
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 2, Mask: []byte{0xff, 0xc0},
			Xor: []byte{0, 0}},
		equal(0xfe, 0x80),
	}
}

func ports(source, dest uint16) []expr.Any {
	b := binary.BigEndian.AppendUint16(nil, source)
	return []expr.Any{transport(offUDPPorts, 4), equal(binary.BigEndian.AppendUint16(b, dest)...)}
}

func goTo(chain string) expr.Any { return &expr.Verdict{Kind: expr.VerdictGoto, Chain: chain} }

func accept() expr.Any { return &expr.Verdict{Kind: expr.VerdictAccept} }

func drop() expr.Any { return &expr.Verdict{Kind: expr.VerdictDrop} }

// count adds to a named counter, which lives through replaced rules.
func count(name string) expr.Any {
	return &expr.Objref{Type: int(nftables.ObjTypeCounter), Name: name}
}

// Flags of both queue expressions (NFT_QUEUE_FLAG_BYPASS and _CPU_FANOUT,
// NFQ_FLAG_BYPASS and _CPU_FANOUT).
const (
	queueBypass = 1
	queueFanout = 2
)

// queueTo sends to queues first..first+total-1.
func queueTo(kind QueueKind, first, total, flags uint16) expr.Any {
	if kind == QueueNative {
		return &expr.Queue{Num: first, Total: total, Flag: expr.QueueFlag(flags)}
	}
	// struct xt_NFQ_info_v3, include/uapi/linux/netfilter/xt_NFQUEUE.h: three u16 in
	// host order, padded to XT_ALIGN(8).
	info := make(xt.Unknown, 8)
	binary.NativeEndian.PutUint16(info[0:], first)
	binary.NativeEndian.PutUint16(info[2:], total)
	binary.NativeEndian.PutUint16(info[4:], flags)
	return &expr.Target{Name: "NFQUEUE", Rev: 3, Info: &info}
}

// holdReassembly is a rule that is never reached: the presence of the expression alone
// registers the kernel's defragmentation hooks.
func holdReassembly(kind Reassembly) []expr.Any {
	switch kind {
	case ReassemblyTProxy:
		// nft_tproxy_init enables nf_defrag_ipv4 and nf_defrag_ipv6 and nothing else.
		return []expr.Any{
			meta(expr.MetaKeyL4PROTO), equal(unix.IPPROTO_TCP),
			&expr.Immediate{Register: reg, Data: []byte{0, 1}},
			&expr.TProxy{Family: unix.NFPROTO_UNSPEC, TableFamily: unix.NFPROTO_INET, RegPort: reg},
		}
	case ReassemblyConntrack:
		return []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: reg}}
	}
	return nil
}
