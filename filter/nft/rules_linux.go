package nft

import (
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Chains of the table.
const (
	chainInput      = "input"
	chainForward    = "forward"
	chainOutput     = "output"
	chainHostIn     = "host-in"
	chainHostOut    = "host-out"
	chainGuestIn    = "guest-in"
	chainGuestOut   = "guest-out"
	chainVerdict    = "verdict"
	chainReassembly = "reassembly"
)

// Counters of the verdict chain: what was sent to the queues, and what a closed
// plan dropped instead.
const (
	counterQueued = "queued"
	counterClosed = "closed"
)

// chain is a chain as it shall be.
type chain struct {
	name  string
	hook  *nftables.ChainHook // nil: reached by goto only
	rules [][]expr.Any
	maps  []deviceMap // that the rules use
}

// features is what the kernel was found to understand.
type features struct {
	queue      QueueKind
	reassembly Reassembly
	fib        bool
	owner      bool
	persist    bool
}

// layout turns a plan into chains, in an order in which each goto leads to a
// chain that stands before it. It is a pure function.
func layout(p Plan, f features) []chain {
	lo := Device{Name: "lo"}
	input := chain{name: chainInput, hook: nftables.ChainHookInput,
		rules: [][]expr.Any{rule(deviceName(expr.MetaKeyIIFNAME, lo), accept())}}
	output := chain{name: chainOutput, hook: nftables.ChainHookOutput,
		rules: [][]expr.Any{rule(deviceName(expr.MetaKeyOIFNAME, lo), accept())}}
	forward := chain{name: chainForward, hook: nftables.ChainHookForward}
	var d dispatch
	d.to(&input, expr.MetaKeyIIFNAME, p, func(m Mode) string { return [...]string{chainHostIn, chainGuestIn}[m] })
	d.to(&output, expr.MetaKeyOIFNAME, p, func(m Mode) string { return [...]string{chainHostOut, chainGuestOut}[m] })
	// The first match queues the packet and ends the chain, so one that crosses two
	// managed devices is queued once.
	for _, key := range []expr.MetaKey{expr.MetaKeyIIFNAME, expr.MetaKeyOIFNAME} {
		d.to(&forward, key, p, func(Mode) string { return chainVerdict })
	}
	var reassembly [][]expr.Any
	if hold := holdReassembly(f.reassembly); hold != nil {
		reassembly = append(reassembly, hold)
	}
	decide := []expr.Any{count(counterQueued), queueTo(f.queue, p.QueueBase, p.QueueCount, queueFlags(p, f))}
	if p.Closed {
		decide = []expr.Any{count(counterClosed), drop()}
	}
	return []chain{
		{name: chainVerdict, rules: [][]expr.Any{decide}},
		{name: chainHostIn, rules: judged(slices.Concat(intoProtected(p), ourMulticast(p, f)))},
		{name: chainHostOut, rules: judged(outOfProtected(p))},
		// What comes in through a guest's device leaves the guest, but for our own
		// packets that the kernel loops back.
		{name: chainGuestIn, rules: judged(slices.Concat(outOfProtected(p), ourMulticast(p, f)))},
		{name: chainGuestOut, rules: judged(intoProtected(p))},
		{name: chainReassembly, rules: reassembly},
		input, forward, output,
	}
}

// dispatch makes the rules that send packets on by the name of a device.
type dispatch struct{ maps uint32 }

// to adds rules to a chain: whole names by maps, which go first as they
// have precedence, and a rule for each prefix.
func (d *dispatch) to(c *chain, key expr.MetaKey, p Plan, where func(Mode) string) {
	devices := p.byPrecedence()
	exact := slices.IndexFunc(devices, func(d Device) bool { _, glob := d.prefix(); return glob })
	if exact < 0 {
		exact = len(devices)
	}
	for part := range slices.Chunk(devices[:exact], mapLength) {
		d.maps++
		m := deviceMap{id: d.maps, chains: make(map[string]string, len(part))}
		for _, v := range part {
			m.chains[v.Name] = where(v.Mode)
		}
		c.maps = append(c.maps, m)
		c.rules = append(c.rules, []expr.Any{meta(key), m.lookup()})
	}
	for _, v := range devices[exact:] {
		c.rules = append(c.rules, rule(deviceName(key, v), goTo(where(v.Mode))))
	}
}

// judged is a chain of exemptions before the queue. No failsafe is TCP, so TCP,
// which is most traffic, skips them.
func judged(exemptions [][]expr.Any) [][]expr.Any {
	tcp := []expr.Any{meta(expr.MetaKeyL4PROTO), equal(unix.IPPROTO_TCP), goTo(chainVerdict)}
	rules := append([][]expr.Any{tcp}, exemptions...)
	return append(rules, []expr.Any{goTo(chainVerdict)})
}

// queueFlags are those of the queue expression. Bypass would also open the
// machine while the daemon lives but has no queue bound, so it stands in only
// where no owned table can vanish with the daemon.
func queueFlags(p Plan, f features) (flags uint16) {
	if p.Gone == GoneAccept && !f.owner {
		flags |= queueBypass
	}
	if p.Balance == BalanceCPU && p.QueueCount > 1 {
		flags |= queueFanout
	}
	return flags
}

func rule(match []expr.Any, then ...expr.Any) []expr.Any {
	return slices.Concat(match, then)
}

// exempt is the rule of a failsafe.
func exempt(name Failsafe, matches ...[]expr.Any) []expr.Any {
	return append(slices.Concat(matches...), count(string(name)), accept())
}

// directly keeps IPv6 packets whose payload follows the fixed header at once:
// no extension header, no fragment.
func directly(protocol byte) []expr.Any {
	return append(ipv6(), network(offIPv6NextHdr, 1), equal(protocol))
}

// intoProtected are the failsafes that enter the protected machine.
func intoProtected(p Plan) (rules [][]expr.Any) {
	rules = failsafesBoth(p)
	if p.has(FailsafeDHCPv4) {
		rules = append(rules, dhcpv4(67, 68))
	}
	if p.has(FailsafeDHCPv6) {
		rules = append(rules, dhcpv6(547, 546))
	}
	return rules
}

// ourMulticast is what this machine hears of itself, in either mode.
func ourMulticast(p Plan, f features) [][]expr.Any {
	if p.has(FailsafeOwnMulticast) && f.fib {
		return ownMulticast()
	}
	return nil
}

// outOfProtected are the failsafes that leave the protected machine.
func outOfProtected(p Plan) (rules [][]expr.Any) {
	rules = failsafesBoth(p)
	if p.has(FailsafeDHCPv4) {
		rules = append(rules, dhcpv4(68, 67))
	}
	if p.has(FailsafeDHCPv6) {
		rules = append(rules, dhcpv6(546, 547))
	}
	return rules
}

// failsafesBoth are the rules that do not depend on the direction.
func failsafesBoth(p Plan) (rules [][]expr.Any) {
	if p.has(FailsafeNeighbour) {
		rules = append(rules, exempt(FailsafeNeighbour, directly(unix.IPPROTO_ICMPV6),
			[]expr.Any{network(offIPv6HopLimit, 1), equal(255), transport(offICMPType, 1)}, between(133, 137)))
	}
	if p.has(FailsafeMulticastListener) {
		hopByHop := append(directly(unix.IPPROTO_HOPOPTS), network(offHopByHopNext, 1), equal(unix.IPPROTO_ICMPV6),
			network(offIPv6HopLimit, 1), equal(1))
		unspecified := []expr.Any{network(offIPv6Saddr, 16), equal(make([]byte, 16)...)}
		for _, source := range [][]expr.Any{linkLocalSource(), unspecified} {
			for _, types := range [][]expr.Any{between(130, 132), {equal(143)}} {
				rules = append(rules, exempt(FailsafeMulticastListener, hopByHop, source,
					[]expr.Any{transport(offICMPType, 1)}, types))
			}
		}
	}
	return rules
}

func dhcpv4(source, dest uint16) []expr.Any {
	return exempt(FailsafeDHCPv4, ipv4(), []expr.Any{meta(expr.MetaKeyL4PROTO), equal(unix.IPPROTO_UDP)}, ports(source, dest))
}

func dhcpv6(source, dest uint16) []expr.Any {
	return exempt(FailsafeDHCPv6, directly(unix.IPPROTO_UDP), linkLocalSource(), ports(source, dest))
}

// ownMulticast tells looped copies of our own packets from frames off the wire.
// `meta pkttype loopback` cannot: nft_meta.c answers multicast or broadcast for
// it. But a looped copy has its mac header where its network header is, and
// nft_payload.c then breaks off a rule that loads from the link-layer header.
// Older kernels, which do not break off, send the copies to the queue: the safe
// side.
func ownMulticast() [][]expr.Any {
	wire := []expr.Any{load(expr.PayloadBaseLLHeader, 0, lenEthernetDaddr), goTo(chainVerdict)}
	ethernet := []expr.Any{meta(expr.MetaKeyIIFTYPE), equal(binaryutil.NativeEndian.PutUint16(arphrdEther)...)}
	ours := addressType(expr.Fib{FlagSADDR: true}, rtnLocal)
	return [][]expr.Any{
		wire,
		exempt(FailsafeOwnMulticast, ethernet, ipv4(), []expr.Any{
			network(offIPv4Daddr, 1),
			&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 1, Mask: []byte{0xf0}, Xor: []byte{0}},
			equal(0xe0),
		}, ours),
		exempt(FailsafeOwnMulticast, ethernet, ipv4(), addressType(expr.Fib{FlagDADDR: true}, rtnBroadcast), ours),
		exempt(FailsafeOwnMulticast, ethernet, ipv6(), []expr.Any{network(offIPv6Daddr, 1), equal(0xff)}, ours),
	}
}

// has tells whether a failsafe is switched on.
func (p Plan) has(l Failsafe) bool { return !slices.Contains(p.Without, l) }

// counters are the named counters of the table.
func counters() []string {
	names := []string{counterQueued, counterClosed}
	for _, l := range failsafes {
		names = append(names, string(l.Name))
	}
	return names
}
