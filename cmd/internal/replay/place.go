package replay

import (
	"fmt"
	"net/netip"
	"slices"

	"sgfw/cmd/internal/pcap"
	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/policy"
)

func (p *Passage) in() string {
	if p.Note == nil {
		return ""
	}
	return p.Note.In
}

func (p *Passage) out() string {
	if p.Note == nil {
		return ""
	}
	return p.Note.Out
}

// place finds where the machine met a packet: as sgfw noted it, or else at the device that
// it was captured at, in the direction that the file or the packet's addresses say. What was
// forwarded is judged at that device alone.
func (m *Machine) place(p *Passage) (ev filter.Event, err error) {
	ev.Frame = p.Frame
	if n := p.Note; n != nil {
		ev.Hook, ev.Bridged = n.Hook, n.Bridged
		ev.In, ev.Out = m.numbered(n.In), m.numbered(n.Out)
		return ev, nil
	}
	if p.Device == "" {
		return ev, fmt.Errorf("%w: the file does not name its device", ErrNowhere)
	}
	i, managed := m.cfg.Policy.Match(p.Device)
	if !managed {
		return ev, ErrUnmanaged
	}
	n := &m.cfg.Policy.Interfaces[i]
	src, dst, ok := ends(p.Frame)
	if !ok {
		// Whatever its direction is, the parser refuses it.
		ev.Hook, ev.In = filter.HookInput, m.index[p.Device]
		return ev, nil
	}
	comesIn := p.Direction == pcap.In
	if p.Direction == pcap.Unsaid {
		leaves, enters := m.isOf(n, p.Device, src), m.isOf(n, p.Device, dst) || m.group(p.Device, dst)
		if n.Mode == policy.ModeGuest { // the device's own addresses are those of its other end
			leaves, enters = leaves || m.owns(p.Device, dst), enters || m.owns(p.Device, src)
		}
		if !leaves && !enters {
			return ev, fmt.Errorf("%w: neither end is known to be an address of %s", ErrNowhere,
				p.Device)
		}
		// Of a guest's packets those that leave it come in here.
		comesIn = leaves == (n.Mode == policy.ModeGuest)
	}
	far := dst // the end that tells whether it is forwarded
	if !comesIn {
		far = src
	}
	forwarded := !m.group(p.Device, dst) && !far.IsLinkLocalUnicast() &&
		(n.Mode == policy.ModeGuest || m.hasAddresses(p.Device) && !m.ours(far))
	index := m.index[p.Device]
	switch {
	case comesIn:
		ev.In, ev.Hook = index, filter.HookInput
		if n.View == policy.ViewWire {
			ev.Hook = filter.HookPrerouting
		} else if forwarded {
			ev.Hook, ev.Out = filter.HookForward, elsewhere
		}
	default:
		ev.Out, ev.Hook = index, filter.HookOutput
		if n.View == policy.ViewWire {
			ev.Hook = filter.HookPostrouting
		} else if forwarded {
			ev.Hook = filter.HookForward
		}
		if forwarded {
			ev.In = elsewhere
		}
	}
	return ev, nil
}

// numbered is the index of a device, 0 for none.
func (m *Machine) numbered(name string) uint32 {
	if name == policy.Loopback {
		return elsewhere
	}
	return m.index[name]
}

// isOf reports whether an address is of the machine that an interface protects: as the
// policy lists them or, for a host, as the device has them.
func (m *Machine) isOf(n *policy.Interface, device string, a netip.Addr) bool {
	for _, own := range n.Own() {
		if own.Contains(a) {
			return true
		}
	}
	return n.Mode == policy.ModeHost && m.owns(device, a)
}

// hasAddresses reports whether the addresses of a device are known.
func (m *Machine) hasAddresses(device string) bool {
	i := m.index[device]
	return i > 0 && len(m.links[i-1].Addresses) > 0
}

// ours reports whether an address is of any device.
func (m *Machine) ours(a netip.Addr) bool {
	for name := range m.index {
		if m.owns(name, a) {
			return true
		}
	}
	return false
}

// group reports whether an address is that of no single machine, as far as the networks of a
// device are known.
func (m *Machine) group(device string, a netip.Addr) bool {
	i := m.index[device]
	return a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) ||
		i > 0 && slices.Contains(m.links[i-1].Broadcasts, a)
}

// ends are source and destination. They are false for what the parser refuses.
func ends(f packet.Frame) (src, dst netip.Addr, ok bool) {
	var p packet.Packet
	if p.Parse(f) != packet.NoFault {
		return src, dst, false
	}
	return p.Src.Netip(), p.Dst.Netip(), true
}
