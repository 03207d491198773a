package links

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"sgfw/policy/member"
)

const (
	// settle is the pause between two dumps: bringing up a link makes a burst of
	// notifications. The first of a burst is followed at once, because packets
	// of a device that nobody knows yet are dropped; those during the pause do
	// not prolong it, or a flapping link would hide every change. A device that has
	// another name is not waited for: until it is known, the groups of the old name
	// judge its packets. Nor is one that has an altname more, or comes with one, by which the
	// kernel's rules know no device: its packets pass.
	settle = 50 * time.Millisecond
	// retry is the pause after a dump that failed.
	retry = time.Second
	// dumpTimeout bounds one answer of the kernel.
	dumpTimeout = 10 * time.Second
	// dumpTries bounds how often a dump that changed while it ran is repeated.
	dumpTries = 5
	// receiveBuffer is the size of the notification socket's buffer in bytes.
	receiveBuffer = 1 << 20
)

// hardware is what netlink calls a device that is of no kind which programs make.
const hardware = "device"

// unusable are the states of an address that does not work (yet): duplicate
// address detection is running or has failed (RFC 4862 §5.4). Deprecated
// addresses still receive, so they count.
const unusable = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED

// Watcher reads and follows the links of the network namespace that the
// calling thread was in at [Open]. Read may be called at any time, Follow once.
type Watcher struct {
	events *nl.NetlinkSocket
	// pause is settle.
	pause time.Duration
	// names are those of the devices by index, as Follow knows them, the name first and
	// then the altnames.
	names atomic.Pointer[map[int32][]string]

	mu sync.Mutex
	// handle is nil once closed: a closed netlink.Handle would quietly open
	// new sockets, in whatever namespace the calling thread is in.
	handle *netlink.Handle
}

// Open subscribes to link and address changes. What happens from here on is
// seen by Follow, so a Read after Open misses nothing.
func Open() (*Watcher, error) {
	events, err := nl.Subscribe(unix.NETLINK_ROUTE,
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return nil, fmt.Errorf("links: subscribe: %w", err)
	}
	// A full buffer costs nothing but an early dump: its size is a wish.
	_ = events.SetReceiveBufferSize(receiveBuffer, true)
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		events.Close()
		return nil, fmt.Errorf("links: %w", err)
	}
	if err := h.SetSocketTimeout(dumpTimeout); err != nil {
		events.Close()
		h.Close()
		return nil, fmt.Errorf("links: %w", err)
	}
	return &Watcher{handle: h, events: events, pause: settle}, nil
}

// Close ends a running Follow and frees the sockets.
func (w *Watcher) Close() {
	w.events.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.handle != nil {
		w.handle.Close()
		w.handle = nil
	}
}

// Read returns the state of now.
func (w *Watcher) Read() (Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.handle == nil {
		return Snapshot{}, fmt.Errorf("links: %w", net.ErrClosed)
	}
	var err error
	for range dumpTries {
		var s Snapshot
		if s, err = w.dump(); err == nil {
			return s, nil
		}
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return Snapshot{}, fmt.Errorf("links: %w", err)
}

// Follow calls changed with every state that differs from the one before,
// beginning with from, until ctx ends or the watcher is closed. Changes that
// follow each other quickly are delivered once. A dump that fails is tried
// again; failed hears of it and may be nil. Both are called by this goroutine.
func (w *Watcher) Follow(ctx context.Context, from Snapshot, changed func(Snapshot),
	failed func(error)) error {
	hints, renamed := make(chan struct{}, 1), make(chan struct{}, 1)
	lost := make(chan error, 1)
	last := from
	w.know(last)
	go w.listen(hints, renamed, lost)
	// Something may have changed between from and the first notification.
	timer := time.NewTimer(0)
	defer timer.Stop()
	armed := true
	var dumped time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-lost:
			return fmt.Errorf("links: notifications ended: %w", err)
		case <-hints:
			if !armed {
				timer.Reset(w.pause - time.Since(dumped)) // at once if that is past
				armed = true
			}
		case <-renamed:
			timer.Reset(0)
			armed = true
		case <-timer.C:
			armed = false
			s, err := w.Read()
			dumped = time.Now()
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, net.ErrClosed):
				return err
			case err != nil:
				if failed != nil {
					failed(err)
				}
				timer.Reset(retry)
				armed = true
			case !s.equal(last):
				last = s
				w.know(s)
				changed(s)
			}
		}
	}
}

// know takes note of the names of a state.
func (w *Watcher) know(s Snapshot) {
	names := make(map[int32][]string, len(s.Facts.Links))
	for _, l := range s.Facts.Links {
		names[int32(l.Index)] = append([]string{l.Name}, l.Altnames...)
	}
	w.names.Store(&names)
}

