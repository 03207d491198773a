package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// conversations are flows of UDP that ask and are answered in turn, all between two addresses:
// from some ports of the client to each port of the server.
type conversations struct {
	crew    *crew
	clients []int
	ports   []netip.AddrPort
	answers atomic.Int64
}

// Ports of the client from firstSource on have flows to each of the server's ports.
const firstSource = 10_000

// newConversations opens the sockets of n flows, and has the server answer. No packet is sent
// yet.
func newConversations(e ends, n int) (*conversations, error) {
	c := &conversations{crew: new(crew)}
	err := func() error {
		servers := make([]int, 0, lastPort-firstPort+1)
		for port := firstPort; port <= lastPort; port++ {
			at := e.port(port)
			fd, err := c.crew.listen(e.server, unix.SOCK_DGRAM, at)
			if err != nil {
				return err
			}
			servers, c.ports = append(servers, fd), append(c.ports, at)
		}
		for source := range (n + len(servers) - 1) / len(servers) {
			at := netip.AddrPortFrom(e.client.Device("eth0").IPv4(), uint16(firstSource+source))
			fd, err := c.crew.listen(e.client, unix.SOCK_DGRAM, at)
			if err != nil {
				return err
			}
			c.clients = append(c.clients, fd)
		}
		if err := c.crew.each(servers, func(d *datagrams, fd int) {
			if k, errno := d.receive(fd, unix.MSG_DONTWAIT); errno == 0 {
				d.sendBack(fd, k)
			}
		}); err != nil {
			return err
		}
		return c.crew.each(c.clients, func(d *datagrams, fd int) {
			if k, errno := d.receive(fd, unix.MSG_DONTWAIT); errno == 0 {
				c.answers.Add(int64(k))
			}
		})
	}()
	if err != nil {
		return nil, errors.Join(err, c.end())
	}
	return c, nil
}

// each runs a thread that calls do for each socket that has something to read.
func (c *crew) each(fds []int, do func(*datagrams, int)) error {
	ready, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	c.own(ready)
	for _, fd := range fds {
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err := unix.EpollCtl(ready, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return fmt.Errorf("epoll_ctl: %w", err)
		}
	}
	c.local(func() error {
		var events [64]unix.EpollEvent
		d := newDatagrams(16)
		for !c.stop.Load() {
			n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(ready),
				uintptr(unsafe.Pointer(&events)), uintptr(len(events)),
				uintptr(patience.Milliseconds()), 0, 0)
			if errno != 0 && !again(errno) {
				return fmt.Errorf("epoll_pwait: %w", errno)
			}
			if errno != 0 {
				continue
			}
			for _, ev := range events[:n] {
				do(d, int(ev.Fd))
			}
		}
		return nil
	})
	return nil
}

// end closes the sockets.
func (c *conversations) end() error { return c.crew.end() }

// round asks once in each flow, with at most inFlight questions that have no answer yet. What
// has none for a while counts as lost: its flow is asked again in the next round.
func (c *conversations) round(ctx context.Context) error {
	question := make([]byte, payload)
	sent, start := int64(0), c.answers.Load()
	for _, to := range c.ports {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.crew.failed() {
			return nil // end returns the error
		}
		at := sockaddr(to)
		for _, fd := range c.clients {
			if err := unix.Sendto(fd, question, 0, at); err != nil {
				return fmt.Errorf("ask %v: %w", to, err)
			}
			sent++
			seen, since := c.answers.Load()-start, time.Now()
			for sent-seen >= inFlight {
				nap(20 * time.Microsecond)
				if now := c.answers.Load() - start; now != seen {
					seen, since = now, time.Now()
				} else if time.Since(since) > giveUp {
					start -= sent - seen
					seen = sent
				}
			}
		}
	}
	return nil
}
