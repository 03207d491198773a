package differential

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/naive"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// marker is the protocol of the packets that tell that those before them are
// through, or not.
const marker = 253

// crossing is a firewall between two hosts.
type crossing struct {
	host  *netlab.Host
	sides map[string]*crossingSide // by the device of the firewall
}

type crossingSide struct {
	device  *netlab.Device
	arrived chan uint16
}

// newCrossing builds a router between hosts, one behind each of its devices, that take
// what comes for their networks and never answer.
func newCrossing(t *testing.T, w *World) crossing {
	t.Helper()
	topology := netlab.Topology{Hosts: []netlab.HostSpec{{Name: "fw", Forward: true}}}
	for i, d := range w.Devices {
		device := d.Name
		prefix := func(format string, last int) netip.Prefix {
			return netip.MustParsePrefix(fmt.Sprintf(format, i, last))
		}
		const v4, v6 = "10.255.%d.%d/24", "fd00:%d::%d/64"
		topology.Hosts = append(topology.Hosts, netlab.HostSpec{Name: device})
		own := []netip.Prefix{prefix(v4, 1), prefix(v6, 1)}
		for _, a := range d.Addresses {
			own = append(own, netip.PrefixFrom(a, a.BitLen()))
		}
		if w.Talks {
			own = append(own, netip.PrefixFrom(linkOwn, 64))
		}
		topology.Links = append(topology.Links, netlab.LinkSpec{
			A: netlab.End{Host: "fw", Dev: device, Addrs: own},
			B: netlab.End{Host: device, Dev: "eth0",
				Addrs: []netip.Prefix{prefix(v4, 2), prefix(v6, 2)}},
			Neighbours: netlab.NeighboursStatic, Offload: netlab.OffloadOff,
		})
		for _, n := range Networks(device) {
			via := prefix(v4, 2).Addr()
			if n.Addr().Is6() {
				via = prefix(v6, 2).Addr()
			}
			topology.Hosts[0].Routes = append(topology.Hosts[0].Routes, netlab.Route{Dst: n, Via: via})
		}
	}
	lab := labtest.New(t, topology)
	p := crossing{host: lab.Host("fw"), sides: make(map[string]*crossingSide)}
	for _, d := range w.Devices {
		device := d.Name
		s := &crossingSide{device: lab.Host(device).Device("eth0"), arrived: make(chan uint16, 16)}
		c, err := lab.Host(device).Capture("eth0",
			netlab.CaptureOptions{Filter: func(packet netlab.Packet) bool {
				if n, ok := numberOf(packet.Bytes); ok {
					s.arrived <- n
				}
				return false
			}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		p.sides[device] = s
	}
	return p
}

// numbered are the options that give a packet a number which survives the way
// through a router.
func numbered(n uint16) []wire.Option {
	return []wire.Option{wire.ID(n), wire.FlowLabel(uint32(n))}
}

// numberOf reads it. Packets of the kernel's own have none.
func numberOf(b []byte) (uint16, bool) {
	n := uint16(0)
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		n = binary.BigEndian.Uint16(b[4:])
	case len(b) >= 40 && b[0]>>4 == 6:
		n = binary.BigEndian.Uint16(b[2:])
	}
	return n, n != 0
}

// withMarkers is a policy with a group for the markers.
func withMarkers(p *naive.Policy) *naive.Policy {
	marked := *p
	all := naive.Rule{Protocol: marker, From: naive.All, To: naive.All,
		CIDR: netip.MustParsePrefix("0.0.0.0/0")}
	marked.Groups = append(slices.Clone(p.Groups),
		naive.Group{Name: "marker", Rules: [2][]naive.Rule{{all}, {all}}})
	marked.Interfaces = slices.Clone(p.Interfaces)
	for i := range marked.Interfaces {
		n := &marked.Interfaces[i]
		n.Groups = append(slices.Clone(n.Groups), "marker")
	}
	return &marked
}

// through waits for the marker behind packet n and reports whether the packet came
// before it; ok is false when the marker does not come.
func (s *crossingSide) through(n uint16) (passed, ok bool) {
	for deadline := time.After(harness.ArrivalTimeout); ; {
		select {
		case got := <-s.arrived:
			switch got {
			case n:
				passed = true
			case n + 1:
				return passed, true
			}
		case <-deadline:
			return false, false
		}
	}
}
