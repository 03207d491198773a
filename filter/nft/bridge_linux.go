package nft

import (
	"encoding/binary"
	"slices"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// BridgesFilter reports whether bridges may hand their frames to the IP hooks, which
// is what the module br_netfilter does. Kernels before 5.3 show its settings to the first
// network namespace only.
func BridgesFilter() bool {
	return slices.ContainsFunc([]string{"/proc/sys/net/bridge", "/sys/module/br_netfilter"},
		func(path string) bool { return unix.Access(path, unix.F_OK) == nil })
}

// bridged are the rules that pass what a bridge hands from port to port (K27). In the
// forward hook such a frame comes in and goes out through the bridge, as does a packet
// that is routed back to where it came from. But it is with the port that it leaves by
// already, and the packet is still with the bridge.
//
// A rule holds for a bridge of that name alone: when one of these ports has left the
// bridge, and is a device of its own, no rule says anything of it.
func bridged(p Plan) (rules [][]expr.Any) {
	for _, b := range p.Bridges {
		device := Device{Name: b.Name}
		for ports := range slices.Chunk(b.Ports, portsOfMatch) {
			rules = append(rules, slices.Concat(deviceName(expr.MetaKeyIIFNAME, device),
				deviceName(expr.MetaKeyOIFNAME, device), []expr.Any{deviceAmong(ports), accept()}))
		}
	}
	return rules
}

// Parts of struct xt_bpf_info, revision 0 (include/uapi/linux/netfilter/xt_bpf.h): the
// number of instructions, the instructions, and what the kernel alone uses.
const (
	maxInstructions = 64
	offInstructions = 4
	lenBPFInfo      = 528
)

// portsOfMatch is how many devices one program compares with, besides its first and its
// last two instructions.
const portsOfMatch = maxInstructions - 3

// adIndex loads the number of the device that a packet is with (SKF_AD_OFF and
// SKF_AD_IFINDEX, include/uapi/linux/filter.h), which no expression of nftables tells:
// those ask for the devices of the hook.
const adIndex = 0xfffff000 + 8

// deviceAmong keeps packets that are with one of these devices, at most portsOfMatch.
func deviceAmong(indexes []uint32) expr.Any {
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: adIndex}}
	for i, index := range indexes {
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K,
			Jt: uint8(len(indexes) - i), K: index})
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 1})
	info := make(xt.Unknown, lenBPFInfo)
	binary.NativeEndian.PutUint16(info, uint16(len(program)))
	for i, in := range program {
		b := info[offInstructions+i*unix.SizeofSockFilter:]
		binary.NativeEndian.PutUint16(b, in.Code)
		b[2], b[3] = in.Jt, in.Jf
		binary.NativeEndian.PutUint32(b[4:], in.K)
	}
	return &expr.Match{Name: "bpf", Info: &info}
}
