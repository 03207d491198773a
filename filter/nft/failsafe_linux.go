package nft

import (
	"slices"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"sgfw/policy"
)

// exempt is the rule of a failsafe.
func exempt(f policy.Failsafe, matches ...[]expr.Any) []expr.Any {
	return append(slices.Concat(matches...), count(f.String()), accept())
}

// directly keeps IPv6 packets whose payload follows the fixed header at once:
// no extension header, no fragment.
func directly(protocol byte) []expr.Any {
	return append(ipv6(), network(offIPv6NextHdr, 1), equal(protocol))
}

// intoProtected are the failsafes that enter the protected machine.
func intoProtected(p Plan) [][]expr.Any { return append(failsafesBoth(p), dhcpInto(p)...) }

// dhcpInto are the answers that a DHCP client gets.
func dhcpInto(p Plan) (rules [][]expr.Any) {
	if p.has(policy.DHCPClient) {
		rules = append(rules, dhcpv4(67, 68))
	}
	if p.has(policy.DHCPv6Client) {
		rules = append(rules, dhcpv6(547, 546))
	}
	return rules
}

// ourMulticast is what this machine hears of itself, in either mode.
func ourMulticast(p Plan, f features) [][]expr.Any {
	if p.has(policy.OwnMulticast) && f.fib {
		return ownMulticast()
	}
	return nil
}

// outOfProtected are the failsafes that leave the protected machine.
func outOfProtected(p Plan) [][]expr.Any { return append(failsafesBoth(p), dhcpOutOf(p)...) }

// dhcpOutOf are the questions of a DHCP client.
func dhcpOutOf(p Plan) (rules [][]expr.Any) {
	if p.has(policy.DHCPClient) {
		rules = append(rules, dhcpv4(68, 67))
	}
	if p.has(policy.DHCPv6Client) {
		rules = append(rules, dhcpv6(546, 547))
	}
	return rules
}

// failsafesBoth are the rules that do not depend on the direction.
func failsafesBoth(p Plan) (rules [][]expr.Any) {
	if p.has(policy.NeighbourDiscovery) {
		rules = append(rules, exempt(policy.NeighbourDiscovery, directly(unix.IPPROTO_ICMPV6),
			[]expr.Any{network(offIPv6HopLimit, 1), equal(255), transport(offICMPType, 1)},
			between(133, 137)))
	}
	if p.has(policy.MulticastListener) {
		hopByHop := append(directly(unix.IPPROTO_HOPOPTS), network(offHopByHopNext, 1),
			equal(unix.IPPROTO_ICMPV6),
			network(offIPv6HopLimit, 1), equal(1))
		unspecified := []expr.Any{network(offIPv6Saddr, 16), equal(make([]byte, 16)...)}
		for _, source := range [][]expr.Any{linkLocalSource(), unspecified} {
			for _, types := range [][]expr.Any{between(130, 132), {equal(143)}} {
				rules = append(rules, exempt(policy.MulticastListener, hopByHop, source,
					[]expr.Any{transport(offICMPType, 1)}, types))
			}
		}
	}
	return rules
}

func dhcpv4(source, dest uint16) []expr.Any {
	return exempt(policy.DHCPClient, ipv4(),
		[]expr.Any{meta(expr.MetaKeyL4PROTO), equal(unix.IPPROTO_UDP)}, ports(source, dest))
}

func dhcpv6(source, dest uint16) []expr.Any {
	return exempt(policy.DHCPv6Client, directly(unix.IPPROTO_UDP), linkLocalSource(),
		ports(source, dest))
}

// ownMulticast tells looped copies of our own packets (dev_loopback_xmit,
// net/core/dev.c) from frames off the wire. Such a copy never had a link-layer
// header. Devices that have no link-layer header at all (tun, WireGuard) therefore
// do not have this failsafe.
//
// `meta pkttype loopback` cannot tell them: nft_meta.c answers multicast or broadcast.
// But the mac header of a looped copy is at its network header, and nft_payload.c then
// ends a rule that loads from the link-layer header. Older kernels do not end the rule
// and send the copies to the queue, which is safe.
func ownMulticast() [][]expr.Any {
	wire := []expr.Any{load(expr.PayloadBaseLLHeader, 0, lenEthernetDaddr), goTo(chainVerdict)}
	ethernet := []expr.Any{meta(expr.MetaKeyIIFTYPE),
		equal(binaryutil.NativeEndian.PutUint16(arphrdEther)...)}
	ours := addressType(expr.Fib{FlagSADDR: true}, rtnLocal)
	return [][]expr.Any{
		wire,
		exempt(policy.OwnMulticast, ethernet, ipv4(), []expr.Any{
			network(offIPv4Daddr, 1),
			&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 1, Mask: []byte{0xf0},
				Xor: []byte{0}},
			equal(0xe0),
		}, ours),
		exempt(policy.OwnMulticast, ethernet, ipv4(),
			addressType(expr.Fib{FlagDADDR: true}, rtnBroadcast), ours),
		exempt(policy.OwnMulticast, ethernet, ipv6(), []expr.Any{network(offIPv6Daddr, 1), equal(0xff)},
			ours),
	}
}

// has tells whether a failsafe is switched on.
func (p Plan) has(f policy.Failsafe) bool { return !p.Without.Has(f) }
