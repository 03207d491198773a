package learn

import (
	"net/netip"
	"time"

	"sgfw/cmd/internal/host/sockets"
	"sgfw/policy"
	"sgfw/policy/learn"
)

// idle are conversations that are there, with the time of the look that found them. Those of
// which no packet comes are counted at the end.
type idle struct {
	// toward is the device that leads to an address, "" for none.
	toward func(netip.Addr) string
	found  map[conversation]candidate
}

// candidate is a conversation of which sockets or the kernel's connection tracking tell.
type candidate struct {
	at       time.Time
	protocol uint8
	// from began it.
	from, to netip.AddrPort
	process  string
	// ours is true if this machine has an end of it; else it is forwarded.
	ours bool
}

// maxIdle bounds them.
const maxIdle = maxGeneration

// connections adds what sockets tell of, and of UDP if nothing else shows it.
func (i *idle) connections(at time.Time, v *View, list []sockets.Socket, udp bool) {
	for _, s := range list {
		if s.Listens() || s.Local.Addr().IsLoopback() || v.own[s.Remote.Addr()] ||
			s.Protocol != uint8(policy.TCP) && !udp {
			continue
		}
		key, _ := between(s.Protocol, s.Local, s.Remote)
		c := candidate{at: at, protocol: s.Protocol, from: s.Local, to: s.Remote, process: s.Process,
			ours: true}
		if from, known := v.began(key); known && from == s.Remote {
			c.from, c.to = s.Remote, s.Local
			if c.process == "" {
				c.process = v.listening[port{s.Protocol, s.Local.Port()}]
			}
		}
		i.add(key, c)
	}
}

// tracked adds what the kernel's connection tracking tells of forwarded connections.
func (i *idle) tracked(at time.Time, v *View, list []sockets.Tracked) {
	for _, t := range list {
		key, _ := between(t.Protocol, t.From, t.To)
		if t.Established && !v.ours(key) && !t.From.Addr().IsLoopback() {
			i.add(key, candidate{at: at, protocol: t.Protocol, from: t.From, to: t.To})
		}
	}
}

func (i *idle) add(key conversation, c candidate) {
	if i.found == nil {
		i.found = make(map[conversation]candidate)
	}
	if old, there := i.found[key]; there {
		if old.process == "" {
			old.process = c.process
			i.found[key] = old
		}
	} else if len(i.found) < maxIdle {
		i.found[key] = c
	}
}

// finish counts those of which no packet told the tracker, on watched devices.
func (i *idle) finish(t *Tracker, watched map[string]bool) {
	for key, c := range i.found {
		if f := t.flows.get(key); f != nil {
			if f.counted {
				continue
			}
			f.counted = true // it is there, whatever was seen of it
		}
		s := learn.Sighting{At: c.at, Process: c.process, Live: true, Service: learn.Service{
			Protocol: policy.Protocol(c.protocol), From: int(c.to.Port()), To: int(c.to.Port())}}
		if in := i.toward(c.from.Addr()); watched[in] && !(c.ours && t.view.own[c.from.Addr()]) {
			s.Device, s.Direction, s.Peer = in, policy.Ingress, c.from.Addr()
			t.record.Add(s)
		}
		if out := i.toward(c.to.Addr()); watched[out] && !(c.ours && t.view.own[c.to.Addr()]) {
			s.Device, s.Direction, s.Peer = out, policy.Egress, c.to.Addr()
			t.record.Add(s)
		}
	}
}
