package guest

import (
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestSpoofedGuest: with rules that permit everything, a guest still sends from
// its own addresses only, and gets what is for them; without the check it does
// as it likes (D9).
func TestSpoofedGuest(t *testing.T) {
	parity.Proves(t, "D9")
	t.Parallel()
	h := harness.NewHome(t)
	everything := []string{`{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`}
	checked := harness.AsGuest(harness.PolicyOn("veth-app", everything, everything,
		harness.InOrder), h.AppIPs...)
	free := strings.Replace(checked, "\n    mode: guest",
		"\n    mode: guest\n    source_dest_check: false", 1)
	d := harness.Enforce(t, h.Fw, checked)
	guest := h.App.Device("eth0")
	for i, out := range h.OutsideIPs {
		own, foreign, unnamed := h.AppIPs[i], h.DBIPs[i], harness.Neighbouring(h.AppIPs[i], 0x99)
		at := harness.NewRawInbox(t, h.Outside, wire.ProtoUDP, out)
		router := harness.NewRawInbox(t, h.Fw, wire.ProtoUDP, h.FwApp[i])
		inside := harness.NewInbox(t, h.App, harness.AddrPort(own, 4000))
		second := harness.NewInbox(t, h.App, harness.AddrPort(unnamed, 4000))
		visitor := harness.NewInbox(t, h.Outside, harness.AddrPort(out, 4000))
		shots := func(unlisted harness.Verdict) []harness.Shot {
			from := func(what string, src netip.Addr) harness.Shot {
				sport := harness.UnusedPort()
				return harness.Raw(t, harness.FamilyName(out)+", "+what, guest, at,
					func(b []byte) []byte {
						return wire.UDP(harness.AddrPort(src, sport),
							harness.AddrPort(out, 4001), b)
					})
			}
			here := func(what string, src netip.Addr) harness.Shot {
				sport := harness.UnusedPort()
				return harness.Raw(t, harness.FamilyName(out)+", "+what, guest, router, func(b []byte) []byte {
					return wire.UDP(harness.AddrPort(src, sport), harness.AddrPort(h.FwApp[i], 4001), b)
				})
			}
			return []harness.Shot{
				harness.Passes(from("its own address", own)),
				harness.Expect(unlisted, from("its second address, which is not listed", unnamed)),
				harness.Expect(unlisted, from("the other guest's", foreign)),
				harness.Expect(unlisted, from("an address of nobody",
					harness.IP([]string{"192.0.2.77", "2001:db8:77::77"}[i]))),
				harness.Passes(here("its own address, to the router", own)),
				harness.Expect(unlisted, here("the other guest's, to the router", foreign)),
				harness.Passes(harness.Datagram(t, harness.FamilyName(out)+", to its own address", visitor,
					inside, harness.AddrPort(own, 4000))),
				harness.Expect(unlisted, harness.Datagram(t,
					harness.FamilyName(out)+", to an address that is not listed", visitor, second,
					harness.AddrPort(unnamed, 4000))),
			}
		}
		d.Reload(checked)
		harness.Volley(t, shots(harness.Drop))
		// The flows of what passed are gone with the check, rules or not.
		d.Reload(free)
		harness.Volley(t, shots(harness.Pass))
		d.Reload(checked)
		harness.Volley(t, shots(harness.Drop))
	}

	var status harness.StatusDocument
	d.Document(&status, "status")
	told := false
	for _, v := range status.Verdicts {
		told = told || v.Reason == "source-dest-check" && v.Verdict == "drop" && v.Packets >= 20
	}
	if !told {
		t.Errorf("status does not tell of the check: %+v", status.Verdicts)
	}
}
