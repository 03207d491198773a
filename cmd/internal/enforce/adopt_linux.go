package enforce

import (
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/cmd/internal/host/sockets"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/nft"
	"sgfw/policy/member"
)

// adoptPatience bounds how long a start looks for the devices of conversations: packets wait
// for the start.
const adoptPatience = 5 * time.Second

// adopt adds to the flow table the conversations that exist already, before any packet is
// judged. What nothing proves is left to the rules, so a forged packet gains nothing: what
// counts is what this machine's own kernel knows. At most half of the table is filled so.
func (e *Enforcer) adopt(links []member.Link) {
	begin, most := time.Now(), e.maxFlows/2
	tracked, err := sockets.KernelTracked(most)
	if err != nil {
		e.log.Warn("connections of others are not adopted", "error", err)
	}
	list, err := sockets.Unnamed()
	if err != nil {
		e.log.Warn("connections of this machine are not adopted", "error", err)
	}
	var own []netip.Addr
	for _, l := range links {
		own = append(own, l.Addresses...)
	}
	all := sockets.Conversations(list, tracked, own)
	// A UDP socket is connected without a packet. While rules are in force, be it those that a
	// daemon has left, a process could have one for what they do not permit.
	if before, err := nft.Inspect(); err != nil || len(before.Tables) > 0 {
		all = slices.DeleteFunc(all, func(c sockets.Conversation) bool { return !c.Answered })
	}
	roads := roads{links: links, known: make(map[road]uint32)}
	var n filter.Adopted
	done := 0
	for i := range all {
		if n.Tracked+n.Untracked >= most || time.Since(begin) > adoptPatience {
			break
		}
		for _, c := range roads.crossings(&all[i]) {
			e.engine.Adopt(&c, &n)
		}
		done++
	}
	if n.Tracked+n.Untracked > 0 {
		e.log.Info("connections that exist are adopted", "tracked", n.Tracked, "untracked",
			n.Untracked, "known", n.Known, "refused", n.Refused,
			"took", time.Since(begin).Round(time.Millisecond).String())
	}
	if left := len(all) - done; left > 0 {
		e.log.Warn("not all connections that exist are adopted: rules decide about the others",
			"left", left, "most", most)
	}
}

// roads finds the devices that packets take, and remembers what the kernel said.
type roads struct {
	links []member.Link
	known map[road]uint32
}

// road is a question to the kernel's routing: the way to an address, from one of this
// machine's or for what arrives by a device.
type road struct {
	to, from netip.Addr
	in, out  uint32
}

// crossings are where the packets of a conversation cross devices. Those of this machine may
// take the device that leads to the other end, and the one that has the address: routes may be
// asymmetric.
func (r *roads) crossings(c *sockets.Conversation) (out []filter.Conversation) {
	base := filter.Conversation{Proto: c.Protocol, From: endOf(c.From), Asked: endOf(c.Asked),
		To: endOf(c.To), As: endOf(c.As), State: stateOf(c), OpenerEnded: c.OpenerEnded}
	switch {
	case c.Inbound:
		for _, device := range r.devices(c.To.Addr(), c.From.Addr(), c.Device) {
			base.In = device
			out = append(out, base)
		}
	case c.Outbound:
		for _, device := range r.devices(c.From.Addr(), c.To.Addr(), c.Device) {
			base.Out = device
			out = append(out, base)
		}
	default:
		base.In = r.device(road{to: c.From.Addr()})
		base.Out = r.device(road{to: c.To.Addr(), from: c.From.Addr(), in: base.In})
		if base.Out == 0 { // the source may be one that is not taken from there
			base.Out = r.device(road{to: c.To.Addr()})
		}
		out = append(out, base)
	}
	return out
}

// devices are those that a conversation of this machine may use.
func (r *roads) devices(local, remote netip.Addr, bound uint32) (out []uint32) {
	if remote.IsLinkLocalUnicast() && bound != 0 {
		return []uint32{bound}
	}
	toward := r.device(road{to: remote, from: local, out: bound})
	if toward != 0 {
		out = append(out, toward)
	}
	for _, l := range r.links {
		for _, a := range l.Addresses {
			if a == local && l.Index != toward && (bound == 0 || bound == l.Index) {
				out = append(out, l.Index)
			}
		}
	}
	return out
}

// device is the one by which a way begins, 0 where there is none.
func (r *roads) device(q road) uint32 {
	if index, ok := r.known[q]; ok {
		return index
	}
	options := &netlink.RouteGetOptions{IifIndex: int(q.in), OifIndex: int(q.out)}
	if q.from.IsValid() {
		options.SrcAddr = q.from.AsSlice()
	}
	var index uint32
	if routes, err := netlink.RouteGetWithOptions(q.to.AsSlice(), options); err == nil &&
		len(routes) > 0 && routes[0].Type != unix.RTN_LOCAL {
		index = uint32(routes[0].LinkIndex)
	}
	r.known[q] = index
	return index
}

func endOf(a netip.AddrPort) filter.End {
	return filter.End{Addr: conntrack.AddrFrom(a.Addr()), Port: a.Port()}
}

// stateOf is how far a conversation is, for the flow table.
func stateOf(c *sockets.Conversation) conntrack.State {
	switch {
	case c.Protocol == unix.IPPROTO_UDP && c.Assured:
		return conntrack.StateStream
	case c.Protocol == unix.IPPROTO_UDP:
		return conntrack.StateReplied
	case c.Phase == sockets.PhaseHalfClosed:
		return conntrack.StateCloseWait
	}
	return conntrack.StateEstablished
}
