package learn

import (
	"net/netip"
	"slices"
	"time"

	"sgfw/policy"
)

// Service is what one side offers on a device: where conversations go, whoever has them.
type Service struct {
	Device    string
	Direction policy.Direction
	Protocol  policy.Protocol
	// From and To are as in [policy.Rule]: the port of TCP and UDP twice, the type and the
	// code of ICMP and ICMPv6, -1 and -1 for other protocols.
	From, To int
}

// Sighting is a conversation that was seen: its first packet, or that it was there already.
type Sighting struct {
	Service
	// Peer is the other side: the source of ingress, the destination of egress.
	Peer netip.Addr
	At   time.Time
	// Process is the name of a process of this machine at its end, "" if none is known.
	Process string
	// Live is true if it was there before somebody watched: no first packet was seen.
	Live bool
	// Again is true if it was counted before, and only goes on.
	Again bool
}

// use is what is known of the conversations of a service with one peer.
type use struct {
	count       uint64
	live        bool
	first, last time.Time
}

// offered is what is known of a service, but for its peers.
type offered struct {
	peers     map[netip.Addr]*use
	processes []string
	// crowded is true for families of which there were more peers than are remembered, with
	// how often they came.
	crowded map[policy.Family]*use
}

// Limits of what a record remembers.
const (
	// MaxServices is how many services it has. What comes to others is lost, and counted.
	MaxServices = 4096
	// MaxPeers is how many peers a service has by name. With more, it is everybody's.
	MaxPeers = 4096
	// MaxSightings is how many peers all services have.
	MaxSightings = 1 << 17
	// maxProcesses is how many names of processes a service has.
	maxProcesses = 3
)

// Record is what was seen, in bounded memory. Make one with [NewRecord]; it is for one
// goroutine.
type Record struct {
	services map[Service]*offered
	peers    int
	lost     uint64
	count    uint64
}

// NewRecord returns an empty record.
func NewRecord() *Record { return &Record{services: make(map[Service]*offered)} }

// Add adds a sighting. One of no address, or of a service that cannot be one of a rule, is
// left out.
func (r *Record) Add(s Sighting) {
	s.Peer = s.Peer.Unmap().WithZone("")
	if !s.Peer.IsValid() || policy.CheckRange(s.Protocol, s.From, s.To) != nil {
		return
	}
	of := r.services[s.Service]
	if of == nil {
		if len(r.services) >= MaxServices {
			r.lost++
			return
		}
		of = &offered{peers: make(map[netip.Addr]*use), crowded: make(map[policy.Family]*use)}
		r.services[s.Service] = of
	}
	if s.Process != "" && len(of.processes) < maxProcesses &&
		!slices.Contains(of.processes, s.Process) {
		of.processes = append(of.processes, s.Process)
	}
	u := of.peers[s.Peer]
	if u == nil {
		if len(of.peers) < MaxPeers && r.peers < MaxSightings {
			u = &use{}
			of.peers[s.Peer] = u
			r.peers++
		} else if u = of.crowded[familyOf(s.Peer)]; u == nil {
			u = &use{}
			of.crowded[familyOf(s.Peer)] = u
		}
	}
	u.add(s)
	if !s.Again {
		r.count++
	}
}

func (u *use) add(s Sighting) {
	if !s.Again || u.count == 0 {
		u.live = u.live || s.Live
		u.count++
	}
	if u.first.IsZero() || s.At.Before(u.first) {
		u.first = s.At
	}
	if s.At.After(u.last) {
		u.last = s.At
	}
}

// Lost is how many sightings found no room.
func (r *Record) Lost() uint64 { return r.lost }

// Count is how many conversations were added.
func (r *Record) Count() uint64 { return r.count }

// Services is how many services were seen, of both directions.
func (r *Record) Services() int { return len(r.services) }

// Uses reports whether anybody came to a port of this machine through a device.
func (r *Record) Uses(device string, protocol policy.Protocol, port int) bool {
	return r.services[Service{device, policy.Ingress, protocol, port, port}] != nil
}

func familyOf(a netip.Addr) policy.Family {
	if a.Is4() {
		return policy.IPv4
	}
	return policy.IPv6
}
