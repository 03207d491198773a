package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// counted returns how many packets a cause had, once the daemon has noticed.
func (g *ground) counted(ctx context.Context, cause string) (uint64, error) {
	for end := time.Now().Add(2 * patience); ; time.Sleep(50 * time.Millisecond) {
		s, err := g.status(ctx)
		if err != nil {
			return 0, err
		}
		for _, f := range s.Failures {
			if f.Cause == cause && f.Packets > 0 {
				return f.Packets, nil
			}
		}
		if time.Now().After(end) {
			return 0, nil
		}
	}
}

// flood sends datagrams to the server from so many ports.
func (g *ground) flood(ctx context.Context, port uint16, ports, each int) error {
	to := netip.AddrPortFrom(office[0].server, port)
	for range ports {
		c, err := g.client.Dial(ctx, "udp", to)
		if err != nil {
			return err
		}
		for range each {
			_, _ = c.Write([]byte("drill")) // refused by a port that nobody has: nothing is lost by it
		}
		c.Close()
	}
	return nil
}

// fill begins more conversations than the flow table takes.
func fill(ctx context.Context, g *ground) (string, bool, error) {
	c, err := g.dial(ctx, openPort)
	if err != nil {
		return "", false, err
	}
	defer c.Close()
	if !talks(c) {
		return "", false, errors.New("a connection is mute")
	}
	if err := g.flood(ctx, openPort, 8*drillFlows, 1); err != nil {
		return "", false, err
	}
	lives, r := talks(c), g.look(ctx, filtered)
	s, err := g.status(ctx)
	if err != nil {
		return "", false, err
	}
	what := "the connection goes on"
	if !lives {
		what = "the connection is cut"
	}
	kept := lives && r == filtered && s.Flows.Live <= drillFlows && s.Flows.Evicted() > 0
	return fmt.Sprintf("%d flows of %d, %d made room; %s; %s", s.Flows.Live, s.Flows.Max,
		s.Flows.Evicted(), what, r), kept, nil
}

// crowd has open connections fill the flow table, which nothing makes room in; expected is what
// arrives of datagrams then.
func crowd(expected passing) provocation {
	return func(ctx context.Context, g *ground) (string, bool, error) {
		conns, err := g.connections(ctx)
		defer func() {
			for _, c := range conns {
				c.Close()
			}
		}()
		if err != nil {
			return "", false, err
		}
		came, err := g.arrives(ctx)
		if err != nil {
			return "", false, err
		}
		live := 0
		for _, c := range conns {
			if talks(c) {
				live++
			}
		}
		n, err := g.counted(ctx, "table_full")
		if err != nil {
			return "", false, err
		}
		if err := conns[0].(*net.TCPConn).SetLinger(0); err != nil { // a RST: it is gone at once
			return "", false, err
		}
		conns[0].Close()
		r := g.soon(ctx, filtered)
		return fmt.Sprintf("%s; %d without room were counted; %d of %d connections go on; then %s", came,
				n, live, len(conns), r),
			came == expected && n > 0 && live == len(conns) && r == filtered, nil
	}
}

// connections opens as many as there is room for: a flow that has not quite ended may take some.
// They are safe from eviction when it returns: with offload from when what they sent was counted.
func (g *ground) connections(ctx context.Context) (conns []net.Conn, err error) {
	for {
		c, err := g.within(ctx, 2*silence)
		if err != nil && len(conns) > drillFlows/2 {
			return conns, nil
		}
		if err != nil {
			return conns, err
		}
		if len(conns) == drillFlows {
			return append(conns, c), errors.New("the flow table has no limit")
		}
		conns = append(conns, c)
		if !talks(c) {
			return conns, fmt.Errorf("connection %d is mute", len(conns))
		}
		for end := time.Now().Add(2 * patience); ; time.Sleep(20 * time.Millisecond) {
			s, err := g.status(ctx)
			if err != nil {
				return conns, err
			}
			if s.Flows.Live-s.Flows.HalfOpen >= len(conns) {
				break
			}
			if time.Now().After(end) {
				return conns, fmt.Errorf("connection %d is not established", len(conns))
			}
		}
	}
}

// within opens a connection within so long.
func (g *ground) within(ctx context.Context, wait time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return g.dial(ctx, openPort)
}

// datagrams is how many arrives sends to each port.
const datagrams = 5

// arrives sends datagrams to both ports and counts at the server what it gets.
func (g *ground) arrives(ctx context.Context) (passing, error) {
	came := func(port uint16) (bool, error) {
		const received = "Udp.InDatagrams"
		before, err := g.server.Counters()
		if err != nil {
			return false, err
		}
		if err := g.flood(ctx, port, datagrams, 1); err != nil {
			return false, err
		}
		for end := time.Now().Add(silence); ; time.Sleep(10 * time.Millisecond) {
			now, err := g.server.Counters()
			if err != nil {
				return false, err
			}
			switch n := now[received] - before[received]; {
			case n >= datagrams:
				return true, nil
			case time.Now().After(end) && n > 0:
				return false, fmt.Errorf("%d of %d datagrams arrive", n, datagrams)
			case time.Now().After(end):
				return false, nil
			}
		}
	}
	open, err := came(openPort)
	if err != nil {
		return passing{}, err
	}
	shut, err := came(shutPort)
	return passing{open, shut}, err
}
