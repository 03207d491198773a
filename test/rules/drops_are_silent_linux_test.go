package rules

import (
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// errorAbout is the destination port of a UDP datagram or TCP segment that an ICMP
// error quotes. It reads packets without options and extension headers.
func errorAbout(packet []byte) (quoted int, ok bool) {
	head, protocol, errors := 20, 9,
		[]byte{wire.ICMPUnreachable, wire.ICMPTimeExceeded, wire.ICMPParameter}
	want := byte(wire.ProtoICMP)
	if packet[0]>>4 == 6 {
		head, protocol, errors = 40, 6,
			[]byte{wire.ICMPv6Unreachable, wire.ICMPv6PacketTooBig, wire.ICMPv6TimeExceeded,
				wire.ICMPv6Parameter}
		want = wire.ProtoICMPv6
	}
	ports := head + 8 + head
	if len(packet) < ports+4 || packet[protocol] != want ||
		!strings.Contains(string(errors), string(packet[head:head+1])) {
		return 0, false
	}
	return int(packet[ports+2])<<8 | int(packet[ports+3]), true
}

// TestSilence: what no rule permits is dropped without a word, to the machine and
// through it, though everything may leave; beside it the same packets to ports
// that are open and unused are answered by RST and ICMP errors. A SYN that was
// dropped is one record of a refusal (D8, row 25).
func TestSilence(t *testing.T) {
	parity.Proves(t, "D8", "row 25")
	t.Parallel()
	topology := netlab.Router()
	for i := range topology.Links {
		topology.Links[i].Offload = netlab.OffloadOff
	}
	lab := labtest.New(t, topology)
	client, fw, server := lab.Host("client").Device("eth0"), lab.Host("fw"),
		lab.Host("server").Device("eth0")
	const unused, shut = harness.Inward, harness.Inward + 1
	everything := []string{`{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`}
	d := harness.Enforce(t, fw, harness.PolicyWith(
		[]string{harness.Allow("tcp", unused), harness.Allow("udp", unused)}, everything,
		harness.InOrder))
	for i, from := range harness.BothAddresses(client) {
		for what, to := range map[string]netip.Addr{
			"to the machine": harness.BothAddresses(fw.Device("eth0"))[i],
			"through it":     harness.BothAddresses(server)[i]} {
			t.Run(harness.FamilyName(from)+" "+what, func(t *testing.T) {
				sees := labtest.Capture(t, client.Host(), "eth0", netlab.CaptureOptions{})
				drops := d.Follow(t, "--drop", "--address", to.String())
				send := func(p int) (syn netip.AddrPort) {
					syn = harness.AddrPort(from, harness.UnusedPort())
					for _, b := range [][]byte{
						wire.TCP(syn, harness.AddrPort(to, p), wire.SYN, 1, 0, nil),
						wire.TCP(harness.AddrPort(from, harness.UnusedPort()), harness.AddrPort(to, p), wire.ACK, 1,
							1, harness.Nonce()),
						wire.UDP(harness.AddrPort(from, harness.UnusedPort()), harness.AddrPort(to, p),
							harness.Nonce()),
					} {
						if err := client.Send(b); err != nil {
							t.Fatal(err)
						}
					}
					return syn
				}
				refused := send(shut)
				send(unused)

				// The answers about the open port come behind those that must not be.
				resets, errors := map[int]int{}, map[int]int{}
				look := func(b []byte) {
					if s, ok := harness.SegmentOf(b); ok && s.Flags&wire.RST != 0 {
						resets[int(s.Src.Port())]++
					}
					if p, ok := errorAbout(b); ok {
						errors[p]++
					}
				}
				got, err := sees.Until(labtest.Within(t, harness.ArrivalTimeout), func(p netlab.Packet) bool {
					quoted, ok := errorAbout(p.Bytes)
					return ok && quoted == unused
				})
				for _, p := range got {
					look(p.Bytes)
				}
				if err != nil || resets[unused] != 2 {
					t.Errorf("%d resets of the open port, want 2, and an error about it: %v", resets[unused], err)
				}
				if resets[shut] > 0 || errors[shut] > 0 {
					t.Errorf("%d resets and %d ICMP errors about the port that no rule opens", resets[shut],
						errors[shut])
				}

				drops.Await("drops", 3, func(v harness.LoggedVerdict) bool {
					return v.To == harness.AddrPort(to, shut).String()
				})
				got25 := drops.Seen(func(v harness.LoggedVerdict) bool { return v.From == refused.String() })
				if len(got25) != 1 || got25[0].Verdict != "drop" || got25[0].Reason != "no-rule" ||
					strings.Join(got25[0].TCPFlags, " ") != "syn" {
					t.Errorf("the SYN is on record as %+v", got25)
				}
				if others := drops.Seen(func(v harness.LoggedVerdict) bool {
					return v.To != harness.AddrPort(to, shut).String()
				}); len(others) > 0 {
					t.Errorf("also on record: %+v", others)
				}
			})
		}
	}
}
