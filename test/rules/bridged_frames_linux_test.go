package rules

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/wire"
)

// TestBridgedFrames: what a bridge hands from port to port is none of the traffic of the
// managed bridge device, in either mode, whether br_netfilter sends it through the IP
// hooks or not, and whether the daemon lives or not. What is for this machine, or routed
// by it from the bridge back to the bridge, is.
func TestBridgedFrames(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"host", "guest"} {
		for _, position := range []string{"0", "1"} {
			t.Run(fmt.Sprintf("mode %s, switch %s", mode, position), func(t *testing.T) {
				t.Parallel()
				s := harness.NewSwitch(t)
				s.SendsBridged(t, position)
				bridgedFrames(t, s, mode)
			})
		}
	}
}

// portRules are the rules about ports of bridges, "" while the table is being changed.
func portRules(t *testing.T, h *netlab.Host) (out string) {
	t.Helper()
	rules, err := harness.Nft(t, h).GetRules(
		&nftables.Table{Name: "sgfw", Family: nftables.TableFamilyINet}, &nftables.Chain{Name: "forward"})
	if err != nil {
		return ""
	}
	for _, r := range rules {
		for _, e := range r.Exprs {
			if m, ok := e.(*expr.Match); ok && m.Name == "bpf" {
				out += fmt.Sprintf("%x\n", *m.Info.(*xt.Unknown))
			}
		}
	}
	return out
}

func bridgedFrames(t *testing.T, s harness.Switch, mode string) {
	only22 := []string{harness.Allow("udp", 22)}
	policy := harness.PolicyOn("br0", only22, only22)
	if mode == "guest" {
		policy = harness.AsGuest(policy)
	}
	d := harness.Enforce(t, s.Fw, policy)
	// A machine that is started later.
	before := portRules(t, s.Fw)
	s.Plug(t, "port2")
	deadline := time.Now().Add(harness.ArrivalTimeout)
	for now := before; now == before || len(now) != len(before); now = portRules(t, s.Fw) {
		time.Sleep(5 * time.Millisecond)
		if time.Now().After(deadline) {
			t.Fatal("the table does not get to know the new port of the bridge")
		}
	}
	one, two := s.One.Device("eth0"), s.Two.Device("eth0")

	var across, routed []harness.Shot
	for i := range s.Ones {
		from := harness.NewInbox(t, s.One, harness.AddrPort(s.Ones[i], 0))
		shot := func(what string, host *netlab.Host, to netip.AddrPort) harness.Shot {
			return harness.Datagram(t, what+" "+to.String(), from, harness.NewInbox(t, host, to), to)
		}
		across = append(across, harness.Passes(shot("to the other machine", s.Two,
			harness.AddrPort(s.Twos[i], 80))))
		for p, want := range map[int]harness.Verdict{22: harness.Pass, 80: harness.Drop} {
			routed = append(routed,
				harness.Expect(want, shot("to this machine", s.Fw, harness.AddrPort(s.Fws[i], p))),
				harness.Expect(want, shot("routed back to the bridge", s.Two,
					harness.AddrPort(s.Second[i], p))))
		}
	}
	dhcp := harness.NewRawInbox(t, s.Two, wire.ProtoUDP, netip.IPv4Unspecified())
	offers := harness.NewRawInbox(t, s.One, wire.ProtoUDP, netip.IPv4Unspecified())
	everybody := harness.IP("255.255.255.255")
	across = append(across,
		harness.Passes(harness.Raw(t, "DHCP DISCOVER", one, dhcp, func(b []byte) []byte {
			return wire.UDP(harness.ParseAddrPort("0.0.0.0:68"), harness.AddrPort(everybody, 67), b)
		})),
		harness.Passes(harness.Raw(t, "DHCP OFFER", two, offers, func(b []byte) []byte {
			return wire.UDP(harness.AddrPort(s.Twos[0], 67), harness.AddrPort(everybody, 68), b)
		})))
	resolves := func(when string) {
		t.Helper()
		for i := range s.Ones {
			if !harness.Resolve(t, one, s.Twos[i]) {
				t.Errorf("%s: %s does not resolve across the bridge", when, s.Twos[i])
			}
		}
	}

	resolves("filtering")
	harness.VolleyEach(t, "filtering", append(across, routed...))
	attempts := []harness.Attempt{}
	for i := range s.Ones {
		harness.Echoes(t, s.Two, s.Twos[i], 8080)
		attempts = append(attempts,
			harness.Passes(harness.Ping(t, "across the bridge", s.One, s.Ones[i], s.Twos[i])),
			harness.Passes(harness.Exchange(t, "across the bridge", s.One, "tcp", s.Ones[i],
				harness.AddrPort(s.Twos[i], 8080))))
	}
	harness.Run(t, attempts)
	var status harness.StatusDocument
	d.Document(&status, "status")
	for _, v := range status.Verdicts {
		if v.Reason == "bridged" {
			t.Errorf("%d bridged frames came to the queue", v.Packets)
		}
	}

	d.Kill()
	resolves("closed after a crash")
	harness.VolleyEach(t, "closed after a crash", append(across, harness.AllDrop(routed)...))
}
