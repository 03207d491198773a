package guest

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// nowhere and unreachable are networks without a route, and with one that says so.
var (
	nowhere     = []string{"198.51.100.9", "2001:db8:99::9"}
	unreachable = []string{"198.51.101.9", "2001:db8:9a::9"}
)

// TestUndelivered: what the router cannot deliver for its guest it tells the guest, where
// the guest's rules let the packet out: a TTL that ran out (11/0, 3/0), no route (3/0, 3/1,
// 1/0), a first datagram above the next MTU (3/4, 2/0). Such packets die before the forward
// hook and have no flow (T24).
func TestUndelivered(t *testing.T) {
	parity.Proves(t, "T24")
	t.Parallel()
	out := []string{harness.Allow("udp", 4000), harness.Allow("tcp", 4000)}
	guest := func(settings ...string) string {
		return harness.AsGuest(harness.PolicyOn("veth-app", nil, out, settings...),
			harness.IP("10.0.1.10"), harness.IP("2001:db8:1::10"))
	}
	for what, c := range map[string]struct {
		policy string
		want   harness.Verdict
	}{
		"guest":                     {guest(), harness.Pass},
		"guest, icmp_errors: rules": {guest("icmp_errors: rules"), harness.Drop},
		// The router itself, protected from the guest: what its own rules let in it answers.
		"host": {harness.PolicyOn("veth-app", out, nil), harness.Pass},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			h := newNarrowHome(t)
			d := harness.Enforce(t, h.Fw, c.policy)
			harness.VolleyEach(t, what, h.lost(t, c.want))
			for port, want := range map[int]harness.Verdict{4000: c.want, 4001: harness.Drop} {
				h.explained(t, d, port, want)
			}
			if flows := d.Flows(); len(flows) > 0 {
				t.Errorf("flows of what was never delivered: %+v", flows)
			}
		})
	}
	t.Run("TCP ends at once", func(t *testing.T) {
		t.Parallel()
		h := newNarrowHome(t)
		harness.Enforce(t, h.Fw, guest())
		for i, a := range h.AppIPs {
			began := time.Now()
			if c := harness.DialTCP(t, h.App, harness.AddrPort(a, 0),
				harness.AddrPort(harness.IP(nowhere[i]), 4000), harness.ArrivalTimeout); c != nil ||
				time.Since(began) > harness.ArrivalTimeout/2 {
				t.Errorf("%s: TCP to nowhere ended after %v", harness.FamilyName(a), time.Since(began))
			}
		}
	})
}

// TestUndeliveredQuestion: the same of a question to an exempt service, for which no rule
// is needed, and of a guest that may send nothing.
func TestUndeliveredQuestion(t *testing.T) {
	t.Parallel()
	h := newNarrowHome(t)
	policy := func(exempt string) string {
		return harness.AsGuest(harness.PolicyOn("veth-app", nil, nil, exempt), h.AppIPs...)
	}
	d := harness.Enforce(t, h.Fw, policy("exempt: [time]"))
	at := harness.NewRawInbox(t, h.App, wire.ProtoICMP, h.AppIPs[0])
	question := harness.Raw(t, "a question to the time service", h.App.Device("eth0"), at,
		func(b []byte) []byte {
			return wire.UDP(harness.AddrPort(h.AppIPs[0], harness.UnusedPort()),
				harness.ParseAddrPort("169.254.169.123:123"), b)
		})
	harness.VolleyEach(t, "exempt", []harness.Shot{harness.Passes(question)})
	d.Reload(policy("exempt: []"))
	harness.VolleyEach(t, "not exempt", []harness.Shot{harness.Drops(question)})
}

// narrowHome is a home with a narrow link to the outside.
type narrowHome struct{ harness.Home }

func newNarrowHome(t *testing.T) narrowHome {
	t.Helper()
	h := narrowHome{harness.NewHome(t)}
	for _, host := range []*netlab.Host{h.Fw, h.Outside} {
		if err := host.Netlink().LinkSetMTU(harness.Link(t, host, "eth0"), 1280); err != nil {
			t.Fatal(err)
		}
	}
	// Each error would take from what the kernel grants those without a route (ip_error).
	if err := h.Fw.SetSysctl("net.ipv4.icmp_ratemask", "0"); err != nil {
		t.Fatal(err)
	}
	for i, p := range []string{"198.51.101.0/24", "2001:db8:9a::/64"} {
		dst, err := netlink.ParseIPNet(p)
		if err != nil {
			t.Fatal(err)
		}
		route := &netlink.Route{Dst: dst, Type: 7, /* RTN_UNREACHABLE */
			Family: []int{netlink.FAMILY_V4, netlink.FAMILY_V6}[i]}
		if err := h.Fw.Netlink().RouteAdd(route); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// lost are datagrams that the router cannot deliver; they have arrived when the guest has
// the error that quotes them.
func (h narrowHome) lost(t *testing.T, permitted harness.Verdict) (shots []harness.Shot) {
	for i, own := range h.AppIPs {
		at := harness.NewRawInbox(t, h.App, harness.IcmpOf(own), own)
		send := func(want harness.Verdict, what string, src, dst netip.Addr, port, length int,
			options ...wire.Option) {
			sport := harness.UnusedPort()
			shots = append(shots, harness.Expect(want, harness.Raw(t, harness.FamilyName(own)+", "+what,
				h.App.Device("eth0"), at, func(b []byte) []byte {
					return wire.UDP(harness.AddrPort(src, sport), harness.AddrPort(dst, port),
						append(b, make([]byte, length)...), options...)
				})))
		}
		for port, want := range map[int]harness.Verdict{4000: permitted, 4001: harness.Drop} {
			send(want, "TTL 1", own, h.OutsideIPs[i], port, 0, wire.HopLimit(1))
			send(want, "no route", own, harness.IP(nowhere[i]), port, 0)
			send(want, "an unreachable network", own, harness.IP(unreachable[i]), port, 0)
			send(want, "above the MTU", own, h.OutsideIPs[i], port, 1400, wire.DontFragment())
		}
	}
	return shots
}

// explained asks the daemon about the router's own error to the guest.
func (h narrowHome) explained(t *testing.T, d *harness.Daemon, port int, want harness.Verdict) {
	t.Helper()
	for i, own := range h.AppIPs {
		var x struct{ Verdict, Reason string }
		d.Document(&x, "explain", "--from", h.FwApp[i].String(), "--to", own.String(), "--about",
			fmt.Sprintf("udp,:5000,%s", harness.AddrPort(harness.IP(nowhere[i]), port)))
		verdict, reason := "accept", "related"
		if want == harness.Drop {
			verdict, reason = "drop", "no-rule"
		}
		if x.Verdict != verdict || x.Reason != reason {
			t.Errorf("%s, port %d: explained as %+v, want %s", harness.FamilyName(own), port, x, verdict)
		}
	}
}
