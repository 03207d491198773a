package guest

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/wire"
)

// TestGuestWithoutRules: with groups that permit nothing, the guest still finds
// its router and gets an address from the router's DHCP server; it cannot be
// such a server itself, and the ports of DHCP are no way through the router (X3).
func TestGuestWithoutRules(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	d := harness.Enforce(t, h.Fw, harness.AsGuest(
		harness.PolicyOn("veth-app", nil, nil, harness.InOrder), h.AppIPs...))
	guest, device := h.App.Device("eth0"), h.Fw.Device("veth-app")

	// Each finds the other's link-layer address, after both forgot it.
	for _, at := range []struct {
		dev *netlab.Device
		a   netip.Addr
	}{{guest, h.FwApp[1]}, {device, h.AppIPs[1]}, {guest, h.FwApp[0]}, {device, h.AppIPs[0]}} {
		if !harness.Resolve(t, at.dev, at.a) {
			t.Errorf("%s does not find %s", at.dev.Host().Name(), at.a)
		}
	}

	// Its question, from ::, whether the router's address is taken gets there, and
	// so does the answer to everybody (RFC 4862 §5.4).
	for key, value := range map[string]string{"accept_dad": "1", "dad_transmits": "1"} {
		if err := h.App.SetSysctl("net/ipv6/conf/eth0/"+key, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.App.Netlink().AddrAdd(harness.Link(t, h.App, "eth0"), &netlink.Addr{
		IPNet: &net.IPNet{IP: h.FwApp[1].AsSlice(), Mask: net.CIDRMask(64, 128)},
	}); err != nil {
		t.Fatal(err)
	}
	if !duplicate(t, h.App, h.FwApp[1]) {
		t.Error("the guest took the router's address: duplicate address detection did not work")
	}
	harness.RemoveAddr(t, h.App, "eth0", h.FwApp[1].String()+"/64")

	broadcast, zero := harness.IP("255.255.255.255"), netip.IPv4Unspecified()
	gLL, dLL := harness.LinkLocal(t, guest).WithZone(""), harness.LinkLocal(t, device).WithZone("")
	server4, server6 := harness.NewRawInbox(t, h.Fw, wire.ProtoUDP, zero),
		harness.NewRawInbox(t, h.Fw, wire.ProtoUDP, netip.IPv6Unspecified())
	client := harness.NewInbox(t, h.App, harness.AddrPort(zero, 68), harness.Bound(guest))
	other := harness.NewInbox(t, h.App, harness.AddrPort(zero, 69), harness.Bound(guest))
	dhcp := harness.NewInbox(t, h.Fw, harness.AddrPort(h.FwApp[0], 67))
	beyond := harness.NewRawInbox(t, h.Outside, wire.ProtoUDP, h.OutsideIPs[0])
	visitor := harness.NewInbox(t, h.Outside, harness.AddrPort(h.OutsideIPs[0], 67))
	udp := func(what string, at *harness.RawInbox, src, dst netip.AddrPort) harness.Shot {
		return harness.Raw(t, what, guest, at, func(b []byte) []byte { return wire.UDP(src, dst, b) })
	}
	outside := harness.NewRawInbox(t, h.Outside, wire.ProtoUDP, h.OutsideIPs[0])
	far := harness.NewInbox(t, h.Outside, harness.AddrPort(h.OutsideIPs[0], 67))
	harness.VolleyEach(t, "to the router", []harness.Shot{
		// Through the router, the ports of DHCP are ports like any others.
		harness.Drops(udp("DHCP renewal with a server elsewhere", outside,
			harness.AddrPort(h.AppIPs[0], 68), harness.AddrPort(h.OutsideIPs[0], 67))),
		harness.Drops(harness.Datagram(t, "DHCP answer from elsewhere", far, client,
			harness.AddrPort(h.AppIPs[0], 68))),
		harness.Passes(udp("DHCP discover", server4, harness.AddrPort(zero, 68),
			harness.AddrPort(broadcast, 67))),
		harness.Passes(udp("DHCP renewal", server4, harness.AddrPort(h.AppIPs[0], 68),
			harness.AddrPort(h.FwApp[0], 67))),
		harness.Drops(udp("DHCP offer of a rogue server", server4, harness.AddrPort(h.AppIPs[0], 67),
			harness.AddrPort(broadcast, 68))),
		harness.Drops(udp("from 0.0.0.0, another port", server4, harness.AddrPort(zero, 68),
			harness.AddrPort(broadcast, 69))),
		harness.Drops(udp("from the ports of DHCP beyond the router", beyond,
			harness.AddrPort(h.AppIPs[0], 68), harness.AddrPort(h.OutsideIPs[0], 67))),
		harness.Drops(harness.Datagram(t, "to the ports of DHCP from beyond the router", visitor, client,
			harness.AddrPort(h.AppIPs[0], 68))),
		harness.Passes(udp("DHCPv6 solicit", server6, harness.AddrPort(gLL, 546),
			harness.AddrPort(dLL, 547))),
		harness.Drops(udp("DHCPv6 answer of a rogue server", server6, harness.AddrPort(gLL, 547),
			harness.AddrPort(dLL, 546))),
		harness.Drops(udp("anything else", server4, harness.AddrPort(h.AppIPs[0], 4000),
			harness.AddrPort(h.FwApp[0], 4001))),
		harness.Drops(udp("anything else over IPv6", server6, harness.AddrPort(h.AppIPs[1], 4000),
			harness.AddrPort(h.FwApp[1], 4001))),
		harness.Drops(udp("link-local", server6, harness.AddrPort(gLL, 4000),
			harness.AddrPort(dLL, 4001))),
		harness.Passes(harness.Datagram(t, "DHCP answer of the router", dhcp, client,
			harness.AddrPort(h.AppIPs[0], 68))),
		harness.Drops(harness.Datagram(t, "from that port to another", dhcp, other,
			harness.AddrPort(h.AppIPs[0], 69))),
	})
	d.Reload(harness.AsGuest(harness.PolicyOn("veth-app", nil, []string{harness.Allow("udp", 4001)}),
		h.AppIPs...))
	harness.VolleyEach(t, "with a rule", []harness.Shot{
		harness.Passes(udp("what it permits", server4, harness.AddrPort(h.AppIPs[0], 4000),
			harness.AddrPort(h.FwApp[0], 4001))),
		harness.Passes(udp("what it permits, beyond the router", beyond,
			harness.AddrPort(h.AppIPs[0], 4000), harness.AddrPort(h.OutsideIPs[0], 4001))),
		harness.Drops(udp("DHCP offer of a rogue server", server4, harness.AddrPort(h.AppIPs[0], 67),
			harness.AddrPort(broadcast, 68))),
	})
}

// duplicate reports whether a host's eth0 soon finds its address taken.
func duplicate(t testing.TB, h *netlab.Host, a netip.Addr) bool {
	t.Helper()
	for deadline := time.Now().Add(harness.ArrivalTimeout); time.Now().Before(deadline); time.Sleep(
		5 * time.Millisecond) {
		addrs, err := h.Netlink().AddrList(harness.Link(t, h, "eth0"), netlink.FAMILY_V6)
		if err != nil {
			t.Fatal(err)
		}
		for _, has := range addrs {
			if has.IP.Equal(a.AsSlice()) && has.Flags&unix.IFA_F_TENTATIVE == 0 {
				return false
			}
			if has.IP.Equal(a.AsSlice()) && has.Flags&unix.IFA_F_DADFAILED != 0 {
				return true
			}
		}
	}
	return false
}
