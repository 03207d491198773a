package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// connectThreads is how many threads connect at the same time. Each has a server port of
// its own, so that connections in TIME_WAIT never use up its source ports.
const connectThreads = 16

// connections counts TCP connections that are opened, carry one byte each way and are
// closed: nine or ten packets.
func connections(ctx context.Context, e ends, window time.Duration) ([]float64, error) {
	c := new(crew)
	counts := make([]counter, connectThreads)
	total := func() (sum int64) {
		for i := range counts {
			sum += counts[i].n.Load()
		}
		return sum
	}
	err := func() error {
		for i := range connectThreads {
			l, err := c.listen(e.server, unix.SOCK_STREAM, e.port(portConnect+i))
			if err != nil {
				return err
			}
			c.local(func() error { return serveOnce(c, l) })
		}
		for i := range connectThreads {
			c.thread(e.client, anyCPU, func() error { return connectOften(c, e, portConnect+i, &counts[i]) })
		}
		return nil
	}()
	if err != nil {
		return one(0, err, c.end())
	}
	v, err := rate(ctx, c, window, total)
	return one(v, err, c.end())
}

func serveOnce(c *crew, l int) error {
	b := make([]byte, 1)
	for !c.stop.Load() {
		fd, errno := accept(l)
		if again(errno) {
			continue
		}
		if errno != 0 {
			return fmt.Errorf("accept: %w", errno)
		}
		if err := shortRead(fd); err != nil {
			return err
		}
		if n, _ := read(fd, b); n == 1 {
			write(fd, b)
			read(fd, b) // the client closes first
		}
		unix.Close(fd)
	}
	return nil
}

func connectOften(c *crew, e ends, port int, n *counter) error {
	b := make([]byte, 1)
	to := sockaddr(e.port(port))
	for !c.stop.Load() {
		fd, err := socketIn(unix.SOCK_STREAM)
		if err != nil {
			return err
		}
		if err := unix.Connect(fd, to); err != nil {
			unix.Close(fd)
			if err == unix.EINPROGRESS || err == unix.EINTR || err == unix.EAGAIN || err == unix.ETIMEDOUT {
				continue // a SYN was lost
			}
			return os.NewSyscallError("connect", err)
		}
		write(fd, b)
		if k, _ := read(fd, b); k == 1 {
			n.n.Add(1)
		}
		unix.Close(fd)
	}
	return nil
}

// roundTrips measures TCP ping-pong of one byte between a client and a server
// on the given CPUs: median and 99th percentile in nanoseconds.
func roundTrips(clientCPU, serverCPU int) runLoad {
	return func(ctx context.Context, e ends, window time.Duration) ([]float64, error) {
		c := new(crew)
		trips := make([]float64, 0, 1<<20)
		done := make(chan struct{})
		err := func() error {
			l, err := c.listen(e.server, unix.SOCK_STREAM, e.port(portTrip))
			if err != nil {
				return err
			}
			out, err := c.dial(e.client, unix.SOCK_STREAM, e.port(portTrip))
			if err != nil {
				return err
			}
			in, err := c.accepted(l)
			if err != nil {
				return err
			}
			for _, fd := range []int{in, out} {
				if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
					return err
				}
			}
			c.local(func() error {
				if err := pin(serverCPU); err != nil {
					return err
				}
				return echo(c, in)
			})
			c.local(func() error {
				defer close(done)
				if err := pin(clientCPU); err != nil {
					return err
				}
				var err error
				trips, err = pingPong(c, out, trips, window)
				return err
			})
			return nil
		}()
		if err != nil {
			return one(0, err, c.end())
		}
		select {
		case <-done:
		case <-ctx.Done():
			c.fail(ctx.Err())
		}
		if err := c.end(); err != nil {
			return nil, err
		}
		if len(trips) == 0 {
			return nil, errNothing
		}
		return []float64{quantile(trips, 0.5), quantile(trips, 0.99)}, nil
	}
}

func echo(c *crew, fd int) error {
	b := make([]byte, 1)
	for !c.stop.Load() {
		n, errno := read(fd, b)
		switch {
		case again(errno):
		case errno != 0:
			return fmt.Errorf("read: %w", errno)
		case n == 0:
			return nil
		default:
			write(fd, b)
		}
	}
	return nil
}

// pingPong measures round trips, without those of the first fifth of a window.
func pingPong(c *crew, fd int, trips []float64, window time.Duration) ([]float64, error) {
	b := make([]byte, 1)
	start := time.Now()
	from, until := start.Add(window/5), start.Add(window+window/5)
	for t := start; t.Before(until) && !c.stop.Load() && len(trips) < cap(trips); {
		if _, errno := write(fd, b); errno != 0 {
			return trips, fmt.Errorf("write: %w", errno)
		}
		for !c.stop.Load() {
			n, errno := read(fd, b)
			if n == 1 {
				break
			}
			if !again(errno) {
				return trips, fmt.Errorf("read: %d bytes, %w", n, errno)
			}
		}
		now := time.Now()
		if t.After(from) {
			trips = append(trips, float64(now.Sub(t)))
		}
		t = now
	}
	return trips, nil
}
