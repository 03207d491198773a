package main

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/host/sockets"
	"sgfw/conntrack"
	"sgfw/policy"
)

// addressesFor is how long the addresses of the machine are taken for the same.
const addressesFor = 5 * time.Second

// ownPackets tells dropped packets that left this machine itself from those of others, and
// which program sent them. It is this command that asks, and not the daemon: that may look at
// no other process. It is for one goroutine.
type ownPackets struct {
	owners *sockets.Owners // nil where nobody can tell
	own    []netip.Addr
	read   time.Time
}

// newOwnPackets returns an ownPackets. Close it.
func newOwnPackets() *ownPackets {
	owners, err := sockets.NewOwners()
	if err != nil {
		return new(ownPackets)
	}
	return &ownPackets{owners: owners}
}

func (o *ownPackets) close() {
	if o.owners != nil {
		o.owners.Close()
	}
}

// mark completes a record of a dropped packet.
func (o *ownPackets) mark(r *api.LogRecord) {
	if r.Verdict != api.VerdictDrop || r.Direction != conntrack.Egress.String() {
		return
	}
	from, err := netip.ParseAddrPort(r.From)
	if err != nil { // without ports
		a, err := netip.ParseAddr(r.From)
		r.Local = r.Local || err == nil && o.isOwn(a)
		return
	}
	if !o.isOwn(from.Addr()) {
		return
	}
	if r.Local = true; o.owners == nil {
		return
	}
	to, err := netip.ParseAddrPort(r.To)
	proto, bad := policy.ParseProtocol(r.Protocol)
	if err != nil || bad != nil || !proto.HasPorts() {
		return
	}
	if owner, ok := o.owners.Of(uint8(proto), from, to); ok {
		r.Process = &api.Process{Name: owner.Name, PID: owner.PID}
	}
}

// isOwn reports whether the machine has an address.
func (o *ownPackets) isOwn(a netip.Addr) bool {
	if time.Since(o.read) > addressesFor {
		o.own, o.read = o.own[:0], time.Now()
		list, _ := net.InterfaceAddrs() // none is known then
		for _, n := range list {
			if p, err := netip.ParsePrefix(n.String()); err == nil {
				o.own = append(o.own, p.Addr().Unmap())
			}
		}
	}
	return slices.Contains(o.own, a.WithZone(""))
}
