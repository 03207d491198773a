package nft

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"sgfw/filter/offload"
	"sgfw/policy"
)

// Priorities of the hooks that see packets as they are on the wire (X8).
const (
	// WireInPriority is behind connection tracking (-200) and before DNAT (-100).
	WireInPriority = -150
	// WireOutPriority is behind SNAT (100).
	WireOutPriority = 150
)

// wire are the chains of devices with the view of the wire, those that a goto leads to
// first.
//
// Failsafes are a machine's own traffic with its link. In prerouting nobody knows yet
// what will be routed, but an address that is neither ours nor a group's is not for us. In
// postrouting what is forwarded has the device that it came through. So have messages of
// neighbour discovery that this machine sends (ndisc_alloc_skb), which therefore go first:
// by then nothing that is forwarded has their hop limit any more.
func (d *dispatch) wire(f features) []chain {
	lo := Device{Name: "lo"}
	in := chain{name: chainPrerouting, hook: nftables.ChainHookPrerouting,
		priority: WireInPriority,
		rules:    [][]expr.Any{rule(deviceName(expr.MetaKeyIIFNAME, lo), accept())}}
	out := chain{name: chainPostrouting, hook: nftables.ChainHookPostrouting,
		priority: WireOutPriority,
		rules:    [][]expr.Any{rule(deviceName(expr.MetaKeyOIFNAME, lo), accept())}}
	d.to(&in, expr.MetaKeyIIFNAME, policy.ViewWire, chainHostWireIn, chainGuestWireIn)
	d.to(&out, expr.MetaKeyOIFNAME, policy.ViewWire, chainHostWireOut, chainGuestWireOut)

	verdict := chainVerdict
	if d.plan.marked() {
		verdict = offload.ChainAsk
	}
	routed := rule(addressType(expr.Fib{FlagDADDR: true}, rtnUnicast), goTo(verdict))
	forwarded := []expr.Any{meta(expr.MetaKeyIIF),
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: binaryutil.NativeEndian.PutUint32(0)},
		goTo(verdict)}
	p := d.plan
	both, loops := failsafesBoth(p), ourMulticast(p, f)
	into := func(dhcp [][]expr.Any) [][]expr.Any {
		return judged(verdict, slices.Concat([][]expr.Any{routed}, both, dhcp, loops))
	}
	outOf := func(dhcp [][]expr.Any) [][]expr.Any {
		return judged(verdict, slices.Concat(both, [][]expr.Any{forwarded}, dhcp))
	}
	return []chain{
		{name: chainHostWireIn, rules: into(dhcpInto(p))},
		{name: chainHostWireOut, rules: outOf(dhcpOutOf(p))},
		{name: chainGuestWireIn, rules: into(dhcpOutOf(p))},
		{name: chainGuestWireOut, rules: outOf(dhcpInto(p))},
		in, out,
	}
}

// notOurs queues what passed in prerouting as this machine's own and is forwarded all the
// same. Here the rules decide about it.
//
// A guest's question to the metadata service was exempt; where nobody has redirected it to
// this machine, what is beyond would hand out this machine's own credentials. A DHCP
// message was for an address of this machine, and was redirected to another one.
func (d *dispatch) notOurs(forward *chain) {
	if !d.plan.wire() {
		return
	}
	hosts := func(m policy.Mode) string { return [...]string{chainVerdict, ""}[m] }
	guests := func(m policy.Mode) string { return [...]string{"", chainVerdict}[m] }
	dhcp := func(source, dest uint16) []expr.Any {
		return slices.Concat(ipv4(), []expr.Any{meta(expr.MetaKeyL4PROTO), equal(unix.IPPROTO_UDP)},
			ports(source, dest))
	}
	d.matching(forward, dhcp(67, 68), expr.MetaKeyIIFNAME, policy.ViewWire, hosts)
	d.matching(forward, dhcp(68, 67), expr.MetaKeyIIFNAME, policy.ViewWire, guests)
	port := binary.BigEndian.AppendUint16(nil, policy.PortMetadata)
	for _, a := range policy.ExemptMetadata.Addresses() {
		family, offset := ipv4(), uint32(offIPv4Daddr)
		if a.Is6() {
			family, offset = ipv6(), offIPv6Daddr
		}
		match := append(family, network(offset, uint32(a.BitLen()/8)), equal(a.AsSlice()...),
			meta(expr.MetaKeyL4PROTO), equal(unix.IPPROTO_TCP),
			transport(offDestPort, 2), equal(port...))
		d.matching(forward, match, expr.MetaKeyIIFNAME, policy.ViewWire, guests)
	}
}

// kernelFrom reports whether the running kernel has this version or a later one.
func kernelFrom(major, minor int) bool {
	var u unix.Utsname
	var a, b int
	if unix.Uname(&u) != nil {
		return false
	}
	if n, _ := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &a, &b); n != 2 {
		return false
	}
	return a > major || a == major && b >= minor
}