// renames reports whether a notification tells of a device that has another name than
// the one by which it is known, or an altname by which it is not. Not every notification
// has the altnames: that of a new one is told only of a device that is up.
func (w *Watcher) renames(m *syscall.NetlinkMessage) bool {
	if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
		return false
	}
	// Of a device that nobody knows yet the name is no news: the kernel's rules know that.
	known := (*w.names.Load())[nl.DeserializeIfInfomsg(m.Data).Index]
	attributes, err := nl.ParseRouteAttr(m.Data[unix.SizeofIfInfomsg:])
	if err != nil {
		return false // a hint like any other
	}
	for _, a := range attributes {
		switch a.Attr.Type &^ unix.NLA_F_NESTED {
		case unix.IFLA_IFNAME:
			if len(known) > 0 && unix.ByteSliceToString(a.Value) != known[0] {
				return true
			}
		case unix.IFLA_PROP_LIST:
			properties, err := nl.ParseRouteAttr(a.Value)
			if err == nil && slices.ContainsFunc(properties, func(p syscall.NetlinkRouteAttr) bool {
				return p.Attr.Type == unix.IFLA_ALT_IFNAME &&
					!slices.Contains(known, unix.ByteSliceToString(p.Value))
			}) {
				return true
			}
		}
	}
	return false
}

// listen turns notifications into hints until the socket fails for good.
func (w *Watcher) listen(hints, renamed chan<- struct{}, lost chan<- error) {
	for {
		messages, from, err := w.events.Receive()
		switch {
		case err == nil && from.Pid != nl.PidKernel:
			continue
		case errors.Is(err, os.ErrClosed) || errors.Is(err, unix.EBADF):
			lost <- err
			return
		case err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EINTR) &&
			!errors.Is(err, unix.EAGAIN):
			// Anything else is as good as a lost notification, but must not spin.
			time.Sleep(settle)
		}
		tell := hints
		for i := range messages {
			if w.renames(&messages[i]) {
				tell = renamed
			}
		}
		select {
		case tell <- struct{}{}:
		default:
		}
	}
}

// dump reads links and addresses once; the caller holds mu.
func (w *Watcher) dump() (Snapshot, error) {
	links, err := w.handle.LinkList()
	if err != nil {
		return Snapshot{}, fmt.Errorf("list links: %w", err)
	}
	addrs, err := w.handle.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return Snapshot{}, fmt.Errorf("list addresses: %w", err)
	}
	byIndex, broadcasts := make(map[int][]netip.Addr), make(map[int][]netip.Addr)
	primaries := make(map[int]netip.Addr)
	for _, a := range addrs {
		broadcasts[a.LinkIndex] = append(broadcasts[a.LinkIndex], directed(a)...)
		if ip, ok := usable(a); ok {
			if ip.Is4() && !primaries[a.LinkIndex].IsValid() {
				primaries[a.LinkIndex] = ip // the kernel lists it before those that are secondary
			}
			byIndex[a.LinkIndex] = append(byIndex[a.LinkIndex], ip)
		}
	}
	names := make(map[int]netlink.Link, len(links))
	for _, l := range links {
		names[l.Attrs().Index] = l
	}
	s := Snapshot{Masters: make(map[string]member.Master)}
	for _, l := range links {
		a := l.Attrs()
		if a.Flags&net.FlagLoopback != 0 {
			continue
		}
		ips, all := byIndex[a.Index], broadcasts[a.Index]
		slices.SortFunc(ips, netip.Addr.Compare)
		slices.SortFunc(all, netip.Addr.Compare)
		s.Facts.Links = append(s.Facts.Links, member.Link{
			Name: a.Name, Altnames: slices.Sorted(slices.Values(a.AltNames)), Index: uint32(a.Index),
			Addresses: slices.Compact(ips), Broadcasts: slices.Compact(all), Primary: primaries[a.Index],
			Hardware: l.Type() == hardware, Enslaved: a.MasterIndex != 0,
		})
		if m, ok := names[a.MasterIndex]; ok && a.MasterIndex != 0 {
			s.Masters[a.Name] = member.Master{Name: m.Attrs().Name, Kind: m.Type()}
		}
	}
	slices.SortFunc(s.Facts.Links,
		func(a, b member.Link) int { return strings.Compare(a.Name, b.Name) })
	return s, nil
}

// usable returns the address if it can stand for this machine in a group:
// neither link-local nor of host scope, and past duplicate detection.
func usable(a netlink.Addr) (netip.Addr, bool) {
	ip, ok := netip.AddrFromSlice(a.IP)
	if !ok {
		return ip, false
	}
	ip = ip.Unmap()
	switch {
	case a.Flags&unusable != 0,
		a.Scope == unix.RT_SCOPE_HOST, a.Scope == unix.RT_SCOPE_NOWHERE,
		ip.IsLinkLocalUnicast(), ip.IsLoopback(), ip.IsUnspecified(), ip.IsMulticast():
		return ip, false
	}
	return ip, true
}

// directed are the broadcast addresses of an address's network, as the kernel routes them
// (fib_add_ifaddr, net/ipv4/fib_frontend.c): the one that is set, and the last one of a
// network that has room for one.
func directed(a netlink.Addr) (out []netip.Addr) {
	set, _ := netip.AddrFromSlice(a.Broadcast)
	if set = set.Unmap(); set.Is4() && !set.IsUnspecified() {
		out = append(out, set)
	}
	ones, bits := a.Mask.Size()
	if ip := a.IP.To4(); ip != nil && bits == 32 && ones < 31 {
		last := [4]byte{}
		for i := range last {
			last[i] = ip[i] | ^a.Mask[i]
		}
		out = append(out, netip.AddrFrom4(last))
	}
	return out
}
