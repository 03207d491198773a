package enforce

import (
	"net"
	"net/netip"
	"time"

	"sgfw/cmd/internal/host/sockets"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/offload"
)

// resets are connections that a RST came in for, of which nobody knows whether it was a forged
// one. The machine has let it go if it was not.
type resets struct {
	asked []filter.Reset // since the last time: the RST may have been under way
}

// resetBudget is how long the search for sockets may take at a time. It looks through all of
// the machine's sockets for each connection; what is left out lives on as "reset".
const resetBudget = 100 * time.Millisecond

// follow ends the connections that have no socket any more, and returns a path of each.
func (r *resets) follow(e *filter.Engine) (gone []offload.Path) {
	ripe := r.asked
	r.asked = nil
	for range cap(e.Resets()) {
		select {
		case f := <-e.Resets():
			r.asked = append(r.asked, f)
			continue
		default:
		}
		break
	}
	if len(ripe) == 0 {
		return nil
	}
	own, err := ownAddresses()
	if err != nil {
		return nil
	}
	find, err := sockets.NewFinder()
	if err != nil {
		return nil
	}
	defer find.Close()
	for begun := time.Now(); len(ripe) > 0 && time.Since(begun) < resetBudget; ripe = ripe[1:] {
		f := &ripe[0].Flow
		k, local := &f.Tuple, f.Tuple.Local.Netip()
		if !own[local] { // who is behind this machine has sockets of its own
			continue
		}
		remotePort := k.RemotePort
		if f.Opener == conntrack.Egress {
			remotePort = sockets.AnyPort // DNAT of what the machine sends may change it
		}
		found, err := find.Connection(local, k.LocalPort, remotePort)
		if err != nil || found || !e.Flows().Reset(k, e.Now()) {
			continue
		}
		gone = append(gone, offload.Path{In: ripe[0].Device, Src: k.Remote.Netip(), Dst: local,
			SrcPort: k.RemotePort, DstPort: k.LocalPort, Proto: k.Proto()})
	}
	return gone
}

// ownAddresses are the machine's own addresses.
func ownAddresses() (map[netip.Addr]bool, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	own := make(map[netip.Addr]bool, len(list))
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				own[ip.Unmap()] = true
			}
		}
	}
	return own, nil
}
