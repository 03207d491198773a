package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// payload is the size of a datagram's payload in bytes.
	payload = 64
	// inFlight is how many datagrams the closed loop has in flight: few enough that no
	// queue of any firewall here loses one.
	inFlight = 256
	// giveUp is after how long without progress the datagrams in flight count as lost.
	giveUp = 50 * time.Millisecond
)

// overload sends datagrams as fast as one thread can and counts those that arrive. Most of
// the datagrams that a firewall cannot take are lost in front of it.
func overload(ctx context.Context, e ends, window time.Duration) ([]float64, error) {
	return flood(ctx, e, window, func(c *crew, out int, _ *counter) error {
		b := make([]byte, payload)
		for !c.stop.Load() {
			write(out, b) // a datagram that the firewall rejects may return an error
		}
		return nil
	})
}

// closedLoop sends datagrams with at most inFlight in flight.
func closedLoop(ctx context.Context, e ends, window time.Duration) ([]float64, error) {
	return flood(ctx, e, window, func(c *crew, out int, arrived *counter) error {
		b := make([]byte, payload)
		sent, seen := int64(0), int64(0)
		var since time.Time
		for !c.stop.Load() {
			if sent-seen < inFlight {
				write(out, b)
				sent++
				continue
			}
			switch now := arrived.n.Load(); {
			case now != seen:
				seen, since = now, time.Time{}
			case since.IsZero():
				since = time.Now()
				nap(20 * time.Microsecond)
			case time.Since(since) > giveUp:
				sent, since = seen, time.Time{}
			default:
				nap(20 * time.Microsecond)
			}
		}
		return nil
	})
}

// flood counts the datagrams that arrive while send sends to a socket.
func flood(
	ctx context.Context, e ends, window time.Duration, send func(*crew, int, *counter) error,
) ([]float64, error) {
	c := new(crew)
	var arrived counter
	err := func() error {
		in, err := c.listen(e.server, unix.SOCK_DGRAM, e.port(portUDP))
		if err != nil {
			return err
		}
		out, err := c.dial(e.client, unix.SOCK_DGRAM, e.port(portUDP))
		if err != nil {
			return err
		}
		c.local(func() error { return collect(c, in, &arrived) })
		c.local(func() error { return send(c, out, &arrived) })
		return nil
	}()
	if err != nil {
		return one(0, err, c.end())
	}
	v, err := rate(ctx, c, window, arrived.n.Load)
	return one(v, err, c.end())
}

// collect counts datagrams, many in each system call.
func collect(c *crew, fd int, n *counter) error {
	const many = 64
	type mmsghdr struct {
		header unix.Msghdr
		_      uint32 // bytes received, not needed
	}
	var messages [many]mmsghdr
	var vectors [many]unix.Iovec
	buf := make([]byte, many*2048)
	for i := range messages {
		vectors[i].Base = &buf[i*2048]
		vectors[i].SetLen(2048)
		messages[i].header.Iov = &vectors[i]
		messages[i].header.SetIovlen(1)
	}
	for !c.stop.Load() {
		k, _, errno := syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&messages)), many, unix.MSG_WAITFORONE, 0, 0)
		switch {
		case again(errno):
		case errno != 0:
			return fmt.Errorf("recvmmsg: %w", errno)
		default:
			n.n.Add(int64(k))
		}
	}
	return nil
}
