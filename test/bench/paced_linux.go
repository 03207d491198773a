package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// pacedShare is the part of the wanted packets that must come back: below it the load was
// not what its name says.
const pacedShare = 0.8

// paced sends packets a second, half of them questions at even distances over one flow and
// half of them answers, and measures median and 99th percentile of the time from a question
// to its answer in nanoseconds. A load like that of a machine with little to do: what a
// firewall does while it waits shows in its CPU time.
func paced(packets int) runLoad {
	return func(ctx context.Context, e ends, window time.Duration) ([]float64, error) {
		c := new(crew)
		trips := make([]float64, 0, 1<<20)
		var answers, sent counter
		start := time.Now()
		var count atomic.Bool // after the first fifth of a window
		err := func() error {
			in, err := c.listen(e.server, unix.SOCK_DGRAM, e.port(portPaced))
			if err != nil {
				return err
			}
			out, err := c.dial(e.client, unix.SOCK_DGRAM, e.port(portPaced))
			if err != nil {
				return err
			}
			c.local(func() error { return reflect(c, in) })
			c.local(func() error {
				b := make([]byte, datagramRoom)
				for !c.stop.Load() {
					if n, errno := read(out, b); n < 8 || errno != 0 {
						continue
					}
					answers.n.Add(1)
					if count.Load() && len(trips) < cap(trips) {
						asked := time.Duration(binary.NativeEndian.Uint64(b))
						trips = append(trips, float64(time.Since(start)-asked))
					}
				}
				return nil
			})
			c.local(func() error {
				return pace(c, out, start, 2*time.Second/time.Duration(packets), &sent)
			})
			return nil
		}()
		if err != nil {
			return one(0, err, c.end())
		}
		err = sleep(ctx, window/5)
		count.Store(true)
		before, beforeSent := answers.n.Load(), sent.n.Load()
		if err == nil {
			err = sleep(ctx, window)
		}
		got, asked := answers.n.Load()-before, sent.n.Load()-beforeSent
		if _, err := one(0, err, c.end()); err != nil {
			return nil, err
		}
		want := int64(window.Seconds() * float64(packets) / 2)
		switch {
		case got == 0:
			return nil, errNothing
		case float64(got) < pacedShare*float64(want):
			return nil, fmt.Errorf("%d questions of %d had answers, %d were sent", got, want, asked)
		}
		return []float64{quantile(trips, 0.5), quantile(trips, 0.99)}, nil
	}
}

// pace writes a datagram with the time since start at each multiple of distance. It sleeps
// until the next one is due, and sends at once what became due meanwhile.
func pace(c *crew, fd int, start time.Time, distance time.Duration, sent *counter) error {
	if err := punctual(); err != nil {
		return err
	}
	b := make([]byte, payload)
	for due := time.Since(start); !c.stop.Load(); {
		now := time.Since(start)
		if now < due {
			nap(due - now)
			continue
		}
		binary.NativeEndian.PutUint64(b, uint64(now))
		write(fd, b)
		sent.n.Add(1)
		due += distance
	}
	return nil
}

// rest makes no traffic: what is used meanwhile is what the firewall and the machine do
// without any.
func rest(ctx context.Context, _ ends, window time.Duration) ([]float64, error) {
	return nil, sleep(ctx, window)
}
