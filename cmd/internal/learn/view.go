package learn

import (
	"net/netip"

	"sgfw/cmd/internal/host/sockets"
)

// View is what a look at the machine shows beside packets. It is immutable once a tracker
// has it.
type View struct {
	own       map[netip.Addr]bool
	listening map[port]string
	// connected are conversations with a socket of this machine.
	connected map[conversation]end
	// tracked are those of the kernel's connection tracking, with who began them.
	tracked map[conversation]netip.AddrPort
}

// port is what a socket waits on.
type port struct {
	protocol uint8
	number   uint16
}

// end is this machine's end of a conversation.
type end struct {
	local   netip.AddrPort
	process string
}

// NewView returns what sockets, the kernel's connection tracking and the addresses of this
// machine say.
func NewView(list []sockets.Socket, tracked []sockets.Tracked, own []netip.Addr) *View {
	v := &View{own: make(map[netip.Addr]bool), listening: make(map[port]string),
		connected: make(map[conversation]end),
		tracked:   make(map[conversation]netip.AddrPort, len(tracked))}
	for _, a := range own {
		v.own[a] = true
	}
	for _, s := range list {
		if s.Listens() {
			if key := (port{s.Protocol, s.Local.Port()}); v.listening[key] == "" &&
				!s.Local.Addr().IsLoopback() {
				v.listening[key] = s.Process
			}
			continue
		}
		key, _ := between(s.Protocol, s.Local, s.Remote)
		v.connected[key] = end{s.Local, s.Process}
	}
	for _, t := range tracked {
		key, _ := between(t.Protocol, t.From, t.To)
		v.tracked[key] = t.From
	}
	return v
}

// listens reports whether somebody waits for packets to a port of this machine.
func (v *View) listens(protocol uint8, to netip.AddrPort) bool {
	_, ok := v.listening[port{protocol, to.Port()}]
	return ok
}

// began is the end that began a conversation, as far as sockets or the kernel tell.
func (v *View) began(key conversation) (netip.AddrPort, bool) {
	if from, ok := v.tracked[key]; ok {
		return from, true
	}
	e, ok := v.connected[key]
	if !ok {
		return netip.AddrPort{}, false
	}
	remote := key.a
	if remote == e.local {
		remote = key.b
	}
	if v.listens(key.protocol, e.local) {
		return remote, true
	}
	return e.local, true
}

// process is the name of the process of this machine in a conversation, "" if none is known.
func (v *View) process(key conversation) string {
	if e, ok := v.connected[key]; ok && e.process != "" {
		return e.process
	}
	for _, local := range []netip.AddrPort{key.a, key.b} {
		if v.own[local.Addr()] {
			return v.listening[port{key.protocol, local.Port()}]
		}
	}
	return ""
}

// ours reports whether this machine has an end of a conversation.
func (v *View) ours(key conversation) bool { return v.own[key.a.Addr()] || v.own[key.b.Addr()] }
