package filter

import (
	"net/netip"
	"testing"

	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// unverified sends one packet whose checksum nobody has looked at.
func (b *bench) unverified(h Hook, raw []byte) Verdict {
	b.Begin()
	defer b.End()
	ev := Event{Frame: packet.Frame{Bytes: raw, Info: packet.InfoCsumNotVerified}, Hook: h}
	if ev.In = 2; h == HookOutput {
		ev.In, ev.Out = 0, 2
	}
	b.Decide(&ev)
	return b.Last()
}

// TestChecksum: what nobody has verified begins no flow with a wrong checksum, tracked or
// not. Packets of live flows are not looked at, nor is what rules drop anyway (T27).
func TestChecksum(t *testing.T) {
	parity.Proves(t, "T27")
	ping := policy.Rule{Protocol: policy.ICMP, From: -1, To: -1, Peer: all4.Peer}
	from, to := netip.AddrPortFrom(netip.AddrFrom4(client), 40000), netip.AddrFrom4(us)
	at := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(to, port) }
	for setting, egress := range map[policy.Tracking][]policy.Rule{
		policy.TrackingAlways: nil, policy.TrackingAWS: rules(all4)} {
		p := awsPolicy(rules(web4, dns4, ping), egress)
		p.Settings.Tracking = setting
		b := newBench(t, p)
		for what, packet := range map[string]func(port uint16, o ...wire.Option) []byte{
			"TCP": func(port uint16, o ...wire.Option) []byte {
				return wire.TCP(from, at(port), wire.SYN, 1, 0, nil, o...)
			},
			"TCP mid-stream": func(port uint16, o ...wire.Option) []byte {
				from := netip.AddrPortFrom(from.Addr(), 40001)
				return wire.TCP(from, at(port), wire.ACK, 1, 1, []byte("data"), o...)
			},
			"UDP": func(port uint16, o ...wire.Option) []byte {
				if port == 80 {
					port = 53
				}
				return wire.UDP(from, at(port), []byte("data"), o...)
			},
		} {
			before := b.Flows().Stats()
			expect(t, what+": no rule", b.unverified(HookInput, packet(81, wire.BadChecksum())),
				map[bool]Reason{false: ReasonNoRule, true: ReasonNotAFlow}[what == "TCP mid-stream"])
			expect(t, what+": wrong", b.unverified(HookInput, packet(80, wire.BadChecksum())),
				ReasonChecksum)
			if st := b.Flows().Stats(); st.Flows+st.Untracked != before.Flows+before.Untracked {
				t.Errorf("%s: a flow began: %+v", what, st)
			}
			right := b.unverified(HookInput, packet(80))
			if !right.Accept() {
				t.Errorf("%s: right: %s", what, right.Reason)
			}
			if v := b.unverified(HookInput, packet(80, wire.BadChecksum())); !v.Accept() {
				t.Errorf("%s: wrong, of a flow: %s", what, v.Reason)
			}
		}
		echo := func(o ...wire.Option) []byte { return wire.Echo(from.Addr(), to, 7, 1, nil, o...) }
		expect(t, "ping: wrong", b.unverified(HookInput, echo(wire.BadChecksum())), ReasonChecksum)
		expect(t, "ping", b.unverified(HookInput, echo()), ReasonRule)
		// Without the kernel's word that it has not verified the checksum it counts as right.
		expect(t, "verified", b.in(wire.TCP(from, at(80), wire.SYN|wire.ECE, 9, 0, nil,
			wire.BadChecksum())), map[policy.Tracking]Reason{policy.TrackingAlways: ReasonRule,
			policy.TrackingAWS: ReasonUntracked}[setting])
		bad := wire.TCP(netip.AddrPortFrom(from.Addr(), 40009), at(80), wire.SYN, 1, 0, nil,
			wire.BadChecksum())
		if n := testing.AllocsPerRun(100, func() { b.unverified(HookInput, bad) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

// TestChecksumAsksNothing: a question with a wrong checksum passes to an exempt service,
// which will not hear it, so that nothing is its answer.
func TestChecksumAsksNothing(t *testing.T) {
	parity.Proves(t, "T27")
	b := newBench(t, exempting(policy.ExemptTime))
	from := netip.AddrPortFrom(netip.AddrFrom4(us), 123)
	to := netip.AddrPortFrom(netip.AddrFrom4(timeServer), 123)
	ask := func(o ...wire.Option) Verdict {
		return b.unverified(HookOutput, wire.UDP(from, to, []byte("time?"), o...))
	}
	answer := udp4(timeServer, us, 123, 123)
	expect(t, "a wrong question", ask(wire.BadChecksum()), ReasonExemptTime)
	expect(t, "its answer", b.in(answer), ReasonNoRule)
	expect(t, "a question", ask(), ReasonExemptTime)
	expect(t, "its answer", b.in(answer), ReasonExemptTime)
	if b.Counts()[ReasonChecksum] != 0 {
		t.Error("exempt questions are no flows")
	}
}
