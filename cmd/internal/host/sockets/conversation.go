package sockets

import "net/netip"

// Conversation is one of TCP or UDP that is proven to exist.
type Conversation struct {
	// Tracked has the ends. Without translation of addresses Asked is To, and As is From. Of
	// UDP that only a socket tells of, Answered is false: a socket is connected without a packet.
	Tracked
	// Inbound is true for one of this machine that the other side began, Outbound for one that
	// this machine began. One that it forwards is neither.
	Inbound, Outbound bool
	// Device is the index of the one device that the socket of this machine uses, 0 for any.
	Device uint32
}

// pair is a conversation as a socket of this machine has it.
type pair struct {
	protocol      uint8
	local, remote netip.AddrPort
}

// Conversations are those that sockets of this machine prove, and those of others that the
// kernel's connection tracking proves: each side has sent something after the other one did.
// own are the addresses of this machine.
//
// A port that something listens on is that of the side that was asked; the kernel's connection
// tracking knows better where it is on. What it has of this machine without a socket is over.
// Conversations of the machine with itself are left out.
func Conversations(list []Socket, tracked []Tracked, own []netip.Addr) []Conversation {
	ours := make(map[netip.Addr]bool, len(own))
	for _, a := range own {
		ours[a] = true
	}
	type port struct {
		protocol uint8
		number   uint16
	}
	listening, connected := make(map[port]bool), make(map[pair]*Socket)
	for i := range list {
		s := &list[i]
		if s.Listens() {
			listening[port{s.Protocol, s.Local.Port()}] = true
			continue
		}
		ours[s.Local.Addr()] = true
		connected[pair{s.Protocol, s.Local, s.Remote}] = s
	}
	self := func(a netip.Addr) bool { return ours[a] || a.IsLoopback() }
	var out []Conversation
	for _, t := range tracked {
		c := Conversation{Tracked: t, Inbound: self(t.To.Addr()), Outbound: self(t.From.Addr())}
		if c.Inbound && c.Outbound || !t.Answered || t.Phase == phaseOther {
			continue
		}
		if !c.Inbound && !c.Outbound {
			if t.Assured || t.Protocol == udp {
				out = append(out, c)
			}
			continue
		}
		at, key := t.To, pair{t.Protocol, t.To, t.From}
		if c.Outbound {
			at, key = t.From, pair{t.Protocol, t.From, t.Asked}
		}
		switch s := connected[key]; {
		case s != nil && s.Phase != phaseOther:
			c.take(s)
			delete(connected, key)
			out = append(out, c)
		case t.Protocol == udp && listening[port{t.Protocol, at.Port()}]:
			out = append(out, c)
		}
	}
	for _, s := range connected {
		if s.Phase == phaseOther || self(s.Remote.Addr()) {
			continue
		}
		c := Conversation{Tracked: Tracked{Protocol: s.Protocol, From: s.Local, To: s.Remote,
			Assured: true, Answered: s.Protocol != udp}, Outbound: true}
		if listening[port{s.Protocol, s.Local.Port()}] {
			c.From, c.To, c.Inbound, c.Outbound = s.Remote, s.Local, true, false
		}
		c.Asked, c.As = c.To, c.From
		c.take(s)
		out = append(out, c)
	}
	return out
}

// udp is the protocol's number (IANA).
const udp = 17

// take has the conversation be as far as the socket of this machine is.
func (c *Conversation) take(s *Socket) {
	c.Phase, c.Device = s.Phase, s.Device
	c.OpenerEnded = s.Phase == PhaseHalfClosed && s.Ended == c.Outbound
}
