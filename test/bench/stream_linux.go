package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// streams sends over n TCP connections as fast as possible and counts the bits that the
// server reads.
func streams(n int) runLoad {
	return func(ctx context.Context, e ends, window time.Duration) ([]float64, error) {
		c := new(crew)
		counts := make([]counter, n)
		total := func() (sum int64) {
			for i := range counts {
				sum += counts[i].n.Load()
			}
			return sum
		}
		err := func() error {
			l, err := c.listen(e.server, unix.SOCK_STREAM, e.port(portStream))
			if err != nil {
				return err
			}
			// All connect before the first one sends: a handshake competes with no data.
			var out, in []int
			for range n {
				fd, err := c.dial(e.client, unix.SOCK_STREAM, e.port(portStream))
				if err != nil {
					return err
				}
				out = append(out, fd)
				if fd, err = c.accepted(l); err != nil {
					return err
				}
				in = append(in, fd)
			}
			for i := range n {
				c.local(func() error { return drain(c, in[i], &counts[i]) })
				c.local(func() error { return pour(c, out[i]) })
			}
			return nil
		}()
		if err != nil {
			return one(0, err, c.end())
		}
		bytes, err := rate(ctx, c, window, total)
		return one(8*bytes, err, c.end())
	}
}

func drain(c *crew, fd int, n *counter) error {
	buf := make([]byte, 256<<10)
	for !c.stop.Load() {
		k, errno := read(fd, buf)
		switch {
		case again(errno):
		case errno != 0:
			return fmt.Errorf("read: %w", errno)
		case k == 0:
			return nil
		default:
			n.n.Add(int64(k))
		}
	}
	return nil
}

func pour(c *crew, fd int) error {
	buf := make([]byte, 128<<10)
	for !c.stop.Load() {
		if _, errno := write(fd, buf); errno != 0 && !again(errno) {
			return fmt.Errorf("write: %w", errno)
		}
	}
	return nil
}
