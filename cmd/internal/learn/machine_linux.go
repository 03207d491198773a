package learn

import (
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ctEstablished is the state of TCP whose handshake is over
// (include/uapi/linux/netfilter/nf_conntrack_tcp.h).
const ctEstablished = 3

// maxTracked bounds what is taken of the kernel's connection tracking.
const maxTracked = 1 << 17

// kernelTracked lists the kernel's connection tracking, where something uses it. Where it
// cannot be read, nothing is lost but idle connections of others and who began them.
func kernelTracked() (out []Tracked) {
	for _, family := range []netlink.InetFamily{unix.AF_INET, unix.AF_INET6} {
		list, _ := netlink.ConntrackTableList(netlink.ConntrackTable, family)
		for _, f := range list {
			if len(out) == maxTracked {
				break
			}
			t := Tracked{Protocol: f.Forward.Protocol, From: ctEnd(f.Forward.SrcIP, f.Forward.SrcPort),
				To: ctEnd(f.Reverse.SrcIP, f.Reverse.SrcPort)}
			if tcp, ok := f.ProtoInfo.(*netlink.ProtoInfoTCP); ok {
				t.Established = tcp.State == ctEstablished
			}
			out = append(out, t)
		}
	}
	return out
}

func ctEnd(ip net.IP, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}

// deviceToward names the device that leads to an address, "" for none.
func deviceToward(a netip.Addr) string {
	routes, err := netlink.RouteGet(a.AsSlice())
	if err != nil || len(routes) == 0 {
		return ""
	}
	l, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return ""
	}
	return l.Attrs().Name
}
